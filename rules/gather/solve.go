package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/rules/universe"
)

type solveParams struct {
	Variant             string      `arg:"variant,required"` // uid
	Nested              bool        `arg:"nested"`           // the variant is inside another
	Arch                string      `arg:"arch,required"`
	Packages            string      `arg:"packages,required"`
	Lookasides          []string    `arg:"lookaside"`
	Comps               string      `arg:"comps"`
	Modules             string      `arg:"modules"`          // list of the variant's streams
	Modulemd            string      `arg:"modulemd"`         // of the same; this and the next three go with hybrid
	PackageModules      string      `arg:"package-modules"`  // modulemd of the package set
	LookasideModules    []string    `arg:"lookaside-module"` // modulemd of lookasides
	KeptModulemd        string      `arg:"kept-modulemd"`
	KeptModules         string      `arg:"kept-modules"`
	SourceMapping       string      `arg:"source-mapping"`
	Prepopulate         string      `arg:"prepopulate"`
	Additional          []string    `arg:"additional-package"`
	Filter              []string    `arg:"filter-package"`
	FilterSystemRelease bool        `arg:"filter-system-release-packages"`
	Inherit             []string    `arg:"inherit"`
	Parent              string      `arg:"parent"`
	Method              string      `arg:"method,required"`
	Methods             [][2]string `arg:"source-method"` // of a source of packages: module, comps or json
	Greedy              string      `arg:"greedy,required"`
	Fulltree            bool        `arg:"fulltree"`
	FulltreeExcludes    []string    `arg:"fulltree-exclude"`
	Selfhosting         bool        `arg:"selfhosting"`
	Langpacks           bool        `arg:"langpacks"`
	Multilib            []string    `arg:"multilib"`
	MultilibWhitelist   []string    `arg:"multilib-whitelist"`
	MultilibBlacklist   []string    `arg:"multilib-blacklist"`
	RequireAllComps     bool        `arg:"require-all-comps-packages"`
	CheckDeps           bool        `arg:"check-deps"`
	List                string      `arg:"list,required"`
	Inputs              string      `arg:"inputs,required"`
	Decisions           string      `arg:"decisions,required"`
}

var greedy = map[string]solve.Greedy{"none": solve.GreedyNone, "build": solve.GreedyBuild, "all": solve.GreedyAll}

func runSolve(ctx context.Context, j *rules.Job) error {
	var p solveParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	if err := p.checkArches(reasonAdditional, p.Additional); err != nil {
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
	p.chooseSystemRelease(&in, u.Entries)
	modules, err := p.readModules(ctx, j, u.Entries)
	if err != nil {
		return err
	}
	if len(in.Packages)+len(in.Conditionals) == 0 && p.Modules == "" && p.SourceMapping == "" && p.Prepopulate == "" {
		j.Warnf("nothing is asked for: no groups, additional_packages, modules, source_mapping or prepopulate\n  hint: a variant without packages has is_empty = True")
	}
	result, err := p.solve(ctx, j, u.Pool, in, modules)
	if err != nil {
		return err
	}
	if err := p.judge(j, u.Entries, &result); err != nil {
		return err
	}
	for _, nsvc := range slices.Sorted(maps.Keys(modules.dropped)) {
		j.Warnf("module %s is left out: it requires %s, and nothing here is that", nsvc, modules.dropped[nsvc])
	}
	if err := p.writeModules(ctx, j, modules); err != nil {
		return err
	}
	return p.write(ctx, j, u.Entries, in, &result)
}

// judge warns of what was asked for and is not there, or refuses the result.
func (p *solveParams) judge(j *rules.Job, entries []*packages.Entry, r *solve.Result) error {
	var missing []string
	for _, m := range r.Unmatched {
		switch {
		case m.Reason == reasonAdditional:
			// What a child inherited its parent has warned about.
			if slices.Contains(p.Additional, m.Pattern) {
				j.Warnf("additional_packages: %q: %s", m.Pattern, m.Why)
			}
		case m.Reason == reasonMapping || strings.HasPrefix(m.Reason, reasonPrepopulate):
			j.Warnf("%s: %q: %s", m.Reason, m.Pattern, m.Why)
		case strings.HasPrefix(m.Reason, reasonGroup):
			missing = append(missing, fmt.Sprintf("%s names %q: %s", m.Reason, m.Pattern, m.Why))
		}
	}
	if p.RequireAllComps && len(missing) > 0 {
		return someLines(len(missing), func(i int) string { return missing[i] })
	}
	if p.CheckDeps && len(r.Unresolved) > 0 {
		return unresolved(entries, r)
	}
	return nil
}

// The sources of what is asked for. Each is solved apart, and may have its own method.
const (
	sourceModule = "module" // packages of the variant's modules
	sourceComps  = "comps"  // groups, additional_packages, prepopulate
	sourceJSON   = "json"   // source_mapping
)

// hybrid is the method that solves all sources together, and modules with them.
const hybrid = "hybrid"

// solve answers what each source asks for, and puts the answers together.
func (p *solveParams) solve(ctx context.Context, j *rules.Job, pool *solve.Pool, in inputs, modules *moduleSet) (solve.Result, error) {
	request, err := p.request(ctx, j, in)
	if err != nil {
		return solve.Result{}, err
	}
	mapped, err := p.mapped(ctx, j)
	if err != nil {
		return solve.Result{}, err
	}
	if p.Method == hybrid {
		request.Packages, request.Absent = modules.wanted, modules.absent
		request.Inputs = append(selection(request).Inputs, mapped...)
		return pool.Hybrid(request, modules.modular), nil
	}
	result, err := p.by(sourceComps, pool, request)
	if err != nil {
		return result, err
	}
	// As in Pungi, filters are about comps: who maps names to arches means these.
	request.Inputs, request.Conditionals, request.Prepopulate, request.Excludes = nil, nil, nil, nil
	for _, source := range []struct {
		name   string
		wanted []solve.Wanted
		inputs []solve.Input
	}{{sourceModule, modules.wanted, nil}, {sourceJSON, nil, mapped}} {
		if len(source.wanted)+len(source.inputs) == 0 {
			continue
		}
		request.Packages, request.Inputs = source.wanted, source.inputs
		more, err := p.by(source.name, pool, request)
		if err != nil {
			return result, err
		}
		result = pool.Join(result, more)
	}
	return result, nil
}

// by solves a request with the method of a source.
func (p *solveParams) by(source string, pool *solve.Pool, r solve.Request) (solve.Result, error) {
	method := p.Method
	for _, m := range p.Methods {
		if m[0] == source {
			method = m[1]
		}
	}
	switch method {
	case "deps":
		return pool.Solve(r), nil
	case "nodeps":
		return pool.Select(selection(r)), nil
	}
	return solve.Result{}, fmt.Errorf("method %q of %s is not known, want deps or nodeps", method, source)
}

// selection is a request for the methods that know no conditions: what a group has under
// one it has.
func selection(r solve.Request) solve.Request {
	r.Inputs = slices.Clone(r.Inputs)
	for _, c := range r.Conditionals {
		r.Inputs = append(r.Inputs, solve.Input{Pattern: c.Install, Reason: c.Reason, Native: true})
	}
	return r
}

func (p *solveParams) request(ctx context.Context, j *rules.Job, in inputs) (solve.Request, error) {
	g, ok := greedy[p.Greedy]
	if !ok {
		return solve.Request{}, fmt.Errorf("greedy %q, want none, build or all", p.Greedy)
	}
	exempt, err := p.exempt(ctx, j)
	if err != nil {
		return solve.Request{}, err
	}
	prepopulate, err := p.prepopulated(ctx, j)
	if err != nil {
		return solve.Request{}, err
	}
	multilib, err := p.multilibMethod(ctx, j)
	if err != nil {
		return solve.Request{}, err
	}
	r := solve.Request{
		TreeArch:          p.Arch,
		Inputs:            in.Packages,
		Conditionals:      in.Conditionals,
		Prepopulate:       prepopulate,
		Excludes:          slices.Clone(p.Filter),
		MultilibBlacklist: p.MultilibBlacklist,
		MultilibWhitelist: p.MultilibWhitelist,
		Multilib:          multilib,
		Greedy:            g,
		Selfhosting:       p.Selfhosting,
		Fulltree:          p.Fulltree,
		FulltreeExcludes:  exempt,
	}
	if p.Langpacks {
		r.Langpacks = in.Langpacks
	}
	if in.SystemRelease != nil {
		r.Excludes = append(r.Excludes, in.SystemRelease.Others...)
	}
	return r, nil
}

// exempt lists the sources that the full tree leaves alone: those of the parent, too.
func (p *solveParams) exempt(ctx context.Context, j *rules.Job) ([]string, error) {
	names := slices.Clone(p.FulltreeExcludes)
	if p.Parent == "" {
		return names, nil
	}
	parent, err := readList(ctx, j, p.Parent)
	if err != nil {
		return nil, err
	}
	for _, l := range parent {
		if n, err := format.ParseNEVRA(l.NEVRA); err == nil && l.Tree == rules.Src {
			names = append(names, n.Name)
		}
	}
	return names, nil
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
		func() { decisions = p.decisionsOf(entries, r, in.SystemRelease) },
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

// unresolved says what cannot be met, one line a requirement:
//
//	nothing provides libfoo.so.2()(64bit), needed by bar-1.4-3.x86_64, wanted by group "core" (mandatory)
func unresolved(entries []*packages.Entry, r *solve.Result) error {
	return someLines(len(r.Unresolved), func(i int) string {
		m := &r.Unresolved[i]
		line := "nothing provides " + m.Requirement
		if m.Why != solve.Unknown {
			line += " (" + m.Why + ")"
		}
		line += ", needed by " + shortName(entries[m.Requirer])
		for _, by := range m.Chain[1:] {
			line += ", needed by " + shortName(entries[by])
		}
		if s, ok := r.Find(m.Chain[len(m.Chain)-1]); ok && s.Reason.For != "" {
			line += ", wanted by " + s.Reason.For
		}
		return line
	})
}

// someLines is an error of n lines, or of as many as people read.
func someLines(n int, line func(i int) string) error {
	const most = 20
	var lines []string
	for i := range min(n, most) {
		lines = append(lines, line(i))
	}
	if n > most {
		lines = append(lines, fmt.Sprintf("and %d more", n-most))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// shortName is the file name without suffix, as people know it.
func shortName(e *packages.Entry) string { return strings.TrimSuffix(e.File, ".rpm") }
