package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// Function is a hash function for digests. The numbers are those of
// DigestFunction in the Remote Execution API.
type Function uint8

// The digest functions. BLAKE3 is the default; SHA256 serves caches that know
// nothing else. One workspace uses one of them.
const (
	SHA256 Function = 1
	BLAKE3 Function = 9
)

// ParseFunction reads the name of a digest function: "blake3" or "sha256".
func ParseFunction(name string) (Function, error) {
	switch name {
	case "blake3":
		return BLAKE3, nil
	case "sha256":
		return SHA256, nil
	}
	return 0, fmt.Errorf("digest function %q is not known, want \"blake3\" or \"sha256\"", name)
}

func (f Function) String() string {
	switch f {
	case BLAKE3:
		return "blake3"
	case SHA256:
		return "sha256"
	}
	return "function" + strconv.Itoa(int(f))
}

// Sum returns the digest of data.
func (f Function) Sum(data []byte) Digest {
	d := Digest{fn: f, size: int64(len(data))}
	if f == SHA256 {
		d.hash = sha256.Sum256(data)
	} else {
		d.hash = sumBLAKE3(data)
	}
	return d
}

// New returns a Hasher for content that comes in pieces, of which BLAKE3 likes large
// ones: it copies what is no multiple of 16 KiB.
func (f Function) New() *Hasher {
	if f == SHA256 {
		return &Hasher{fn: f, Hash: sha256.New()}
	}
	return &Hasher{fn: f, Hash: new(blake3Hash)}
}

// Hasher hashes what is written to it.
type Hasher struct {
	hash.Hash
	fn   Function
	size int64
}

func (h *Hasher) Write(p []byte) (int, error) {
	h.size += int64(len(p))
	return h.Hash.Write(p)
}

// Digest returns the digest of everything written so far.
func (h *Hasher) Digest() Digest {
	d := Digest{fn: h.fn, size: h.size}
	h.Sum(d.hash[:0])
	return d
}

// Digest names a blob by its content: the hash function, the hash, and the size
// in bytes. Digests are comparable; the zero Digest names nothing.
//
// A checksum that somebody else states (a repository's SHA-256, Koji's MD5) is
// never a Digest, even where function and length agree.
type Digest struct {
	hash [32]byte
	size int64
	fn   Function
}

// NewDigest makes a digest of its parts; hash is 32 bytes long.
func NewDigest(fn Function, hash []byte, size int64) (Digest, error) {
	d := Digest{fn: fn, size: size}
	if len(hash) != len(d.hash) {
		return Digest{}, fmt.Errorf("hash of %d bytes, want %d", len(hash), len(d.hash))
	}
	if size < 0 {
		return Digest{}, fmt.Errorf("size %d is negative", size)
	}
	copy(d.hash[:], hash)
	return d, nil
}

// ParseDigest reads what String writes: "blake3:<64 hex digits>/<size>".
func ParseDigest(s string) (Digest, error) {
	name, rest, ok := strings.Cut(s, ":")
	hexHash, size, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return Digest{}, fmt.Errorf("digest %q: want function:hash/size", s)
	}
	fn, err := ParseFunction(name)
	if err != nil {
		return Digest{}, err
	}
	hash, err := hex.DecodeString(hexHash)
	if err != nil {
		return Digest{}, fmt.Errorf("digest %q: %w", s, err)
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return Digest{}, fmt.Errorf("digest %q: %w", s, err)
	}
	return NewDigest(fn, hash, n)
}

// Function returns the hash function; 0 for the zero Digest.
func (d Digest) Function() Function { return d.fn }

// Size returns the size of the blob in bytes.
func (d Digest) Size() int64 { return d.size }

// Hash returns the 32 bytes of the hash.
func (d Digest) Hash() [32]byte { return d.hash }

// Hex returns the hash as 64 lowercase hex digits.
func (d Digest) Hex() string { return hex.EncodeToString(d.hash[:]) }

// Shard returns the first two digits of Hex: the name of the folder that what has the
// digest is in, where there are many.
func (d Digest) Shard() string { return hex.EncodeToString(d.hash[:1]) }

// IsZero reports whether the digest names nothing.
func (d Digest) IsZero() bool { return d.fn == 0 }

func (d Digest) String() string {
	if d.IsZero() {
		return "none"
	}
	return d.fn.String() + ":" + d.Hex() + "/" + strconv.FormatInt(d.size, 10)
}

// Short returns the first twelve digits of the hash, for people.
func (d Digest) Short() string { return d.Hex()[:12] }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*d = Digest{}
		return nil
	}
	*d, err = ParseDigest(string(text))
	return err
}
