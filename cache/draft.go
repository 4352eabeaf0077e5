package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Drafter is a Store that takes content whose begin is known last: an image that
// carries a sum of itself.
type Drafter interface {
	// Draft starts a blob of about size bytes. If there is no room for as many, the
	// error wraps ErrFull.
	Draft(ctx context.Context, size int64) (Draft, error)
}

// Draft is a blob in the making that is not hashed while it is written, since it may
// change. Nothing of it can be seen before Commit.
type Draft interface {
	io.Writer
	// WriteAt writes over what was written.
	io.WriterAt
	// Commit reads the blob, once, from begin to end, and stores it. Each of readers gets
	// all of it, too, in pieces, in a goroutine of its own.
	Commit(ctx context.Context, readers ...io.Writer) (Digest, error)
	// Abort drops what was written; after Commit it does nothing.
	Abort()
}

// NewDraft starts a draft in a store.
func NewDraft(ctx context.Context, s Store, size int64) (Draft, error) {
	d, ok := s.(Drafter)
	if !ok {
		return nil, errors.New("the store takes no drafts")
	}
	return d.Draft(ctx, size)
}

// Draft implements Drafter: as the store below does.
func (v *verified) Draft(ctx context.Context, size int64) (Draft, error) {
	return NewDraft(ctx, v.Store, size)
}

// Draft implements Drafter.
func (m *Memory) Draft(ctx context.Context, size int64) (Draft, error) {
	return &memoryDraft{memory: m}, ctx.Err()
}

type memoryDraft struct {
	memory *Memory
	data   []byte
	ended  bool
}

func (d *memoryDraft) Write(p []byte) (int, error) {
	if d.ended {
		return 0, errEnded
	}
	d.data = append(d.data, p...)
	return len(p), nil
}

func (d *memoryDraft) WriteAt(p []byte, off int64) (int, error) {
	if d.ended {
		return 0, errEnded
	}
	if off < 0 || off+int64(len(p)) > int64(len(d.data)) {
		return 0, fmt.Errorf("bytes %d to %d of a draft of %d", off, off+int64(len(p)), len(d.data))
	}
	return copy(d.data[off:], p), nil
}

func (d *memoryDraft) Commit(ctx context.Context, readers ...io.Writer) (Digest, error) {
	if d.ended {
		return Digest{}, errEnded
	}
	d.ended = true
	if err := ReadOnce(ctx, bytes.NewReader(d.data), readers...); err != nil {
		return Digest{}, err
	}
	return d.memory.put(d.data), nil
}

func (d *memoryDraft) Abort() {
	d.ended = true
	d.data = nil
}

// readAhead is how many pieces are read before the slowest reader has to follow.
const readAhead = 8

// ReadOnce reads r to its end, and gives what it reads to all readers, each in a
// goroutine of its own, in pieces of a MiB. It returns the first error of any.
func ReadOnce(ctx context.Context, r io.Reader, readers ...io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	free := make(chan *sharedPiece, readAhead)
	for range readAhead {
		free <- &sharedPiece{data: pieces.Get().(*[1 << 20]byte)}
	}
	queues := make([]chan *sharedPiece, len(readers))
	var running sync.WaitGroup
	for i, w := range readers {
		queues[i] = make(chan *sharedPiece, readAhead)
		running.Go(func() {
			for p := range queues[i] {
				if ctx.Err() == nil {
					if _, err := w.Write(p.data[:p.n]); err != nil {
						cancel(err)
					}
				}
				p.done(free)
			}
		})
	}
	err := readPieces(ctx, r, queues, free)
	for _, q := range queues {
		close(q)
	}
	running.Wait()
	for range readAhead {
		pieces.Put((<-free).data)
	}
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// readPieces puts every piece of r into every queue.
func readPieces(ctx context.Context, r io.Reader, queues []chan *sharedPiece, free chan *sharedPiece) error {
	for {
		p := <-free // those who read a piece always give it back
		if ctx.Err() != nil {
			free <- p
			return context.Cause(ctx)
		}
		n, err := io.ReadFull(r, p.data[:])
		p.n = n
		if n == 0 || len(queues) == 0 {
			free <- p
		} else {
			p.share(len(queues))
			for _, q := range queues {
				q <- p
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

// sharedPiece is a piece that several read; the last one gives it back.
type sharedPiece struct {
	data *[1 << 20]byte
	n    int // bytes of data

	mu   sync.Mutex
	left int // readers that are not done
}

func (p *sharedPiece) share(readers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left = readers
}

func (p *sharedPiece) done(free chan<- *sharedPiece) {
	p.mu.Lock()
	p.left--
	last := p.left == 0
	p.mu.Unlock()
	if last {
		free <- p
	}
}
