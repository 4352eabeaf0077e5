package repodata

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// Sum is the checksum and the size of a document in the making. It can be put aside
// as bytes and taken up again, so that what comes before a change need not be
// unpacked and hashed again.
type Sum struct {
	kind ChecksumType
	hash hash.Hash
	size int64
}

// NewSum returns the sum of nothing yet. The type must be a known one.
func NewSum(t ChecksumType) *Sum { return &Sum{kind: t, hash: t.New()} }

// Add takes the next piece of the document.
func (s *Sum) Add(b []byte) {
	s.hash.Write(b)
	s.size += int64(len(b))
}

// Size is that of all pieces, in bytes.
func (s *Sum) Size() int64 { return s.size }

// Checksum is that of all pieces.
func (s *Sum) Checksum() Checksum { return s.kind.of(s.hash) }

// MarshalBinary implements encoding.BinaryMarshaler:
//
//	size 8, little endian | state of the hash, as the standard library has it
func (s *Sum) MarshalBinary() ([]byte, error) {
	state, err := s.hash.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil, err
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(s.size)), state...), nil
}

// ParseSum reads what MarshalBinary wrote of a sum of the same type.
func ParseSum(t ChecksumType, b []byte) (*Sum, error) {
	if len(b) < 8 {
		return nil, errors.New("checksum in the making: cut off")
	}
	s := NewSum(t)
	if s.size = int64(binary.LittleEndian.Uint64(b)); s.size < 0 {
		return nil, fmt.Errorf("checksum in the making: size %d", s.size)
	}
	if err := s.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(b[8:]); err != nil {
		return nil, fmt.Errorf("checksum in the making: %w", err)
	}
	return s, nil
}
