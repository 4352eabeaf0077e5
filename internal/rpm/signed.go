package rpm

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// Signed is what of a package file can be signed, and the signatures.
type Signed struct {
	*Package
	Signatures []Signature
	// Header is the main header as it is in the file, magic included: what most
	// signatures are over.
	Header []byte
	// Verifier takes the whole file.
	Verifier *Verifier
}

// Signature is a signature in a package file.
type Signature struct {
	Packet []byte // OpenPGP, not armored
	// Whole: it is over header and payload, as rpm signed before 4.14; else it is over
	// the header alone.
	Whole bool
	Err   error // there is a signature, and it cannot be read
}

// maxSignatures is far above what anybody makes of one package.
const maxSignatures = 64

// OpenSigned reads what Open reads, and the signatures, those over the header first.
// It verifies none (see internal/openpgp).
func OpenSigned(r io.ReaderAt, size int64) (*Signed, error) {
	s := new(Signed)
	p, v, err := open(r, size, func(sig *header, raw []byte) error {
		s.Header = bytes.Clone(raw)
		s.addSignatures(sig)
		if n := len(s.Signatures); n > maxSignatures {
			return fmt.Errorf("%d signatures, want at most %d", n, maxSignatures)
		}
		return sig.err
	})
	if err != nil {
		return nil, err
	}
	s.Package, s.Verifier = p, v
	return s, nil
}

func (s *Signed) addSignatures(sig *header) {
	for texts := sig.array(sigOpenPGP); texts.left > 0 && len(s.Signatures) <= maxSignatures; {
		packet, err := base64.StdEncoding.DecodeString(texts.next())
		if err != nil {
			err = errors.New("signature that is not base64")
		}
		s.Signatures = append(s.Signatures, Signature{Packet: packet, Err: err})
	}
	for _, t := range [...]tag{sigRSA, sigDSA, sigPGP, sigGPG} {
		if packet := sig.binary(t); packet != "" {
			s.Signatures = append(s.Signatures, Signature{Packet: []byte(packet), Whole: t == sigPGP || t == sigGPG})
		}
	}
}
