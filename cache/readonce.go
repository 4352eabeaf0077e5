package cache

import (
	"context"
	"io"
	"sync"
)

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
