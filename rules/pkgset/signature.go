package pkgset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/openpgp"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

type signatureParams struct {
	RPM    string   `arg:"rpm,required"`
	Keys   []string `arg:"gpgkey"`
	Output string   `arg:"output,required"`
}

// signature judges the signatures of one package file.
func signature(ctx context.Context, j *rules.Job) error {
	var p signatureParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	files := make([][2]string, len(p.Keys))
	for i, path := range p.Keys {
		files[i] = [2]string{path, path}
	}
	keys, err := packages.LoadKeys(ctx, j, files)
	if err != nil {
		return err
	}
	f, err := j.Open(ctx, p.RPM)
	if err != nil {
		return err
	}
	defer f.Close()
	v, err := judge(f, keys)
	if err != nil {
		return err
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, data)
}

// judge reads a package file to its end and returns what its signatures are worth.
func judge(f cache.File, keys *openpgp.Keyring) (v verdict, err error) {
	pkg, err := format.OpenSigned(f, f.Size())
	if err != nil {
		return v, err
	}
	s := newSignedFile(pkg)
	if _, err := io.CopyBuffer(s, struct{ io.Reader }{f}, make([]byte, min(f.Size()+1, 1<<20))); err != nil {
		return v, err
	}
	if err := pkg.Verifier.Check(); err != nil {
		return verdict{Fault: err.Error()}, nil
	}
	var unknown *openpgp.UnknownKeyError
	if v.Key, err = keys.Judge(s.over); err != nil {
		return verdict{Fault: err.Error(), Unknown: errors.As(err, &unknown)}, nil
	}
	return v, nil
}

// signedFile takes a package file from begin to end, for all of its signatures.
type signedFile struct {
	pkg   *format.Signed
	at    int64 // how much of it was written
	over  []openpgp.Signed
	whole []bool // signatures that are over the payload, too
}

// newSignedFile pairs signatures with what they are over:
//
//	lead | signature header | header | payload
//	                        | RSA, DSA, OpenPGP: of the payload only if the header has
//	                        |         its digest, which the Verifier holds it against
//	                        | PGP, GPG         |
//
// A signature over a header without digest of the payload says nothing of what will be
// installed: the MD5 in the signature header is nobody's word, for the signature header
// is not signed, and the digests of files in the header are of what is unpacked, which
// is not looked at here. Such a signature does not count. rpm 4.14 and later write the
// digest; before that, packages have a signature over all.
func newSignedFile(pkg *format.Signed) *signedFile {
	s := &signedFile{pkg: pkg}
	for _, raw := range pkg.Signatures {
		if raw.Err != nil {
			s.add(openpgp.NewSigned(nil, raw.Err), raw.Whole)
			continue
		}
		sigs, err := openpgp.ParseSignatures(raw.Packet)
		if err == nil && len(sigs) > 1 {
			err = fmt.Errorf("%d signatures in one place, want one", len(sigs))
		}
		if err != nil {
			s.add(openpgp.NewSigned(nil, fmt.Errorf("signature header: %w", err)), raw.Whole)
			continue
		}
		if !raw.Whole && !pkg.Verifier.HeaderVouches() {
			err = fmt.Errorf("signature of %s is over the header alone, which has no digest of the payload", sigs[0].KeyID)
		}
		one := openpgp.NewSigned(sigs[0], err)
		if !raw.Whole {
			one.Write(pkg.Header)
		}
		s.add(one, raw.Whole)
	}
	return s
}

func (s *signedFile) add(one openpgp.Signed, whole bool) {
	s.over, s.whole = append(s.over, one), append(s.whole, whole)
}

// Write takes the next piece of the file. It never fails.
func (s *signedFile) Write(b []byte) (int, error) {
	signed := b[min(max(s.pkg.HeaderStart-s.at, 0), int64(len(b))):]
	for i := range s.over {
		if s.whole[i] {
			s.over[i].Write(signed)
		}
	}
	s.at += int64(len(b))
	return s.pkg.Verifier.Write(b)
}
