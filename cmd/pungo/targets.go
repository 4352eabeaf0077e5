package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/syntax"

	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// targetArgs are the arguments of commands that work on targets:
//
//	:repo                      the target in this package, in every cell
//	//dir:repo                 in the package dir
//	//dir:all   :all           every target of a package
//	//...  //dir/...  ...      of a package and those below it
//	:repo@Server.x86_64        in the cells that agree with what is named
//	:repo@*.src                "*" leaves a coordinate open
//
// With a dash before it, a pattern leaves out ("-:dvd").
type targetArgs struct {
	Targets []string `arg:"" optional:"" help:"Targets: :name, //dir:name, //dir:all, //..., each with or without @CELL; -:name leaves one out. By default all." placeholder:"TARGET"`
	Without []string `hidden:"" sep:"none" placeholder:"TARGET"`
}

// choose returns the instances that the arguments name, in the order of the
// graph; all if they name none. Pkg is the package that ":name" is in.
func (t targetArgs) choose(g *rules.Graph, pkg string) ([]*rules.Analysed, error) {
	chosen := map[*rules.Analysed]bool{}
	wanted := t.Targets
	if len(wanted) == 0 {
		wanted = []string{"//..."}
	}
	for _, mode := range []struct {
		patterns []string
		in       bool
	}{{wanted, true}, {t.Without, false}} {
		for _, text := range mode.patterns {
			matched, err := match(g, pkg, text)
			if err != nil {
				return nil, err
			}
			for _, a := range matched {
				chosen[a] = mode.in
			}
		}
	}
	var list []*rules.Analysed
	for _, target := range g.Targets {
		for _, a := range target.Instances {
			if chosen[a] {
				list = append(list, a)
			}
		}
	}
	return list, nil
}

// match returns the instances that one pattern names. That it names none is an
// error, unless it asks for everything there is.
func match(g *rules.Graph, pkg, text string) ([]*rules.Analysed, error) {
	name, where, hasCell := strings.Cut(text, "@")
	targets, err := matchTargets(g, pkg, name)
	if err != nil {
		return nil, err
	}
	cells := cellPattern{}
	if hasCell {
		if cells, err = parseCells(g.Compose, where); err != nil {
			return nil, usagef("target %q: %v", text, err)
		}
	}
	var matched []*rules.Analysed
	var others []string
	for _, target := range targets {
		for _, a := range target.Instances {
			if cells.covers(a.Cell) {
				matched = append(matched, a)
			} else {
				others = append(others, a.Cell.String())
			}
		}
	}
	if hasCell && len(matched) == 0 {
		return nil, usagef("target %q: %q covers none of its cells%s", text, where, listed(others))
	}
	return matched, nil
}

// listed names some cells on a hint line.
func listed(cells []string) string {
	slices.Sort(cells)
	cells = slices.Compact(cells)
	cells = slices.DeleteFunc(cells, func(c string) bool { return c == "" })
	if len(cells) == 0 {
		return ""
	}
	const few = 8
	text := strings.Join(cells[:min(few, len(cells))], ", ")
	if len(cells) > few {
		text += ", ..."
	}
	return "\n  hint: the cells are " + text
}

// matchTargets returns the targets that the part of a pattern before the @ names.
func matchTargets(g *rules.Graph, pkg, name string) ([]*rules.Target, error) {
	below, recursive := strings.CutSuffix(name, "...")
	if recursive {
		return matchBelow(g, pkg, name, below)
	}
	label, err := rules.ParseLabel(name, pkg)
	if err != nil {
		return nil, usagef("target %v", err)
	}
	var all, exact []*rules.Target
	var labels []string
	for _, t := range g.Targets {
		if t.Label == label {
			exact = append(exact, t)
		}
		if t.Label.Package == label.Package {
			all = append(all, t)
		}
		labels = append(labels, t.Label.String())
	}
	switch {
	case len(exact) > 0:
		return exact, nil
	case label.Name == "all" && len(all) > 0:
		return all, nil
	case label.Name == "all":
		return nil, usagef("target %q: package %q has no targets", name, "//"+label.Package)
	}
	return nil, usagef("target %q is not declared%s", label, spell.DidYouMean(label.String(), labels))
}

// matchBelow returns the targets of a package and those below it. Dir is what
// stands before the dots: "//", "//dir/", or "" for the package pkg.
func matchBelow(g *rules.Graph, pkg, name, dir string) ([]*rules.Target, error) {
	parent, absolute := strings.CutPrefix(dir, "//")
	if !absolute && dir != "" || parent != "" && !strings.HasSuffix(parent, "/") {
		return nil, usagef("target %q: want \"//dir/...\"", name)
	}
	if parent = strings.TrimSuffix(parent, "/"); !absolute {
		parent = pkg
	}
	var found []*rules.Target
	for _, t := range g.Targets {
		if parent == "" || t.Label.Package == parent || strings.HasPrefix(t.Label.Package, parent+"/") {
			found = append(found, t)
		}
	}
	if len(found) == 0 && parent != "" {
		return nil, usagef("target %q: no package there has a target", name)
	}
	return found, nil
}

// cellPattern names some coordinates of cells; "" is one that is not named.
type cellPattern struct {
	rules.Cell
	// someArch is set by "*" in the place of the arch: source trees have none.
	someArch bool
}

// parseCells reads up to three words with dots between them, as keys of a
// select() are written: "Server", "Server.x86_64", "*.src", "x86_64.debug".
func parseCells(c *rules.Compose, text string) (cellPattern, error) {
	var p cellPattern
	uids := make([]string, len(c.Variants))
	for i, v := range c.Variants {
		uids[i] = v.UID
	}
	places := []struct {
		known []string
		value *string
	}{
		{uids, &p.Variant},
		{c.Arches, &p.Arch},
		{[]string{rules.OS, rules.Debug, rules.Src}, &p.Tree},
	}
	next := 0
	for _, word := range strings.Split(text, ".") {
		if word == "*" && next < len(places) {
			p.someArch = p.someArch || next == 1
			next++
			continue
		}
		var known []string
		i := next
		for ; i < len(places) && !slices.Contains(places[i].known, word); i++ {
			known = append(known, places[i].known...)
		}
		if i == len(places) {
			return p, fmt.Errorf("%q is no variant, arch or tree in this place%s", word, spell.DidYouMean(word, known))
		}
		*places[i].value = word
		next = i + 1
	}
	return p, nil
}

// covers reports whether a cell agrees with what the pattern names. A coordinate
// that the cell does not have is not an agreement.
func (p cellPattern) covers(c rules.Cell) bool {
	return (p.Variant == "" || p.Variant == c.Variant) &&
		(p.Arch == "" || p.Arch == c.Arch) &&
		(p.Tree == "" || p.Tree == c.Tree) &&
		(!p.someArch || c.Arch != "")
}

// definitionFile is the file that makes a folder a package, or the workspace.
const definitionFile = "compose.star"

// findRoot returns the workspace that dir is in, the nearest folder upwards whose
// compose.star calls compose(), and the package: the path, relative to the root
// and with slashes, of the nearest folder upwards with any compose.star.
func findRoot(dir string) (root, pkg string, err error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", "", environmentf("folder %q: %v", dir, err)
	}
	if info, err := os.Stat(start); err != nil || !info.IsDir() {
		return "", "", usagef("%q is not a folder", dir)
	}
	nearest := ""
	for at := start; ; at = filepath.Dir(at) {
		file := filepath.Join(at, definitionFile)
		source, err := os.ReadFile(file)
		switch {
		case err == nil && nearest == "":
			nearest = at
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", "", environmentf("definition: %v", err)
		}
		if err == nil && callsCompose(file, source) {
			rel, err := filepath.Rel(at, nearest)
			pkg = filepath.ToSlash(rel)
			if pkg == "." {
				pkg = ""
			}
			return at, pkg, err
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if nearest != "" {
		return "", "", usagef("%s: neither this nor a %s above it calls compose()\n  hint: the one in the root of the workspace does",
			filepath.Join(nearest, definitionFile), definitionFile)
	}
	return "", "", usagef("%s: no %s here or above that calls compose()\n  hint: go to a workspace, or name it with --dir", start, definitionFile)
}

// lineOfCompose finds the call in a file that does not parse, so that the file is
// taken for the root and its mistake is shown.
var lineOfCompose = regexp.MustCompile(`(?m)^compose\s*\(`)

// callsCompose reports whether source calls compose() at the top level.
func callsCompose(file string, source []byte) bool {
	f, err := parseStar(file, source)
	if err != nil {
		return lineOfCompose.Match(source)
	}
	return slices.ContainsFunc(f.Stmts, func(s syntax.Stmt) bool {
		expr, ok := s.(*syntax.ExprStmt)
		if !ok {
			return false
		}
		call, ok := expr.X.(*syntax.CallExpr)
		if !ok {
			return false
		}
		name, ok := call.Fn.(*syntax.Ident)
		return ok && name.Name == "compose"
	})
}
