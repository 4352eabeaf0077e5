// Package heap makes the garbage collector fit a process that is there for seconds.
//
// Go collects whenever the heap has doubled, from 4 MB on. A build that keeps 20 MB
// and goes through a gigabyte of records collects 40 times, which is a tenth of its
// time; one that keeps 250 MB takes 590 MB of the machine. So here a small heap grows
// to a floor before it is collected, and a large one by two fifths.
package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Bounds of the memory that the process takes, in bytes.
type Bounds struct {
	// Floor is how far the heap grows before it is collected.
	Floor uint64
	// Ceiling is where it stops to double, and grows by two fifths of what it keeps.
	Ceiling uint64
}

// Usual are the bounds of pungo: to collect what a small build leaves behind takes
// longer than to leave it, and 60,000 packages are to be solved below 400 MB.
func Usual() Bounds { return Bounds{Floor: 128 << 20, Ceiling: 340 << 20} }

// Tune sets the bounds of this process. It is for the main function, which calls it
// once.
func Tune(b Bounds) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(b.growth(live[0].Value.Uint64()))
	debug.SetMemoryLimit(b.limit(live[0].Value.Uint64()))
	// What the last collection left tells until the next one, after which a value that
	// nobody refers to is finalized.
	again := &struct{ pointer *byte }{new(byte)}
	runtime.SetFinalizer(again, func(any) { Tune(b) })
}

// leastHeap is the least that Go takes a heap for.
const leastHeap = 4 << 20

// growth is that of the heap until the next collection, in percent: what Go has by
// itself, or what leads to the floor.
func (b Bounds) growth(live uint64) int {
	live = max(live, leastHeap)
	if b.Floor <= 2*live {
		return 100
	}
	return int(100 * (b.Floor - live) / live)
}

// limit is what the process should not take more than: then Go collects early, and
// returns what it does not use.
func (b Bounds) limit(live uint64) int64 { return int64(max(b.Ceiling, live+live*2/5)) }
