package materialize

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// crew is a bound on the goroutines that work on one tree, however deep it is.
type crew struct {
	// slots holds a token for every goroutine besides the caller's own.
	slots chan struct{}
}

func newCrew(jobs int) crew {
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	return crew{slots: make(chan struct{}, jobs-1)}
}

// each runs fn for 0 … n-1 and returns the first error, which cancels the rest. The
// caller works, and as many others as there are free slots, now or later; so fn may
// call each, nobody waits for a slot, and none is held by somebody who waits.
func (c crew) each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var next atomic.Int64
	var work func()
	work = func() {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if i+1 < n {
				select {
				case c.slots <- struct{}{}:
					wg.Go(func() {
						work()
						<-c.slots
					})
				default:
				}
			}
			if err := fn(ctx, i); err != nil {
				cancel(err)
			}
		}
	}
	work()
	wg.Wait()
	return context.Cause(ctx)
}
