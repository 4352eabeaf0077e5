package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cmd/pungo/output"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// explainCmd tells why the last build ran an action.
type explainCmd struct {
	matrixFlags
	cacheFlags
	targetArgs
}

func (c *explainCmd) Run(ctx context.Context, p process, g *Globals) (err error) {
	s, err := openSession(p, g, c.cacheFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	known, err := readExplanation(output.At(s.output))
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("nothing was built in %s yet", s.output)
	}
	if err != nil {
		return err
	}
	chosen, err := c.actions(ctx, p, s, known)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(p.stdout, withoutEarlier(chosen))
	}
	if len(chosen) == 0 {
		fmt.Fprintln(p.stdout, "the last build ran nothing")
	}
	x := &explainer{session: s, process: p, known: known}
	for _, e := range chosen {
		x.explain(ctx, e)
	}
	return nil
}

// actions returns the actions of the targets that were named. If none were, it
// returns what the last build took up and did not find in the cache.
func (c *explainCmd) actions(ctx context.Context, p process, s *session, known *explanation) ([]*explained, error) {
	graph, err := evaluateRoot(ctx, p, s.root, c.matrixFlags, identityFlags{})
	if err != nil {
		return nil, err
	}
	instances, err := c.targetArgs.choose(graph, s.pkg)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, a := range instances {
		wanted[a.Instance.String()] = true
	}
	all := len(c.Targets)+len(c.Without) == 0
	if all && graph.Layout != nil {
		wanted[graph.Layout.String()] = true
	}
	var chosen []*explained
	for i := range known.Actions {
		e := &known.Actions[i]
		if wanted[e.Instance] && (!all || e.Current && e.Status != rules.Hit) {
			chosen = append(chosen, e)
		}
	}
	if len(chosen) == 0 && !all {
		return nil, usagef("no build here took up an action of %s", strings.Join(c.Targets, ", "))
	}
	return chosen, nil
}

// withoutEarlier leaves out what only serves to compare with.
func withoutEarlier(chosen []*explained) []explained {
	list := make([]explained, len(chosen))
	for i, e := range chosen {
		list[i] = *e
		list[i].Earlier = nil
	}
	return list
}

type explainer struct {
	*session
	process
	known *explanation
}

// statusText says in words how an action ended.
var statusText = map[rules.Status]string{
	rules.Hit: "came from the cache", rules.Ran: "ran", rules.Failed: "failed", rules.TestFailed: "ran, and the test failed",
	rules.Absent: "is absent", rules.Blocked: "did not run, since an input failed", rules.Interrupted: "was interrupted",
}

func (x *explainer) explain(ctx context.Context, e *explained) {
	last := ""
	if !e.Current {
		last = "was not asked for in the last build; in the one before that did, it "
	}
	fmt.Fprintf(x.stdout, "%s (%s) %s%s\n", e.Instance, e.Mnemonic, last, statusText[e.Status])
	if e.Error != "" {
		fmt.Fprintf(x.stdout, "  %s\n", strings.ReplaceAll(e.Error, "\n", "\n  "))
	}
	switch cached := e.Status == rules.Hit; {
	case e.Key.IsZero():
		return // it did not get as far as to know what it depends on
	case e.First && cached:
		fmt.Fprintln(x.stdout, "  its result was in the cache; there is no earlier build here to compare with")
	case e.First && e.Error == "":
		fmt.Fprintln(x.stdout, "  no earlier build is known here, and no result was in the cache")
	case len(e.Changes) == 0 && cached:
		fmt.Fprintln(x.stdout, "  nothing it depends on changed")
		x.cutOff(e)
	case len(e.Changes) == 0 && e.Error == "":
		fmt.Fprintln(x.stdout, "  nothing it depends on changed, but its result was not in the cache")
	}
	for _, cause := range x.changes(ctx, e, e.Changes, "  ", map[string]bool{e.id(): true}) {
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
func (x *explainer) changes(ctx context.Context, e *explained, changes []executor.Change, indent string, seen map[string]bool) []string {
	var causes []string
	for _, c := range changes {
		fmt.Fprintf(x.stdout, "%s%s\n", indent, changeText(c))
		makers := x.makers(c.After)
		for _, maker := range makers {
			if !seen[maker.id()] {
				seen[maker.id()] = true
				causes = append(causes, x.changes(ctx, maker, maker.since(c.Before), indent+"  ", seen)...)
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
		if e.Instance == f.From && e.makes(f) {
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
		paths[unsharded(path, n.Digest)] = true
		return nil
	}
	return x.trees.Walk(ctx, n.Digest, func(below string, n cache.Node) error {
		if n.Kind != cache.DirKind {
			paths[unsharded(path+"/"+below, n.Digest)] = true
		}
		return nil
	})
}

// unsharded is the path of a file in its folder. That of a sharded source begins
// with the first two digits of the file's digest, which is how we keep it.
func unsharded(path string, file cache.Digest) string {
	shard, rest, below := strings.Cut(path, "/")
	if below && !file.IsZero() && shard == file.Shard() {
		return rest
	}
	return path
}
