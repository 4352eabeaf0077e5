// Package pungo_test holds the tests that are about the tree as a whole.
package pungo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pungo-build/pungo"

// floor is a row of the table in BUILD.md.
type floor struct {
	pattern string
	allowed []string
}

// readFloors reads the table between the floors markers.
func readFloors(t *testing.T) []floor {
	t.Helper()
	text, err := os.ReadFile("BUILD.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok1 := strings.Cut(string(text), "<!-- floors -->")
	table, _, ok2 := strings.Cut(table, "<!-- /floors -->")
	if !ok1 || !ok2 {
		t.Fatal("BUILD.md has no floors")
	}
	word := regexp.MustCompile("`([^`]+)`")
	var floors []floor
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || !strings.Contains(cells[1], "`") {
			continue
		}
		f := floor{pattern: word.FindStringSubmatch(cells[1])[1]}
		for _, m := range word.FindAllStringSubmatch(cells[2], -1) {
			f.allowed = append(f.allowed, m[1])
		}
		floors = append(floors, f)
	}
	return floors
}

// matches reports whether a pattern of the table covers a package.
func matches(pattern, pkg string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(pkg, prefix)
	}
	return pattern == pkg
}

// eachFile calls fn for every Go file that is not a test.
func eachFile(t *testing.T, fn func(pkg, name string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "pungo-out") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err == nil {
			fn(path.Dir(filepath.ToSlash(name)), name, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportsGoDown(t *testing.T) {
	floors := readFloors(t)
	used := map[string]bool{}
	eachFile(t, func(pkg, name string, file *ast.File) {
		i := slices.IndexFunc(floors, func(f floor) bool { return matches(f.pattern, pkg) })
		if i < 0 {
			t.Errorf("%s: package %s is not in the table of BUILD.md", name, pkg)
			return
		}
		used[floors[i].pattern] = true
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			below, ours := strings.CutPrefix(imported, module+"/")
			if ours && !slices.ContainsFunc(floors[i].allowed, func(p string) bool { return matches(p, below) }) {
				t.Errorf("%s: %s imports %s, which the table of BUILD.md does not allow", name, pkg, below)
			}
		}
	})
	for _, f := range floors {
		if !used[f.pattern] {
			t.Errorf("BUILD.md: no package is a %s", f.pattern)
		}
	}
}

// TestPhasesAreHermetic: what a tool reads besides its job is not in its key.
func TestPhasesAreHermetic(t *testing.T) {
	outside := []string{"os", "os/exec", "net", "net/http", "math/rand", "math/rand/v2"}
	eachFile(t, func(pkg, name string, file *ast.File) {
		if !matches("rules/*", pkg) {
			return
		}
		for _, spec := range file.Imports {
			if imported, _ := strconv.Unquote(spec.Path.Value); slices.Contains(outside, imported) {
				t.Errorf("%s: imports %s", name, imported)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Now" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s: reads the clock", name)
				}
			}
			return true
		})
	})
}
