package rpm

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
)

// Verifier checks the payload of a package file against the digest that its own
// headers state. All that they state is
//
//	lead | signature header | header                   | payload
//	                        | SHA-256, else SHA-1      | SHA-256
//	                        | MD5, where one of the others is missing
//
// These tell of damage, not of malice: who changes a package can change its
// digests with it. Nothing covers the lead and the signature header. A package
// that states no digest passes, for nothing of it is known to be wrong.
//
// The digest of the header is checked by Open. The Verifier is a Writer that takes the
// file from begin to end, in pieces of any size.
type Verifier struct {
	size   int64 // of the file
	at     int64 // how much of it was written
	checks []check
}

// check is a digest over a part of the file, from one offset to another.
type check struct {
	what, algorithm, stated string // "payload", "sha256", "header": who says so
	from, to                int64
	byHeader                bool // the main header says so, not the signature header
	sum                     hash.Hash
	want                    []byte
}

// Open reads what Read reads, and returns in addition what checks the payload. A
// file of another length than its signature header says, or whose header has
// another digest, is an error already.
func Open(r io.ReaderAt, size int64) (*Package, *Verifier, error) {
	return open(r, size, func(*header, []byte) error { return nil })
}

// open is Open, and shows the signature header and the bytes of the header to look,
// which returns what is wrong with them.
func open(r io.ReaderAt, size int64, look func(sig *header, raw []byte) error) (*Package, *Verifier, error) {
	checked := false
	p, sig, h, err := read(r, size, func(sig *header, raw []byte) (err error) {
		if checked, err = checkHeader(sig, raw); err != nil {
			return err
		}
		return look(sig, raw)
	})
	if err != nil {
		return nil, nil, err
	}
	if err := checkSize(sig, size, p.HeaderStart); err != nil {
		return nil, nil, err
	}
	v := &Verifier{size: size}
	v.addPayload(h, p.HeaderEnd)
	if !checked || len(v.checks) == 0 {
		v.addBoth(sig, p.HeaderStart)
	}
	if sig.err != nil {
		return nil, nil, sig.err
	}
	if h.err != nil {
		return nil, nil, h.err
	}
	return p, v, nil
}

// checkSize compares the length of what begins at start, header and payload,
// with that in the signature header.
func checkSize(sig *header, size, start int64) error {
	want, hint := sig.number(sigLongSize, sigSize), ""
	switch have := size - start; {
	case want == 0 || want == have:
		return nil
	case want > have:
		hint = ": cut off?"
	}
	return fmt.Errorf("file has %d bytes, its signature header says %d%s", size, uint64(start+want), hint)
}

// checkHeader compares the header with its digest, and reports whether one is stated.
func checkHeader(sig *header, raw []byte) (stated bool, err error) {
	c := check{what: "header", stated: sig.what}
	t := sigSHA256
	switch {
	case sig.has(sigSHA256):
		c.algorithm, c.sum = "sha256", sha256.New()
	case sig.has(sigSHA1):
		t, c.algorithm, c.sum = sigSHA1, "sha1", sha1.New()
	default:
		return false, nil
	}
	if !c.wants(sig, t) {
		return true, sig.err
	}
	c.sum.Write(raw)
	return true, c.differs()
}

// addPayload checks the payload as it lies in the file, compressed.
func (v *Verifier) addPayload(h *header, start int64) {
	if !h.has(tagPayloadDigest) {
		return
	}
	// The tag could name another algorithm, but rpm has never written one.
	if a := h.number(tagPayloadDigestAlgo); a != 0 && a != digestSHA256 {
		h.fail(tagPayloadDigestAlgo, "payload digest of algorithm %d, want %d (sha256)", a, digestSHA256)
		return
	}
	c := check{what: "payload", algorithm: "sha256", stated: h.what, byHeader: true, from: start, to: v.size, sum: sha256.New()}
	if c.wants(h, tagPayloadDigest) {
		v.checks = append(v.checks, c)
	}
}

// addBoth checks header and payload at once, which is all there is in packages
// of rpm before 4.14.
func (v *Verifier) addBoth(sig *header, start int64) {
	if !sig.has(sigMD5) {
		return
	}
	want := []byte(sig.binary(sigMD5))
	if len(want) != md5.Size {
		sig.fail(sigMD5, "digest of %d bytes, want %d", len(want), md5.Size)
		return
	}
	v.checks = append(v.checks, check{
		what: "header and payload", algorithm: "md5", stated: sig.what,
		from: start, to: v.size, sum: md5.New(), want: want,
	})
}

// wants sets the digest to compare with: hexadecimal text in tag t of h. It reports
// whether that is one.
func (c *check) wants(h *header, t tag) bool {
	text := h.text(t)
	want, err := hex.DecodeString(text)
	if err != nil || len(want) != c.sum.Size() {
		h.fail(t, "digest %q, want %d hexadecimal digits", text, 2*c.sum.Size())
		return false
	}
	c.want = want
	return true
}

// Write takes the next piece of the file. It never fails.
func (v *Verifier) Write(b []byte) (int, error) {
	for _, c := range v.checks {
		from, to := max(c.from, v.at), min(c.to, v.at+int64(len(b)))
		if from < to {
			c.sum.Write(b[from-v.at : to-v.at])
		}
	}
	v.at += int64(len(b))
	return len(b), nil
}

// differs tells if the digest is another than the stated one.
func (c *check) differs() error {
	if got := c.sum.Sum(nil); !bytes.Equal(got, c.want) {
		return fmt.Errorf("%s: %s is %x, the %s says %x", c.what, c.algorithm, got, c.stated, c.want)
	}
	return nil
}

// HeaderVouches reports whether the header has a digest of the payload: who vouches for
// the header vouches for all then. The digest in the signature header is no such thing,
// for who changes the payload can change it, too.
func (v *Verifier) HeaderVouches() bool {
	return slices.ContainsFunc(v.checks, func(c check) bool { return c.byHeader })
}

// Check tells, after the last piece, of the first digest that differs.
func (v *Verifier) Check() error {
	if v.at != v.size {
		return fmt.Errorf("read %d bytes, want the %d of the file", v.at, v.size)
	}
	for _, c := range v.checks {
		if err := c.differs(); err != nil {
			return err
		}
	}
	return nil
}
