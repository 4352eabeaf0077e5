package repodata

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// documents are what we write about the package files of a folder, by kind.
func documents(t *testing.T, dir string, sum ChecksumType, changelogLimit int) map[string]element {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.rpm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d package files, %v", dir, len(files), err)
	}
	primary, filelists, other := PrimaryOpen(len(files)), FilelistsOpen(len(files)), OtherOpen(len(files))
	for _, file := range files {
		p, at := readPackage(t, file, sum)
		primary = AppendPrimary(primary, p, at)
		filelists = AppendFilelists(filelists, p, at)
		other = AppendOther(other, p, at, changelogLimit)
	}
	return map[string]element{
		"primary":   parseElement(t, string(append(primary, PrimaryClose()...))),
		"filelists": parseElement(t, string(append(filelists, FilelistsClose()...))),
		"other":     parseElement(t, string(append(other, OtherClose()...))),
	}
}

func readPackage(t *testing.T, file string, sum ChecksumType) (*rpm.Package, Location) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := rpm.Read(f, stat.Size())
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return p, Location{
		Href:        filepath.Base(file),
		Checksum:    sum.Sum(b),
		PackageSize: stat.Size(),
		FileTime:    stat.ModTime().Unix(),
	}
}

// TestCreaterepo compares what we write with what createrepo_c writes.
func TestCreaterepo(t *testing.T) {
	dir := t.TempDir()
	rpmbuild(t, "testdata/varied.spec", dir)
	for i := range 150 {
		writePackage(t, dir, randomSpec(i))
	}
	tests := []struct {
		name  string
		sum   ChecksumType
		limit int
	}{
		{"default", SHA256, DefaultChangelogLimit},
		{"sha1, short changelog", SHA1, 2},
		{"sha512, no changelog", SHA512, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := t.TempDir()
			run(t, "createrepo_c", "--quiet", "--no-database", "--checksum", string(test.sum),
				"--changelog-limit", strconv.Itoa(test.limit), "--outputdir", out, dir)
			for kind, got := range documents(t, dir, test.sum, test.limit) {
				compareDocuments(t, got, readDocument(t, out, kind))
			}
		})
	}
}

// rpmbuild builds the packages of a spec file, source package included, into
// a folder.
func rpmbuild(t *testing.T, spec, dir string) {
	t.Helper()
	top := t.TempDir()
	writeFile(t, filepath.Join(top, "archive.tar"), []byte("not distributed"))
	run(t, "rpmbuild", "-ba", "--quiet", "--nodebuginfo",
		"--define", "_topdir "+top, "--define", "_tmppath "+top, "--define", "_sourcedir "+top,
		"--define", "_rpmdir "+dir, "--define", "_srcrpmdir "+dir,
		"--define", "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm", spec)
}

func writePackage(t *testing.T, dir string, s *rpm.Spec) {
	t.Helper()
	var b bytes.Buffer
	if err := rpm.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, s.FileName()), b.Bytes())
}

// randomSpec is package number i. Its words come from pools so small that
// repetitions and coincidences abound.
func randomSpec(i int) *rpm.Spec {
	p := pools{rand.New(rand.NewPCG(uint64(i), 0))}
	s := &rpm.Spec{Compression: "none"}
	s.NEVRA = rpm.NEVRA{
		Name: fmt.Sprintf("p%d", i),
		EVR:  rpm.EVR{Epoch: uint32(p.IntN(2)), Version: "1", Release: "2"},
		Arch: p.of("noarch", "x86_64", "src", "nosrc"),
	}
	s.Provides, s.Requires = p.dependencies(6), p.dependencies(12)
	s.Conflicts, s.Obsoletes = p.dependencies(3), p.dependencies(3)
	s.Recommends, s.Suggests = p.dependencies(3), p.dependencies(3)
	s.Supplements, s.Enhances = p.dependencies(3), p.dependencies(3)
	s.BuildTime = int64(p.IntN(1 << 31))
	s.Text = rpm.Text{
		Summary: p.text(), Description: p.text() + "\n" + p.text(), License: p.text(), URL: p.text(),
		Group: p.text(), Vendor: p.text(), Packager: p.text(), BuildHost: p.text(),
	}
	for range p.IntN(15) {
		s.Text.Changelog = append(s.Text.Changelog, rpm.Change{
			Author: "A" + p.text(), Time: int64(100 + p.IntN(4)), Text: p.text(),
		})
	}
	if !s.IsSource() {
		s.Contents = p.contents()
	}
	return s
}

type pools struct{ *rand.Rand }

func (p pools) of(words ...string) string { return words[p.IntN(len(words))] }

func (p pools) text() string {
	return p.of("", "plain", "  space around \t ", "<a> & \"b\" 'c'", "lines\n\nand\r\nmore", "é 中 🐎",
		"latin \xe9\x93<\xc4>", "a longer text with an ampersand & after some words", "]]>", "DEL \x7f")
}

func (p pools) dependencies(limit int) []rpm.Dependency {
	deps := make([]rpm.Dependency, p.IntN(limit+1))
	for i := range deps {
		d := &deps[i]
		d.Name = p.of("a", "b", "ab", "(a if b)", "/etc/x", "/usr/bin/x", "/usr/share/x", "/usr/lib/sendmail", "\xe9<",
			"libc.so.6", "libc.so.6(", "libc.so.6()", "libc.so.6()(64bit)", "libc.so.6(X)(64bit)", "libc.so.6(X)",
			"libc.so.6(GLIBC_2.4)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)", "libc.so.6(GLIBC_2.04)(32bit)", "libc.so.60")
		d.Sense = rpm.Sense(p.IntN(8))
		if d.Sense != 0 {
			d.EVR = rpm.EVR{Epoch: uint32(p.IntN(2)), Version: p.of("1", "2", "1&2", ""), Release: p.of("", "1")}
		}
		d.Pre = p.IntN(4) == 0
	}
	return deps
}

func (p pools) contents() []rpm.Content {
	var contents []rpm.Content
	for _, path := range []string{
		"/bin/x", "/etc", "/etc/x", "/etcetera", "/opt/sbin", "/opt/sbin/x", "/opt/xbin/y/z", "/usr/bin/x",
		"/usr/lib/sendmail", "/usr/lib/sendmail.d", "/usr/share/x", "/usr/share/\xe9", "/usr/share/é & <x>",
	} {
		if p.IntN(2) == 0 {
			mode := []uint32{0o100644, 0o040755}[p.IntN(2)]
			contents = append(contents, rpm.Content{Path: path, Mode: mode, Ghost: p.IntN(3) == 0})
		}
	}
	return contents
}
