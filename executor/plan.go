package executor

import (
	"context"
	"errors"
	"fmt"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Step tells what a Run would do about an action.
type Step struct {
	Action  *rules.Action
	Outlook Outlook
	// Reason says why, in one line; "" for a hit.
	Reason string
	// Key and Fields say what the result depends on, where that is known. Compare
	// Fields with those of an earlier build by Changes.
	Key    cache.Digest
	Fields []Field
}

// Outlook is what is going to become of an action.
type Outlook string

// What may be said before anything runs.
const (
	WillHit     Outlook = "hit"     // its result is recorded
	WillRun     Outlook = "run"     // it is not
	After       Outlook = "after"   // its key is known only after others ran: hit or run
	WillBeGone  Outlook = "absent"  // optional, and cannot run
	Unavailable Outlook = "blocked" // not optional, and cannot run
)

// Plan tells what Run would do to make the artifacts, in the order of the graph.
// It runs nothing; sources are read, and the action cache is. Optional actions
// may be absent whatever is said of them here.
func (b *Build) Plan(ctx context.Context, want ...*rules.Artifact) ([]Step, error) {
	f := &forecast{Build: b, ctx: ctx, outlook: make([]Outlook, len(b.steps)), results: make([]cache.Result, len(b.steps))}
	var steps []Step
	for i, in := range b.closure(want) {
		if !in {
			continue
		}
		step := f.step(i)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.outlook[i] = step.Outlook
		steps = append(steps, step)
	}
	return steps, nil
}

// forecast is one Plan: what is known of the steps before the one at hand.
type forecast struct {
	*Build
	ctx     context.Context
	outlook []Outlook
	results []cache.Result // of those that will hit
}

func (f *forecast) step(i int) Step {
	s := f.steps[i]
	step := Step{Action: s.action, Key: s.entry.Key, Fields: s.entry.Fields}
	switch f.plan.steps[i].state {
	case done:
		step.Outlook, f.results[i] = WillHit, s.result
		return step
	case absent:
		step.Outlook, step.Reason = WillBeGone, s.entry.Err.Error()
		return step
	}
	if off(s.action) {
		step.Outlook, step.Reason = WillBeGone, "the test is off"
		return step
	}
	if s.action.Toolchain != nil {
		if _, _, err := f.strategy(f.ctx, s.action); err != nil {
			f.cannot(&step, err)
			return step
		}
	}
	if step.Reason = f.unknown(i); step.Reason != "" {
		step.Outlook = After
		return step
	}
	f.look(i, &step)
	return step
}

// unknown says which input keeps the key of a step from being known; "" if none
// does.
func (f *forecast) unknown(i int) string {
	for _, j := range f.plan.steps[i].inputs {
		switch a := f.steps[j].action; f.outlook[j] {
		case WillRun, After:
			return fmt.Sprintf("%s runs first", a)
		case Unavailable:
			return fmt.Sprintf("%s cannot run", a)
		}
	}
	if f.stamp == nil && f.steps[i].stamped {
		return "it depends on the identity of the compose"
	}
	return ""
}

// look looks a step up whose inputs are known.
func (f *forecast) look(i int, step *Step) {
	s := f.steps[i]
	g := given{Stamp: f.stamp, Inputs: make([]input, len(s.inputs))}
	for n, artifact := range s.inputs {
		g.Inputs[n] = input{Artifact: artifact}
		if j, ok := f.producer(artifact); ok && f.outlook[j] == WillHit {
			node, _ := f.results[j].Output(outputPath(artifact))
			node.Name = artifact.Name
			g.Inputs[n].Node = node
		}
	}
	l := f.Build.look(f.ctx, s.action, g, false)
	if l.prepared != nil {
		step.Key, step.Fields = l.prepared.key, l.prepared.fields
	}
	switch {
	case l.err != nil:
		f.cannot(step, l.err)
	case l.hit:
		step.Outlook, f.results[i] = WillHit, l.result
	default:
		step.Outlook, step.Reason = WillRun, "no result is recorded for these inputs"
	}
}

// cannot says that an action is not going to run.
func (f *forecast) cannot(step *Step, err error) {
	step.Outlook, step.Reason = Unavailable, err.Error()
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) && unavailable.Hint != "" {
		step.Reason += "; " + unavailable.Hint
	}
	if step.Action.Optional && !endsAll(err) {
		step.Outlook = WillBeGone
	}
}
