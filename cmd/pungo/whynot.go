package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules/packages"
)

// whynotCmd tells why packages are not where they might be.
type whynotCmd struct{ whyArgs }

// Help implements kong.HelpProvider.
func (c *whynotCmd) Help() string {
	return "For each variant and arch that does not ship the package: what it fell to on the way from its source to the tree, be it a filter, " +
		"ExcludeArch, a newer version, a parent that has it already, or that nothing wanted it; and what others were taken in its place. " +
		"Exits with 1 if it is shipped everywhere that was asked for."
}

func (c *whynotCmd) Run(ctx context.Context, p process, g *Globals) error {
	return c.answer(ctx, p, g, func(t *trail, wanted pattern) ([]answer, error) { return t.whynot(ctx, wanted) },
		c.Package+" is shipped everywhere\n  hint: `pungo why "+c.Package+"` tells why")
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
	set    int                 // place in own of the last set that has it, or of lastSet; -1 if none has
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
	last := t.lastSet()
	for i, x := range t.own {
		if x == t.end {
			continue // whose set another one made
		}
		files, err := t.files(ctx, x)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if wanted.matchesFile(f.Name) && (known[f.Name].header.Name == "" || known[f.Name].set != last) {
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
		d.Dropped = "" // that what was taken is in a lookaside is about that
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
// The end tells, if there are others: those of lookasides.
func (t *trail) lastSet() int {
	for i, x := range slices.Backward(t.own) {
		if x != t.end && x.Packages != nil && (t.end.Packages == nil || x.Packages == t.end.Packages) {
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
		if inLast && (i <= last || x != t.end && x.Packages != nil) {
			continue // whoever left it out, another did not; or a lookaside has not got it
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
	if n, err := rpm.ParseNEVRA(c.nevra); err == nil && n.IsSource() {
		d.Dropped = "no package that was built from it is here"
	}
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
	case err == nil && slices.Contains(rpm.MultilibArches(tree), n.Arch):
		return "multilib", "of a foreign arch, which the package set has with multilib = True only"
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
		var faults packages.Faults
		if e.Action != t.end.Verified.Producer || !errors.As(e.Err, &faults) {
			continue
		}
		for _, fault := range faults {
			refused[fault.File] = fault.Err.Error()
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
			if d.Step == packages.StepNoMatch && d.Wanted == wanted.glob {
				found = append(found, d)
			}
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return []answer{t.answer(wanted.glob, "", found)}, nil
}
