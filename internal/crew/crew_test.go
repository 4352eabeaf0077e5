package crew

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestNeverIdle: wherever in a tree the work is, two work on it.
func TestNeverIdle(t *testing.T) {
	for heavy := range 3 {
		synctest.Test(t, func(t *testing.T) {
			c := New(2)
			begin := time.Now()
			err := c.Each(t.Context(), 3, func(ctx context.Context, i int) error {
				if i != heavy {
					return nil
				}
				return c.Each(ctx, 100, func(context.Context, int) error {
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

// TestBound: no more work than the crew has members, however nested.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(3)
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
			return c.Each(ctx, 4, func(ctx context.Context, _ int) error { return visit(ctx, depth-1) })
		}
		if err := visit(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		if most.Load() != 3 {
			t.Errorf("%d at a time, want 3", most.Load())
		}
	})
}

// TestSmallestError: what fails by itself counts, not what was cancelled therefore.
func TestSmallestError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := New(3).Each(t.Context(), 10, func(ctx context.Context, i int) error {
			switch i {
			case 0:
				<-ctx.Done()
				return ctx.Err()
			case 1:
				time.Sleep(2 * time.Second)
			case 2:
				time.Sleep(time.Second)
			}
			return fmt.Errorf("%d failed", i)
		})
		if err == nil || err.Error() != "1 failed" {
			t.Errorf("error %v, want that of 1", err)
		}
	})
}
