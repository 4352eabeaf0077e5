package rpm

import (
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// build runs rpmbuild on testdata/built.spec and returns the binary and the
// source package.
func build(t *testing.T) (binary, source string) {
	t.Helper()
	top := t.TempDir()
	output(t, "rpmbuild", "--quiet", "--define", "_topdir "+top, "--nodeps", "-ba", "testdata/built.spec")
	return filepath.Join(top, "RPMS/noarch/built-1.0~rc1-3.noarch.rpm"), filepath.Join(top, "SRPMS/built-1.0~rc1-3.src.rpm")
}

func readFile(t *testing.T, name string) *Package {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return mustRead(t, b)
}

// lines prints a list of our values as rpm prints its own.
func lines[T any](list []T, line func(T) string) string {
	var b strings.Builder
	for _, v := range list {
		b.WriteString(line(v) + "\n")
	}
	return b.String()
}

// TestReadWhatRPMBuilt compares with rpm's own reading of real packages.
func TestReadWhatRPMBuilt(t *testing.T) {
	binary, source := build(t)
	for _, file := range []string{binary, source} {
		p := readFile(t, file)
		facts := fmt.Sprintf("%s|%s|%d|%d|%d|%s|%s|%s|%s",
			p.NEVRA.EVR, p.Name, p.BuildTime, p.InstalledSize, p.ArchiveSize,
			p.Text.Summary, p.Text.Description, p.Text.BuildHost, strings.Join(p.ExcludeArch, ","))
		ours := map[string]string{
			"--qf=%{evr}|%{name}|%{buildtime}|%{size}|%{archivesize}|%{summary}|%{description}|%{buildhost}|[%{excludearch}]": facts,
			"--provides":    lines(p.Provides, Dependency.String),
			"--requires":    lines(p.Requires, Dependency.String),
			"--conflicts":   lines(p.Conflicts, Dependency.String),
			"--obsoletes":   lines(p.Obsoletes, Dependency.String),
			"--recommends":  lines(p.Recommends, Dependency.String),
			"--suggests":    lines(p.Suggests, Dependency.String),
			"--supplements": lines(p.Supplements, Dependency.String),
			"--enhances":    lines(p.Enhances, Dependency.String),
			"-l":            lines(p.Files, func(f File) string { return f.Path }),
			"--qf=[%{changelogtime} %{changelogname}\n%{changelogtext}\n]": lines(p.Text.Changelog, func(c Change) string {
				return fmt.Sprintf("%d %s\n%s", c.Time, c.Author, c.Text)
			}),
		}
		checkFiles(t, file, p.Files)
		for query, got := range ours {
			want := output(t, "rpm", "-qp", query, file)
			if query == "--requires" {
				want = withoutLines(want, "rpmlib(")
			}
			if got != want {
				t.Errorf("%s %s: got\n%s\nwant\n%s", filepath.Base(file), query, got, want)
			}
		}
	}
}

// checkFiles compares what rpm says of the files.
func checkFiles(t *testing.T, file string, got []File) {
	t.Helper()
	var want []File
	theirs := output(t, "rpm", "-qp", "--qf=[%{filenames} %{filemodes:perms} %{fileflags:fflags}.\n]", file)
	for line := range strings.Lines(theirs) {
		fields := strings.Fields(line)
		want = append(want, File{fields[0], fields[1][0] == 'd', strings.Contains(fields[2], "g")})
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: files %+v, want %+v", filepath.Base(file), got, want)
	}
}

func withoutLines(s, prefix string) string {
	kept := slices.DeleteFunc(strings.SplitAfter(s, "\n"), func(line string) bool { return strings.HasPrefix(line, prefix) })
	return strings.Join(kept, "")
}

// primary is the part of primary.xml that the header decides.
type primary struct {
	Packages []struct {
		Name    string `xml:"name"`
		Arch    string `xml:"arch"`
		Version struct {
			Epoch uint32 `xml:"epoch,attr"`
			Ver   string `xml:"ver,attr"`
			Rel   string `xml:"rel,attr"`
		} `xml:"version"`
		Time struct {
			Build int64 `xml:"build,attr"`
		} `xml:"time"`
		Size struct {
			Installed int64 `xml:"installed,attr"`
			Archive   int64 `xml:"archive,attr"`
		} `xml:"size"`
		Format struct {
			SourceRPM string `xml:"sourcerpm"`
			Range     struct {
				Start int64 `xml:"start,attr"`
				End   int64 `xml:"end,attr"`
			} `xml:"header-range"`
			Provides    []primaryEntry `xml:"provides>entry"`
			Requires    []primaryEntry `xml:"requires>entry"`
			Conflicts   []primaryEntry `xml:"conflicts>entry"`
			Obsoletes   []primaryEntry `xml:"obsoletes>entry"`
			Recommends  []primaryEntry `xml:"recommends>entry"`
			Suggests    []primaryEntry `xml:"suggests>entry"`
			Supplements []primaryEntry `xml:"supplements>entry"`
			Enhances    []primaryEntry `xml:"enhances>entry"`
		} `xml:"format"`
	} `xml:"package"`
}

type primaryEntry struct {
	Name  string `xml:"name,attr"`
	Flags string `xml:"flags,attr"`
	Epoch string `xml:"epoch,attr"`
	Ver   string `xml:"ver,attr"`
	Rel   string `xml:"rel,attr"`
	Pre   string `xml:"pre,attr"`
}

func (e primaryEntry) dependency() Dependency {
	epoch, _ := strconv.ParseUint(e.Epoch, 10, 32)
	flags := map[string]Sense{"LT": Less, "LE": Less | Equal, "EQ": Equal, "GE": Greater | Equal, "GT": Greater}
	return Dependency{e.Name, flags[e.Flags], EVR{uint32(epoch), e.Ver, e.Rel}, e.Pre == "1"}
}

// packages are the packages by NAME.ARCH, as createrepoView shows them.
func (p *primary) packages() map[string]*Package {
	all := map[string]*Package{}
	for _, x := range p.Packages {
		p := &Package{
			NEVRA:     NEVRA{x.Name, EVR{x.Version.Epoch, x.Version.Ver, x.Version.Rel}, x.Arch},
			SourceRPM: x.Format.SourceRPM, BuildTime: x.Time.Build,
			InstalledSize: x.Size.Installed, ArchiveSize: x.Size.Archive,
			HeaderStart: x.Format.Range.Start, HeaderEnd: x.Format.Range.End,
		}
		f := &x.Format
		for i, entries := range [...][]primaryEntry{f.Provides, f.Requires, f.Conflicts, f.Obsoletes,
			f.Recommends, f.Suggests, f.Supplements, f.Enhances} {
			list := p.dependencyLists()[i]
			for _, e := range entries {
				*list = append(*list, e.dependency())
			}
		}
		all[p.Name+"."+p.Arch] = createrepoView(p)
	}
	return all
}

// createrepoView is the part of a package that createrepo_c shows, its
// dependencies sorted and each once, without requirements that are its own
// provides.
func createrepoView(p *Package) *Package {
	c := Package{NEVRA: p.NEVRA, SourceRPM: p.SourceRPM, BuildTime: p.BuildTime, InstalledSize: p.InstalledSize,
		ArchiveSize: p.ArchiveSize, HeaderStart: p.HeaderStart, HeaderEnd: p.HeaderEnd}
	for i, list := range p.dependencyLists() {
		sorted := slices.Clone(*list)
		slices.SortFunc(sorted, func(a, b Dependency) int {
			return strings.Compare(fmt.Sprintf("%s %t", a, a.Pre), fmt.Sprintf("%s %t", b, b.Pre))
		})
		*c.dependencyLists()[i] = slices.Compact(sorted)
	}
	c.Requires = slices.DeleteFunc(c.Requires, func(d Dependency) bool { return slices.Contains(c.Provides, d) })
	return &c
}

// TestReadAgreesWithCreaterepo compares, among others, the place of the header.
func TestReadAgreesWithCreaterepo(t *testing.T) {
	repo := t.TempDir()
	for _, s := range sampleSpecs() {
		writeFile(t, repo, s)
	}
	binary, source := build(t)
	copyFile(t, binary, filepath.Join(repo, "built.noarch.rpm"))
	copyFile(t, source, filepath.Join(repo, "built.src.rpm"))
	copyFile(t, "testdata/signed-rsa.rpm", filepath.Join(repo, "noarch-1.2-3.noarch.rpm"))
	files, err := filepath.Glob(filepath.Join(repo, "*.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	theirs := createrepo(t, repo)
	if len(theirs) != len(files) {
		t.Errorf("createrepo_c found %d packages, want %d", len(theirs), len(files))
	}
	for _, file := range files {
		got := createrepoView(readFile(t, file))
		if got.Arch == "nosrc" {
			got.Arch = "src" // createrepo_c does not tell them apart
		}
		want := theirs[got.Name+"."+got.Arch]
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", filepath.Base(file), dump(got), dump(want))
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// dump shows all of a package; %v would show its NEVRA.
func dump(p *Package) string {
	b, err := json.Marshal(p)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// createrepo makes a repository of the folder and reads its primary.xml.
func createrepo(t *testing.T, dir string) map[string]*Package {
	t.Helper()
	output(t, "createrepo_c", "--quiet", "--simple-md-filenames", "--no-database", dir)
	f, err := os.Open(filepath.Join(dir, "repodata/primary.xml.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var doc primary
	if err := xml.NewDecoder(unpacked).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc.packages()
}
