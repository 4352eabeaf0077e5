package difference

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// debugName reports whether rpmbuild calls debug packages so.
func debugName(name string) bool {
	return strings.HasSuffix(name, "-debuginfo") || strings.HasSuffix(name, "-debugsource") || strings.Contains(name, "-debuginfo-")
}

// sourceGroup are the pairs of one source package, in one place.
type sourceGroup struct {
	name          string
	before, after *rpm.EVR // nil if nothing of it was, or is, there
	pairs         []Pair
}

// evrOf names a version; "" is that of nothing.
func evrOf(v *rpm.EVR) string {
	if v == nil {
		return ""
	}
	return v.String()
}

// sourceGroups are the groups of a place, by the name of the source package.
type sourceGroups map[string][]*sourceGroup

// add adds a pair to the first group of its source that fits, or to a fresh one.
func (all sourceGroups) add(p Pair, fits func(*sourceGroup) bool, fresh sourceGroup) {
	i := slices.IndexFunc(all[fresh.name], fits)
	if i < 0 {
		i = len(all[fresh.name])
		all[fresh.name] = append(all[fresh.name], &fresh)
	}
	all[fresh.name][i].pairs = append(all[fresh.name][i].pairs, p)
}

// bySource groups pairs by source package, in the order of their names. What was added
// or removed goes with what went up or down of the same source, where there is such.
// Whether a source package had anything else in the place before, and has now, tells
// was and is.
func bySource(pairs []Pair, was, is func(rpm.NEVRA) bool) []*sourceGroup {
	groups := sourceGroups{}
	for _, p := range pairs {
		if p.Before != nil && p.After != nil {
			from, to := &p.Before.Source.EVR, &p.After.Source.EVR
			fits := func(g *sourceGroup) bool { return *g.before == *from && *g.after == *to }
			groups.add(p, fits, sourceGroup{name: p.After.Source.Name, before: from, after: to})
		}
	}
	for _, p := range pairs {
		source := p.any().Source
		fresh := sourceGroup{name: source.Name}
		switch {
		case p.Before == nil:
			if fresh.after = &source.EVR; was(source) {
				fresh.before = &source.EVR
			}
			groups.add(p, func(g *sourceGroup) bool { return g.after != nil && *g.after == source.EVR }, fresh)
		case p.After == nil:
			if fresh.before = &source.EVR; is(source) {
				fresh.after = &source.EVR
			}
			groups.add(p, func(g *sourceGroup) bool { return g.before != nil && *g.before == source.EVR }, fresh)
		}
	}
	var all []*sourceGroup
	for _, list := range groups {
		all = append(all, renamed(list)...)
	}
	slices.SortFunc(all, func(a, b *sourceGroup) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(evrOf(a.after), evrOf(b.after)), cmp.Compare(evrOf(a.before), evrOf(b.before)))
	})
	return all
}

// renamed makes one of the only group that came and the only one that went: all packages
// of the source have other names now.
func renamed(groups []*sourceGroup) []*sourceGroup {
	if len(groups) != 2 {
		return groups
	}
	a, b := groups[0], groups[1]
	if a.before == nil && b.after == nil {
		a, b = b, a
	}
	if a.before == nil || a.after != nil || b.before != nil || b.after == nil {
		return groups
	}
	a.after, a.pairs = b.after, append(a.pairs, b.pairs...)
	return groups[:copy(groups, []*sourceGroup{a})]
}

// kind is what happened to the source package as a whole. Packages are asked first: a
// folder of packages without sources does not tell the epoch of these.
func (g *sourceGroup) kind() Kind {
	seen := map[Kind]bool{}
	for _, p := range g.pairs {
		seen[p.Kind()] = true
	}
	one := g.pairs[0].Kind()
	switch {
	case g.before == nil, g.after == nil:
		return one // added, or removed
	case seen[Up] != seen[Down]:
		if seen[Up] {
			return Up
		}
		return Down
	case seen[Up]:
		return Changed
	case len(seen) == 1 && one != Added && one != Removed:
		return one
	}
	switch order := rpm.Compare(*g.before, *g.after); {
	case order < 0:
		return Up
	case order > 0:
		return Down
	}
	return Changed
}

// changes describes pairs, debug and source packages last, and sums up how large they are.
func changes(pairs []Pair) (list []PackageChange, size Size) {
	slices.SortFunc(pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.any().rank(), b.any().rank()), comparePairs(a, b))
	})
	for _, p := range pairs {
		c := p.change()
		list = append(list, c)
		if (p.Before == nil || p.Before.Size != 0) && (p.After == nil || p.After.Size != 0) {
			size.add(c.Size) // else there is nothing to compare
		}
	}
	return list, size
}

func (g *sourceGroup) change() SourceChange {
	c := SourceChange{Source: g.name, Change: g.kind(), Before: evrOf(g.before), After: evrOf(g.after)}
	c.Packages, c.Size = changes(g.pairs)
	return c
}

// place is a cell with what differs in it.
type place struct {
	cell          Cell
	before, after []Package
	pairs         []Pair // but for what moved
}

// way is how packages go from variant to variant.
type way struct{ from, to, arch string }

// moved takes the pairs that left one variant and appear in another of the same arch out
// of places, and tells them; and their groups, by the places they are in now.
func moved(places []*place) ([]Move, map[Cell][]*sourceGroup) {
	moves, groups := []Move{}, map[Cell][]*sourceGroup{}
	no := func(rpm.NEVRA) bool { return false }
	for way, pairs := range takeMoved(places) {
		at := Cell{way.to, way.arch}
		for _, g := range bySource(pairs, no, no) {
			m := Move{Source: g.name, Before: evrOf(g.before), After: evrOf(g.after), From: way.from, To: way.to, Arch: way.arch}
			m.Packages, _ = changes(g.pairs)
			for i := range m.Packages {
				m.Packages[i].Change = cmp.Or(m.Packages[i].Change, Moved)
			}
			moves = append(moves, m)
			groups[at] = append(groups[at], g)
		}
	}
	slices.SortFunc(moves, func(a, b Move) int {
		return cmp.Or(
			cmp.Compare(a.Source, b.Source), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Arch, b.Arch),
			cmp.Compare(a.After, b.After), cmp.Compare(a.Before, b.Before),
		)
	})
	return moves, groups
}

// takeMoved takes what moved out of the pairs of places. What left several variants, or
// appears in several, goes from the first to the first, by name.
func takeMoved(places []*place) map[way][]Pair {
	type key struct {
		tree string
		nameArch
	}
	type leaver struct {
		variant string
		pkg     *Package
	}
	left := map[key][]leaver{}
	for _, at := range places {
		for _, p := range at.pairs {
			if p.After == nil {
				k := key{at.cell.Arch, nameArch{p.Before.Name, p.Before.Arch}}
				left[k] = append(left[k], leaver{at.cell.Variant, p.Before})
			}
		}
	}
	taken := map[*Package]bool{}
	ways := map[way][]Pair{}
	for _, to := range places {
		for _, p := range to.pairs {
			if p.Before != nil {
				continue
			}
			k := key{to.cell.Arch, nameArch{p.After.Name, p.After.Arch}}
			if len(left[k]) > 0 {
				from := left[k][0]
				left[k] = left[k][1:]
				taken[from.pkg], taken[p.After] = true, true
				w := way{from.variant, to.cell.Variant, to.cell.Arch}
				ways[w] = append(ways[w], Pair{from.pkg, p.After})
			}
		}
	}
	for _, at := range places {
		at.pairs = slices.DeleteFunc(at.pairs, func(p Pair) bool { return taken[p.Before] || taken[p.After] })
	}
	return ways
}
