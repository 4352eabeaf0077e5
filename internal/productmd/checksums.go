package productmd

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
)

// hashes are the checksums that a compose can have of its images and files.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// ChecksumTypes are the names of checksums, the shortest first.
func ChecksumTypes() []string { return []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"} }

// Checksums are those of one file: name of the type to lower-case hex digits.
type Checksums map[string]string

// Sum reads a file once, for checksums of several types, and counts its bytes.
func Sum(r io.Reader, types []string) (sums Checksums, size int64, err error) {
	made := make([]hash.Hash, len(types))
	writers := make([]io.Writer, len(types))
	for i, t := range types {
		if err := validateOneOf("checksum", t, ChecksumTypes()); err != nil {
			return nil, 0, err
		}
		made[i] = hashes[t]()
		writers[i] = made[i]
	}
	if size, err = io.Copy(io.MultiWriter(writers...), r); err != nil {
		return nil, 0, err
	}
	sums = Checksums{}
	for i, t := range types {
		sums[t] = hex.EncodeToString(made[i].Sum(nil))
	}
	return sums, size, nil
}

// NewHash returns what computes a checksum.
func NewHash(kind string) (hash.Hash, error) {
	if err := validateOneOf("checksum", kind, ChecksumTypes()); err != nil {
		return nil, err
	}
	return hashes[kind](), nil
}

// Validate reports what no reader could verify.
func (c Checksums) Validate() error {
	if len(c) == 0 {
		return errors.New("no checksums, want at least one")
	}
	for _, t := range slices.Sorted(maps.Keys(c)) {
		if err := validateOneOf("checksum", t, ChecksumTypes()); err != nil {
			return err
		}
		if want := hex.EncodedLen(hashes[t]().Size()); len(c[t]) != want || strings.Trim(c[t], "0123456789abcdef") != "" {
			return fmt.Errorf("checksum %s %q, want %d lower-case hexadecimal digits", t, c[t], want)
		}
	}
	return nil
}
