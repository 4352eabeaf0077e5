package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/spell"
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
		if x.List == nil || len(c.Variant) > 0 && !slices.Contains(c.Variant, cell.Variant) ||
			len(c.Arch) > 0 && !slices.Contains(c.Arch, cell.Arch) {
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

// check refuses variants and arches that the compose does not have.
func (c *whyArgs) check(compose *rules.Compose) error {
	var uids []string
	for _, v := range compose.Variants {
		uids = append(uids, v.UID)
	}
	for _, uid := range c.Variant {
		if !slices.Contains(uids, uid) {
			return usagef("--variant %s: no such variant%s", uid, spell.DidYouMean(uid, uids))
		}
	}
	for _, arch := range c.Arch {
		if !slices.Contains(compose.Arches, arch) {
			return usagef("--arch %s: no such arch%s", arch, spell.DidYouMean(arch, compose.Arches))
		}
	}
	return nil
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

// why tells how the packages that are meant got into the list.
func (t *trail) why(ctx context.Context, wanted pattern) ([]answer, error) {
	shipped, err := t.shipped(ctx, wanted)
	if err != nil {
		return nil, err
	}
	var answers []answer
	for _, l := range shipped {
		chain, err := t.chain(ctx, t.own, l.NEVRA)
		if err != nil {
			return nil, err
		}
		answers = append(answers, t.answer(l.NEVRA, l.Tree, chain))
	}
	return answers, nil
}

// fromChild begins what a decision says of a package that a child left, see trim.
const fromChild = "left by "

// chain returns the decisions that led to a package: from a wish on to the package
// itself.
func (t *trail) chain(ctx context.Context, from []*rules.Explanation, nevra string) ([]packages.Decision, error) {
	var chain []packages.Decision
	for nevra != "" {
		d, err := t.broughtIn(ctx, from, nevra)
		if err != nil || d == nil {
			return chain, err
		}
		chain = append([]packages.Decision{*d}, chain...)
		if child, ok := strings.CutPrefix(d.For, fromChild); ok && d.By == "" {
			earlier, err := t.chain(ctx, t.others[child], nevra)
			return append(earlier, chain...), err
		}
		nevra = d.By
	}
	return chain, nil
}

// broughtIn returns the decision that brought a package in, of the last that did; nil if
// there is none.
func (t *trail) broughtIn(ctx context.Context, from []*rules.Explanation, nevra string) (*packages.Decision, error) {
	for _, x := range slices.Backward(from) {
		l, err := t.log(ctx, x)
		if err != nil {
			return nil, err
		}
		decisions, err := l.Of(nevra)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.Owner.Instance, err)
		}
		for i := range decisions {
			if decisions[i].Dropped == "" && decisions[i].Tree != "" {
				return &decisions[i], nil
			}
		}
	}
	return nil, nil
}

// whynot tells what became of the packages that are meant and not in the list.
func (t *trail) whynot(ctx context.Context, wanted pattern) ([]answer, error) {
	shipped, err := t.shipped(ctx, wanted)
	if err != nil {
		return nil, err
	}
	missing, err := t.known(ctx, wanted)
	if err != nil {
		return nil, err
	}
	refused, err := t.refused(ctx, shipped)
	if err != nil {
		return nil, err
	}
	for _, l := range shipped {
		if refused[l.File] == "" {
			delete(missing, fileOf(l.NEVRA))
		}
	}
	t.dropForeign(missing, shipped)
	var answers []answer
	for _, file := range slices.Sorted(maps.Keys(missing)) {
		decisions, err := t.fate(ctx, file, missing[file])
		if err != nil {
			return nil, err
		}
		if fault := refused[file+".rpm"]; fault != "" {
			decisions = []packages.Decision{{Package: missing[file].nevra, Step: "unsigned", Dropped: fault}}
		}
		answers = append(answers, t.answer(missing[file].nevra, "", decisions))
	}
	if len(answers)+len(shipped) > 0 {
		return answers, nil
	}
	return t.unmatched(ctx, wanted)
}

// dropForeign drops packages of foreign arches, if others of their name could be here:
// who asks without an arch means those.
func (t *trail) dropForeign(missing map[string]candidate, shipped []packages.Listed) {
	arches := rpm.ValidArches(t.end.Owner.Cell.Arch, true)
	here := map[string]bool{}
	isHere := func(nevra string) (name string, ok bool) {
		n, _ := rpm.ParseNEVRA(nevra)
		return n.Name, n.IsSource() || slices.Contains(arches, n.Arch)
	}
	for _, l := range shipped {
		name, _ := isHere(l.NEVRA)
		here[name] = true
	}
	for file := range missing {
		if name, ok := isHere(file); ok {
			here[name] = true
		}
	}
	maps.DeleteFunc(missing, func(file string, _ candidate) bool {
		name, ok := isHere(file)
		return !ok && here[name]
	})
}

// candidate is a package on the trail.
type candidate struct {
	nevra string
	// header of the package, whose name is that of the file, if a set has it
	header cache.Node
	set    int                 // place in own of the last set that has it, -1 if none has
	lost   []packages.Decision // that took others
}

// fileOf is a NEVRA without epoch: the name of the file without suffix.
func fileOf(nevra string) string {
	n, err := rpm.ParseNEVRA(nevra)
	if err != nil {
		return nevra
	}
	return strings.TrimSuffix(n.FileName(), ".rpm")
}

// known returns the packages that are meant, of all that came by, by file.
func (t *trail) known(ctx context.Context, wanted pattern) (known map[string]candidate, err error) {
	known = map[string]candidate{}
	for i, x := range t.own {
		files, err := t.files(ctx, x)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if wanted.matchesFile(f.Name) {
				known[f.Name] = candidate{header: f, set: i}
			}
		}
	}
	for _, x := range t.own {
		l, err := t.log(ctx, x)
		if err != nil {
			return nil, err
		}
		for _, nevra := range wanted.matching(l.Packages()) {
			c, ok := known[fileOf(nevra)]
			if !ok {
				c.set = -1
			}
			c.nevra = nevra
			known[fileOf(nevra)] = c
		}
		if err := addLost(known, l, wanted); err != nil {
			return nil, err
		}
	}
	for file, c := range known {
		if c.nevra != "" {
			continue
		}
		if c.nevra, err = t.nevra(ctx, c.header); err != nil {
			return nil, err
		}
		if known[file] = c; !wanted.matches(c.nevra) {
			delete(known, file) // of another epoch
		}
	}
	return known, nil
}

// addLost adds the decisions of a log that took others.
func addLost(known map[string]candidate, l *packages.DecisionLog, wanted pattern) error {
	decisions, err := l.Rejecting(wanted.prefix)
	if err != nil {
		return err
	}
	for _, d := range decisions {
		for _, nevra := range wanted.matching(d.Rejected) {
			if c, ok := known[fileOf(nevra)]; ok {
				c.nevra, c.lost = nevra, append(c.lost, d)
				known[fileOf(nevra)] = c
			}
		}
	}
	return nil
}

// lastSet is the place in own of the set that is chosen from in the end.
func (t *trail) lastSet() int {
	for i, x := range slices.Backward(t.own) {
		if x.Packages != nil {
			return i
		}
	}
	return -1
}

// fate tells what a package fell to, and what was taken in its place.
func (t *trail) fate(ctx context.Context, file string, c candidate) ([]packages.Decision, error) {
	var all []packages.Decision
	last := t.lastSet()
	inLast := last >= 0 && c.set == last
	for i, x := range t.own {
		if inLast && i <= last {
			continue // whoever left it out, another did not
		}
		l, err := t.log(ctx, x)
		if err != nil {
			return nil, err
		}
		dropped, err := l.Of(c.nevra)
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(dropped, func(d packages.Decision) bool { return d.Dropped == "" })...)
	}
	all = append(all, c.lost...)
	if len(all) > 0 {
		return all, nil
	}
	d := packages.Decision{Package: c.nevra, Step: "never wanted", Dropped: "nothing wants it"}
	if !inLast && last >= 0 {
		d.Step, d.Dropped = t.foreign(file)
	}
	return []packages.Decision{d}, nil
}

// foreign says why a package is not in the set of its arch, if no decision does: that
// is so without one.
func (t *trail) foreign(file string) (step, why string) {
	tree := t.end.Owner.Cell.Arch
	n, err := rpm.ParseNEVRA(file)
	switch {
	case err == nil && n.IsSource():
		return "no binaries", "no package of " + tree + " was built from it"
	case err == nil && !slices.Contains(rpm.ValidArches(tree, false), n.Arch):
		return "arch", "packages of arch " + n.Arch + " are not for " + tree
	}
	return "not chosen", "not in the package set " + t.own[t.lastSet()].Owner.Label.String()
}

// refused tells of packages that are to be shipped what is wrong with their signatures, as
// far as the packages are at hand: nothing is downloaded to tell.
func (t *trail) refused(ctx context.Context, shipped []packages.Listed) (map[string]string, error) {
	if t.end.Verified == nil || len(shipped) == 0 {
		return nil, nil
	}
	local := *t.session
	local.flags.Offline = true
	build := local.executor(t.graph, local.remote(t.graph, local.lock, false), nil, manner{keepGoing: true})
	if err := build.Run(ctx, t.end.Verified); err == nil || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	refused := map[string]string{}
	for _, e := range build.Report().Actions {
		if e.Err == nil || e.Action != t.end.Verified.Producer {
			continue
		}
		for line := range strings.Lines(e.Err.Error()) {
			for _, l := range shipped {
				if _, fault, ok := strings.Cut(line, l.File+": "); ok {
					refused[l.File] = strings.TrimSpace(fault)
				}
			}
		}
	}
	return refused, nil
}

// unmatched tells what was wanted by a name that no package has.
func (t *trail) unmatched(ctx context.Context, wanted pattern) ([]answer, error) {
	var found []packages.Decision
	for _, x := range t.own {
		l, err := t.log(ctx, x)
		if err != nil {
			return nil, err
		}
		all, err := l.Of("")
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			if d.Step == "no match" && d.Wanted == wanted.glob {
				found = append(found, d)
			}
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return []answer{t.answer(wanted.glob, "", found)}, nil
}
