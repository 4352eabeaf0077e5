package solve

import (
	"encoding/json"
	"os"

	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// dummyPackage is one object of testdata/dummy-packages.json, the facts of the
// packages of Pungi's own test product.
type dummyPackage struct {
	Name, Version, Release, Arch, File, SourceRPM string
	NoSource                                      bool
	Provides, Requires                            []dummyEntry
	Files                                         []struct{ Path string }
}

type dummyEntry struct{ Name, Flags, Version, Release string }

// readDummies reads the dummy packages, all in repository 0.
func readDummies(t testing.TB) []Package {
	t.Helper()
	data, err := os.ReadFile("testdata/dummy-packages.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Packages []dummyPackage }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var packages []Package
	for _, d := range file.Packages {
		packages = append(packages, Package{Package: d.convert(t)})
	}
	return packages
}

func (d *dummyPackage) convert(t testing.TB) *rpm.Package {
	p := &rpm.Package{SourceRPM: d.SourceRPM}
	p.NEVRA = rpm.NEVRA{Name: d.Name, EVR: rpm.EVR{Version: d.Version, Release: d.Release}, Arch: d.Arch}
	p.Provides = convertEntries(t, d.Provides)
	p.Requires = convertEntries(t, d.Requires)
	for _, f := range d.Files {
		p.Files = append(p.Files, rpm.File{Path: f.Path})
	}
	return p
}

func convertEntries(t testing.TB, entries []dummyEntry) []rpm.Dependency {
	senses := map[string]rpm.Sense{
		"": 0, "EQ": rpm.Equal, "LT": rpm.Less, "GT": rpm.Greater,
		"LE": rpm.Less | rpm.Equal, "GE": rpm.Greater | rpm.Equal,
	}
	var deps []rpm.Dependency
	for _, e := range entries {
		sense, ok := senses[e.Flags]
		if !ok {
			t.Fatalf("%s: flags %q", e.Name, e.Flags)
		}
		d := rpm.Dependency{Name: e.Name, Sense: sense}
		if sense != 0 {
			d.EVR = rpm.EVR{Version: e.Version, Release: e.Release}
		}
		deps = append(deps, d)
	}
	return deps
}

// universe builds packages for a test from lines such as
//
//	bash-5-1.x86_64 from bash; requires glibc(x86-64), /bin/x; provides sh = 5; files /bin/sh
//
// "from NAME" is the source package, with the version of the package itself; a
// whole NAME-VERSION-RELEASE may stand there too. A line "repo N" or "lookaside"
// says where the packages after it are.
func universe(t testing.TB, text string) []Package {
	t.Helper()
	var packages []Package
	var where Package
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "lookaside":
			where.Repo++
			where.Lookaside = true
		case line == "repo":
			where.Repo++
			where.Lookaside = false
		default:
			where.Package = parsePackage(t, line)
			packages = append(packages, where)
		}
	}
	return packages
}

func parsePackage(t testing.TB, line string) *rpm.Package {
	t.Helper()
	parts := strings.Split(line, ";")
	fields := strings.Fields(parts[0])
	nevra, err := rpm.ParseNEVRA(fields[0])
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	p := &rpm.Package{NEVRA: nevra}
	if len(fields) == 3 && fields[1] == "from" {
		p.SourceRPM = fields[2] + ".src.rpm"
		if !strings.Contains(fields[2], "-") {
			p.SourceRPM = fields[2] + "-" + nevra.Version + "-" + nevra.Release + ".src.rpm"
		}
	} else if len(fields) != 1 {
		t.Fatalf("%q: want NEVRA [from SOURCE]", line)
	}
	p.Provides = []rpm.Dependency{{Name: p.Name, Sense: rpm.Equal, EVR: p.EVR}}
	for _, part := range parts[1:] {
		word, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		for item := range strings.SplitSeq(rest, ",") {
			addFact(t, p, word, strings.TrimSpace(item))
		}
	}
	return p
}

func addFact(t testing.TB, p *rpm.Package, word, item string) {
	t.Helper()
	if word == "files" {
		p.Files = append(p.Files, rpm.File{Path: item})
		return
	}
	d, err := rpm.ParseDependency(item)
	switch {
	case err != nil:
		t.Fatal(err)
	case word == "requires":
		p.Requires = append(p.Requires, d)
	case word == "provides":
		p.Provides = append(p.Provides, d)
	default:
		t.Fatalf("%q is none of requires, provides, files", word)
	}
}

// names lists selected packages as name-version-release.arch, sorted. What is
// not shipped is left out.
func names(packages []Package, selected []Selected) []string {
	list := []string{}
	for _, s := range selected {
		if !s.Flags.Has(FlagLookaside) {
			list = append(list, strings.TrimSuffix(packages[s.Index].FileName(), ".rpm"))
		}
	}
	slices.Sort(list)
	return list
}
