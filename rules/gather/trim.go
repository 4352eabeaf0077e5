package gather

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

type trimParams struct {
	Type     string `arg:"type,required"`
	Packages string `arg:"packages,required"`
	Solution string `arg:"solution,required"`
	// Variants and their lists; of children also the package sets that these are of.
	Parent   [][2]string `arg:"parent"`
	Peers    [][2]string `arg:"peer"` // the parent, and what a sibling of the same type needs
	Children [][3]string `arg:"child"`
	Remove   [][2]string `arg:"remove"`

	OS        string `arg:"os,required"`
	Debug     string `arg:"debug,required"`
	Src       string `arg:"src,required"`
	List      string `arg:"list,required"`
	Moved     string `arg:"moved,required"`
	Decisions string `arg:"decisions,required"`
}

func runTrim(ctx context.Context, j *rules.Job) error {
	var p trimParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	t, err := p.load(ctx, j)
	if err != nil {
		return err
	}
	kept, moved := t.split()
	for _, out := range []struct {
		path string
		data []byte
	}{
		{p.List, packages.EncodeList(kept)},
		{p.Moved, packages.EncodeList(moved)},
		{p.Decisions, packages.EncodeDecisions(t.decisions)},
	} {
		if err := j.Write(ctx, out.path, out.data); err != nil {
			return err
		}
	}
	return p.writeSets(ctx, j, kept)
}

// trimmer decides what of a solution stays in its variant.
type trimmer struct {
	variantType string
	solution    []line
	left        []child                 // what children leave to it
	parent      map[treeNameArch]string // what the parent needs itself or was left by siblings: its uid
	peers       map[treeNameArch]string // what siblings of the same type leave to the parent: its uid
	removed     map[treeName]string     // what earlier siblings ship: the uid of one
	decisions   []packages.Decision
}

// child is a variant and what it leaves to its parent.
type child struct {
	uid   string
	lines []line
}

type treeNameArch struct{ tree, name, arch string }

type treeName struct{ tree, name string }

func (p *trimParams) load(ctx context.Context, j *rules.Job) (*trimmer, error) {
	t := &trimmer{variantType: p.Type, parent: map[treeNameArch]string{}, peers: map[treeNameArch]string{}, removed: map[treeName]string{}}
	var err error
	if t.solution, err = readLines(ctx, j, p.Solution); err != nil {
		return nil, err
	}
	for _, c := range p.Children {
		list, err := readLines(ctx, j, c[1])
		if err != nil {
			return nil, err
		}
		t.left = append(t.left, child{c[0], list})
	}
	for _, parent := range p.Parent {
		list, err := readLines(ctx, j, parent[1])
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			t.parent[treeNameArch{l.Tree, l.nevra.Name, l.nevra.Arch}] = parent[0]
		}
	}
	for _, peer := range p.Peers {
		list, err := readLines(ctx, j, peer[1])
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			if l.isParents() {
				t.peers[treeNameArch{l.Tree, l.nevra.Name, l.nevra.Arch}] = peer[0]
			}
		}
	}
	for _, sibling := range p.Remove {
		list, err := readLines(ctx, j, sibling[1])
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			t.removed[treeName{l.Tree, l.nevra.Name}] = sibling[0]
		}
	}
	return t, nil
}

// line is a line of a package list, and its NEVRA taken apart.
type line struct {
	packages.Listed
	nevra format.NEVRA
}

// isParents reports whether a package is there only because its source is the parent's,
// and not asked for.
func (l *line) isParents() bool {
	return slices.Contains(l.Flags, "fulltree-exclude") && !slices.Contains(l.Flags, "input")
}

// readLines reads a package list. Solutions may come from rules of others, so
// what they say is checked.
func readLines(ctx context.Context, j *rules.Job, path string) ([]line, error) {
	list, err := readList(ctx, j, path)
	if err != nil {
		return nil, err
	}
	lines := make([]line, len(list))
	for i, l := range list {
		n, err := format.ParseNEVRA(l.NEVRA)
		if err != nil {
			return nil, fmt.Errorf("%s: entry %d: %w", path, i+1, err)
		}
		if !slices.Contains(treeOrder, l.Tree) {
			return nil, fmt.Errorf("%s: %s: tree %q, want os, debug or src", path, l.NEVRA, l.Tree)
		}
		lines[i] = line{l, n}
	}
	return lines, nil
}

// split returns what stays and what moves to the parent, by Pungi's rules:
//
//	shipped by an earlier sibling    goes; of layered products only binaries, so
//	                                 that who has no addon still gets its sources
//	in the parent's solution, or     goes
//	left to it by an earlier sibling
//	there only because its source    moves to the parent, but from an optional
//	is the parent's, not asked for   variant
//	left so by a sibling of the      goes
//	same type
//
// In Pungi the last holds for siblings that come later in the alphabet only.
//
// Lists are sorted, each package once.
func (t *trimmer) split() (kept, moved []packages.Listed) {
	for _, l := range t.solution {
		t.place(l, &kept, &moved)
	}
	for _, c := range t.left {
		for _, l := range c.lines {
			t.decide(l, packages.StepFromChild, packages.LeftBy+c.uid, "")
			t.place(l, &kept, &moved)
		}
	}
	return normalize(kept), normalize(moved)
}

// place puts a package in its list, or in none.
func (t *trimmer) place(l line, kept, moved *[]packages.Listed) {
	sibling, shipped := t.removed[treeName{l.Tree, l.nevra.Name}]
	parent, above := t.parent[treeNameArch{l.Tree, l.nevra.Name, l.nevra.Arch}]
	switch {
	case shipped && (t.variantType == "optional" || l.Tree == rules.OS):
		t.decide(l, "trimmed", "", sibling+" ships it")
	case above:
		t.decide(l, "trimmed", "", "in parent "+parent)
	case t.variantType != "variant" && t.variantType != "optional" && l.isParents():
		t.decide(l, "moved", "", "left to the parent, whose source it was built from")
		*moved = append(*moved, l.Listed)
	case t.peers[treeNameArch{l.Tree, l.nevra.Name, l.nevra.Arch}] != "":
		t.decide(l, "trimmed", "", "in parent "+t.peers[treeNameArch{l.Tree, l.nevra.Name, l.nevra.Arch}])
	default:
		*kept = append(*kept, l.Listed)
	}
}

// decide notes what became of a package, unless it stays as a matter of course.
func (t *trimmer) decide(l line, step, from, dropped string) {
	t.decisions = append(t.decisions, packages.Decision{
		Package: l.NEVRA, Tree: l.Tree, Flags: l.Flags, Step: step, For: from, Dropped: dropped,
	})
}

// treeOrder is the order of the trees in lists.
var treeOrder = []string{rules.OS, rules.Debug, rules.Src}

func normalize(list []packages.Listed) []packages.Listed {
	slices.SortStableFunc(list, func(a, b packages.Listed) int {
		return cmp.Or(
			slices.Index(treeOrder, a.Tree)-slices.Index(treeOrder, b.Tree),
			cmp.Compare(a.NEVRA, b.NEVRA),
		)
	})
	return slices.CompactFunc(list, func(a, b packages.Listed) bool { return a.Tree == b.Tree && a.NEVRA == b.NEVRA })
}

// writeSets makes the three package sets. What a child left may be of a package set that
// the parent does not have.
func (p *trimParams) writeSets(ctx context.Context, j *rules.Job, kept []packages.Listed) error {
	paths := []string{p.Packages}
	for _, c := range p.Children {
		if !slices.Contains(paths, c[2]) {
			paths = append(paths, c[2])
		}
	}
	byFile, err := listings(ctx, j, kept, paths)
	if err != nil {
		return err
	}
	sets := map[string][]*packages.Listing{}
	for _, l := range kept {
		sets[l.Tree] = append(sets[l.Tree], byFile[l.File])
	}
	for i, path := range []string{p.OS, p.Debug, p.Src} {
		set, err := packages.Write(ctx, j, sets[treeOrder[i]])
		if err != nil {
			return err
		}
		j.Output(path, set)
	}
	return nil
}

// listings finds the packages of a list, by file, in the first of some package sets that
// has them. Others are not read once all are found.
func listings(ctx context.Context, j *rules.Job, list []packages.Listed, paths []string) (map[string]*packages.Listing, error) {
	found := make(map[string]*packages.Listing, len(list))
	for _, l := range list {
		found[l.File] = nil
	}
	missing := len(found)
	for _, path := range paths {
		if missing == 0 {
			break
		}
		set, err := j.Input(ctx, path)
		if err != nil {
			return nil, err
		}
		all, err := packages.LoadListings(ctx, j, set.Digest)
		if err != nil {
			return nil, err
		}
		for _, l := range all {
			if other, wanted := found[l.File]; wanted && other == nil {
				found[l.File] = l
				missing--
			}
		}
	}
	for _, l := range list {
		if found[l.File] == nil {
			return nil, fmt.Errorf("%s is in the solution, and not in the package set", l.File)
		}
	}
	return found, nil
}
