package materialize

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// crew is a bound on the goroutines that work on one tree, however deep it is.
type crew struct {
	// slots holds a token for every goroutine that works, the caller's among them.
	slots chan struct{}
}

// newCrew returns a crew of the caller and jobs-1 others.
func newCrew(jobs int) crew {
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	c := crew{slots: make(chan struct{}, jobs)}
	c.slots <- struct{}{}
	return c
}

// each runs fn for 0 … n-1 and returns the first error, which cancels the rest. The
// caller works, and as many others as there are free slots, now or later. Whoever
// waits for others gives his slot away meanwhile, so fn may call each.
func (c crew) each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var next, helpers atomic.Int64
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
					helpers.Add(1)
					wg.Go(func() {
						work()
						helpers.Add(-1)
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
	if helpers.Load() > 0 {
		<-c.slots
		defer func() { c.slots <- struct{}{} }()
	}
	wg.Wait()
	return context.Cause(ctx)
}
