// Package crew shares work out among a bounded number of goroutines.
package crew

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// Crew is a bound on the goroutines that work on one thing, however deep it is.
type Crew struct {
	// slots holds a token for every goroutine that works, the caller's among them.
	slots chan struct{}
}

// New returns a crew of the caller and jobs-1 others; of GOMAXPROCS, if jobs is 0.
func New(jobs int) Crew {
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	c := Crew{slots: make(chan struct{}, jobs)}
	c.slots <- struct{}{}
	return c
}

// Each runs fn for 0 … n-1, in this order as far as there is one. The caller works,
// and as many others as there are free slots, now or later. Whoever waits for others
// gives his slot away meanwhile, so fn may call Each.
//
// The first error cancels the rest. Of several, that of the smallest i is returned.
func (c Crew) Each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &shift{crew: c, ctx: ctx, cancel: cancel, n: n, fn: fn, failed: n}
	s.work()
	if s.helped() {
		<-c.slots
		s.helpers.Wait()
		c.slots <- struct{}{}
	}
	if s.err != nil {
		return s.err
	}
	return context.Cause(ctx)
}

// shift is one call of Each.
type shift struct {
	crew    Crew
	ctx     context.Context
	cancel  context.CancelFunc
	n       int
	fn      func(ctx context.Context, i int) error
	helpers sync.WaitGroup

	mu      sync.Mutex
	next    int
	working int // helpers that are not done
	failed  int // the smallest i that failed by itself, n if none did
	err     error
}

func (s *shift) work() {
	for s.ctx.Err() == nil {
		i, more := s.take()
		if i >= s.n {
			return
		}
		if more {
			select {
			case s.crew.slots <- struct{}{}:
				s.help()
			default:
			}
		}
		if err := s.fn(s.ctx, i); err != nil {
			s.fail(i, err)
		}
	}
}

func (s *shift) help() {
	s.count(1)
	s.helpers.Go(func() {
		s.work()
		s.count(-1)
		<-s.crew.slots
	})
}

func (s *shift) take() (i int, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i = s.next
	s.next++
	return i, s.next < s.n
}

func (s *shift) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working += n
}

// helped reports whether a helper is still at work.
func (s *shift) helped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.working > 0
}

func (s *shift) fail(i int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cancelled := s.ctx.Err() != nil && errors.Is(err, context.Canceled)
	if s.err == nil || i < s.failed && !cancelled {
		s.failed, s.err = i, err
	}
	s.cancel()
}
