package repodata

import (
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
