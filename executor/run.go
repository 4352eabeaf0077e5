package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// grace is how long a build that was stopped waits for tools that do not heed
// their context. Such a tool is left to itself; what it yields is recorded, and
// not looked at.
const grace = 700 * time.Millisecond

// run is one Run: the goroutine that owns the plan, and the workers it started.
type run struct {
	*Build
	ctx   context.Context
	slots *slots
	// reports come from workers; over is closed when nobody listens any longer.
	reports chan report
	over    chan struct{}
	// stopping is set when nothing new is to be started.
	stopping bool
}

// report is what a worker has to say about a step: it was looked up, or has run.
type report struct {
	step   int
	looked *looked
	ran    *outcome
}

// run takes steps until all that are wanted are over, or the build stops.
func (b *Build) run(ctx context.Context, wanted []bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{
		Build:   b,
		ctx:     ctx,
		slots:   newSlots(b.opts.Jobs, b.opts.Memory),
		reports: make(chan report),
		over:    make(chan struct{}),
	}
	defer close(r.over)
	r.loop()
	r.end()
	return r.verdict(wanted)
}

func (r *run) loop() {
	var tooLate <-chan time.Time
	interrupted := r.ctx.Done()
	for {
		if !r.stopping {
			r.startLooking()
			r.startRunning()
		}
		if r.plan.active() == 0 {
			return
		}
		select {
		case m := <-r.reports:
			r.take(m)
		case <-r.slots.freed:
		case <-interrupted:
			interrupted = nil
			r.stopping = true
			tooLate = time.After(grace)
		case <-tooLate:
			return
		}
	}
}

// startLooking makes keys of ready steps, a few more at a time than there are
// jobs, since this is mostly waiting for disks.
func (r *run) startLooking() {
	for r.plan.counts[looking] < 2+r.opts.Jobs {
		i, ok := r.plan.firstReady()
		if !ok {
			return
		}
		s := r.steps[i]
		if off(s.action) {
			r.plan.set(i, looking)
			r.absent(i, errors.New("the test is off"), printed{})
			continue
		}
		r.plan.set(i, looking)
		g, again := r.given(i), s.again
		go func() {
			l := r.look(r.ctx, s.action, g, again)
			r.report(report{step: i, looked: &l})
		}()
	}
}

// given returns what the key of a step depends on, as far as the plan knows it.
func (r *run) given(i int) given {
	s := r.steps[i]
	g := given{Inputs: make([]input, len(s.inputs)), Stamp: r.stamp}
	for n, f := range s.inputs {
		g.Inputs[n] = input{Artifact: f}
		if j, ok := r.producer(f); ok {
			g.Inputs[n] = r.input(f, j)
		}
	}
	return g
}

// startRunning runs missed steps while there are resources. They start in order:
// a small action does not pass a large one, which would wait for ever.
func (r *run) startRunning() {
	for {
		i, ok := r.plan.firstMissed()
		if !ok || !r.slots.acquire(r.steps[i].action.Resources) {
			return
		}
		r.plan.set(i, running)
		s := r.steps[i]
		e := event(rules.ActionStarted, s.action)
		e.Key = s.entry.Key.String()
		r.emit(e)
		p := s.prepared
		go func() {
			o := r.perform(r.ctx, r.slots, p)
			r.slots.release(p.action.Resources)
			r.report(report{step: i, ran: &o})
		}()
	}
}

// report hands a report to the loop, if it still listens.
func (r *run) report(m report) {
	select {
	case r.reports <- m:
	case <-r.over:
	}
}

// take moves a step on.
func (r *run) take(m report) {
	s := r.steps[m.step]
	if l := m.looked; l != nil {
		s.prepared = l.prepared
		s.entry.Duration = l.took
		if l.prepared != nil {
			s.entry.Key, s.entry.Fields = l.prepared.key, l.prepared.fields
		}
		r.takeLooked(m.step, l)
		return
	}
	o := m.ran
	s.entry.Duration += o.took
	s.entry.NestedHits, s.entry.NestedRuns = o.hits, o.runs
	if o.err != nil {
		r.fail(m.step, o.err, o.printed)
		return
	}
	status := rules.Ran
	if !o.ran {
		status = rules.Hit
	}
	r.done(m.step, o.result, status, o.printed)
}

func (r *run) takeLooked(i int, l *looked) {
	switch {
	case l.err != nil:
		r.fail(i, l.err, printed{})
	case l.hit:
		r.done(i, l.result, rules.Hit, l.printed)
	case r.stopping:
		r.plan.set(i, interrupted)
	case r.opts.OnlyCached:
		r.notCached(i)
	default:
		r.plan.set(i, missed)
	}
}

// notCached ends a step that would have to run, and must not. What does not depend on
// it is still looked up, so that the first in the graph can be told, whatever was
// looked up first; nobody is told of it before.
func (r *run) notCached(i int) {
	s := r.steps[i]
	s.entry.Status, s.entry.Err = rules.Blocked, &NotCachedError{Action: s.action}
	r.plan.set(i, failed)
}

// done ends a step that has its outputs.
func (r *run) done(i int, result cache.Result, status rules.Status, p printed) {
	s := r.steps[i]
	s.result, s.again, s.prepared = result, false, nil
	s.entry.Cached = status == rules.Hit
	s.entry.Outputs, s.entry.Warnings = result.Outputs, result.Warnings
	s.entry.Err = nil
	if result.ExitCode != 0 {
		status = rules.TestFailed
		if s.action.IsCommand() {
			s.entry.Err = exitStatus(result.ExitCode)
		}
	}
	for _, text := range result.Warnings {
		e := event(rules.Warned, s.action)
		e.Text = text
		r.emit(e)
	}
	r.finish(i, status, p)
	r.plan.set(i, done)
}

// finish tells how a step ended.
func (r *run) finish(i int, status rules.Status, p printed) {
	s := r.steps[i]
	s.entry.Status = status
	s.entry.Log, s.entry.Stdout, s.entry.Stderr = p.tail, p.stdout, p.stderr
	e := event(rules.ActionFinished, s.action)
	e.Status, e.Log, e.Seconds = status, p.tail, s.entry.Duration.Seconds()
	if !s.entry.Key.IsZero() {
		e.Key = s.entry.Key.String()
	}
	if s.entry.Err != nil {
		e.Text = s.entry.Err.Error()
	}
	r.emit(e)
}

// absent ends an optional step that has no outputs.
func (r *run) absent(i int, err error, p printed) {
	r.steps[i].entry.Err = err
	r.finish(i, rules.Absent, p)
	r.plan.set(i, absent)
}

// fail ends a step that came to an error: it is taken again once what it missed
// is made, it is absent, or it failed.
func (r *run) fail(i int, err error, p printed) {
	s := r.steps[i]
	if r.ctx.Err() != nil && isContext(err) {
		r.steps[i].entry.Err = ErrInterrupted
		r.finish(i, rules.Interrupted, printed{})
		r.plan.set(i, interrupted)
		return
	}
	var lost *cache.BlobError
	if errors.As(err, &lost) && !r.stopping && r.heal(r.ctx, i, lost) {
		return
	}
	err = blame(s.action, err)
	var failure *ActionError
	if errors.As(err, &failure) {
		failure.Log, failure.Stdout, failure.Stderr = p.tail, p.stdout, p.stderr
	}
	if s.action.Optional && !endsAll(err) {
		r.absent(i, err, p)
		return
	}
	s.entry.Err = err
	r.finish(i, rules.Failed, p)
	r.plan.set(i, failed)
	if !r.opts.KeepGoing || endsAll(err) {
		r.stopping = true
	}
}

// endsAll reports whether an error is no matter of one action: a bug, or a cache
// that takes nothing more.
func endsAll(err error) bool {
	var bug *BugError
	return errors.As(err, &bug) || errors.Is(err, cache.ErrFull) || errors.Is(err, cache.ErrReadOnly)
}

// end settles what is not over, and tells which steps were blocked.
func (r *run) end() {
	r.plan.stop()
	for i, s := range r.steps {
		switch r.plan.steps[i].state {
		case blocked:
			if s.entry.Status != rules.Blocked {
				s.entry.Err = r.blocker(i)
				r.finish(i, rules.Blocked, printed{})
			}
		case interrupted:
			s.entry.Status = rules.Interrupted
			s.entry.Err = ErrInterrupted
		}
	}
}

// blocker names the input because of which a step was blocked.
func (r *run) blocker(i int) error {
	for _, j := range r.plan.steps[i].inputs {
		if s := r.plan.steps[j].state; s == failed || s == blocked {
			return fmt.Errorf("%s has not made its input", r.steps[j].action)
		}
	}
	return errors.New("an input was not made")
}

// verdict returns the error that has to be told first: the gravest, and of equal
// ones the first in the graph.
func (r *run) verdict(wanted []bool) error {
	var worst error
	for i, s := range r.steps {
		if !wanted[i] {
			continue
		}
		state := r.plan.steps[i].state
		if state != failed && (state != interrupted || r.ctx.Err() == nil) {
			continue
		}
		if worst == nil || rank(s.entry.Err) < rank(worst) {
			worst = s.entry.Err
		}
	}
	return worst
}
