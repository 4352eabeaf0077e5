package openpgp

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // to say of what is signed with it who signed
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Signature is a detached signature.
type Signature struct {
	// KeyID is the id of the key that says to have signed, 16 lowercase hex digits; a
	// primary key or a subkey.
	KeyID   string
	Created time.Time

	packet *packet.Signature
}

const signatureBlock = "PGP SIGNATURE"

// ErrNoSignature says that there is something else where a signature should be.
var ErrNoSignature = errors.New("not a signature")

// ParseSignatures reads the signatures of a file. Those of kinds that are not known
// are left out, as long as there is another. More than 64 are an error: each takes a
// pass over what is signed.
func ParseSignatures(data []byte) ([]*Signature, error) {
	blocks, err := unarmored(data, signatureBlock)
	if err != nil {
		return nil, err
	}
	var all []*Signature
	var unknown error
	for _, b := range blocks {
		for packets := packet.NewOpaqueReader(bytes.NewReader(b.data)); ; {
			p, err := packets.Next()
			if err == io.EOF {
				break
			}
			if err != nil || p.Tag != signatureTag {
				return nil, ErrNoSignature
			}
			if len(all) == maxSignatures {
				return nil, fmt.Errorf("more than %d signatures", maxSignatures)
			}
			s, err := newSignature(p.Contents)
			if err != nil {
				unknown = err
				continue
			}
			all = append(all, s)
		}
	}
	switch {
	case len(all) > 0:
		return all, nil
	case unknown != nil:
		return nil, unknown
	}
	return nil, ErrNoSignature
}

const maxSignatures = 64

// signatureTag is the type of a packet that is a signature.
const signatureTag = 2

func newSignature(body []byte) (*Signature, error) {
	var old *oldSignature
	if len(body) > 0 && body[0] == oldVersion {
		var err error
		if old, err = parseOld(body); err != nil {
			return nil, err
		}
		body = old.modern()
	}
	p, err := (&packet.OpaquePacket{Tag: signatureTag, Contents: body}).Parse()
	if err != nil {
		return nil, fmt.Errorf("a signature that cannot be read: %w", plain(err))
	}
	sig, ok := p.(*packet.Signature)
	if !ok {
		return nil, ErrNoSignature
	}
	if old != nil {
		sig.HashSuffix, sig.IssuerKeyId = old.suffix(), &old.keyID
	}
	if sig.IssuerKeyId == nil {
		return nil, errors.New("a signature that names no key")
	}
	return &Signature{KeyID: fmt.Sprintf("%016x", *sig.IssuerKeyId), Created: sig.CreationTime, packet: sig}, nil
}

// Hash returns what the signed bytes are to be written to.
func (s *Signature) Hash() (hash.Hash, error) {
	h, err := s.packet.PrepareVerify()
	if err != nil {
		return nil, fmt.Errorf("signature of %s: %w", s.KeyID, plain(err))
	}
	return h, nil
}

// fault is why no key makes the signature good; nil if there is no such reason.
func (s *Signature) fault() error {
	switch {
	case s.packet.SigType != packet.SigTypeBinary:
		return fmt.Errorf("signature of %s is of type 0x%02x, want 0x00, over bytes", s.KeyID, byte(s.packet.SigType))
	case s.packet.Hash == crypto.SHA1:
		return fmt.Errorf("signature of %s is over a SHA-1, which can be forged", s.KeyID)
	}
	for _, n := range s.packet.Notations {
		if n.IsCritical {
			return fmt.Errorf("signature of %s has a condition that is not known, %q", s.KeyID, n.Name)
		}
	}
	return nil
}

// oldVersion is that of signatures as PGP 2 made them, with which Red Hat signs
// packages to this day. The library knows it no more.
const oldVersion = 3

// oldSignature is a signature of version 3 (RFC 9580 section 5.2.2):
//
//	03 05 TYPE TIME(4) KEY ID(8) KEY ALGORITHM, HASH ALGORITHM, START OF HASH(2) numbers
//
// Signed are the bytes, and behind them type and time.
type oldSignature struct {
	head    []byte // type and time
	keyID   uint64
	keyAlgo byte
	hash    byte
	rest    []byte // from the start of the hash on
}

func parseOld(b []byte) (*oldSignature, error) {
	const least = 19
	if len(b) < least || b[1] != 5 {
		return nil, errors.New("a signature that is cut off")
	}
	return &oldSignature{
		head: b[2:7], keyID: binary.BigEndian.Uint64(b[7:]), keyAlgo: b[15], hash: b[16], rest: b[17:],
	}, nil
}

// modern is the same with the head of version 4, for the library to read its numbers.
func (o *oldSignature) modern() []byte {
	const version, creationTime = 4, 2
	b := []byte{version, o.head[0], o.keyAlgo, o.hash, 0, 6, 5, creationTime}
	b = append(append(b, o.head[1:]...), 0, 0)
	return append(b, o.rest...)
}

// suffix is what is hashed behind the signed bytes.
func (o *oldSignature) suffix() []byte { return bytes.Clone(o.head) }
