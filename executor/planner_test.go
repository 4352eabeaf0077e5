package executor

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// fate is what is going to happen to a step, decided before anything runs.
type fate struct {
	hit, fails, optional bool
	lost                 bool // once it is done, a consumer finds an output missing
}

// simulation drives a planner as a build does, completing steps in random order.
type simulation struct {
	t         *testing.T
	p         *planner
	fates     []fate
	keepGoing bool
	stopping  bool
	rnd       *rand.Rand
}

func newSimulation(t *testing.T, inputs [][]int, fates []fate, keepGoing bool, seed uint64) *simulation {
	s := &simulation{t: t, p: newPlanner(inputs), fates: slices.Clone(fates), keepGoing: keepGoing, rnd: rand.New(rand.NewPCG(seed, 1))}
	for i := range inputs {
		s.p.want(i)
	}
	return s
}

func (s *simulation) run() {
	var lookups, runs []int
	for {
		s.checkInvariants()
		for !s.stopping && len(lookups) < 3 {
			i, ok := s.p.firstReady()
			if !ok {
				break
			}
			s.look(i)
			lookups = append(lookups, i)
		}
		for !s.stopping && len(runs) < 2 {
			i, ok := s.p.firstMissed()
			if !ok {
				break
			}
			s.p.set(i, running)
			runs = append(runs, i)
		}
		if len(lookups)+len(runs) == 0 {
			return
		}
		if n := s.rnd.IntN(len(lookups) + len(runs)); n < len(lookups) {
			i := lookups[n]
			lookups = slices.Delete(lookups, n, n+1)
			s.looked(i)
		} else {
			i := runs[n-len(lookups)]
			runs = slices.Delete(runs, n-len(lookups), n-len(lookups)+1)
			s.ended(i)
		}
	}
}

// look takes up a step whose turn it is.
func (s *simulation) look(i int) {
	if s.stopping {
		s.t.Fatalf("step %d is taken up after the build stopped", i)
	}
	for _, j := range s.p.steps[i].inputs {
		if !s.p.steps[j].state.settled() {
			s.t.Fatalf("step %d is taken up while its input %d is %s", i, j, s.p.steps[j].state)
		}
	}
	s.p.set(i, looking)
}

func (s *simulation) looked(i int) {
	switch {
	case s.fates[i].hit:
		s.p.set(i, done)
	case s.stopping:
		s.p.set(i, interrupted)
	default:
		s.p.set(i, missed)
	}
}

func (s *simulation) ended(i int) {
	for _, j := range s.p.steps[i].inputs {
		if s.fates[j].lost && s.p.steps[j].state == done && !s.stopping {
			s.fates[j].lost = false
			s.p.set(j, waiting)
			s.p.set(i, waiting)
			return
		}
	}
	switch f := s.fates[i]; {
	case f.fails && f.optional:
		s.p.set(i, absent)
	case f.fails:
		s.p.set(i, failed)
		s.stopping = !s.keepGoing
	default:
		s.p.set(i, done)
	}
}

func (s *simulation) checkInvariants() {
	var counts [states]int
	for i, step := range s.p.steps {
		counts[step.state]++
		pending, broken := 0, false
		for _, j := range step.inputs {
			if state := s.p.steps[j].state; !state.settled() {
				pending++
				broken = broken || state == failed || state == blocked
			}
		}
		if step.pending != pending {
			s.t.Fatalf("step %d: pending is %d, want %d", i, step.pending, pending)
		}
		switch {
		case step.state == waiting && (pending == 0 || broken):
			s.t.Fatalf("step %d waits with %d inputs to come, broken: %v", i, pending, broken)
		case step.state == ready && pending != 0:
			s.t.Fatalf("step %d is ready with %d inputs to come", i, pending)
		case step.state == blocked && !broken:
			s.t.Fatalf("step %d is blocked by nothing", i)
		}
	}
	if counts != s.p.counts {
		s.t.Fatalf("counts are %v, want %v", s.p.counts, counts)
	}
}

// final returns the states of all steps.
func (s *simulation) final() []state {
	var all []state
	for _, step := range s.p.steps {
		all = append(all, step.state)
	}
	return all
}

func randomGraph(rnd *rand.Rand) ([][]int, []fate) {
	n := 1 + rnd.IntN(60)
	inputs, fates := make([][]int, n), make([]fate, n)
	for i := range n {
		for range rnd.IntN(4) {
			if i > 0 {
				inputs[i] = append(inputs[i], rnd.IntN(i))
			}
		}
		slices.Sort(inputs[i])
		inputs[i] = slices.Compact(inputs[i])
		fates[i] = fate{
			hit:      rnd.IntN(3) == 0,
			fails:    rnd.IntN(8) == 0,
			optional: rnd.IntN(2) == 0,
			lost:     rnd.IntN(10) == 0,
		}
	}
	return inputs, fates
}

// wanted is what must become of every step if the build keeps going.
func wantedStates(inputs [][]int, fates []fate) []state {
	want := make([]state, len(inputs))
	for i, from := range inputs {
		switch f := fates[i]; {
		case slices.ContainsFunc(from, func(j int) bool { return want[j] == failed || want[j] == blocked }):
			want[i] = blocked
		case f.hit, !f.fails:
			want[i] = done
		case f.optional:
			want[i] = absent
		default:
			want[i] = failed
		}
	}
	return want
}

func TestPlannerRandomGraphs(t *testing.T) {
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		inputs, fates := randomGraph(rnd)
		want := wantedStates(inputs, fates)
		for order := range uint64(4) {
			s := newSimulation(t, inputs, fates, true, order)
			s.run()
			if got := s.final(); !slices.Equal(got, want) {
				t.Fatalf("graph %d, order %d:\n got %v\nwant %v", seed, order, got, want)
			}
		}
	}
}

// A build that stops at the first failure leaves nothing half done, and finishes
// when it is asked again and goes on.
func TestPlannerStopsAndResumes(t *testing.T) {
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		inputs, fates := randomGraph(rnd)
		s := newSimulation(t, inputs, fates, false, seed)
		s.run()
		s.p.stop()
		for i, got := range s.final() {
			if slices.Contains([]state{waiting, ready, looking, missed, running}, got) {
				t.Fatalf("graph %d: step %d is %s after the stop", seed, i, got)
			}
		}
		s.stopping, s.keepGoing = false, true
		for i := range inputs {
			s.p.want(i)
		}
		s.run()
		if got, want := s.final(), wantedStates(inputs, fates); !slices.Equal(got, want) {
			t.Fatalf("graph %d:\n got %v\nwant %v", seed, got, want)
		}
	}
}

func TestPlannerOrder(t *testing.T) {
	// 0 and 1 are on their own; 2 → 3 → 4 is a chain, and 5 needs 1.
	p := newPlanner([][]int{nil, nil, nil, {2}, {3}, {1}})
	for i := range 6 {
		p.want(i)
	}
	var got []int
	for {
		i, ok := p.firstReady()
		if !ok {
			break
		}
		got = append(got, i)
		p.set(i, looking)
		p.set(i, done)
	}
	if want := []int{2, 1, 3, 0, 4, 5}; !slices.Equal(got, want) {
		t.Errorf("order is %v, want %v", got, want)
	}
}

func TestPlannerRefusesTransitions(t *testing.T) {
	p := newPlanner([][]int{nil})
	defer func() {
		if recover() == nil {
			t.Error("idle → running went through")
		}
	}()
	p.set(0, running)
}
