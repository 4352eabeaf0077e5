package catalogue_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/rpm"
)

// dummyFact is what is known of a package of the dummy product.
type dummyFact struct {
	Name, Version, Release, Arch, File, SourceRPM string
	NoSource                                      bool
	ExclusiveArch, ExcludeArch                    []string
	Provides, Requires                            []struct{ Name, Flags, Version, Release string }
	Files                                         []struct{ Path string }
}

// dummySenses are the comparisons of repodata.
var dummySenses = map[string]rpm.Sense{
	"": 0, "EQ": rpm.Equal, "LT": rpm.Less, "GT": rpm.Greater, "LE": rpm.Less | rpm.Equal, "GE": rpm.Greater | rpm.Equal,
}

func (d *dummyFact) spec() *rpm.Spec {
	s := &rpm.Spec{Compression: "none"}
	s.NEVRA = rpm.NEVRA{Name: d.Name, EVR: rpm.EVR{Version: d.Version, Release: d.Release}, Arch: d.Arch}
	s.SourceRPM, s.ExclusiveArch, s.ExcludeArch, s.BuildTime = d.SourceRPM, d.ExclusiveArch, d.ExcludeArch, 1e9
	if d.NoSource {
		s.Arch = "nosrc"
	}
	for _, p := range d.Provides {
		s.Provides = append(s.Provides, rpm.Dependency{Name: p.Name, Sense: dummySenses[p.Flags], EVR: rpm.EVR{Version: p.Version, Release: p.Release}})
	}
	for _, r := range d.Requires {
		s.Requires = append(s.Requires, rpm.Dependency{Name: r.Name, Sense: dummySenses[r.Flags], EVR: rpm.EVR{Version: r.Version, Release: r.Release}})
	}
	for _, f := range d.Files {
		c := rpm.Content{Path: f.Path, Mode: 0o100644}
		if s.IsSource() {
			c.Path = filepath.Base(f.Path)
		}
		s.Contents = append(s.Contents, c)
	}
	return s
}

// writeDummies writes the packages of the dummy product.
func writeDummies(t *testing.T, dir string) {
	t.Helper()
	data, err := os.ReadFile("../../internal/solve/testdata/dummy-packages.json")
	if err != nil {
		t.Fatal(err)
	}
	var facts struct{ Packages []dummyFact }
	if err := json.Unmarshal(data, &facts); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range facts.Packages {
		d := &facts.Packages[i]
		if err := os.WriteFile(filepath.Join(dir, d.File), packageFile(t, d.spec()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDummyProduct composes the dummy product, and holds packages and metadata
// against what Pungi made.
func TestDummyProduct(t *testing.T) {
	text, err := os.ReadFile("testdata/dummy.txtar")
	if err != nil {
		t.Fatal(err)
	}
	a := parseArchive(text)
	dir := unpack(t, a)
	writeDummies(t, filepath.Join(dir, "rpms"))
	c, err := tryComposeDir(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	tree := readTree(t, c)
	for _, f := range a.files {
		name, isGolden := strings.CutPrefix(f.name, "golden/")
		if !isGolden {
			continue
		}
		t.Run(name, func(t *testing.T) {
			switch kind, arg, _ := strings.Cut(name, "/"); kind {
			case "rpms":
				compareRPMs(t, tree.rpms(t), string(f.data))
			case "composeinfo.json":
				compareJSON(t, tree["compose/metadata/composeinfo.json"], f.data)
			case "treeinfo":
				compareTreeInfo(t, tree["compose/"+arg+"/.treeinfo"], f.data)
			case "comps":
				variant, arch, _ := strings.Cut(strings.TrimSuffix(arg, ".xml"), ".")
				got := tree.read(t, "compose/"+variant+"/"+arch+"/os/repodata/*-comps-"+arg)
				if got != string(f.data) {
					t.Errorf("got\n%swant\n%s", got, f.data)
				}
			default:
				t.Errorf("section %s is not known", f.name)
			}
		})
	}
}

// rpms lists rpms.json, a line a package.
func (tree finished) rpms(t *testing.T) string {
	t.Helper()
	r, err := productmd.ParseRPMs(strings.NewReader(string(tree["compose/metadata/rpms.json"])))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, p := range r.RPMs {
		if _, ok := tree["compose/"+p.Path]; !ok {
			t.Errorf("%s is not there", p.Path)
		}
		list = append(list, fmt.Sprintf("%s.%s %s: %s %s", p.Variant, p.Arch, p.Source, p.Category, p.Path))
	}
	slices.Sort(list)
	return lines(list)
}

// questionable is what Pungi leaves out of an optional variant since an addon
// somewhere has a package of that name, though nobody has this variant and that
// addon: the addon is Server's. We do not.
var questionable = []string{
	"Client-optional.i386 dummy-lvm2-0:2.02.84-4.src: binary Client-optional/i386/os/Packages/d/dummy-lvm2-cluster-2.02.84-4.i686.rpm\n",
	"Client-optional.x86_64 dummy-lvm2-0:2.02.84-4.src: binary Client-optional/x86_64/os/Packages/d/dummy-lvm2-cluster-2.02.84-4.x86_64.rpm\n",
}

func compareRPMs(t *testing.T, got, want string) {
	t.Helper()
	for line := range strings.Lines(got) {
		if !strings.Contains(want, line) && !slices.Contains(questionable, line) {
			t.Errorf("not in Pungi's: %s", line)
		}
	}
	for line := range strings.Lines(want) {
		if !strings.Contains(got, line) {
			t.Errorf("missing: %s", line)
		}
	}
}

func compareJSON(t *testing.T, got, want []byte) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// compareTreeInfo compares what does not depend on the run.
func compareTreeInfo(t *testing.T, got, want []byte) {
	t.Helper()
	parse := func(data []byte) *productmd.TreeInfo {
		info, err := productmd.ParseTreeInfo(strings.NewReader(strings.ReplaceAll(string(data), "timestamp = *", "timestamp = 1000000000")))
		if err != nil {
			t.Fatal(err)
		}
		info.Checksums, info.Timestamp = nil, 0
		return info
	}
	if g, w := parse(got), parse(want); !reflect.DeepEqual(g, w) {
		t.Errorf("got %+v, want %+v", g, w)
	}
}

// TestParallelism: how many actions run at a time shows nowhere.
func TestParallelism(t *testing.T) {
	text, err := os.ReadFile("testdata/dummy.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := unpack(t, parseArchive(text))
	writeDummies(t, filepath.Join(dir, "rpms"))
	var first composed
	for _, jobs := range []int{1, 2, 9} {
		c, err := tryCompose(t, os.DirFS(dir), dir, executor.Options{Jobs: jobs}, phases())
		if err != nil {
			t.Fatal(err)
		}
		if jobs == 1 {
			first = c
		}
		if c.tree != first.tree || !slices.Equal(c.warnings, first.warnings) || !maps.Equal(c.keys, first.keys) {
			t.Errorf("%d jobs: got %s and warnings %q, want %s and %q; or keys differ", jobs, c.tree, c.warnings, first.tree, first.warnings)
		}
	}
}
