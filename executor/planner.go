package executor

import (
	"container/heap"
	"fmt"
)

// state is where a step of the plan stands.
//
//	idle ─→ waiting ─→ ready ─→ looking ─→ missed ─→ running ─→ done
//	           │                   │                    │
//	           │                   ├────────────────────┴─→ absent, failed
//	           │                   └─→ done: a hit
//	           └─→ blocked
//
// A build that stops makes everything that is not over interrupted. A step whose
// outputs got lost goes back to waiting, and so does an interrupted one that is
// wanted again.
type state uint8

const (
	idle        state = iota // nobody wants it
	waiting                  // for an input that is not settled
	ready                    // for its key and its look-up
	looking                  // its key is made and looked up
	missed                   // no result is recorded; it waits for resources
	running                  // it runs
	done                     // its outputs are known
	absent                   // it is optional and has no outputs
	failed                   // it has no outputs and should have
	blocked                  // an input failed, or is blocked
	interrupted              // the build stopped before
	states
)

var stateNames = [states]string{"idle", "waiting", "ready", "looking", "missed", "running", "done", "absent", "failed", "blocked", "interrupted"}

func (s state) String() string { return stateNames[s] }

// settled reports whether whoever waits for a step need not wait any longer.
func (s state) settled() bool { return s == done || s == absent }

// transitions says which states may follow a state.
var transitions = [states][]state{
	idle:        {waiting},
	waiting:     {ready, blocked, interrupted},
	ready:       {looking, waiting, interrupted},
	looking:     {missed, done, absent, failed, waiting, interrupted},
	missed:      {running, interrupted},
	running:     {done, absent, failed, waiting, interrupted},
	done:        {waiting},
	interrupted: {waiting},
}

// planner knows which step may be taken next. It is a value: it starts no
// goroutine and does no I/O, and what it says follows from the transitions it was
// told alone.
type planner struct {
	steps  []plannedStep
	counts [states]int
	// queues of the states in which a step waits for its turn. An entry whose step
	// has left the state is stale and dropped when it comes up.
	ready, missed queue
}

type plannedStep struct {
	state     state
	inputs    []int // steps, distinct
	consumers []int
	// pending is how many of inputs are not settled.
	pending int
	// height is the number of steps on the longest way to a step that nobody
	// consumes: the higher, the sooner it has to be taken.
	height int
}

// newPlanner plans steps, given the distinct inputs of each; producers come
// before consumers. All are idle.
func newPlanner(inputs [][]int) *planner {
	p := &planner{steps: make([]plannedStep, len(inputs))}
	p.ready.steps, p.missed.steps = p.steps, p.steps
	p.counts[idle] = len(inputs)
	for i, from := range inputs {
		p.steps[i].inputs = from
		p.steps[i].pending = len(from)
		for _, j := range from {
			p.steps[j].consumers = append(p.steps[j].consumers, i)
		}
	}
	for i := len(p.steps) - 1; i >= 0; i-- {
		for _, j := range p.steps[i].inputs {
			p.steps[j].height = max(p.steps[j].height, p.steps[i].height+1)
		}
	}
	return p
}

// want says that somebody needs a step, whose inputs are wanted already.
func (p *planner) want(i int) {
	if s := p.steps[i].state; s == idle || s == interrupted {
		p.set(i, waiting)
	}
}

// set is the only place where a step changes its state. Steps that depend on it
// follow: they become ready with their last input, and are blocked by the first
// that failed.
func (p *planner) set(i int, to state) {
	s := &p.steps[i]
	from := s.state
	p.check(i, from, to)
	s.state = to
	p.counts[from]--
	p.counts[to]++
	if from.settled() != to.settled() {
		p.settle(i, to.settled())
	}
	switch to {
	case waiting:
		p.admit(i)
	case ready:
		heap.Push(&p.ready, i)
	case missed:
		heap.Push(&p.missed, i)
	case failed, blocked:
		for _, c := range s.consumers {
			if p.steps[c].state == waiting {
				p.set(c, blocked)
			}
		}
	}
}

func (p *planner) check(i int, from, to state) {
	for _, s := range transitions[from] {
		if s == to {
			return
		}
	}
	panic(fmt.Sprintf("executor: step %d goes from %s to %s", i, from, to))
}

// settle tells the consumers of a step that it is settled, or no longer so. Only
// those that wait or are ready mind: what is further on has its inputs.
func (p *planner) settle(i int, settled bool) {
	for _, c := range p.steps[i].consumers {
		consumer := &p.steps[c]
		if !settled {
			consumer.pending++
			if consumer.state == ready {
				p.set(c, waiting)
			}
			continue
		}
		consumer.pending--
		if consumer.state == waiting {
			p.admit(c)
		}
	}
}

// admit moves a waiting step on, if its inputs say so.
func (p *planner) admit(i int) {
	if p.steps[i].pending == 0 {
		p.set(i, ready)
		return
	}
	for _, j := range p.steps[i].inputs {
		if s := p.steps[j].state; s == failed || s == blocked {
			p.set(i, blocked)
			return
		}
	}
}

// firstReady returns the ready step whose turn it is.
func (p *planner) firstReady() (int, bool) { return p.ready.first(ready) }

// firstMissed returns the missed step whose turn it is.
func (p *planner) firstMissed() (int, bool) { return p.missed.first(missed) }

// stop interrupts every step that is wanted and not over.
func (p *planner) stop() {
	for i := range p.steps {
		switch p.steps[i].state {
		case waiting, ready, looking, missed, running:
			p.set(i, interrupted)
		}
	}
}

// active is the number of steps that somebody works on.
func (p *planner) active() int { return p.counts[looking] + p.counts[running] }

// queue orders steps that wait for their turn: by height, then as the graph does.
type queue struct {
	steps []plannedStep
	items []int
}

// first returns the first entry whose step is in state s, and leaves it queued.
func (q *queue) first(s state) (int, bool) {
	for len(q.items) > 0 {
		if i := q.items[0]; q.steps[i].state == s {
			return i, true
		}
		heap.Pop(q)
	}
	return 0, false
}

func (q *queue) Len() int      { return len(q.items) }
func (q *queue) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queue) Push(x any)    { q.items = append(q.items, x.(int)) }

func (q *queue) Less(i, j int) bool {
	a, b := q.items[i], q.items[j]
	if q.steps[a].height != q.steps[b].height {
		return q.steps[a].height > q.steps[b].height
	}
	return a < b
}

func (q *queue) Pop() any {
	last := len(q.items) - 1
	i := q.items[last]
	q.items = q.items[:last]
	return i
}
