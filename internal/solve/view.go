package solve

import (
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/rpm"
)

// view is what a request can see of a pool.
type view struct {
	pool   *Pool
	traits []traits         // by id
	place  []uint8          // by id: position of the arch in the chain of the tree, best first
	hidden map[int32]hiding // by id
}

// hiding is why a package is excluded.
type hiding struct {
	because Because
	pattern string
}

// traits is a set of facts on a package. One without any is invisible.
type traits uint8

const (
	native   traits = 1 << iota // an arch of the tree, or noarch
	foreign                     // an arch that comes with multilib only, or noarch
	present                     // neither excluded nor a copy of another one
	newest                      // the newest present of its name and arch: a candidate
	excluded                    // would be present if no pattern excluded it
)

// both is noarch: it belongs to either class.
const both = native | foreign

func newView(p *Pool, r *Request) *view {
	v := &view{
		pool:   p,
		traits: make([]traits, len(p.packages)),
		place:  make([]uint8, len(p.packages)),
		hidden: map[int32]hiding{},
	}
	v.classify(r.TreeArch)
	for index, why := range r.Absent {
		if id := p.ids[index]; !p.packages[id].Lookaside {
			v.hide(id, hiding{Absent, why})
		}
	}
	for _, s := range r.Excludes {
		v.exclude(s)
	}
	for _, s := range r.MultilibBlacklist {
		v.blacklist(s)
	}
	v.markNewest()
	return v
}

// classify sorts packages by arch into native and foreign ones.
func (v *view) classify(tree string) {
	type class struct {
		traits traits
		place  uint8
	}
	foreigners := rpm.MultilibArches(tree)
	classes := map[string]class{"src": {present, 0}, "nosrc": {present, 0}}
	for i, arch := range rpm.ValidArches(tree, true) {
		c := class{present | native, uint8(i)}
		switch {
		case arch == "noarch":
			c.traits = present | both
		case slices.Contains(foreigners, arch):
			c.traits = present | foreign
		}
		classes[arch] = c
	}
	for id := range v.traits {
		if c, ok := classes[v.pool.packages[id].Arch]; ok && !v.pool.hidden[id] {
			v.traits[id], v.place[id] = c.traits, c.place
		}
	}
}

// exclude makes packages invisible, as if their repository lacked them. A
// pattern "name.+" never means noarch packages.
func (v *view) exclude(text string) {
	p := parsePattern(text)
	v.eachNamed(p, func(id int32) {
		switch {
		case v.pool.packages[id].Lookaside:
		case p.foreign && v.traits[id]&both == both:
		case p.matches(v, id):
			v.hide(id, hiding{Excluded, text})
		}
	})
}

// blacklist makes binary packages of foreign arches invisible, everywhere.
func (v *view) blacklist(text string) {
	v.eachNamed(parsePattern(text), func(id int32) {
		if v.pool.kind[id] == Binary && v.traits[id]&both == foreign {
			v.hide(id, hiding{Blacklisted, text})
		}
	})
}

func (v *view) hide(id int32, why hiding) {
	if v.traits[id]&present != 0 {
		v.hidden[id] = why
		v.traits[id] = v.traits[id]&^present | excluded
	}
}

// markNewest finds the newest present package of each name and arch.
func (v *view) markNewest() {
	for ids := range v.byName() {
		for i, id := range ids {
			if v.traits[id]&present != 0 && !v.supersededIn(ids[i+1:], id) {
				v.traits[id] |= newest
			}
		}
	}
}

// supersededIn tells whether later, packages of the same name in ascending
// order of version, has a newer one of the same arch. Versions that differ in
// bytes only are equally new.
func (v *view) supersededIn(later []int32, id int32) bool {
	pkg := &v.pool.packages[id]
	for _, other := range later {
		o := &v.pool.packages[other]
		if o.Arch == pkg.Arch && v.traits[other]&present != 0 && rpm.Compare(pkg.EVR, o.EVR) < 0 {
			return true
		}
	}
	return false
}

// newer is the newest present package of the name and arch of one that is not.
func (v *view) newer(id int32) int32 {
	pkg, best := v.pool.packages[id].Package, id
	v.eachNamesake(id, func(other int32) {
		if v.traits[other]&newest != 0 && v.pool.packages[other].Arch == pkg.Arch {
			best = other
		}
	})
	return best
}

// byName yields the ids of each name, in order.
func (v *view) byName() func(yield func([]int32) bool) {
	return func(yield func([]int32) bool) {
		var ids []int32
		for id := range v.pool.packages {
			if len(ids) > 0 && v.pool.packages[ids[0]].Name != v.pool.packages[id].Name {
				if !yield(ids) {
					return
				}
				ids = ids[:0]
			}
			ids = append(ids, int32(id))
		}
		if len(ids) > 0 {
			yield(ids)
		}
	}
}

// candidate tells whether the request may choose the package by name or for a requirement.
func (v *view) candidate(id int32, k Kind) bool {
	return v.traits[id]&newest != 0 && v.pool.kind[id] == k
}

// pattern is a parsed pattern of a Request.
type pattern struct {
	glob    string
	literal bool // glob has no wildcards
	arch    string
	foreign bool // ended in ".+"
	kind    Kind
}

func parsePattern(s string) pattern {
	p := pattern{glob: s}
	if name, ok := strings.CutSuffix(s, ".+"); ok {
		p.glob, p.foreign = name, true
	} else {
		p.glob, p.arch = rpm.SplitNameArch(s)
	}
	switch {
	case p.arch == "src" || p.arch == "nosrc":
		p.kind, p.arch = Source, ""
	case isDebugName(p.glob):
		p.kind = Debug
	}
	p.literal = !strings.ContainsAny(p.glob, glob.Wildcards)
	return p
}

func (p *pattern) matchName(name string) bool {
	if p.literal {
		return p.glob == name
	}
	return glob.Match(p.glob, name)
}

// matches tells whether a package, whose name matches, is of the right arch and kind.
func (p *pattern) matches(v *view, id int32) bool {
	switch {
	case p.kind != v.pool.kind[id]:
		return false
	case p.arch != "":
		return p.arch == v.pool.packages[id].Arch
	}
	return !p.foreign || v.traits[id]&foreign != 0
}

// eachNamed visits the packages whose name matches, whatever else they are.
func (v *view) eachNamed(p pattern, visit func(id int32)) {
	packages := v.pool.packages
	visitAll := func(first int32) {
		for id := int(first); id < len(packages) && packages[id].Name == packages[first].Name; id++ {
			visit(int32(id))
		}
	}
	for first := range v.pool.maybeNamed(p) {
		if p.matchName(packages[first].Name) {
			visitAll(first)
		}
	}
}

// eachNamesake visits the packages that have the name of one, itself among them.
func (v *view) eachNamesake(id int32, visit func(id int32)) {
	packages := v.pool.packages
	name := packages[id].Name
	for id > 0 && packages[id-1].Name == name {
		id--
	}
	for ; int(id) < len(packages) && packages[id].Name == name; id++ {
		visit(id)
	}
}

// maybeNamed yields the first id of each name that may match, in order.
func (p *Pool) maybeNamed(pat pattern) func(yield func(id int32) bool) {
	prefix := pat.glob
	if !pat.literal {
		if prefix = pat.prefix(); prefix == "" {
			if part := pat.part(); part != "" {
				return p.names().with(part)
			}
		}
	}
	return func(yield func(id int32) bool) {
		for id := p.firstNamed(prefix); id < len(p.packages) && strings.HasPrefix(p.packages[id].Name, prefix); {
			name := p.packages[id].Name
			if !yield(int32(id)) || pat.literal {
				return
			}
			for id++; id < len(p.packages) && p.packages[id].Name == name; {
				id++
			}
		}
	}
}

// firstNamed is the first id whose name is not less than name.
func (p *Pool) firstNamed(name string) int {
	id, _ := slices.BinarySearchFunc(p.packages, name, func(pkg Package, name string) int {
		return strings.Compare(pkg.Name, name)
	})
	return id
}

// Why a pattern has no candidates.
const (
	noSuchName  = "no package has that name"
	onlyOthers  = "only packages of other arches or kinds have that name"
	allExcluded = "all packages of that name are excluded"
)

// find lists the candidates of a pattern, grouped by name. When there are none,
// why says what is in the way.
func (v *view) find(p pattern) (groups [][]int32, why string) {
	why = noSuchName
	v.eachNamed(p, func(id int32) {
		switch {
		case p.matches(v, id) && v.candidate(id, p.kind):
			if n := len(groups); n > 0 && v.pool.packages[groups[n-1][0]].Name == v.pool.packages[id].Name {
				groups[n-1] = append(groups[n-1], id)
			} else {
				groups = append(groups, []int32{id})
			}
		case p.matches(v, id) && v.traits[id]&excluded != 0:
			why = allExcluded
		case why == noSuchName:
			why = onlyOthers
		}
	})
	return groups, why
}
