package heap

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestBounds(t *testing.T) {
	b := Bounds{Floor: 96 << 20, Ceiling: 300 << 20}
	tests := []struct {
		name   string
		live   uint64
		growth int
		limit  int64
	}{
		{"nothing yet", 0, 2300, 300 << 20},
		{"small", 24 << 20, 300, 300 << 20},
		{"half of the floor", 48 << 20, 100, 300 << 20},
		{"more than the floor", 150 << 20, 100, 300 << 20},
		{"large", 1000 << 20, 100, 1400 << 20},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if growth, limit := b.growth(test.live), b.limit(test.live); growth != test.growth || limit != test.limit {
				t.Errorf("got %d %% and %d bytes, want %d and %d", growth, limit, test.growth, test.limit)
			}
		})
	}
}

// TestTune: the growth follows what is alive, collection after collection.
func TestTune(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer debug.SetMemoryLimit(math.MaxInt64)
	Tune(Bounds{Floor: 512 << 20, Ceiling: 1 << 30})
	keep := make([]byte, 128<<20)
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		runtime.GC()
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		if now >= 250 && now <= 300 {
			runtime.KeepAlive(keep)
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the growth is not that from 128 MiB to 512 MiB")
}
