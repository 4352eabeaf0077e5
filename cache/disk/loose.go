package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/pungo-build/pungo/cache"
)

func (c *Cache) loosePath(d cache.Digest) string {
	hex := d.Hex()
	return filepath.Join(c.blobDir(), hex[:2], hex)
}

// Path returns the path of the file that holds a blob if it has one of its own,
// to be linked or cloned but never written to. Nobody looks whether the file is
// there, which costs as much as to link it: a blob that came through Put may stand
// in a pack, and the empty blob stands nowhere. The content is not verified. Until
// somebody else sets it, the file's modification time is cache.Untouched.
func (c *Cache) Path(d cache.Digest) (string, bool) {
	if d.Function() != c.opts.Function || c.isDiscarded(d) {
		return "", false
	}
	return c.loosePath(d), true
}

// loose returns the path of the file that holds a blob, and whether it is there.
func (c *Cache) loose(d cache.Digest) (string, bool) {
	path, ok := c.Path(d)
	if !ok {
		return "", false
	}
	info, err := c.fs.Stat(path)
	return path, err == nil && info.Mode().IsRegular() && info.Size() == d.Size()
}

// looseFile is a blob in a file.
type looseFile struct {
	file
	size int64
}

func (f looseFile) Size() int64 { return f.size }

func (c *Cache) openLoose(d cache.Digest) (cache.File, error) {
	if d.Function() != c.opts.Function || c.isDiscarded(d) {
		return nil, &cache.BlobError{Digest: d, Err: cache.ErrNotFound}
	}
	f, err := c.fs.Open(c.loosePath(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &cache.BlobError{Digest: d, Err: cache.ErrNotFound}
	}
	if err != nil {
		return nil, c.explain(err)
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != d.Size()) {
		err = &cache.BlobError{Digest: d, Err: cache.ErrCorrupt}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return looseFile{f, d.Size()}, nil
}

// piece is how much is read, hashed and written at once.
const piece = 1 << 20

var pieces = sync.Pool{New: func() any { return new([piece]byte) }}

// writer makes a blob that stands alone. It gathers what is written in pieces, so
// that callers may write as they like, and makes no file before the first piece
// is full: many a small blob turns out to be there already.
type writer struct {
	cache  *Cache
	hasher *cache.Hasher     // nil before the first piece
	note   *cache.NoteWriter // takes a note beside the digest, or nil
	piece  *[piece]byte      // nil when ended
	n      int               // bytes in piece
	temp   *temp
	err    error
}

// Create implements cache.Files.
func (c *Cache) Create(ctx context.Context) (cache.Writer, error) {
	if err := c.writable(ctx); err != nil {
		return nil, err
	}
	return c.newWriter(), nil
}

func (c *Cache) newWriter() *writer {
	return &writer{cache: c, piece: pieces.Get().(*[piece]byte)}
}

var errEnded = errors.New("blob is committed or aborted already")

func (w *writer) Write(p []byte) (int, error) {
	if w.piece == nil {
		return 0, errEnded
	}
	total := len(p)
	for len(p) > 0 && w.err == nil {
		if w.n == 0 && len(p) >= piece {
			whole := len(p) - len(p)%piece
			w.emit(p[:whole])
			p = p[whole:]
			continue
		}
		n := copy(w.piece[w.n:], p)
		w.n += n
		p = p[n:]
		if w.n == piece {
			w.emit(w.piece[:])
			w.n = 0
		}
	}
	return total - len(p), w.err
}

// ReadFrom implements io.ReaderFrom, which io.Copy uses.
func (w *writer) ReadFrom(r io.Reader) (total int64, err error) {
	if w.piece == nil {
		return 0, errEnded
	}
	for w.err == nil {
		n, err := r.Read(w.piece[w.n:])
		total += int64(n)
		w.n += n
		if w.n == piece {
			w.emit(w.piece[:])
			w.n = 0
		}
		switch {
		case err == io.EOF:
			return total, w.err
		case err != nil:
			return total, err
		}
	}
	return total, w.err
}

// emit hashes and writes one or more pieces.
func (w *writer) emit(p []byte) {
	if w.temp == nil {
		w.temp, w.err = w.cache.createTemp()
	}
	if w.err == nil {
		w.hash(p)
		_, w.err = w.temp.Write(p)
	}
	w.err = w.cache.explain(w.err)
}

func (w *writer) hash(p []byte) {
	if w.hasher == nil {
		w.hasher = w.cache.opts.Function.New()
	}
	w.hasher.Write(p)
	if w.note != nil {
		w.note.Write(p)
	}
}

// Commit implements cache.Writer.
func (w *writer) Commit() (cache.Digest, error) {
	if w.piece == nil {
		return cache.Digest{}, errEnded
	}
	defer w.Abort()
	if w.err != nil {
		return cache.Digest{}, w.err
	}
	if w.temp == nil {
		if w.note != nil {
			w.note.Write(w.piece[:w.n])
		}
		d := w.cache.opts.Function.Sum(w.piece[:w.n])
		return d, w.finish(d, w.cache.putLoose(d, w.piece[:w.n]))
	}
	if w.emit(w.piece[:w.n]); w.err != nil {
		return cache.Digest{}, w.err
	}
	d := w.hasher.Digest()
	return d, w.finish(d, w.cache.explain(w.cache.install(w.temp, d)))
}

// finish keeps the note of a blob that was stored, unless err says that it was not.
func (w *writer) finish(d cache.Digest, err error) error {
	if err != nil || w.note == nil {
		return err
	}
	return w.cache.addNote(d, w.note.Note(d))
}

// TakeNote implements cache.Noter.
func (c *Cache) TakeNote(ctx context.Context, d cache.Digest, n cache.Note) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.addNote(d, n)
}

// addNote keeps a note:
//
//	SHA-256 32 | CRC-32C of each chunk of the head 4, big endian
func (c *Cache) addNote(d cache.Digest, n cache.Note) error {
	record := n.SHA256[:]
	for _, sum := range n.Head {
		record = binary.BigEndian.AppendUint32(record, sum)
	}
	return c.add(noteKey(d), record)
}

// Noted implements cache.Noter: there are notes of what came by Import, and of what
// somebody took one.
func (c *Cache) Noted(ctx context.Context, d cache.Digest) (n cache.Note, ok bool) {
	if ctx.Err() != nil || d.Function() != c.opts.Function {
		return n, false
	}
	b, err := c.find(noteKey(d))
	if err != nil || len(b) < len(n.SHA256) {
		return n, false
	}
	for b := b[copy(n.SHA256[:], b):]; len(b) >= 4; b = b[4:] {
		n.Head = append(n.Head, binary.BigEndian.Uint32(b))
	}
	return n, true
}

// Abort implements cache.Writer.
func (w *writer) Abort() {
	if w.piece != nil {
		pieces.Put(w.piece)
		w.piece = nil
	}
	if w.temp != nil {
		w.temp.remove()
	}
}

// putLoose stores a blob that is in memory as a file of its own.
func (c *Cache) putLoose(d cache.Digest, data []byte) error {
	if err := c.writable(context.Background()); err != nil {
		return err
	}
	if len(data) == 0 || c.keep(d) {
		return nil
	}
	t, err := c.createTemp()
	if err != nil {
		return c.explain(err)
	}
	defer t.remove()
	if _, err := t.Write(data); err != nil {
		return c.explain(err)
	}
	return c.explain(c.rename(t, d))
}

// keep reports whether a blob has its file already. Then it is treated as if it
// had been written now: another process may have written it and crash with us.
func (c *Cache) keep(d cache.Digest) bool {
	_, ok := c.loose(d)
	if ok {
		c.made(d)
	}
	return ok
}

// install gives a written file its name. An existing file stays: there may be
// links to it, and two files would take twice the space.
func (c *Cache) install(t *temp, d cache.Digest) error {
	if c.keep(d) {
		return nil
	}
	return c.rename(t, d)
}

// rename is install of what is certainly, or almost, not there.
func (c *Cache) rename(t *temp, d cache.Digest) error {
	if err := c.fs.Chtimes(t.name, cache.Untouched); err != nil {
		return err
	}
	if err := t.install(c.loosePath(d), volatile); err != nil {
		return err
	}
	c.made(d)
	return nil
}

// quarantine moves the file of a blob into the folder corrupt.
func (c *Cache) quarantine(d cache.Digest) error {
	dir := c.path("corrupt")
	if _, err := c.mkdir(dir); err != nil {
		return err
	}
	err := c.fs.Rename(c.loosePath(d), filepath.Join(dir, d.Hex()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
