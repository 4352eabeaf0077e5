package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pungo-build/pungo/executor"
)

// notCached tells of the action that ends a build with --require-cached: what it is,
// and what changed for it since the last build here that had its result.
func (r *building) notCached(missed *executor.NotCachedError) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): its result is not in the cache\n", missed.Action, missed.Action.Mnemonic())
	known, err := readExplanation(r.folder)
	if err != nil {
		known = &explanation{}
	}
	for _, e := range r.build.Report().Actions {
		if e.Action != missed.Action {
			continue
		}
		for _, c := range sinceLast(known, e) {
			fmt.Fprintf(&b, "  %s\n", changeText(c))
		}
	}
	b.WriteString("  hint: nothing was run; build without --require-cached where it may be")
	return &exit{exitFailed, b.String()}
}

// sinceLast tells what changed for an action since it last had a result here: nothing,
// if none is known.
func sinceLast(known *explanation, e executor.Entry) []executor.Change {
	now := &explained{Instance: e.Instance, Mnemonic: e.Mnemonic}
	if len(e.Action.Outputs) > 0 {
		now.Output = e.Action.Outputs[0].Name
	}
	for i := range known.Actions {
		old := &known.Actions[i]
		if results := old.results(); old.id() == now.id() && len(results) > 0 {
			return executor.Changes(results[0].Fields, e.Fields)
		}
	}
	return nil
}

// ended is the end of a build that stopped with err.
func (r *building) ended(err error) error {
	var missed *executor.NotCachedError
	if errors.As(err, &missed) {
		return r.notCached(missed)
	}
	return failed(err)
}
