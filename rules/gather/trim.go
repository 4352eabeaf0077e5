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
	Type     string   `arg:"type,required"`
	Packages string   `arg:"packages,required"`
	Solution string   `arg:"solution,required"`
	Parent   []string `arg:"parent"`
	Children []string `arg:"child"`
	Remove   []string `arg:"remove"`
	OS       string   `arg:"os,required"`
	Debug    string   `arg:"debug,required"`
	Src      string   `arg:"src,required"`
	List     string   `arg:"list,required"`
	Moved    string   `arg:"moved,required"`
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
		list []packages.Listed
	}{{p.List, kept}, {p.Moved, moved}} {
		data, err := packages.EncodeList(out.list)
		if err != nil {
			return err
		}
		if err := j.Write(ctx, out.path, data); err != nil {
			return err
		}
	}
	return p.writeSets(ctx, j, kept)
}

// trimmer decides what of a solution stays in its variant.
type trimmer struct {
	variantType string
	solution    []line                // with what children left to it
	parent      map[treeNameArch]bool // what the parent needs itself, or was left by siblings
	removed     map[treeName]bool     // what earlier siblings ship
}

type treeNameArch struct{ tree, name, arch string }

type treeName struct{ tree, name string }

func (p *trimParams) load(ctx context.Context, j *rules.Job) (*trimmer, error) {
	t := &trimmer{variantType: p.Type, parent: map[treeNameArch]bool{}, removed: map[treeName]bool{}}
	for _, path := range append([]string{p.Solution}, p.Children...) {
		list, err := readLines(ctx, j, path)
		if err != nil {
			return nil, err
		}
		t.solution = append(t.solution, list...)
	}
	for _, path := range p.Parent {
		list, err := readLines(ctx, j, path)
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			t.parent[treeNameArch{l.Tree, l.nevra.Name, l.nevra.Arch}] = true
		}
	}
	for _, path := range p.Remove {
		list, err := readLines(ctx, j, path)
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			t.removed[treeName{l.Tree, l.nevra.Name}] = true
		}
	}
	return t, nil
}

// line is a line of a package list, and its NEVRA taken apart.
type line struct {
	packages.Listed
	nevra format.NEVRA
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
//
// Lists are sorted, each package once.
func (t *trimmer) split() (kept, moved []packages.Listed) {
	for _, l := range t.solution {
		switch {
		case t.removed[treeName{l.Tree, l.nevra.Name}] && (t.variantType == "optional" || l.Tree == rules.OS):
		case t.parent[treeNameArch{l.Tree, l.nevra.Name, l.nevra.Arch}]:
		case t.variantType != "variant" && t.variantType != "optional" &&
			slices.Contains(l.Flags, "fulltree-exclude") && !slices.Contains(l.Flags, "input"):
			moved = append(moved, l.Listed)
		default:
			kept = append(kept, l.Listed)
		}
	}
	return normalize(kept), normalize(moved)
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

// writeSets makes the three package sets.
func (p *trimParams) writeSets(ctx context.Context, j *rules.Job, kept []packages.Listed) error {
	entries, err := packages.Load(ctx, j, p.Packages)
	if err != nil {
		return err
	}
	byFile := make(map[string]*packages.Entry, len(entries))
	for _, e := range entries {
		byFile[e.File] = e
	}
	sets := map[string][]*packages.Entry{}
	for _, l := range kept {
		e := byFile[l.File]
		if e == nil {
			return fmt.Errorf("%s is in the solution, and not in the package set", l.File)
		}
		sets[l.Tree] = append(sets[l.Tree], e)
	}
	for i, path := range []string{p.OS, p.Debug, p.Src} {
		set, err := packages.Write(ctx, j.Trees, sets[treeOrder[i]])
		if err != nil {
			return err
		}
		j.Output(path, set)
	}
	return nil
}
