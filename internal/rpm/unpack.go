package rpm

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"strings"

	"github.com/cavaliergopher/cpio"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Member is a file in the payload of a package.
type Member struct {
	Path    string // absolute and clean; a bare name in source packages
	Mode    uint32 // unix mode with its type bits
	Size    int64
	ModTime int64 // seconds since 1970
	// Of several names of one file (hard links) the last one has the content, and the
	// others have size 0; they have the same Inode and more than one link.
	Inode int64
	Links int
}

// IsRegular reports whether it is a regular file.
func (m *Member) IsRegular() bool { return m.Mode&0o170000 == 0o100000 }

// IsDir reports whether it is a folder.
func (m *Member) IsDir() bool { return m.Mode&0o170000 == 0o040000 }

// IsLink reports whether it is a symbolic link.
func (m *Member) IsLink() bool { return m.Mode&0o170000 == 0o120000 }

// EachMember calls fn for the files in the payload of a package file of size bytes, in
// their order. Content is that of a regular file, or the target of a symbolic link;
// fn need not read it. Digests and signatures are not verified.
func EachMember(r io.ReaderAt, size int64, fn func(m Member, content io.Reader) error) error {
	p, err := Read(r, size)
	if err != nil {
		return err
	}
	unpacked, err := decompress(io.NewSectionReader(r, p.HeaderEnd, size-p.HeaderEnd))
	if err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	defer unpacked.Close()
	for archive := cpio.NewReader(unpacked); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil && h.Size < 0 { // a number may have a sign there
			err = cpio.ErrHeader
		}
		if err != nil {
			return fmt.Errorf("payload: %w", err)
		}
		m := Member{Mode: uint32(h.Mode), Size: h.Size, ModTime: h.ModTime.Unix(), Inode: h.Inode, Links: h.Links}
		if m.Path, err = checkPath(strings.TrimPrefix(h.Name, "."), p.Arch == "src" || p.Arch == "nosrc"); err != nil {
			return fmt.Errorf("payload: %w", err)
		}
		content := io.Reader(archive)
		if h.Linkname != "" { // the archive has read it already
			content = strings.NewReader(h.Linkname)
		}
		if err := fn(m, content); err != nil {
			return err
		}
	}
}

// maxWindow bounds the memory that a compressed payload can ask for.
const maxWindow = 256 << 20

// decompress returns what unpacks a payload, which its first bytes tell.
func decompress(r io.Reader) (io.ReadCloser, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	magic, err := b.Peek(6)
	if err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte("0707")):
		return io.NopCloser(b), nil
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return gzip.NewReader(b)
	case bytes.HasPrefix(magic, []byte("BZh")):
		return io.NopCloser(bzip2.NewReader(b)), nil
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		x, err := xz.NewReader(b)
		return io.NopCloser(x), err
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(b, zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("it begins with %x, want cpio, or that compressed by zstd, gzip, xz or bzip2", magic)
}
