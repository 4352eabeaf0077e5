// Package heap keeps the garbage collector of a short-lived process from working
// for memory that nobody misses.
//
// Go collects whenever the heap has doubled, from 4 MB on. A build that keeps 20 MB
// and goes through a gigabyte of records collects 40 times, which is a tenth of its
// time. SetFloor makes a small heap grow to a floor first; a large one doubles as
// ever.
package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// usual is the growth, in percent, after which Go collects by itself.
const usual = 100

// SetFloor lets the heap of this process grow to so many bytes before it is
// collected. It is for the main function, which calls it once.
func SetFloor(bytes uint64) {
	adapt(bytes)
	again := &struct{ pointer *byte }{new(byte)}
	// A value that nobody refers to is finalized after every collection.
	runtime.SetFinalizer(again, func(any) { SetFloor(bytes) })
}

// adapt sets the growth that leads from what the last collection left to the floor.
func adapt(floor uint64) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(growth(live[0].Value.Uint64(), floor))
}

// leastHeap is the least that Go takes a heap for.
const leastHeap = 4 << 20

func growth(live, floor uint64) int {
	live = max(live, leastHeap)
	if floor <= live {
		return usual
	}
	return max(usual, int(100*(floor-live)/live))
}
