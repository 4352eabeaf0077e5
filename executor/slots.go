package executor

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/pungo-build/pungo/rules"
)

// slots are the cores and the memory that actions and the parts of actions share.
// Nobody ever waits inside of it, so nothing that holds slots can wait for slots.
type slots struct {
	mu           sync.Mutex
	cpus, memory int // in all; memory in MiB, 0 for no bound
	freeCPUs     int
	freeMemory   int
	// wanted is set while an action waits for slots: then parts of actions give
	// theirs back, and take no more.
	wanted bool
	// freed is told, at least once, when slots came back that were wanted.
	freed chan struct{}
}

func newSlots(cpus, memory int) *slots {
	return &slots{cpus: cpus, memory: memory, freeCPUs: cpus, freeMemory: memory, freed: make(chan struct{}, 1)}
}

// clamp returns what an action occupies here: what it asks for, or everything, if
// it asks for more than there is.
func (s *slots) clamp(r rules.Resources) (cpus, memory int) {
	return min(max(r.CPU, 1), s.cpus), min(max(r.Memory, 0), s.memory)
}

// acquire takes what an action asks for, all of it or nothing.
func (s *slots) acquire(r rules.Resources) bool {
	cpus, memory := s.clamp(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = cpus > s.freeCPUs || memory > s.freeMemory
	if s.wanted {
		return false
	}
	s.freeCPUs -= cpus
	s.freeMemory -= memory
	return true
}

func (s *slots) release(r rules.Resources) {
	cpus, memory := s.clamp(r)
	s.give(cpus, memory)
}

// borrow takes one core for a part of an action, if nobody else wants it.
func (s *slots) borrow() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted || s.freeCPUs == 0 {
		return false
	}
	s.freeCPUs--
	return true
}

func (s *slots) give(cpus, memory int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.freeCPUs += cpus
	s.freeMemory += memory
	if s.wanted {
		select {
		case s.freed <- struct{}{}:
		default:
		}
	}
}

// giveWay reports whether a part of an action has to stop for a whole one.
func (s *slots) giveWay() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted
}

// share is what an action has of the slots, for its parts to work in: cores that
// it holds and does not use itself, and whatever is free.
type share struct {
	slots *slots
	spare atomic.Int64
}

// newShare returns the share of an action that acquired r.
func newShare(s *slots, r rules.Resources) *share {
	h := &share{slots: s}
	cpus, _ := s.clamp(r)
	h.spare.Store(int64(cpus - 1))
	return h
}

// borrow takes one core. It returns whether it is one of the action's own, which
// it need not give up for anybody.
func (h *share) borrow() (own, ok bool) {
	for n := h.spare.Load(); n > 0; n = h.spare.Load() {
		if h.spare.CompareAndSwap(n, n-1) {
			return true, true
		}
	}
	return false, h.slots.borrow()
}

func (h *share) giveBack(own bool) {
	if own {
		h.spare.Add(1)
	} else {
		h.slots.give(1, 0)
	}
}

// each runs fn for 0 … n-1, in the goroutine of the caller, who holds a core, and
// in as many more as there are cores to borrow, now or later. It starts in order
// and starts nothing after an error, so the error of the smallest i is the same
// however many take part.
func (h *share) each(ctx context.Context, n int, fn func(context.Context, int) error) error {
	e := &each{share: h, ctx: ctx, n: n, fn: fn, failed: n}
	for e.one() {
	}
	e.helpers.Wait()
	if e.failed < n {
		return e.err
	}
	return ctx.Err()
}

type each struct {
	share   *share
	ctx     context.Context
	n       int
	fn      func(context.Context, int) error
	helpers sync.WaitGroup

	mu     sync.Mutex
	next   int
	failed int // the smallest i that failed, n if none did
	err    error
}

// one takes the next i, after it asked for help with the others. It reports
// whether there was one.
func (e *each) one() bool {
	i, more := e.take()
	if i < 0 {
		return false
	}
	if more {
		if own, ok := e.share.borrow(); ok {
			e.helpers.Go(func() { e.help(own) })
		}
	}
	if err := e.call(i); err != nil {
		e.fail(i, err)
	}
	return true
}

// help works in a borrowed core until nothing is left to do, or somebody wants it.
func (e *each) help(own bool) {
	defer e.share.giveBack(own)
	for e.one() {
		if !own && e.share.slots.giveWay() {
			return
		}
	}
}

// take returns the next i, or -1, and whether there are more.
func (e *each) take() (i int, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next >= e.n || e.failed < e.n || e.ctx.Err() != nil {
		return -1, false
	}
	i = e.next
	e.next++
	return i, e.next < e.n
}

func (e *each) fail(i int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i < e.failed {
		e.failed, e.err = i, err
	}
}

func (e *each) call(i int) (err error) {
	defer recoverBug(&err)
	return e.fn(e.ctx, i)
}

// recoverBug, deferred, turns a panic into a BugError.
func recoverBug(err *error) {
	if v := recover(); v != nil {
		*err = &BugError{Value: fmt.Sprint(v), Stack: debug.Stack()}
	}
}
