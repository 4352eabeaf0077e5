package executor

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

func onlyCached(o *Options) { o.OnlyCached = true }

// Where nothing is to be run, nothing is, and the first action in the graph that would
// have to is told, whatever was looked up first.
func TestOnlyCached(t *testing.T) {
	w := newWorld()
	w.file(t, "f", "content")
	g := newGraph()
	known := g.action("known", "concat", source("f", cache.FileKind))
	first := text(g.action("first", "concat", out(known)), "1")
	second := text(g.action("second", "concat", source("f", cache.FileKind)), "2")
	second.Optional = true
	last := g.action("last", "concat", out(first), out(second))
	if err := w.build(&g.Graph).Run(t.Context(), out(known)); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		b := w.build(&g.Graph, onlyCached)
		err := b.Run(t.Context(), out(last))
		var missed *NotCachedError
		if !errors.As(err, &missed) || missed.Action != first {
			t.Fatalf("got %v, want that %s is not in the cache", err, first)
		}
		if len(w.ran) > 0 {
			t.Fatalf("ran %q", w.ran)
		}
	}
	if err := w.build(&g.Graph).Run(t.Context(), out(last)); err != nil {
		t.Fatal(err)
	}
	b := w.build(&g.Graph, onlyCached)
	if err := b.Run(t.Context(), out(last)); err != nil || len(w.ran) > 0 {
		t.Errorf("all is in the cache: %v, ran %q", err, w.ran)
	}

	// A blob that is lost is not made again.
	n, _ := b.Artifact(out(first))
	if err := w.Discard(t.Context(), n.Digest); err != nil {
		t.Fatal(err)
	}
	err := b.Heal(t.Context(), &cache.BlobError{Digest: n.Digest, Err: cache.ErrNotFound})
	if !errors.As(err, new(*NotCachedError)) || len(w.ran) > 0 {
		t.Errorf("a lost blob: %v, ran %q", err, w.ran)
	}
}

// calls is an action cache that notes what was called.
type calls struct {
	cache.ActionCache
	mu     sync.Mutex
	called map[cache.Digest][]cache.Digest
}

func (c *calls) Called(_ context.Context, key cache.Digest, called []cache.Digest) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.called[key] = called
	return nil
}

// An action cache is told what a result was made of: what was found no less than what
// ran.
func TestCalled(t *testing.T) {
	const n = 5
	w := newWorld()
	g, fan := fanGraph()
	for round := range 2 {
		w.folder(t, "packages", n, func(i int) string { return strconv.Itoa(i * (round + i%2)) })
		c := &calls{ActionCache: w.Memory, called: map[cache.Digest][]cache.Digest{}}
		b := w.build(&g.Graph, func(o *Options) { o.Actions = c })
		if err := b.Run(t.Context(), out(fan)); err != nil {
			t.Fatal(err)
		}
		r := b.Report()
		i := slices.IndexFunc(r.Actions, func(e Entry) bool { return e.Action == (*rules.Action)(fan) })
		called := c.called[r.Actions[i].Key]
		if len(called) != n || len(c.called) != 1 {
			t.Errorf("round %d: %d called of %d, want %d", round, len(called), len(c.called), n)
		}
		for _, key := range called {
			if _, err := w.Lookup(t.Context(), key); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
	}
}
