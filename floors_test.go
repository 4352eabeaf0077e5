// Package pungo_test holds the tests that are about the tree as a whole.
package pungo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
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

// hermetic are the standard packages that tools may use, and what tools use:
// those that compute, and that ask neither the machine nor the clock for
// anything. What a tool reads besides its job is not in the key of its action,
// so a package is added here only if it cannot make two machines disagree.
var hermetic = strings.Fields(`
	bufio bytes cmp compress/bzip2 context embed encoding encoding/* errors fmt hash hash/* io io/fs
	crypto crypto/md5 crypto/sha1 crypto/sha256 crypto/sha512 index/suffixarray iter maps math math/bits path reflect
	regexp slices strconv strings sync time unicode unicode/utf8`)

// formats are the packages of others that those below the rules may use:
// compressors, a hash, encodings, and signatures and file systems, of which the parts
// that ask for the time are not used, or what they write of it is written over. Of package
// os there are only the flags of files. The rules themselves use none.
var formats = strings.Fields(`
	github.com/ProtonMail/go-crypto/openpgp/armor github.com/ProtonMail/go-crypto/openpgp/packet
	github.com/ProtonMail/go-crypto/openpgp/v2
	github.com/diskfs/go-diskfs/backend github.com/diskfs/go-diskfs/filesystem github.com/diskfs/go-diskfs/filesystem/fat12
	github.com/diskfs/go-diskfs/filesystem/fat16 github.com/diskfs/go-diskfs/filesystem/fat32 os
	compress/bzip2 github.com/cavaliergopher/cpio github.com/klauspost/compress/gzip github.com/klauspost/compress/s2
	github.com/klauspost/compress/zstd github.com/ulikunitz/xz github.com/ulikunitz/xz/lzma
	google.golang.org/protobuf/encoding/protowire go.yaml.in/yaml/v3 lukechampine.com/blake3 lukechampine.com/blake3/guts`)

// clock are the functions and variables of package time that differ from run to
// run, or from machine to machine.
var clock = strings.Fields("Now Since Until Sleep After AfterFunc Tick NewTicker NewTimer Local LoadLocation")

// TestPhasesAreHermetic holds the rules, and every package of ours that they
// import, directly or not, against the lists above.
func TestPhasesAreHermetic(t *testing.T) {
	files := map[string]map[string]*ast.File{} // by package and name
	eachFile(t, func(pkg, name string, file *ast.File) {
		if files[pkg] == nil {
			files[pkg] = map[string]*ast.File{}
		}
		files[pkg][name] = file
	})
	queue := slices.DeleteFunc(slices.Collect(maps.Keys(files)), func(pkg string) bool {
		return pkg != "rules" && !matches("rules/*", pkg)
	})
	seen := map[string]bool{}
	for len(queue) > 0 {
		pkg := queue[0]
		queue = queue[1:]
		if seen[pkg] {
			continue
		}
		seen[pkg] = true
		for name, file := range files[pkg] {
			queue = append(queue, checkHermetic(t, pkg, name, file)...)
		}
	}
	if !seen["internal/rpm"] || !seen["cache"] || seen["starlark"] {
		t.Errorf("went through %v", slices.Sorted(maps.Keys(seen)))
	}
}

// checkHermetic reports what a file should not use, and returns the packages of
// ours that it imports.
func checkHermetic(t *testing.T, pkg, name string, file *ast.File) (ours []string) {
	t.Helper()
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		if below, ok := strings.CutPrefix(imported, module+"/"); ok {
			ours = append(ours, below)
			continue
		}
		allowed := slices.ContainsFunc(hermetic, func(p string) bool { return matches(p, imported) })
		if !strings.HasPrefix(pkg, "rules") {
			allowed = allowed || slices.Contains(formats, imported)
		}
		if !allowed {
			t.Errorf("%s: imports %s, which is not in the list of what tools may use", name, imported)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(clock, s.Sel.Name) {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
				t.Errorf("%s: uses time.%s", name, s.Sel.Name)
			}
		}
		if s, ok := n.(*ast.SelectorExpr); ok && !strings.HasPrefix(s.Sel.Name, "O_") {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == "os" {
				t.Errorf("%s: uses os.%s", name, s.Sel.Name)
			}
		}
		return true
	})
	return ours
}
