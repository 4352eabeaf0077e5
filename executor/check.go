package executor

import (
	"context"
	"errors"
	"fmt"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Check is the check of the graph before anything runs. It looks at the whole
// graph for what is wrong with the definition: each tool is known and takes its
// arguments, each artifact has one producer, which comes before its consumers.
// Then it looks for the programs that the artifacts in want need, but for
// optional actions. The error joins *rules.Error values, or, if there are none,
// *EnvironmentError values.
func (b *Build) Check(ctx context.Context, want ...*rules.Artifact) error {
	var errs []error
	producers := map[*rules.Artifact]*rules.Action{}
	for _, s := range b.steps {
		for _, text := range b.faults(s, producers) {
			errs = append(errs, &rules.Error{Pos: position(s.action), Msg: s.action.String() + ": " + text})
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return b.checkPrograms(ctx, b.closure(want))
}

// faults tells what is wrong with an action, and adds it as the producer of its
// outputs.
func (b *Build) faults(s *step, producers map[*rules.Artifact]*rules.Action) []string {
	a := s.action
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, f := range s.inputs {
		switch {
		case f.Producer == nil && f.Source == nil:
			fault("input %q has no producer", f.Name)
		case f.Producer != nil && producers[f] == nil:
			fault("input %q is not made before it is needed", f.Name)
		}
	}
	names := map[string]bool{}
	for _, f := range a.Outputs {
		if other := producers[f]; other != nil {
			fault("output %q is made by %s too", f.Name, other)
		} else if f.Producer != a {
			fault("output %q is said to be made by another action", f.Name)
		}
		if names[f.Name] {
			fault("output %q is declared twice", f.Name)
		}
		names[f.Name] = true
		producers[f] = a
	}
	if text := b.toolFault(s); text != "" {
		fault("%s", text)
	}
	return faults
}

// toolFault tells what the action's tool would say to its arguments, if all of
// its inputs are there.
func (b *Build) toolFault(s *step) string {
	if s.action.IsCommand() {
		return ""
	}
	tool, err := b.tool(s.action.Tool)
	if err != nil {
		return err.Error()
	}
	// Any stamp will do: a placeholder may stand where a number is wanted.
	g := given{Stamp: &rules.Stamp{Date: "20000101"}, Inputs: make([]input, len(s.inputs))}
	for i, f := range s.inputs {
		g.Inputs[i] = input{Artifact: f, Node: cache.Node{Kind: f.Kind}}
	}
	k := newKeyed(b.opts.Store.Function(), leading(s.action))
	describe(s.action, g, k)
	if err := tool.Check(k.args); err != nil {
		return tool.Name + ": " + err.Error()
	}
	return ""
}

func (b *Build) checkPrograms(ctx context.Context, wanted []bool) error {
	var errs []error
	for i, s := range b.steps {
		a := s.action
		if !wanted[i] || a.Toolchain == nil || a.Optional || off(a) {
			continue
		}
		if _, _, err := b.strategy(ctx, a); err != nil {
			errs = append(errs, blame(a, err))
		}
	}
	return errors.Join(errs...)
}

// position returns where an action's target is declared.
func position(a *rules.Action) rules.Position {
	if a.Owner == nil || a.Owner.Target == nil {
		return rules.Position{}
	}
	return a.Owner.Target.Pos
}
