package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// trail is the way of packages from their sources to what a variant ships on an arch, as
// the instances on it explain it.
type trail struct {
	*session
	graph *rules.Graph
	build *executor.Build
	end   *rules.Explanation   // whose list counts
	own   []*rules.Explanation // of this variant or of all, sources first, the end last
	// others are those of other variants, by uid: a child may leave packages.
	others map[string][]*rules.Explanation
	logs   map[*rules.Artifact]*packages.DecisionLog // what was read
}

// trails returns the trails of the cells that were asked for. What is on them is built,
// if it was not.
func (c *whyArgs) trails(ctx context.Context, p process, s *session) ([]*trail, error) {
	graph, err := evaluateRoot(ctx, p, s.root, matrixFlags{Define: c.Define}, identityFlags{})
	if err != nil {
		return nil, err
	}
	if err := c.check(graph.Compose); err != nil {
		return nil, err
	}
	var all []*trail
	var want []*rules.Artifact
	logs := map[*rules.Artifact]*packages.DecisionLog{}
	for i := range graph.Explanations {
		x := &graph.Explanations[i]
		cell := x.Owner.Cell
		if x.List == nil || !c.has(cell.Variant, cell.Arch) {
			continue
		}
		t := &trail{session: s, graph: graph, end: x, others: map[string][]*rules.Explanation{}, logs: logs}
		t.collect(graph)
		want = append(want, x.List)
		all = append(all, t)
	}
	build := s.executor(graph, s.remote(graph, s.lock, false), nil, manner{})
	if err := build.Run(ctx, want...); err != nil {
		return nil, networkError(err)
	}
	for _, t := range all {
		t.build = build
	}
	return all, nil
}

// collect finds who explains what led to the end.
func (t *trail) collect(graph *rules.Graph) {
	on := map[*rules.Analysed]bool{}
	for _, a := range closure(graph, []*rules.Analysed{t.end.Owner}, func(a *rules.Analysed) []*rules.Analysed { return a.Deps }) {
		on[a] = true
	}
	for i := range graph.Explanations {
		x := &graph.Explanations[i]
		switch variant := x.Owner.Cell.Variant; {
		case !on[x.Owner]:
		case variant == "" || variant == t.end.Owner.Cell.Variant:
			t.own = append(t.own, x)
		default:
			t.others[variant] = append(t.others[variant], x)
		}
	}
}

// content returns what an artifact holds; nil if there is none.
func (t *trail) content(ctx context.Context, f *rules.Artifact) ([]byte, error) {
	if f == nil {
		return nil, nil
	}
	n, _ := t.build.Artifact(f)
	if n.Digest.IsZero() {
		return nil, nil
	}
	return t.store.Get(ctx, n.Digest)
}

// log returns the decisions of an instance.
func (t *trail) log(ctx context.Context, x *rules.Explanation) (*packages.DecisionLog, error) {
	if l, ok := t.logs[x.Decisions]; ok {
		return l, nil
	}
	data, err := t.content(ctx, x.Decisions)
	if err != nil {
		return nil, err
	}
	l, err := packages.ReadDecisions(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.Owner.Instance, err)
	}
	t.logs[x.Decisions] = l
	return l, nil
}

// files returns the packages that an instance left, named without suffix and epoch.
func (t *trail) files(ctx context.Context, x *rules.Explanation) ([]cache.Node, error) {
	if x.Packages == nil {
		return nil, nil
	}
	n, _ := t.build.Artifact(x.Packages)
	if n.Digest.IsZero() {
		return nil, nil
	}
	files, err := packages.Files(ctx, t.trees, n.Digest)
	for i := range files {
		files[i].Name = strings.TrimSuffix(files[i].Name, ".rpm")
	}
	return files, err
}

// nevra returns what the package of a file is called: names of files tell no epoch.
func (t *trail) nevra(ctx context.Context, file cache.Node) (string, error) {
	record, err := t.store.Get(ctx, file.Digest)
	if err != nil {
		return "", err
	}
	n, err := packages.HeaderNEVRA(record)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file.Name, err)
	}
	return n.String(), nil
}

// shipped returns what of the packages that are meant the list has.
func (t *trail) shipped(ctx context.Context, wanted pattern) ([]packages.Listed, error) {
	data, err := t.content(ctx, t.end.List)
	if err != nil {
		return nil, err
	}
	return packages.SelectList(data, wanted.matches)
}

func (t *trail) answer(nevra, tree string, decisions []packages.Decision) answer {
	cell := t.end.Owner.Cell
	return answer{Package: nevra, Variant: cell.Variant, Arch: cell.Arch, Target: t.end.Owner.Label.String(), Tree: tree, Decisions: decisions}
}
