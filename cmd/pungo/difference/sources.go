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

// bySource groups pairs by source package, in the order of their names. What was added
// or removed goes with what went up or down of the same source, where there is such.
// Whether a source package had anything else in the place before, and has now, tells
// was and is.
func bySource(pairs []Pair, was, is func(rpm.NEVRA) bool) []*sourceGroup {
	byName := map[string][]*sourceGroup{}
	add := func(p Pair, fits func(*sourceGroup) bool, fresh sourceGroup) {
		groups := byName[fresh.name]
		i := slices.IndexFunc(groups, fits)
		if i < 0 {
			i = len(groups)
			groups = append(groups, &fresh)
			byName[fresh.name] = groups
		}
		groups[i].pairs = append(groups[i].pairs, p)
	}
	for _, p := range pairs {
		if p.Before != nil && p.After != nil {
			from, to := &p.Before.Source.EVR, &p.After.Source.EVR
			fits := func(g *sourceGroup) bool { return *g.before == *from && *g.after == *to }
			add(p, fits, sourceGroup{name: p.After.Source.Name, before: from, after: to})
		}
	}
	for _, p := range pairs {
		switch {
		case p.Before == nil:
			at := &p.After.Source.EVR
			fresh := sourceGroup{name: p.After.Source.Name, after: at}
			if was(p.After.Source) {
				fresh.before = at
			}
			add(p, func(g *sourceGroup) bool { return g.after != nil && *g.after == *at }, fresh)
		case p.After == nil:
			at := &p.Before.Source.EVR
			fresh := sourceGroup{name: p.Before.Source.Name, before: at}
			if is(p.Before.Source) {
				fresh.after = at
			}
			add(p, func(g *sourceGroup) bool { return g.before != nil && *g.before == *at }, fresh)
		}
	}
	var all []*sourceGroup
	for _, groups := range byName {
		all = append(all, renamed(groups)...)
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

// moved takes the pairs that left one variant and appear in another of the same arch out
// of places, and tells them; and their groups, by the places they are in now. One that
// left several, or appears in several, goes from the first to the first, by name.
func moved(places []*place) ([]Move, map[Cell][]*sourceGroup) {
	type gone struct {
		at   *place
		pair int
	}
	type key struct {
		tree string
		nameArch
	}
	left := map[key][]gone{}
	for _, at := range places {
		for i, p := range at.pairs {
			if p.After == nil {
				k := key{at.cell.Arch, nameArch{p.Before.Name, p.Before.Arch}}
				left[k] = append(left[k], gone{at, i})
			}
		}
	}
	taken := map[gone]bool{}
	byWay := map[[3]string][]Pair{} // from, to, arch
	for _, to := range places {
		for i, p := range to.pairs {
			if p.Before != nil {
				continue
			}
			k := key{to.cell.Arch, nameArch{p.After.Name, p.After.Arch}}
			if len(left[k]) == 0 {
				continue
			}
			from := left[k][0]
			left[k] = left[k][1:]
			taken[from], taken[gone{to, i}] = true, true
			way := [3]string{from.at.cell.Variant, to.cell.Variant, to.cell.Arch}
			byWay[way] = append(byWay[way], Pair{from.at.pairs[from.pair].Before, p.After})
		}
	}
	for _, at := range places {
		var kept []Pair
		for i, p := range at.pairs {
			if !taken[gone{at, i}] {
				kept = append(kept, p)
			}
		}
		at.pairs = kept
	}
	moves, groups := []Move{}, map[Cell][]*sourceGroup{}
	no := func(rpm.NEVRA) bool { return false }
	for way, pairs := range byWay {
		for _, g := range bySource(pairs, no, no) {
			m := Move{Source: g.name, Before: evrOf(g.before), After: evrOf(g.after), From: way[0], To: way[1], Arch: way[2]}
			m.Packages, _ = changes(g.pairs)
			for i := range m.Packages {
				m.Packages[i].Change = cmp.Or(m.Packages[i].Change, Moved)
			}
			moves = append(moves, m)
			groups[Cell{m.To, m.Arch}] = append(groups[Cell{m.To, m.Arch}], g)
		}
	}
	slices.SortFunc(moves, func(a, b Move) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.After, b.After), cmp.Compare(a.Before, b.Before))
	})
	return moves, groups
}
