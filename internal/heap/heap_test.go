package heap

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestGrowth(t *testing.T) {
	tests := []struct {
		name        string
		live, floor uint64
		want        int
	}{
		{"nothing yet", 0, 96 << 20, 2300},
		{"small", 24 << 20, 96 << 20, 300},
		{"half", 48 << 20, 96 << 20, 100},
		{"more than half", 80 << 20, 96 << 20, 100},
		{"large", 1 << 30, 96 << 20, 100},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := growth(test.live, test.floor); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// TestSetFloor: the growth follows what is alive, collection after collection.
func TestSetFloor(t *testing.T) {
	defer debug.SetGCPercent(usual)
	const floor = 512 << 20
	SetFloor(floor)
	keep := make([]byte, 128<<20)
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		runtime.GC()
		now := debug.SetGCPercent(usual)
		debug.SetGCPercent(now)
		if now >= 250 && now <= 300 {
			runtime.KeepAlive(keep)
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("the growth is not that from %d MiB to %d MiB", len(keep)>>20, floor>>20)
}
