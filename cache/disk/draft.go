package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/pungo-build/pungo/cache"
)

// Draft implements cache.Drafter.
func (c *Cache) Draft(ctx context.Context, size int64) (cache.Draft, error) {
	if err := c.writable(ctx); err != nil {
		return nil, err
	}
	// Who is told at once need not wait for gigabytes. A file system that does not
	// tell will say later.
	if free, err := c.fs.Free(c.dir); err == nil && free < size {
		return nil, c.explain(fmt.Errorf("%w: %d bytes are wanted, and %d are free", cache.ErrFull, size, free))
	}
	t, err := c.createTemp()
	if err != nil {
		return nil, c.explain(err)
	}
	return &draft{cache: c, temp: t}, nil
}

// draft is a file that is hashed when it is committed.
type draft struct {
	cache *Cache
	temp  *temp
	size  int64
	ended bool
}

func (d *draft) Write(p []byte) (int, error) {
	if d.ended {
		return 0, errEnded
	}
	n, err := d.temp.Write(p)
	d.size += int64(n)
	return n, d.cache.explain(err)
}

func (d *draft) WriteAt(p []byte, off int64) (int, error) {
	if d.ended {
		return 0, errEnded
	}
	if off < 0 || off+int64(len(p)) > d.size {
		return 0, fmt.Errorf("bytes %d to %d of a draft of %d", off, off+int64(len(p)), d.size)
	}
	n, err := d.temp.WriteAt(p, off)
	return n, d.cache.explain(err)
}

// Commit implements cache.Draft.
func (d *draft) Commit(ctx context.Context, readers ...io.Writer) (cache.Digest, error) {
	if d.ended {
		return cache.Digest{}, errEnded
	}
	defer d.Abort()
	// It is read from memory, and the disk would idle.
	var writing sync.WaitGroup
	defer writing.Wait()
	if f, ok := d.temp.file.(*os.File); ok {
		writing.Go(func() { startWriteback(f) })
	}
	h := d.cache.opts.Function.New()
	whole := io.NewSectionReader(d.temp, 0, d.size)
	if err := cache.ReadOnce(ctx, whole, append(readers, h)...); err != nil {
		return cache.Digest{}, d.cache.explain(err)
	}
	sum := h.Digest()
	if sum.Size() != d.size {
		return cache.Digest{}, d.cache.explain(errors.New("a draft lost bytes that were written"))
	}
	if d.size == 0 {
		return sum, nil
	}
	return sum, d.cache.explain(d.cache.install(d.temp, sum))
}

// Abort implements cache.Draft.
func (d *draft) Abort() {
	d.ended = true
	d.temp.remove()
}
