package disk

import (
	"context"
	"io"
	"os"

	"github.com/pungo-build/pungo/cache"
)

// Import stores the content of a file outside of the cache, of which nothing was read
// yet, as a blob that stands alone, and takes a note of it (see cache.Noter). It
// shares the space with the file where the file system can, and reads it once. Several at a time use several cores.
func (c *Cache) Import(ctx context.Context, src *os.File) (cache.Digest, error) {
	if err := c.writable(ctx); err != nil {
		return cache.Digest{}, err
	}
	w := c.newWriter()
	defer w.Abort()
	w.note = cache.NewNoteWriter(c.opts.Function)
	if err := w.copy(ctx, src); err != nil {
		return cache.Digest{}, err
	}
	return w.Commit()
}

// copy takes over the content of src. A clone costs no copy, and is hashed itself
// rather than src, which somebody might be writing to.
func (w *writer) copy(ctx context.Context, src *os.File) error {
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= piece {
		cloned, err := w.clone(src)
		if err != nil {
			return err
		}
		if cloned {
			_, err := io.CopyBuffer(hashing{w}, &interruptible{ctx, w.temp}, w.piece[:])
			return err
		}
	}
	_, err = w.ReadFrom(&interruptible{ctx, src})
	return err
}

// hashing takes what is in the file already.
type hashing struct{ w *writer }

func (h hashing) Write(p []byte) (int, error) {
	h.w.hash(p)
	return len(p), nil
}

func (w *writer) clone(src *os.File) (bool, error) {
	if w.temp, w.err = w.cache.createTemp(); w.err != nil {
		w.err = w.cache.explain(w.err)
		return false, w.err
	}
	dst, ok := w.temp.file.(*os.File)
	return ok && clone(dst, src), nil
}

// interruptible ends a long read when the caller gives up.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
