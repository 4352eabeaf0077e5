package executor

import (
	"context"
	"errors"
	"sync"
)

// flights runs work once for all who ask for it at the same time. What is over
// is forgotten; to keep results is up to the work.
type flights[K comparable, V any] struct {
	mu     sync.Mutex
	flying map[K]*flight[V]
}

// flight is work under way.
type flight[V any] struct {
	landed chan struct{}
	value  V
	err    error
	// waits are the flights this one cannot land before: those that its work
	// started, and those that it waits for. A count each, since work may wait in
	// several goroutines.
	waits map[*flight[V]]int
}

var errCircle = errors.New("waits for itself")

// errLeft is what those get who waited for work that left by a panic.
var errLeft = errors.New("the work was left by a panic")

// do returns what work yields for key, or what the same work yields that is
// under way already. If that was stopped by its own context, it is done again.
// Work that would wait for itself is errCircle: whoever calls do inside of work
// passes the context work was given.
func (g *flights[K, V]) do(ctx context.Context, key K, work func(context.Context) (V, error)) (V, error) {
	within, _ := ctx.Value(g).(*flight[V])
	for {
		f, lead, err := g.join(key, within)
		if err != nil {
			var zero V
			return zero, err
		}
		if lead {
			return g.lead(ctx, key, f, within, work)
		}
		select {
		case <-f.landed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		g.part(within, f)
		switch {
		case err != nil:
			var zero V
			return zero, err
		case isContext(f.err) && ctx.Err() == nil:
			continue
		}
		return f.value, f.err
	}
}

// join returns the flight for key, new (lead) or under way.
func (g *flights[K, V]) join(key K, within *flight[V]) (f *flight[V], lead bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f, found := g.flying[key]
	if !found {
		f = &flight[V]{landed: make(chan struct{})}
		if g.flying == nil {
			g.flying = map[K]*flight[V]{}
		}
		g.flying[key] = f
	}
	if within == nil {
		return f, !found, nil
	}
	if found && reaches(f, within) {
		return nil, false, errCircle
	}
	if within.waits == nil {
		within.waits = map[*flight[V]]int{}
	}
	within.waits[f]++
	return f, !found, nil
}

// reaches reports whether flight f cannot land before to.
func reaches[V any](f, to *flight[V]) bool {
	if f == to {
		return true
	}
	for next := range f.waits {
		if reaches(next, to) {
			return true
		}
	}
	return false
}

func (g *flights[K, V]) lead(ctx context.Context, key K, f *flight[V], within *flight[V], work func(context.Context) (V, error)) (V, error) {
	f.err = errLeft
	defer func() {
		g.mu.Lock()
		delete(g.flying, key)
		g.mu.Unlock()
		close(f.landed)
		g.part(within, f)
	}()
	f.value, f.err = work(context.WithValue(ctx, g, f))
	return f.value, f.err
}

// part ends the wait of flight within for f.
func (g *flights[K, V]) part(within, f *flight[V]) {
	if within == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if within.waits[f]--; within.waits[f] == 0 {
		delete(within.waits, f)
	}
}

// isContext reports whether err says that a context ended.
func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
