package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// explainCmd tells why the last build ran an action.
type explainCmd struct {
	cacheFlags

	Targets []string `arg:"" optional:"" help:"Targets: //dir:name, with or without @CELL. By default everything that ran."`
}

// explanation is what is kept of a build: <output>/.pungo/explanation.json. An
// action that the build did not take up keeps what was known of it.
type explanation struct {
	Actions []explained `json:"actions"`
}

// explained is one action of a build, with what had changed for it since it was
// last taken up.
type explained struct {
	Instance string           `json:"instance"`
	Mnemonic string           `json:"mnemonic"`
	Status   rules.Status     `json:"status"`
	Error    string           `json:"error,omitempty"`
	Key      cache.Digest     `json:"key"`
	Fields   []executor.Field `json:"fields"`
	// First is set if no earlier build is known to compare with.
	First   bool              `json:"first,omitempty"`
	Changes []executor.Change `json:"changes,omitempty"`
	Outputs []cache.Node      `json:"outputs,omitempty"`
}

// id tells actions apart: an instance may have several.
func (e *explained) id() string { return e.Instance + " " + e.Mnemonic }

func explanationPath(output string) string {
	return filepath.Join(output, stateDir, "explanation.json")
}

// saveExplanation keeps what a build did, held against the build before.
func saveExplanation(output string, report executor.Report) error {
	before := map[string]explained{}
	if old, err := readExplanation(output); err == nil {
		for _, e := range old.Actions {
			before[e.id()] = e
		}
	}
	var now explanation
	for _, a := range report.Actions {
		if a.Key.IsZero() {
			continue
		}
		e := explained{
			Instance: a.Instance, Mnemonic: a.Mnemonic, Status: a.Status, Key: a.Key, Fields: a.Fields, Outputs: a.Outputs,
		}
		if a.Err != nil {
			e.Error = a.Err.Error()
		}
		old, known := before[e.id()]
		e.First = !known
		if known {
			e.Changes = executor.Changes(old.Fields, e.Fields)
		}
		delete(before, e.id())
		now.Actions = append(now.Actions, e)
	}
	for _, e := range sortedValues(before) {
		now.Actions = append(now.Actions, e)
	}
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return writeFile(explanationPath(output), data)
}

func sortedValues(m map[string]explained) []explained {
	var list []explained
	for _, id := range sortedKeys(m) {
		list = append(list, m[id])
	}
	return list
}

func readExplanation(output string) (*explanation, error) {
	data, err := os.ReadFile(explanationPath(output))
	if err != nil {
		return nil, err
	}
	var e explanation
	return &e, json.Unmarshal(data, &e)
}

func (c *explainCmd) Run(ctx context.Context, p process, g *Globals) (err error) {
	s, err := openSession(p, g, c.cacheFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	known, err := readExplanation(s.output)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("nothing was built in %s yet", s.output)
	}
	if err != nil {
		return err
	}
	x := &explainer{session: s, process: p, known: known}
	chosen := x.choose(c.Targets)
	if len(chosen) == 0 && len(c.Targets) > 0 {
		return usagef("the last build has no action of %s", strings.Join(c.Targets, ", "))
	}
	if g.JSON {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(chosen)
	}
	if len(chosen) == 0 {
		fmt.Fprintln(p.stdout, "the last build ran nothing")
	}
	for _, e := range chosen {
		x.explain(ctx, e)
	}
	return nil
}

type explainer struct {
	*session
	process
	known *explanation
}

// choose returns the actions of the targets, or all that did not come from the
// cache.
func (x *explainer) choose(targets []string) []*explained {
	var chosen []*explained
	for i := range x.known.Actions {
		e := &x.known.Actions[i]
		label, _, _ := strings.Cut(e.Instance, "@")
		wanted := len(targets) == 0 && e.Status != rules.Hit
		for _, t := range targets {
			if strings.HasPrefix(t, ":") {
				t = "//" + t
			}
			wanted = wanted || t == e.Instance || t == label
		}
		if wanted {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

// statusText says in words how an action ended.
var statusText = map[rules.Status]string{
	rules.Hit: "came from the cache", rules.Ran: "ran", rules.Failed: "failed", rules.TestFailed: "ran, and the test failed",
	rules.Absent: "is absent", rules.Blocked: "did not run, since an input failed", rules.Interrupted: "was interrupted",
}

func (x *explainer) explain(ctx context.Context, e *explained) {
	fmt.Fprintf(x.stdout, "%s (%s) %s\n", e.Instance, e.Mnemonic, statusText[e.Status])
	switch {
	case e.Error != "":
		fmt.Fprintf(x.stdout, "  %s\n", strings.ReplaceAll(e.Error, "\n", "\n  "))
	case e.First && e.Status == rules.Hit:
		fmt.Fprintln(x.stdout, "  its result was in the cache; there is no earlier build here to compare with")
	case e.First:
		fmt.Fprintln(x.stdout, "  no earlier build is known here, and no result was in the cache")
	case len(e.Changes) == 0 && e.Status == rules.Hit:
		fmt.Fprintln(x.stdout, "  nothing it depends on changed")
		x.cutOff(e)
	case len(e.Changes) == 0:
		fmt.Fprintln(x.stdout, "  nothing it depends on changed, but its result was not in the cache")
	}
	for _, cause := range x.changes(ctx, e, "  ", map[string]bool{e.id(): true}) {
		fmt.Fprintf(x.stdout, "  root cause: %s\n", cause)
	}
}

// cutOff names the inputs whose makers ran again and made the same.
func (x *explainer) cutOff(e *explained) {
	for i := range e.Fields {
		f := &e.Fields[i]
		for _, maker := range x.makers(f) {
			if len(maker.Changes) > 0 {
				fmt.Fprintf(x.stdout, "  %s was made again by %s, and is the same\n", strings.TrimPrefix(f.Name, "input "), maker.Instance)
			}
		}
	}
}

// changes prints what changed for an action, and below each changed input why
// that changed, down to files of the workspace. It returns the root causes: what
// changed and is made by no action.
func (x *explainer) changes(ctx context.Context, e *explained, indent string, seen map[string]bool) []string {
	var causes []string
	for _, c := range e.Changes {
		fmt.Fprintf(x.stdout, "%s%s\n", indent, changeText(c))
		makers := x.makers(c.After)
		for _, maker := range makers {
			if !seen[maker.id()] {
				seen[maker.id()] = true
				causes = append(causes, x.changes(ctx, maker, indent+"  ", seen)...)
			}
		}
		switch {
		case len(makers) > 0:
		case c.Before != nil && c.After != nil && c.After.From != "":
			causes = append(causes, x.files(ctx, c)...)
		default:
			causes = append(causes, e.Instance+" "+changeText(c))
		}
	}
	return causes
}

// makers are the actions whose output a changed input is.
func (x *explainer) makers(f *executor.Field) []*explained {
	var makers []*explained
	if f == nil || f.From == "" {
		return nil
	}
	for i := range x.known.Actions {
		e := &x.known.Actions[i]
		if e.Instance == f.From && slices.ContainsFunc(e.Outputs, func(n cache.Node) bool { return n.Digest == f.Digest }) {
			makers = append(makers, e)
		}
	}
	return makers
}

func changeText(c executor.Change) string {
	switch {
	case c.Before == nil:
		return "new: " + c.After.String()
	case c.After == nil:
		return "gone: " + c.Before.String()
	case c.After.From != "":
		return "changed: " + c.After.Name + " of " + c.After.From
	}
	return fmt.Sprintf("changed: %s, was %q, is %q", c.After.Name, c.Before.Value, c.After.Value)
}

// files tells which files of a changed source differ. A file whose content
// changed may have moved to another shard, so files are paired by their paths in
// the workspace.
func (x *explainer) files(ctx context.Context, c executor.Change) []string {
	before, after := map[string]bool{}, map[string]bool{}
	err := x.trees.Diff(ctx, c.Before.Digest, c.After.Digest, func(d cache.Change) error {
		return errors.Join(x.note(ctx, before, d.Path, d.Old), x.note(ctx, after, d.Path, d.New))
	})
	if err != nil || len(before)+len(after) == 0 {
		return []string{c.After.From + " changed"}
	}
	const most = 20
	var files []string
	for path := range before {
		if after[path] {
			files = append(files, c.After.From+"/"+path+" changed")
		} else {
			files = append(files, c.After.From+"/"+path+" removed")
		}
	}
	for path := range after {
		if !before[path] {
			files = append(files, c.After.From+"/"+path+" added")
		}
	}
	slices.Sort(files)
	if len(files) > most {
		files = append(files[:most], fmt.Sprintf("and %d more files of %s", len(files)-most, c.After.From))
	}
	return files
}

// note adds the files at or below a node of a tree.
func (x *explainer) note(ctx context.Context, paths map[string]bool, path string, n *cache.Node) error {
	switch {
	case n == nil:
		return nil
	case n.Kind != cache.DirKind:
		paths[unsharded(path)] = true
		return nil
	}
	return x.trees.Walk(ctx, n.Digest, func(below string, n cache.Node) error {
		if n.Kind != cache.DirKind {
			paths[unsharded(path+"/"+below)] = true
		}
		return nil
	})
}

// unsharded is the path of a file in its folder: the shard is how we keep it.
func unsharded(path string) string {
	if len(path) > 3 && path[2] == '/' {
		return path[3:]
	}
	return path
}
