package cache

import (
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// A field is one field of a protobuf message. Its tag is number<<3 | wire type,
// so that one comparison tells both; a field with the right number and a wrong
// type is an unknown field.
type field struct {
	tag    uint64
	bytes  []byte // of length-delimited fields
	varint uint64 // of varint fields
}

const (
	varintType = uint64(protowire.VarintType)
	bytesType  = uint64(protowire.BytesType)
)

// eachField calls fn for every field of a message, in the order of the bytes.
func eachField(b []byte, fn func(field) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f := field{tag: uint64(num)<<3 | uint64(typ)}
		switch typ {
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}

// appendString appends a string field, which proto3 leaves out when empty.
func appendString(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendString(b, s)
}

// appendVarint appends an integer field, which proto3 leaves out when 0.
func appendVarint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}

// Fields of the message Digest.
const (
	digestHash = 1<<3 | bytesType
	digestSize = 2<<3 | varintType
)

// appendDigest appends a Digest message as field num: the hash as hex digits,
// and the size. It has no place for the function, which the reader knows.
func appendDigest(b []byte, num protowire.Number, d Digest) []byte {
	var text [2 * len(d.hash)]byte
	hex.Encode(text[:], d.hash[:])
	var buf [96]byte
	msg := appendBytes(buf[:0], 1, text[:])
	msg = appendVarint(msg, 2, uint64(d.size))
	return appendBytes(b, num, msg)
}

func parseDigestMessage(fn Function, b []byte) (Digest, error) {
	d := Digest{fn: fn}
	hashed := false
	err := eachField(b, func(f field) error {
		switch f.tag {
		case digestHash:
			if len(f.bytes) != hex.EncodedLen(len(d.hash)) {
				return fmt.Errorf("hash of %d digits, want %d", len(f.bytes), hex.EncodedLen(len(d.hash)))
			}
			hashed = true
			_, err := hex.Decode(d.hash[:], f.bytes)
			return err
		case digestSize:
			d.size = int64(f.varint)
			if d.size < 0 {
				return fmt.Errorf("size %d is negative", d.size)
			}
		}
		return nil
	})
	if err == nil && !hashed {
		err = fmt.Errorf("digest without a hash")
	}
	return d, err
}

// Fields of the messages NodeProperties and Timestamp.
const (
	propertiesMtime  = 2<<3 | bytesType
	timestampSeconds = 1<<3 | varintType
)

// appendModTime appends a NodeProperties message with nothing but mtime as field
// num, or nothing if the time is left open.
func appendModTime(b []byte, num protowire.Number, seconds int64) []byte {
	if seconds == 0 {
		return b
	}
	var buf [2][24]byte
	timestamp := appendVarint(buf[0][:0], 1, uint64(seconds))
	return appendBytes(b, num, appendBytes(buf[1][:0], 2, timestamp))
}

func parseModTime(properties []byte) (seconds int64, err error) {
	err = eachField(properties, func(f field) error {
		if f.tag != propertiesMtime {
			return nil
		}
		return eachField(f.bytes, func(f field) error {
			if f.tag == timestampSeconds {
				seconds = int64(f.varint)
			}
			return nil
		})
	})
	return seconds, err
}
