package materialize

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestCrewIsNeverIdle: wherever in a tree the work is, two work on it.
func TestCrewIsNeverIdle(t *testing.T) {
	for heavy := range 3 {
		synctest.Test(t, func(t *testing.T) {
			c := newCrew(2)
			begin := time.Now()
			err := c.each(t.Context(), 3, func(ctx context.Context, i int) error {
				if i != heavy {
					return nil
				}
				return c.each(ctx, 100, func(context.Context, int) error {
					time.Sleep(time.Second)
					return nil
				})
			})
			if took := time.Since(begin); err != nil || took > 51*time.Second {
				t.Errorf("work in %d: 100 s of work took two %s, %v", heavy, took, err)
			}
		})
	}
}

// TestCrewBound: no more work than the crew has members, however nested.
func TestCrewBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(3)
		var working, most atomic.Int64
		var visit func(ctx context.Context, depth int) error
		visit = func(ctx context.Context, depth int) error {
			n := working.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Second)
			working.Add(-1)
			if depth == 0 {
				return nil
			}
			return c.each(ctx, 4, func(ctx context.Context, _ int) error { return visit(ctx, depth-1) })
		}
		if err := visit(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 3 {
			t.Errorf("%d at a time, want 3", most.Load())
		}
	})
}
