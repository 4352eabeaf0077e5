// Package initrd writes archives that a kernel or an installer unpacks into its root file
// system: cpio in the format "newc", compressed by gzip.
//
// The same files make the same bytes: everything is root's, and numbers of inodes count
// from 1.
package initrd

import (
	"io"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/klauspost/compress/gzip"
)

// Entry is a file, a folder or a symbolic link.
type Entry struct {
	Path       string // relative
	Folder     bool
	Link       string // target of a symbolic link, else ""
	Executable bool
	Size       int64 // of a file
	ModTime    int64 // seconds since 1970
}

// Writer writes an archive.
type Writer struct {
	gzip  *gzip.Writer
	cpio  *cpio.Writer
	inode int64
}

// New returns a Writer of an archive that goes to w.
func New(w io.Writer) (*Writer, error) {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	return &Writer{gzip: z, cpio: cpio.NewWriter(z)}, nil
}

// Add adds an entry; content is that of a file. A folder comes before what is in it.
func (w *Writer) Add(e Entry, content io.Reader) error {
	w.inode++
	h := &cpio.Header{Name: e.Path, Inode: w.inode, Links: 1, ModTime: time.Unix(e.ModTime, 0)}
	switch {
	case e.Folder:
		h.Mode, h.Links = cpio.TypeDir|0o755, 2
	case e.Link != "":
		h.Mode, h.Size = cpio.TypeSymlink|0o777, int64(len(e.Link))
		content = strings.NewReader(e.Link)
	case e.Executable:
		h.Mode, h.Size = cpio.TypeReg|0o755, e.Size
	default:
		h.Mode, h.Size = cpio.TypeReg|0o644, e.Size
	}
	if err := w.cpio.WriteHeader(h); err != nil {
		return err
	}
	if e.Folder {
		return nil
	}
	_, err := io.Copy(w.cpio, content)
	return err
}

// Close ends the archive.
func (w *Writer) Close() error {
	if err := w.cpio.Close(); err != nil {
		return err
	}
	return w.gzip.Close()
}
