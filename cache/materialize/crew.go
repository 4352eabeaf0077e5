package materialize

import (
	"context"
	"runtime"
	"sync"
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

// each runs fn for 0 … n-1 and returns the first error, which cancels the rest.
// fn gets a goroutine of its own where there is a free slot, else it runs in the
// caller's; so fn may call each, and nobody waits for a slot.
func (c crew) each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	run := func(i int) {
		if err := fn(ctx, i); err != nil {
			cancel(err)
		}
	}
	var wg sync.WaitGroup
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case c.slots <- struct{}{}:
			wg.Go(func() {
				run(i)
				<-c.slots
			})
		default:
			run(i)
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}
