package repoclosure

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/dnf"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/rules/rulestest"
	"github.com/pungo-build/pungo/rules/universe"
)

// check runs the tool on a tree and lookasides. It returns the result and the two
// reports.
func check(t testing.TB, arch string, tree []*format.Package, lookasides ...[]*format.Package) (r cache.Result, log, document string) {
	t.Helper()
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	j := (&rulestest.Host{Trees: trees, Tools: universe.Tools()}).Job(nil)
	j.Args = []string{"--tree", "Server." + arch, "--arch", arch, "--packages", "0", "--log", "log", "--json", "json"}
	for i, list := range append([][]*format.Package{tree}, lookasides...) {
		name := fmt.Sprint(i)
		if i > 0 {
			j.Args = append(j.Args, "--lookaside", name)
		}
		n := newSet(t, trees, list)
		n.Name = name
		j.Inputs = append(j.Inputs, n)
	}
	if err := run(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	r = j.Result()
	text := map[string]string{}
	for _, n := range r.Outputs {
		data, err := trees.Store().Get(t.Context(), n.Digest)
		if err != nil {
			t.Fatal(err)
		}
		text[n.Name] = string(data)
	}
	return r, text["log"], text["json"]
}

// newSet stores a package set.
func newSet(t testing.TB, trees *cache.Trees, list []*format.Package) cache.Node {
	t.Helper()
	var listings []*packages.Listing
	for _, p := range list {
		record := packages.EncodeHeader(p, sha256.Sum256([]byte(p.FileName())))
		header, err := trees.Store().Put(t.Context(), record)
		if err != nil {
			t.Fatal(err)
		}
		l, err := packages.ListFile(record, cache.BLAKE3.Sum([]byte(p.FileName())), header)
		if err != nil {
			t.Fatal(err)
		}
		listings = append(listings, l)
	}
	set, err := packages.Write(t.Context(), (&rulestest.Host{Trees: trees}).Job(nil), listings)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// newPackage makes a package of facts such as "requires a >= 1", "file /usr/bin/a".
func newPackage(t testing.TB, nevra string, facts ...string) *format.Package {
	t.Helper()
	n, err := format.ParseNEVRA(nevra)
	if err != nil {
		t.Fatal(err)
	}
	p := &format.Package{NEVRA: n}
	if !p.IsSource() {
		p.SourceRPM = format.NEVRA{Name: n.Name, EVR: n.EVR, Arch: "src"}.FileName()
	}
	lists := map[string]*[]format.Dependency{"requires": &p.Requires, "provides": &p.Provides, "obsoletes": &p.Obsoletes, "conflicts": &p.Conflicts}
	for _, fact := range facts {
		word, rest, _ := strings.Cut(fact, " ")
		if word == "file" || word == "folder" {
			p.Files = append(p.Files, format.File{Path: rest, Dir: word == "folder"})
			continue
		}
		d, err := format.ParseDependency(rest)
		if list := lists[word]; err != nil || list == nil {
			t.Fatalf("%q: %v", fact, err)
		}
		*lists[word] = append(*lists[word], d)
	}
	return p
}

// agrees wants dnf to find the same in the same repositories, and returns it.
func agrees(t testing.TB, log, arch string, tree []*format.Package, lookasides ...[]*format.Package) []string {
	t.Helper()
	c := dnf.Closure{Arch: arch}
	for i, list := range append([][]*format.Package{tree}, lookasides...) {
		dir := t.TempDir()
		if err := dnf.Write(dir, list); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			c.Repository = dir
		} else {
			c.Lookasides = append(c.Lookasides, dir)
		}
	}
	want, err := c.Ask(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got, err := dnf.Findings(log)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n  %s\ndnf finds\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	return got
}

// TestReport has every byte of both reports, and what is shown at once.
func TestReport(t *testing.T) {
	tree := []*format.Package{
		newPackage(t, "app-1:2-3.x86_64", "requires zlib", "requires lib > 1", "requires lib"),
		newPackage(t, "lib-1-1.x86_64", "requires app"),
		newPackage(t, "tool-1-1.noarch", "requires /usr/share/x"),
	}
	r, log, document := check(t, "x86_64", tree)
	if r.ExitCode == 0 {
		t.Error("the verdict is good")
	}
	if want := `package: app-1:2-3.x86_64 from Server.x86_64
  unresolved deps (2):
    lib > 1
    zlib
package: tool-1-1.noarch from Server.x86_64
  unresolved deps (1):
    /usr/share/x
Server.x86_64: 3 packages, 2 of them with unresolved dependencies, 3 in all
`; log != want {
		t.Errorf("log is\n%swant\n%s", log, want)
	}
	if want := `{
  "tree": "Server.x86_64",
  "packages": 3,
  "findings": [
    {
      "package": "app-1:2-3.x86_64",
      "source": "app-2-3.src.rpm",
      "unresolved": [
        "lib > 1",
        "zlib"
      ]
    },
    {
      "package": "tool-0:1-1.noarch",
      "source": "tool-1-1.src.rpm",
      "unresolved": [
        "/usr/share/x"
      ]
    }
  ]
}
`; document != want {
		t.Errorf("document is\n%swant\n%s", document, want)
	}
	if want := []string{
		"nothing provides lib > 1, zlib, needed by app-1:2-3.x86_64",
		"nothing provides /usr/share/x, needed by tool-1-1.noarch",
	}; !slices.Equal(r.Warnings, want) {
		t.Errorf("warnings %q, want %q", r.Warnings, want)
	}
}

// TestGood: without findings the verdict is good, and the reports say so.
func TestGood(t *testing.T) {
	r, log, document := check(t, "x86_64", []*format.Package{newPackage(t, "a-1-1.noarch", "requires a")})
	var got report
	if err := json.Unmarshal([]byte(document), &got); err != nil {
		t.Fatal(err)
	}
	if r.ExitCode != 0 || len(r.Warnings) > 0 || got.Findings == nil || len(got.Findings) > 0 {
		t.Errorf("exit code %d, warnings %q, document %s", r.ExitCode, r.Warnings, document)
	}
	if want := "Server.x86_64: 1 packages, 0 of them with unresolved dependencies, 0 in all\n"; log != want {
		t.Errorf("log is %q, want %q", log, want)
	}
}

// TestManyFindings: of many packages the first are shown.
func TestManyFindings(t *testing.T) {
	var tree []*format.Package
	for i := range 9 {
		tree = append(tree, newPackage(t, fmt.Sprintf("p%d-1-1.noarch", i), "requires x"))
	}
	r, _, _ := check(t, "x86_64", tree)
	if n := len(r.Warnings); n != 6 || r.Warnings[5] != "and 4 more packages" {
		t.Errorf("%d warnings: %q", n, r.Warnings)
	}
}
