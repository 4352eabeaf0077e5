package repodata

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
)

// Checksum is the checksum of a file or of a document.
type Checksum struct {
	Type ChecksumType
	Hex  string // lowercase
}

// ChecksumType is a kind of checksum by its name in repodata.
type ChecksumType string

// The checksums that are written. SHA384 and SHA224 occur in foreign
// metadata.
const (
	SHA1   ChecksumType = "sha1"
	SHA224 ChecksumType = "sha224"
	SHA256 ChecksumType = "sha256"
	SHA384 ChecksumType = "sha384"
	SHA512 ChecksumType = "sha512"
)

// ParseChecksumType knows the names above and "sha", the old name of sha1.
func ParseChecksumType(name string) (ChecksumType, error) {
	// Not name itself: it may be a part of the text of many packages, which would stay in
	// memory with it.
	for _, t := range []ChecksumType{SHA1, SHA224, SHA256, SHA384, SHA512} {
		if name == string(t) {
			return t, nil
		}
	}
	if name == "sha" {
		return SHA1, nil
	}
	return "", fmt.Errorf("checksum type %q, want sha1, sha224, sha256, sha384 or sha512", name)
}

// New returns a hash that computes the checksum. The type must be a known one.
func (t ChecksumType) New() hash.Hash {
	switch t {
	case SHA1:
		return sha1.New()
	case SHA224:
		return sha256.New224()
	case SHA256:
		return sha256.New()
	case SHA384:
		return sha512.New384()
	case SHA512:
		return sha512.New()
	}
	panic(fmt.Sprintf("internal error: checksum type %q", string(t)))
}

// Sum is the checksum of b.
func (t ChecksumType) Sum(b []byte) Checksum {
	h := t.New()
	h.Write(b)
	return t.of(h)
}

// of is the checksum of what h, made by New, has read.
func (t ChecksumType) of(h hash.Hash) Checksum {
	return Checksum{Type: t, Hex: hex.EncodeToString(h.Sum(nil))}
}
