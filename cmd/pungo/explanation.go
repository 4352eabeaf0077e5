package main

import (
	"encoding/json"
	"os"
	"slices"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cmd/pungo/output"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// explanation is what is kept of builds: <output>/.pungo/explanation. An
// action that the last build did not take up keeps what was known of it.
type explanation struct {
	Actions []explained `json:"actions"`
}

// explained is one action as it was last taken up, with what had changed for it
// since it last had a result.
type explained struct {
	Instance string       `json:"instance"`
	Mnemonic string       `json:"mnemonic"`
	Output   string       `json:"output,omitempty"` // the first one's name
	Status   rules.Status `json:"status"`
	Error    string       `json:"error,omitempty"`
	// Current is set if the last build took the action up.
	Current bool `json:"current,omitempty"`
	// First is set if no earlier result is known to compare with.
	First   bool              `json:"first,omitempty"`
	Changes []executor.Change `json:"changes,omitempty"`
	outcome
	// Earlier are results before this one, each of another key, the newest first.
	Earlier []outcome `json:"earlier,omitempty"`
}

// outcome is what an action depended on, and what it made of that. Both are empty
// if the action did not get that far.
type outcome struct {
	Key     cache.Digest     `json:"key,omitzero"`
	Fields  []executor.Field `json:"fields,omitempty"`
	Outputs []cache.Node     `json:"outputs,omitempty"`
}

// maxEarlier bounds Earlier. More than one is of use where a change went through
// the first of two actions several times before the second had a result again.
const maxEarlier = 4

// id tells actions apart: an instance may have several, even of one program, but
// each has outputs of its own.
func (e *explained) id() string { return e.Instance + " " + e.Mnemonic + " " + e.Output }

// hasResult reports whether the action was done: its outputs are known, whatever
// a test's verdict.
func (e *explained) hasResult() bool {
	return e.Status == rules.Hit || e.Status == rules.Ran || e.Status == rules.TestFailed
}

// results are all that are known, the newest first.
func (e *explained) results() []outcome {
	if !e.hasResult() {
		return e.Earlier
	}
	return append([]outcome{e.outcome}, e.Earlier...)
}

// follow compares an action with what was known of it, nil if nothing was. What
// failed or was interrupted is nothing to compare with: the next build still has
// to tell what changed since the last result.
func (e *explained) follow(old *explained) {
	var earlier []outcome
	if old != nil {
		earlier = old.results()
	}
	e.First = len(earlier) == 0
	if !e.First && !e.Key.IsZero() {
		e.Changes = executor.Changes(earlier[0].Fields, e.Fields)
	}
	if e.hasResult() {
		earlier = slices.DeleteFunc(earlier, func(o outcome) bool { return o.Key == e.Key })
	}
	e.Earlier = earlier[:min(len(earlier), maxEarlier)]
}

// since tells what changed for an action after it had made an input that another
// one read: that one may have missed some of its results. If the input is none
// of them, it is what changed since the last result of another key.
func (e *explained) since(input *executor.Field) []executor.Change {
	for _, r := range e.Earlier {
		if input != nil && r.makes(input) {
			return executor.Changes(r.Fields, e.Fields)
		}
	}
	if len(e.Earlier) > 0 {
		return executor.Changes(e.Earlier[0].Fields, e.Fields)
	}
	return e.Changes
}

// makes reports whether an input is one of the outputs.
func (o *outcome) makes(input *executor.Field) bool {
	return slices.ContainsFunc(o.Outputs, func(n cache.Node) bool { return n.Digest == input.Digest })
}

const explanationFile = "explanation"

// saveExplanation keeps what a build did, held against the builds before.
func saveExplanation(folder *output.Folder, report executor.Report) error {
	before := map[string]explained{}
	if old, err := readExplanation(folder); err == nil {
		for _, e := range old.Actions {
			before[e.id()] = e
		}
	}
	now := explain(before, report)
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return folder.WriteState(explanationFile, data)
}

// explain puts the actions of a build before those that it did not take up.
func explain(before map[string]explained, report executor.Report) explanation {
	var now explanation
	for _, a := range report.Actions {
		if a.Status == "" {
			continue
		}
		e := explained{
			Instance: a.Instance, Mnemonic: a.Mnemonic, Status: a.Status, Current: true,
			outcome: outcome{Key: a.Key, Fields: a.Fields, Outputs: a.Outputs},
		}
		if len(a.Action.Outputs) > 0 {
			e.Output = a.Action.Outputs[0].Name
		}
		if a.Err != nil {
			e.Error = a.Err.Error()
		}
		if old, known := before[e.id()]; known {
			e.follow(&old)
		} else {
			e.follow(nil)
		}
		delete(before, e.id())
		now.Actions = append(now.Actions, e)
	}
	for _, id := range sortedKeys(before) {
		e := before[id]
		e.Current = false
		now.Actions = append(now.Actions, e)
	}
	return now
}

func readExplanation(folder *output.Folder) (*explanation, error) {
	data, err := os.ReadFile(folder.State(explanationFile))
	if err != nil {
		return nil, err
	}
	var e explanation
	return &e, json.Unmarshal(data, &e)
}
