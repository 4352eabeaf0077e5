// Package solve finds which packages a tree needs, and says why.
//
// It is a greedy closure: from a list of wanted names it follows requirements,
// adds sources, debug packages and siblings, and takes every choice by fixed
// rules. It is not a SAT solver; whether the packages can be installed together
// is not its question, since a tree may well hold packages that conflict.
//
//	packages ──NewPool──▶ Pool ──Solve(Request)──▶ Result
//	                      index, shared            packages with flags and reasons
//
// A Pool is immutable and serves many requests at once. A Request describes one
// tree. The steps that Solve repeats are listed in one table, see steps.go, and
// each is a function. Nothing depends on the order of the packages or on map
// order; the same facts give the same result.
package solve

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Package is a package as a candidate for trees.
type Package struct {
	*rpm.Package
	// Repo is the place of the package's repository in the caller's list. Of the
	// same package in several repositories the one with the lowest Repo counts.
	Repo int
	// Lookaside marks what satisfies requirements, but is not to be shipped.
	Lookaside bool
}

// Kind is a class of packages. Trees of binary, debug and source packages are separate.
type Kind uint8

// The kinds of packages.
const (
	Binary Kind = iota
	Debug
	Source
	kinds = 3
)

// KindOf classifies a package: sources by arch, debug packages by name alone.
// So foo-debuginfo-common is a debug package, and foo-debug is not.
func KindOf(p *rpm.Package) Kind {
	switch {
	case p.IsSource():
		return Source
	case isDebugName(p.Name):
		return Debug
	}
	return Binary
}

func isDebugName(name string) bool {
	return strings.HasSuffix(name, "-debuginfo") ||
		strings.HasSuffix(name, "-debugsource") ||
		strings.Contains(name, "-debuginfo-")
}

// PoolOptions says what NewPool knows besides the packages.
type PoolOptions struct {
	// FileProvides maps a path to the packages which own it, as indexes into
	// the list of packages. Fill it for FileRequirements from complete file
	// lists, so that these need not be in memory. Package.Files count as well.
	FileProvides map[string][]int
	// Copies makes every copy of a package count with what it provides itself, and
	// not one for all. So dnf sees repositories: a Pool for Closure has it.
	Copies bool
	// Arches, if there are any, are those whose packages satisfy requirements.
	Arches []string
}

// A Pool is an index over packages. Its methods are safe for concurrent use.
//
// Inside, packages have ids in the order of their NEVRA, so that every list of
// ids that is built by walking over packages is in canonical order, whatever
// order the caller has.
type Pool struct {
	packages []Package // by id
	index    []int     // id to place in the caller's list
	ids      []int32   // and back
	kind     []Kind
	hidden   []bool // what satisfies nothing: copies that another copy stands for, foreign arches
	build    []int32
	builds   []build

	symbols   map[string]int32 // names that are provided
	providers spans[provide]   // by symbol
	owners    map[string][]int32

	requirements []requirement
	requires     spans[int32] // by id: indexes into requirements

	names func() *nameIndex // made when a glob first asks
}

// provide is one line of a package's provides.
type provide struct {
	id int32
	is *rpm.Dependency // straight to the line: the way through the package misses the processor's cache twice
}

// build is what one source package became: everything with the same SourceRPM.
type build struct {
	source  string // name of the source package
	members [kinds][]int32
}

// requirement is a distinct dependency of any package.
type requirement struct {
	text string
	expr *expr
	err  error // why expr is missing
}

// NewPool indexes packages. Their order does not matter, except that of two
// packages with equal NEVRA, Repo and Lookaside the first one counts.
func NewPool(packages []Package, o PoolOptions) *Pool {
	p := &Pool{}
	p.sort(packages)
	p.hidden = make([]bool, len(packages))
	if !o.Copies {
		p.hideCopies()
	}
	p.hideForeign(o.Arches)
	var other sync.WaitGroup
	other.Go(p.indexRequires)
	p.indexBuilds()
	p.indexProvides()
	other.Wait()
	p.indexFiles(o.FileProvides)
	p.names = sync.OnceValue(func() *nameIndex { return newNameIndex(p.packages) })
	return p
}

// sort gives the packages their ids.
func (p *Pool) sort(packages []Package) {
	p.index = make([]int, len(packages))
	for i := range p.index {
		p.index[i] = i
	}
	slices.SortStableFunc(p.index, func(a, b int) int {
		return comparePackages(&packages[a], &packages[b])
	})
	p.packages = make([]Package, len(packages))
	p.ids = make([]int32, len(packages))
	p.kind = make([]Kind, len(packages))
	for id, i := range p.index {
		p.packages[id] = packages[i]
		p.ids[i] = int32(id)
		p.kind[id] = KindOf(packages[i].Package)
	}
}

// comparePackages orders by NEVRA, then lookaside copies first, then by Repo.
func comparePackages(a, b *Package) int {
	if c := compareNEVRA(&a.NEVRA, &b.NEVRA); c != 0 {
		return c
	}
	if a.Lookaside != b.Lookaside {
		if a.Lookaside {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.Repo, b.Repo)
}

// compareNEVRA is a total order: versions that are equal to rpm, such as 1.0
// and 1_0, are told apart by their bytes.
func compareNEVRA(a, b *rpm.NEVRA) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	if a.EVR != b.EVR {
		return cmp.Or(
			rpm.Compare(a.EVR, b.EVR),
			strings.Compare(a.Version, b.Version),
			strings.Compare(a.Release, b.Release),
		)
	}
	return strings.Compare(a.Arch, b.Arch)
}

// hideCopies leaves one copy of each package: the one in a lookaside, if there
// is any, since what is there needs no second copy here. Sources stay in all
// repositories, because a binary takes its source from its own.
func (p *Pool) hideCopies() {
	kept := 0
	for id := 1; id < len(p.packages); id++ {
		first, this := &p.packages[kept], &p.packages[id]
		if first.NEVRA != this.NEVRA {
			kept = id
			continue
		}
		p.hidden[id] = p.kind[id] != Source || first.Lookaside || first.Repo == this.Repo
	}
}

// hideForeign hides the packages that are of none of the arches.
func (p *Pool) hideForeign(arches []string) {
	for id := range p.packages {
		if len(arches) > 0 && !slices.Contains(arches, p.packages[id].Arch) {
			p.hidden[id] = true
		}
	}
}

// noBuild is the build of a binary package that names no source.
const noBuild = -1

func (p *Pool) indexBuilds() {
	p.build = make([]int32, len(p.packages))
	known := map[string]int32{}
	for id := range p.packages {
		nvr := sourceNVR(p.packages[id].Package)
		if nvr == "" {
			p.build[id] = noBuild
			continue
		}
		b, ok := known[nvr]
		if !ok {
			b = int32(len(p.builds))
			known[nvr] = b
			p.builds = append(p.builds, build{source: nameOfNVR(nvr)})
		}
		p.build[id] = b
		members := &p.builds[b].members[p.kind[id]]
		*members = append(*members, int32(id))
	}
}

// sourceNVR is name-version-release of the source of a package. Epochs do not
// count: SourceRPM is a file name and has none.
func sourceNVR(p *rpm.Package) string {
	if p.IsSource() {
		return p.Name + "-" + p.Version + "-" + p.Release
	}
	nvr := strings.TrimSuffix(p.SourceRPM, ".rpm")
	nvr = strings.TrimSuffix(nvr, ".src")
	return strings.TrimSuffix(nvr, ".nosrc")
}

// nameOfNVR cuts off the last two words: "glibc-2.14-5" is "glibc".
func nameOfNVR(nvr string) string {
	for range 2 {
		if i := strings.LastIndexByte(nvr, '-'); i >= 0 {
			nvr = nvr[:i]
		}
	}
	return nvr
}

func (p *Pool) indexProvides() {
	p.symbols = make(map[string]int32, 2*len(p.packages))
	var symbols []int32 // of each provide, in the order of eachProvide
	p.eachProvide(func(v provide) {
		symbols = append(symbols, p.symbol(v.is.Name))
	})
	p.providers = newSpans[provide](len(p.symbols), symbols)
	next := 0
	p.eachProvide(func(v provide) {
		p.providers.add(symbols[next], v)
		next++
	})
}

// symbol numbers a name.
func (p *Pool) symbol(name string) int32 {
	symbol, ok := p.symbols[name]
	if !ok {
		symbol = int32(len(p.symbols))
		p.symbols[name] = symbol
	}
	return symbol
}

// eachProvide walks over what binary and debug packages provide. That a package
// provides its own name and version is so even if it does not say so.
func (p *Pool) eachProvide(visit func(provide)) {
	for id := range p.packages {
		if p.kind[id] == Source || p.hidden[id] {
			continue
		}
		pkg := p.packages[id].Package
		own := rpm.Dependency{Name: pkg.Name, Sense: rpm.Equal, EVR: pkg.EVR}
		for i := range pkg.Provides {
			visit(provide{int32(id), &pkg.Provides[i]})
		}
		if !slices.Contains(pkg.Provides, own) {
			visit(provide{int32(id), &rpm.Dependency{Name: own.Name, Sense: own.Sense, EVR: own.EVR}})
		}
	}
}

func (p *Pool) indexRequires() {
	in := interner{plain: map[string]int32{}, versioned: map[rpm.Dependency]int32{}}
	var ids, requirements []int32
	for id := range p.packages {
		for i := range p.packages[id].Requires {
			d := &p.packages[id].Requires[i]
			if ignored(d) {
				continue
			}
			ids = append(ids, int32(id))
			requirements = append(requirements, in.intern(d))
		}
	}
	p.requirements = in.requirements
	p.requires = newSpans[int32](len(p.packages), ids)
	for i, id := range ids {
		p.requires.add(id, requirements[i])
	}
}

// ignored tells whether a dependency is on rpm itself: its own features are
// provided by the program, never by a package.
func ignored(d *rpm.Dependency) bool {
	return d.Name == "" || strings.HasPrefix(d.Name, "rpmlib(")
}

// interner numbers distinct requirements.
type interner struct {
	plain        map[string]int32 // without version; most requirements are
	versioned    map[rpm.Dependency]int32
	requirements []requirement
}

func (in *interner) intern(d *rpm.Dependency) int32 {
	if i, ok := in.find(d); ok {
		return i
	}
	i := int32(len(in.requirements))
	if d.Sense == 0 {
		in.plain[d.Name] = i
	} else {
		in.versioned[versionKey(d)] = i
	}
	in.requirements = append(in.requirements, requirement{})
	r := requirement{text: textOf(d)}
	if d.IsRich() {
		r.expr, r.err = parseRich(d.Name)
	} else {
		r.expr = &expr{dep: *d}
	}
	if r.expr != nil {
		in.number(r.expr, i)
	}
	in.requirements[i] = r
	return i
}

// textOf is a requirement as its header has it.
func textOf(d *rpm.Dependency) string {
	if d.IsRich() {
		return d.Name
	}
	return d.String()
}

func (in *interner) find(d *rpm.Dependency) (int32, bool) {
	if d.Sense == 0 {
		i, ok := in.plain[d.Name]
		return i, ok
	}
	i, ok := in.versioned[versionKey(d)]
	return i, ok
}

// versionKey is the dependency for whatever purpose it is needed.
func versionKey(d *rpm.Dependency) rpm.Dependency {
	key := *d
	key.Pre = false
	return key
}

// number gives every expression that stands for a set of packages the number
// under which its provider is remembered: i for the requirement itself, and for
// operands that of the requirement of the same words.
func (in *interner) number(e *expr, i int32) {
	if e.isSet() {
		e.set = i
		return
	}
	for _, o := range e.operands {
		switch {
		case !o.isSet():
			in.number(o, i)
		case o.op == opLeaf:
			o.set = in.intern(&o.dep)
		default:
			o.set = in.intern(&rpm.Dependency{Name: o.String()})
		}
	}
}

// FileRequirements lists the paths that the packages require, sorted: those
// whose owners NewPool has to know.
func FileRequirements(packages []*rpm.Package) []string {
	wanted := map[string]bool{}
	for _, p := range packages {
		for i := range p.Requires {
			d := &p.Requires[i]
			switch {
			case strings.HasPrefix(d.Name, "/"):
				wanted[d.Name] = true
			case d.IsRich():
				if e, err := parseRich(d.Name); err == nil {
					e.eachPath(func(path string) { wanted[path] = true })
				}
			}
		}
	}
	paths := make([]string, 0, len(wanted))
	for path := range wanted {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// indexFiles notes who owns the files that are required.
func (p *Pool) indexFiles(given map[string][]int) {
	p.owners = map[string][]int32{}
	for i := range p.requirements {
		if e := p.requirements[i].expr; e != nil {
			e.eachPath(func(path string) { p.owners[path] = nil })
		}
	}
	if len(p.owners) == 0 {
		return
	}
	p.addOwnFiles()
	p.addGivenFiles(given)
	for path, owners := range p.owners {
		slices.Sort(owners)
		p.owners[path] = slices.Compact(owners)
	}
}

func (p *Pool) addOwnFiles() {
	for id := range p.packages {
		if p.kind[id] == Source || p.hidden[id] {
			continue
		}
		for i := range p.packages[id].Files {
			path := p.packages[id].Files[i].Path
			if owners, wanted := p.owners[path]; wanted {
				p.owners[path] = append(owners, int32(id))
			}
		}
	}
}

func (p *Pool) addGivenFiles(given map[string][]int) {
	for path := range p.owners {
		for _, i := range given[path] {
			if i < 0 || i >= len(p.ids) {
				continue
			}
			if id := p.ids[i]; p.kind[id] != Source && !p.hidden[id] {
				p.owners[path] = append(p.owners[path], id)
			}
		}
	}
}

// WhatProvides lists the indexes of the binary and debug packages that satisfy a
// plain dependency, sorted by NEVRA. Of files it knows those that any package of
// the pool requires.
func (p *Pool) WhatProvides(d rpm.Dependency) []int {
	var indexes []int
	for _, id := range p.providersOf(&d) {
		indexes = append(indexes, p.index[id])
	}
	return indexes
}

// spans is a list of lists in one piece of memory.
type spans[T any] struct {
	end    []int32 // of each list while it fills; where it ends when full
	values []T
}

// newSpans makes n empty lists; owners says, once for each value to come, which
// list will get it.
func newSpans[T any](n int, owners []int32) spans[T] {
	s := spans[T]{end: make([]int32, n+1), values: make([]T, len(owners))}
	for _, owner := range owners {
		s.end[owner+1]++
	}
	for i := 1; i <= n; i++ {
		s.end[i] += s.end[i-1]
	}
	// Now end[i] is where list i starts; add moves it to where it ends.
	return s
}

func (s *spans[T]) add(list int32, v T) {
	s.values[s.end[list]] = v
	s.end[list]++
}

func (s *spans[T]) at(list int32) []T {
	start := int32(0)
	if list > 0 {
		start = s.end[list-1]
	}
	return s.values[start:s.end[list]]
}
