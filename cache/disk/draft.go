package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pungo-build/pungo/cache"
)

// Draft implements cache.Files.
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
	return &draft{cache: c, temp: t, hinting: make(chan struct{}, 1)}, nil
}

// draft is a file that is hashed when it is committed.
type draft struct {
	cache *Cache
	temp  *temp
	size  int64
	ended bool
	// begun is how much the system was told to write out, by a goroutine that is at work
	// as long as hinting is full.
	begun   int64
	hinting chan struct{}
}

// hintEvery is after how many bytes the system is told to write out what there is. It
// would else begin when there are gigabytes, and whoever records the blob wait for them.
const hintEvery = 64 << 20

// hint makes the system write out, if it is not at it.
func (d *draft) hint() {
	f, ok := d.temp.file.(*os.File)
	if !ok {
		return
	}
	select {
	case d.hinting <- struct{}{}:
		d.begun = d.size
		go func() {
			startWriteback(f)
			<-d.hinting
		}()
	default:
	}
}

func (d *draft) Write(p []byte) (int, error) {
	if d.ended {
		return 0, errEnded
	}
	n, err := d.temp.Write(p)
	d.size += int64(n)
	if d.size-d.begun >= hintEvery {
		d.hint()
	}
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
	d.hint() // it is read from memory, and the disk would idle
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
	d.settle()
	return sum, d.cache.explain(d.cache.install(d.temp, sum))
}

// Abort implements cache.Draft.
func (d *draft) Abort() {
	d.ended = true
	d.settle()
	d.temp.remove()
}

// settle waits for the hint that was given last: its file is not to be closed under it.
func (d *draft) settle() {
	d.hinting <- struct{}{}
	<-d.hinting
}
