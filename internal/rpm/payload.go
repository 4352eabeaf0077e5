package rpm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// payload is the archive of a package.
type payload struct {
	compressed      []byte
	size            int64             // uncompressed
	digest, digest0 [sha256.Size]byte // of the compressed and the uncompressed bytes
}

// packPayload writes the files into an archive and compresses it.
func packPayload(files []Content, source bool, c compression) (*payload, error) {
	archive := appendArchive(make([]byte, 0, archiveSize(files, source)), files, source)
	packed, err := c.pack(archive)
	if err != nil {
		return nil, fmt.Errorf("payload: %w", err)
	}
	return &payload{
		compressed: packed,
		size:       int64(len(archive)),
		digest:     sha256.Sum256(packed),
		digest0:    sha256.Sum256(archive),
	}, nil
}

// appendArchive writes a cpio archive in the format "newc": for each file a
// header of numbers in hexadecimal, its name and its content, each padded to 4
// bytes. Ghosts are only in the header of the package. In source packages the
// names have no directory, in others they begin with "./".
func appendArchive(b []byte, files []Content, source bool) []byte {
	for i := range files {
		if f := &files[i]; !f.Ghost {
			b = appendMember(b, i+1, f.Mode, f.ModTime, f.member(source), f.body())
		}
	}
	return appendMember(b, 0, 0, 0, trailer, nil)
}

// trailer is the name of the member that ends an archive.
const trailer = "TRAILER!!!"

// member is the file's name in the archive.
func (c *Content) member(source bool) string {
	if source {
		return c.Path
	}
	return "." + c.Path
}

// archiveSize is the number of bytes that appendArchive appends.
func archiveSize(files []Content, source bool) int {
	size := memberSize(len(trailer), 0)
	for i := range files {
		if f := &files[i]; !f.Ghost {
			size += memberSize(len(f.member(source)), len(f.body()))
		}
	}
	return size
}

func memberSize(name, body int) int {
	const numbers = 6 + 13*8 // the magic, and 13 of 8 digits
	return (numbers+name+1+3)&^3 + (body+3)&^3
}

func appendMember(b []byte, inode int, mode uint32, mtime int64, name string, body []byte) []byte {
	const owner, devices, checksum, links = 0, 0, 0, 1
	b = fmt.Appendf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		inode, mode, owner, owner, links, uint32(mtime), len(body),
		devices, devices, devices, devices, len(name)+1, checksum)
	b = append(append(b, name...), 0)
	b = pad(b, 4)
	b = append(b, body...)
	return pad(b, 4)
}

// pad appends zeros until the length is a multiple of n.
func pad(b []byte, n int) []byte {
	for len(b)%n != 0 {
		b = append(b, 0)
	}
	return b
}

// compression is one of the ways to compress a payload.
type compression struct {
	name   string // in the header; "" means none
	flags  string // the level, as rpmbuild notes it; nobody needs it to unpack
	rpmlib Dependency
	pack   func([]byte) ([]byte, error)
}

// findCompression looks up what a Spec calls its compression.
func findCompression(name string) (compression, error) {
	switch name {
	case "", "zstd":
		return compression{"zstd", "3", rpmlib("PayloadIsZstd", "5.4.18-1"), packZstd}, nil
	case "gzip":
		return compression{"gzip", "6", Dependency{}, packGzip}, nil
	case "xz":
		return compression{"xz", "6", rpmlib("PayloadIsXz", "5.2-1"), packXz}, nil
	case "none":
		return compression{"", "", Dependency{}, packNone}, nil
	}
	return compression{}, fmt.Errorf("compression %q, want zstd, gzip, xz or none", name)
}

// encoders are kept, for a new one allocates and clears megabytes of tables.
var encoders sync.Pool // of *zstd.Encoder

func packZstd(b []byte) ([]byte, error) {
	e, ok := encoders.Get().(*zstd.Encoder)
	if !ok {
		var err error
		// One goroutine: the bytes must not depend on the number of cores.
		if e, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, err
		}
	}
	defer encoders.Put(e)
	return e.EncodeAll(b, nil), nil
}

func packGzip(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, 6)
	if err != nil {
		return nil, err
	}
	return finish(&out, w, b)
}

func packXz(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := xz.NewWriter(&out)
	if err != nil {
		return nil, err
	}
	return finish(&out, w, b)
}

func packNone(b []byte) ([]byte, error) { return b, nil }

// finish writes b through w, which writes to out.
func finish(out *bytes.Buffer, w io.WriteCloser, b []byte) ([]byte, error) {
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
