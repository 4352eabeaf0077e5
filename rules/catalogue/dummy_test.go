package catalogue_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/internal/accepted"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
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

// dummyWorkspace makes the workspace of the dummy product: its definition and its packages.
func dummyWorkspace(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"compose.star", "comps.xml"} {
		writeFile(t, filepath.Join(dir, name), readFile(t, dummy+name))
	}
	var facts struct{ Packages []dummyFact }
	readJSON(t, "../../internal/solve/testdata/dummy-packages.json", &facts)
	if err := os.Mkdir(filepath.Join(dir, "rpms"), 0o777); err != nil {
		t.Fatal(err)
	}
	for i := range facts.Packages {
		d := &facts.Packages[i]
		writeFile(t, filepath.Join(dir, "rpms", d.File), packageFile(t, d.spec()))
	}
	return dir
}

// dummy is the folder of the dummy product.
const dummy = "testdata/dummy/"

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func readJSON(t *testing.T, name string, v any) {
	t.Helper()
	parseJSON(t, readFile(t, name), v)
}

func parseJSON(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// TestDummyProduct composes the dummy product, and holds everything against what
// Pungi made.
func TestDummyProduct(t *testing.T) {
	dir := dummyWorkspace(t)
	c, err := tryCompose(t, os.DirFS(dir), dir, executor.Options{}, phases(), realPrograms(t))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := accepted.In("golden")
	if err != nil {
		t.Fatal(err)
	}
	d := &dummyCompose{finished: readTree(t, c), accepted: golden}
	d.unpackImages(t)
	shared := slices.DeleteFunc(slices.Clone(c.warnings), func(text string) bool { return !strings.Contains(text, "have the volume id") })
	if len(shared) != 3 {
		t.Errorf("got warnings of volume ids %q, want one for each extra ISO", shared)
	}
	for name, compare := range map[string]func(*testing.T){
		"composeinfo": d.compareComposeInfo,
		"rpms":        d.compareRPMs,
		"modules":     d.compareModules,
		"paths":       d.comparePaths,
		"repos":       d.compareRepos,
		"gather":      d.compareGather,
		"repoclosure": d.compareRepoclosure,
		"treeinfo":    d.compareTreeInfo,
		"discinfo":    d.compareDiscInfo,
		"comps":       d.compareComps,
		"images":      d.compareImages,
		"manifest":    d.compareManifests,
		"checksums":   d.compareSumFiles,
	} {
		t.Run(name, compare)
	}
	for _, line := range golden.Unused() {
		t.Errorf("nothing differs any more so: %s", line)
	}
}

// dummyCompose is the finished compose, and what may differ from Pungi's.
type dummyCompose struct {
	finished
	accepted *accepted.Differences
	// onImages are files at the top of images, by the image's path below compose/ and
	// their own.
	onImages map[string][]byte
}

// compareSets compares two lists of which the order does not count.
func (d *dummyCompose) compareSets(t *testing.T, got, want []string) {
	t.Helper()
	for _, line := range got {
		if !slices.Contains(want, line) && !d.accepted.Accept("+ "+line) {
			t.Errorf("not in Pungi's: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) && !d.accepted.Accept("- "+line) {
			t.Errorf("missing: %s", line)
		}
	}
}

func (d *dummyCompose) compareComposeInfo(t *testing.T) {
	compareJSON(t, d.finished["compose/metadata/composeinfo.json"], readFile(t, dummy+"expected/composeinfo.json"))
}

func (d *dummyCompose) compareModules(t *testing.T) {
	compareJSON(t, d.finished["compose/metadata/modules.json"], readFile(t, dummy+"expected/modules.json"))
}

func (d *dummyCompose) compareRPMs(t *testing.T) {
	d.compareSets(t, listRPMs(t, d.finished["compose/metadata/rpms.json"]), listRPMs(t, readFile(t, dummy+"expected/rpms.json")))
}

// listRPMs lists rpms.json, a line a package.
func listRPMs(t *testing.T, data []byte) []string {
	t.Helper()
	r, err := productmd.ParseRPMs(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, p := range r.RPMs {
		list = append(list, strings.Join([]string{p.Variant + "." + p.Arch, p.Source, p.NEVRA, p.Category, p.Path, p.SigKey}, " "))
	}
	return list
}

// checksumName is a name that begins with the checksum of the file.
var checksumName = regexp.MustCompile(`/[0-9a-f]{64}-`)

func (d *dummyCompose) comparePaths(t *testing.T) {
	var got []string
	for name := range d.finished {
		if name, ok := strings.CutPrefix(name, "compose/"); ok {
			got = append(got, checksumName.ReplaceAllString(name, "/<sha256>-"))
		}
	}
	d.compareSets(t, got, strings.Split(strings.TrimSpace(string(readFile(t, dummy+"expected/paths.txt"))), "\n"))
}

func (d *dummyCompose) compareRepos(t *testing.T) {
	var want map[string]struct {
		Packages []struct{ Location, NEVRA string }
		Records  []string
	}
	readJSON(t, dummy+"expected/repos.json", &want)
	var got, all []string
	for repo, w := range want {
		for _, p := range w.Packages {
			all = append(all, repo+": "+p.NEVRA+" at "+p.Location)
		}
		for _, kind := range w.Records {
			all = append(all, repo+": record "+kind)
		}
	}
	for name := range d.finished {
		if repo, ok := strings.CutSuffix(name, "/repodata/repomd.xml"); ok {
			got = append(got, d.listRepo(t, strings.TrimPrefix(repo, "compose/"))...)
		}
	}
	d.compareSets(t, got, all)
}

// listRepo lists the packages and the records of a repository.
func (d *dummyCompose) listRepo(t *testing.T, repo string) (list []string) {
	t.Helper()
	index, err := repodata.ParseRepomd(strings.NewReader(d.read(t, "compose/"+repo+"/repodata/repomd.xml")))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range index.Records {
		list = append(list, repo+": record "+r.Type)
	}
	text := d.read(t, "compose/"+repo+"/repodata/*-primary.xml.gz")
	err = repodata.Primary.Cut(strings.NewReader(text), 1, func(pieces []repodata.Piece) error {
		for _, p := range pieces {
			err := p.Primary(func(pkg *rpm.Package, at repodata.Location) error {
				list = append(list, repo+": "+pkg.NEVRA.String()+" at "+at.Href)
				if _, ok := d.finished["compose/"+repo+"/"+at.Href]; !ok {
					t.Errorf("%s: %s is not there", repo, at.Href)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// compareGather compares what the solver said, before packages moved between parent and
// child, with the flags that moving them depends on.
func (d *dummyCompose) compareGather(t *testing.T) {
	var want map[string]map[string]map[string][]string
	readJSON(t, dummy+"expected/gather.json", &want)
	trees := map[string]string{"rpm": rules.OS, "debuginfo": rules.Debug, "srpm": rules.Src}
	decisive := func(flags []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f != "input" && f != "fulltree-exclude" }), ",")
	}
	var got, all []string
	for cell, kinds := range want {
		for kind, files := range kinds {
			for file, flags := range files {
				all = append(all, strings.Join([]string{cell, trees[kind], file, decisive(flags)}, " "))
			}
		}
		_, arch, _ := strings.Cut(cell, ".")
		for line := range strings.Lines(d.read(t, "logs/"+arch+"/gather-"+cell+".json")) {
			var decision packages.Decision
			parseJSON(t, []byte(line), &decision)
			if decision.Tree != "" && decision.Dropped == "" {
				file := packages.ShortName(decision.Package) + ".rpm"
				got = append(got, strings.Join([]string{cell, decision.Tree, file, decisive(decision.Flags)}, " "))
			}
		}
	}
	d.compareSets(t, got, all)
}

func (d *dummyCompose) compareRepoclosure(t *testing.T) {
	var want map[string]map[string][]string
	readJSON(t, dummy+"expected/repoclosure.json", &want)
	var got, all []string
	for cell, findings := range want {
		for pkg, requirements := range findings {
			all = append(all, cell+" "+pkg+": "+strings.Join(requirements, ", "))
		}
		_, arch, _ := strings.Cut(cell, ".")
		var report struct {
			Findings []struct {
				Package    string
				Unresolved []string
			}
		}
		parseJSON(t, []byte(d.read(t, "logs/"+arch+"/repoclosure-"+cell+".json")), &report)
		for _, f := range report.Findings {
			got = append(got, cell+" "+packages.ShortName(f.Package)+": "+strings.Join(f.Unresolved, ", "))
		}
	}
	d.compareSets(t, got, all)
}

// compareTreeInfo compares what does not depend on the run.
func (d *dummyCompose) compareTreeInfo(t *testing.T) {
	var got, want []string
	for name := range d.finished {
		if tree, ok := strings.CutSuffix(strings.TrimPrefix(name, "compose/"), "/.treeinfo"); ok {
			got = append(got, tree)
		}
	}
	for _, file := range dummyFiles(t, "treeinfo") {
		tree := strings.ReplaceAll(strings.TrimSuffix(file, ".treeinfo"), "__", "/")
		want = append(want, tree)
		t.Run(tree, func(t *testing.T) {
			g := parseTreeInfo(t, d.finished["compose/"+tree+"/.treeinfo"])
			if w := parseTreeInfo(t, readFile(t, dummy+"expected/treeinfo/"+file)); !reflect.DeepEqual(g, w) {
				t.Errorf("got %+v, want %+v", g, w)
			}
		})
	}
	d.compareSets(t, got, want)
	for _, file := range dummyFiles(t, "iso_treeinfo") {
		name := strings.TrimSuffix(file, ".treeinfo")
		t.Run(name, func(t *testing.T) {
			g := parseTreeInfo(t, d.onImages[d.image(t, name)+"/.treeinfo"])
			w := parseTreeInfo(t, readFile(t, dummy+"expected/iso_treeinfo/"+file))
			w.Variants = slices.DeleteFunc(w.Variants, func(v productmd.TreeVariant) bool {
				return d.accepted.Accept("- treeinfo " + name + " " + v.UID)
			})
			if !reflect.DeepEqual(g, w) {
				t.Errorf("got %+v, want %+v", g, w)
			}
		})
	}
}

// parseTreeInfo reads a .treeinfo without times, and without checksums, which Pungi forgets.
func parseTreeInfo(t *testing.T, data []byte) *productmd.TreeInfo {
	t.Helper()
	info, err := productmd.ParseTreeInfo(strings.NewReader(strings.ReplaceAll(string(data), "timestamp = *", "timestamp = 1000000000")))
	if err != nil {
		t.Fatal(err)
	}
	info.Checksums, info.Timestamp = nil, 0
	return info
}

func dummyFiles(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dummy + "expected/" + folder)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d files: %v", len(entries), err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// compareDiscInfo compares .discinfo and media.repo of trees and images.
func (d *dummyCompose) compareDiscInfo(t *testing.T) {
	var want map[string]struct {
		DiscInfo  []string
		MediaRepo map[string]string `json:"media.repo"`
	}
	readJSON(t, dummy+"expected/discinfo.json", &want)
	for tree, w := range want {
		file := func(name string) string {
			if data, ok := d.onImages[tree+"/"+name]; ok {
				return string(data)
			}
			return d.read(t, "compose/"+tree+"/"+name)
		}
		lines := strings.Split(strings.TrimSpace(file(".discinfo")), "\n")
		if len(lines) != 4 || !slices.Equal(lines[1:], w.DiscInfo[1:]) {
			t.Errorf("%s/.discinfo: got %q, want %q", tree, lines, w.DiscInfo)
		}
		got := map[string]string{}
		for line := range strings.Lines(file("media.repo")) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				got[key] = value
			}
		}
		if got["mediaid"] != lines[0] {
			t.Errorf("%s/media.repo: media id %s, and .discinfo has %s", tree, got["mediaid"], lines[0])
		}
		if w.MediaRepo["mediaid"] == "None" && d.accepted.Accept("- media id None of "+tree) {
			w.MediaRepo["mediaid"] = "*"
		}
		if got["mediaid"] = "*"; !maps.Equal(got, w.MediaRepo) {
			t.Errorf("%s/media.repo: got %q, want %q", tree, got, w.MediaRepo)
		}
	}
}

func (d *dummyCompose) compareComps(t *testing.T) {
	for _, file := range dummyFiles(t, "comps") {
		variant, arch, _ := strings.Cut(strings.TrimSuffix(file, ".xml"), ".")
		got := d.read(t, "compose/"+variant+"/"+arch+"/os/repodata/*-comps-"+file)
		if want := string(readFile(t, dummy+"expected/comps/"+file)); got != want {
			t.Errorf("%s: got\n%swant\n%s", file, got, want)
		}
	}
}

func compareJSON(t *testing.T, got, want []byte) {
	t.Helper()
	var g, w any
	parseJSON(t, got, &g)
	parseJSON(t, want, &w)
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestParallelism: how many actions run at a time shows nowhere.
func TestParallelism(t *testing.T) {
	dir := dummyWorkspace(t)
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
