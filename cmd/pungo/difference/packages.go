package difference

import (
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

// Package is a package in some place. What is not known is zero.
type Package struct {
	rpm.NEVRA
	Category  string    // binary, debug or source
	Source    rpm.NEVRA // the source package; of a source package itself
	Path      string    // of the file
	SigKey    string    // id of the signing key, "" if unsigned
	Signed    bool      // whether SigKey is known
	Size      int64     // bytes
	BuildTime int64     // seconds since 1970
	Checksum  repodata.Checksum
	// HeaderSum is that of the main header, which has the sums of everything behind it; zero
	// if only metadata is known.
	HeaderSum [sha256.Size]byte

	in *repository // whose metadata lists it; nil without
}

// categoryOf guesses a category where nobody states it: by what rpmbuild calls debug
// packages.
func categoryOf(n rpm.NEVRA) string {
	switch {
	case n.IsSource():
		return "source"
	case debugName(n.Name):
		return "debug"
	}
	return "binary"
}

// rank orders categories: what people install, what they debug it with, what it is made of.
func (p *Package) rank() int { return slices.Index([]string{"binary", "debug", "source"}, p.Category) }

// Pair is a package as it was and as it is; nil where there is none.
type Pair struct{ Before, After *Package }

// any returns the package as it is, or else was.
func (p Pair) any() *Package { return cmp.Or(p.After, p.Before) }

// Kind tells what happened, "" if nothing did.
func (p Pair) Kind() Kind {
	a, b := p.Before, p.After
	switch {
	case a == nil:
		return Added
	case b == nil:
		return Removed
	}
	if order := rpm.Compare(a.EVR, b.EVR); order != 0 {
		if order < 0 {
			return Up
		}
		return Down
	}
	resigned := a.Signed && b.Signed && a.SigKey != b.SigKey
	switch {
	case !resigned && a.Arch == b.Arch && sameFile(a, b):
		return ""
	case a.BuildTime != b.BuildTime && a.BuildTime != 0 && b.BuildTime != 0:
		return Rebuilt
	case resigned:
		return Resigned
	}
	return Changed
}

// sameFile reports whether files may be the same: nothing known of them says otherwise.
func sameFile(a, b *Package) bool {
	switch {
	case a.Checksum.Hex != "" && a.Checksum.Type == b.Checksum.Type:
		return a.Checksum == b.Checksum
	case a.HeaderSum != [sha256.Size]byte{} && b.HeaderSum != [sha256.Size]byte{}:
		return a.HeaderSum == b.HeaderSum
	case a.BuildTime != b.BuildTime && a.BuildTime != 0 && b.BuildTime != 0:
		return false
	}
	return a.Size == b.Size || a.Size == 0 || b.Size == 0
}

// nameArch is what makes packages of two states one that changed.
type nameArch struct{ name, arch string }

// Pairs returns the packages that differ between two states of one place, in the order
// of their names, arches and versions.
//
// A place may have several versions of a package: those on both sides are left out of
// account, and of the others the newest go together, the second newest, and so on. A
// package that became noarch, or ceased to be, goes together with what it was.
func Pairs(before, after []Package) []Pair {
	byKey := map[nameArch]*[2][]*Package{}
	for side, list := range [][]Package{before, after} {
		for i := range list {
			key := nameArch{list[i].Name, list[i].Arch}
			if byKey[key] == nil {
				byKey[key] = new([2][]*Package)
			}
			byKey[key][side] = append(byKey[key][side], &list[i])
		}
	}
	var pairs []Pair
	for _, sides := range byKey {
		pairs = append(pairs, paired(sides[0], sides[1])...)
	}
	pairs = slices.DeleteFunc(pairs, func(p Pair) bool { return p.Kind() == "" })
	slices.SortFunc(pairs, comparePairs)
	return acrossNoarch(pairs)
}

// paired puts the versions of one package together.
func paired(before, after []*Package) []Pair {
	if len(before) == 1 && len(after) == 1 { // nearly all
		return []Pair{{before[0], after[0]}}
	}
	newestFirst := func(a, b *Package) int { return cmp.Or(rpm.Compare(b.EVR, a.EVR), cmp.Compare(a.Path, b.Path)) }
	slices.SortFunc(before, newestFirst)
	slices.SortFunc(after, newestFirst)
	var pairs []Pair
	var old, new []*Package // that are on one side only
	i, j := 0, 0
	for i < len(before) && j < len(after) {
		switch order := rpm.Compare(before[i].EVR, after[j].EVR); {
		case order == 0:
			pairs = append(pairs, Pair{before[i], after[j]})
			i, j = i+1, j+1
		case order > 0:
			old, i = append(old, before[i]), i+1
		default:
			new, j = append(new, after[j]), j+1
		}
	}
	old, new = append(old, before[i:]...), append(new, after[j:]...)
	for k := range max(len(old), len(new)) {
		var p Pair
		if k < len(old) {
			p.Before = old[k]
		}
		if k < len(new) {
			p.After = new[k]
		}
		pairs = append(pairs, p)
	}
	return pairs
}

func comparePairs(a, b Pair) int {
	x, y := a.any(), b.any()
	return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Arch, y.Arch), rpm.Compare(x.EVR, y.EVR), cmp.Compare(x.Path, y.Path))
}

// acrossNoarch puts together what was removed and what was added under one name, if one
// of them is noarch and there are no others. The pairs are sorted.
func acrossNoarch(pairs []Pair) []Pair {
	kept := pairs[:0]
	for len(pairs) > 0 {
		n := 1
		for n < len(pairs) && pairs[n].any().Name == pairs[0].any().Name {
			n++
		}
		group := pairs[:n]
		pairs = pairs[n:]
		if n == 2 {
			a, b := group[0], group[1]
			both := Pair{cmp.Or(a.Before, b.Before), cmp.Or(a.After, b.After)}
			oneEach := a.Kind() == Added && b.Kind() == Removed || a.Kind() == Removed && b.Kind() == Added
			if oneEach && (both.Before.Arch == "noarch" || both.After.Arch == "noarch") {
				kept = append(kept, both)
				continue
			}
		}
		kept = append(kept, group...)
	}
	return kept
}

// change describes a pair.
func (p Pair) change() PackageChange {
	any := p.any()
	c := PackageChange{Name: any.Name, Arch: any.Arch, Category: any.Category, Change: p.Kind()}
	if p.Before != nil {
		c.Before, c.Size.Before = p.Before.NEVRA.String(), p.Before.Size
	}
	if p.After != nil {
		c.After, c.Size.After = p.After.NEVRA.String(), p.After.Size
	}
	if p.Before != nil && p.After != nil && p.Before.Signed && p.After.Signed && p.Before.SigKey != p.After.SigKey {
		c.SigKeyBefore, c.SigKeyAfter = &p.Before.SigKey, &p.After.SigKey
	}
	return c
}
