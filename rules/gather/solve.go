package gather

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/rules/universe"
)

type solveParams struct {
	Arch             string   `arg:"arch,required"`
	Packages         string   `arg:"packages,required"`
	Lookasides       []string `arg:"lookaside"`
	Comps            string   `arg:"comps"`
	Additional       []string `arg:"additional-package"`
	Filter           []string `arg:"filter-package"`
	Inherit          []string `arg:"inherit"`
	Parent           string   `arg:"parent"`
	Greedy           string   `arg:"greedy"`
	Fulltree         bool     `arg:"fulltree"`
	FulltreeExcludes []string `arg:"fulltree-exclude"`
	Selfhosting      bool     `arg:"selfhosting"`
	CheckDeps        bool     `arg:"check-deps"`
	List             string   `arg:"list,required"`
	Inputs           string   `arg:"inputs,required"`
	Decisions        string   `arg:"decisions,required"`
}

var greedy = map[string]solve.Greedy{"": solve.GreedyNone, "none": solve.GreedyNone, "build": solve.GreedyBuild, "all": solve.GreedyAll}

func runSolve(ctx context.Context, j *rules.Job) error {
	var p solveParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	in, err := readInputs(ctx, j, &p)
	if err != nil {
		return err
	}
	u, err := universe.Load(ctx, j, p.Packages, p.Lookasides)
	if err != nil {
		return err
	}
	request, err := p.request(ctx, j, in)
	if err != nil {
		return err
	}
	result := u.Pool.Solve(request)
	for _, m := range result.Unmatched {
		// What a child inherited its parent has warned about.
		if m.Reason == reasonAdditional && slices.Contains(p.Additional, m.Pattern) {
			j.Warnf("additional_packages: %q: %s", m.Pattern, m.Why)
		}
	}
	if p.CheckDeps && len(result.Unresolved) > 0 {
		return unresolved(u.Entries, &result)
	}
	return p.write(ctx, j, u.Entries, in, &result)
}

// check refuses packages of arches that the tree cannot have. A name that no
// package has may be of an arch where it is not built, this cannot be meant.
func (p *solveParams) check() error {
	arches := format.ValidArches(p.Arch, true)
	for _, pattern := range p.Additional {
		if _, arch := format.SplitNameArch(pattern); arch != "" && !slices.Contains(arches, arch) {
			return fmt.Errorf("additional_packages: %q: packages of arch %s cannot be in a tree of %s, which has %s",
				pattern, arch, p.Arch, strings.Join(arches, ", "))
		}
	}
	return nil
}

func (p *solveParams) request(ctx context.Context, j *rules.Job, in inputs) (solve.Request, error) {
	g, ok := greedy[p.Greedy]
	if !ok {
		return solve.Request{}, fmt.Errorf("greedy %q, want none, build or all", p.Greedy)
	}
	excludes := slices.Clone(p.FulltreeExcludes)
	if p.Parent != "" {
		parent, err := readList(ctx, j, p.Parent)
		if err != nil {
			return solve.Request{}, err
		}
		for _, l := range parent {
			if n, err := format.ParseNEVRA(l.NEVRA); err == nil && l.Tree == rules.Src {
				excludes = append(excludes, n.Name)
			}
		}
	}
	return solve.Request{
		TreeArch:         p.Arch,
		Inputs:           in.Packages,
		Conditionals:     in.Conditionals,
		Langpacks:        in.Langpacks,
		Excludes:         p.Filter,
		Greedy:           g,
		Selfhosting:      p.Selfhosting,
		Fulltree:         p.Fulltree,
		FulltreeExcludes: excludes,
	}, nil
}

func readList(ctx context.Context, j *rules.Job, path string) ([]packages.Listed, error) {
	data, err := j.Read(ctx, path)
	if err != nil {
		return nil, err
	}
	return packages.DecodeList(data)
}

// write writes the outputs: what children ask for too, the list, and the
// reasons. The list is apart from the reasons so that whoever reads the list
// alone runs again only if it differs.
func (p *solveParams) write(ctx context.Context, j *rules.Job, entries []*packages.Entry, in inputs, r *solve.Result) error {
	asked, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		return err
	}
	var list, decisions []byte
	encode := []func(){
		func() { list = listOf(entries, r) },
		func() { decisions = decisionsOf(entries, r) },
	}
	err = j.Each(ctx, len(encode), func(_ context.Context, i int) error {
		encode[i]()
		return nil
	})
	if err != nil {
		return err
	}
	for _, out := range []struct {
		path string
		data []byte
	}{{p.Inputs, asked}, {p.List, list}, {p.Decisions, decisions}} {
		if err := j.Write(ctx, out.path, out.data); err != nil {
			return err
		}
	}
	return nil
}

// trees of a result, in the order of lists.
func trees(r *solve.Result) []struct {
	name     string
	selected []solve.Selected
} {
	return []struct {
		name     string
		selected []solve.Selected
	}{{rules.OS, r.Binaries}, {rules.Debug, r.Debug}, {rules.Src, r.Sources}}
}

func listOf(entries []*packages.Entry, r *solve.Result) []byte {
	var list packages.Lines
	for _, t := range trees(r) {
		for _, s := range t.selected {
			if !s.Flags.Has(solve.FlagLookaside) {
				l := entries[s.Index].List(t.name, s.Flags.Names())
				list.AddListed(&l)
			}
		}
	}
	return list.Bytes()
}

// decisionsOf says why each package is in the tree, and why others that could be are not.
func decisionsOf(entries []*packages.Entry, r *solve.Result) []byte {
	var log packages.Lines
	names := make([]string, len(entries)) // each once, of those that come up
	name := func(index int) string {
		if names[index] == "" {
			names[index] = entries[index].NEVRA.String()
		}
		return names[index]
	}
	for _, t := range trees(r) {
		for _, s := range t.selected {
			d := selection(&s, name)
			d.Tree = t.name
			log.AddDecision(&d)
		}
	}
	for _, m := range r.Unmatched {
		log.AddDecision(&packages.Decision{Step: "no match", Wanted: m.Pattern, For: m.Reason, Rule: m.Why})
	}
	for _, m := range r.Unresolved {
		log.AddDecision(&packages.Decision{Step: "unresolved", By: name(m.Requirer), Wanted: m.Requirement, Rule: m.Why})
	}
	for _, m := range r.Dropped {
		d := packages.Decision{Package: name(m.Index), Step: "filter_packages", Dropped: fmt.Sprintf("filter_packages has %q", m.Pattern)}
		if m.Newer >= 0 {
			d.Step, d.Dropped = "older", "older than "+shortName(entries[m.Newer])
		}
		log.AddDecision(&d)
	}
	return log.Bytes()
}

// selection is the decision for a package.
func selection(s *solve.Selected, name func(index int) string) packages.Decision {
	d := packages.Decision{
		Package: name(s.Index), Flags: s.Flags.Names(), Step: string(s.Reason.Step),
		Wanted: s.Reason.Wanted, For: s.Reason.For, Rule: string(s.Reason.Rule),
	}
	if s.Flags.Has(solve.FlagLookaside) {
		d.Dropped = "in a lookaside"
	}
	if s.Reason.By >= 0 {
		d.By = name(s.Reason.By)
	}
	for _, i := range s.Reason.Rejected {
		d.Rejected = append(d.Rejected, name(i))
	}
	return d
}

// unresolved says what cannot be met, one line a requirement:
//
//	nothing provides libfoo.so.2()(64bit), needed by bar-1.4-3.x86_64, wanted by group "core" (mandatory)
func unresolved(entries []*packages.Entry, r *solve.Result) error {
	const most = 20
	var lines []string
	for _, m := range r.Unresolved {
		line := fmt.Sprintf("nothing provides %s, needed by %s", m.Requirement, shortName(entries[m.Requirer]))
		for _, i := range m.Chain[1:] {
			line += ", needed by " + shortName(entries[i])
		}
		if s, ok := r.Find(m.Chain[len(m.Chain)-1]); ok && s.Reason.For != "" {
			line += ", wanted by " + s.Reason.For
		}
		lines = append(lines, line)
	}
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("and %d more", len(r.Unresolved)-most))
	}
	return fmt.Errorf("%s", strings.Join(lines, "\n"))
}

// shortName is the file name without suffix, as people know it.
func shortName(e *packages.Entry) string { return strings.TrimSuffix(e.File, ".rpm") }
