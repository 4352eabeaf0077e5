package catalogue_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/internal/rpm"
)

// createrepoWorkspace is a workspace with a repository of everything, made with these
// attributes of createrepo.
func createrepoWorkspace(t *testing.T, attributes string) string {
	t.Helper()
	dir := unpack(t, parseArchive(readFile(t, "testdata/compose/records.txtar")))
	with := regexp.MustCompile(`(?s)createrepo_with = \{.*?\n    \}`)
	star := filepath.Join(dir, "compose.star")
	definition := readFile(t, star)
	if !with.Match(definition) {
		t.Fatalf("no createrepo_with in\n%s", definition)
	}
	writeFile(t, star, with.ReplaceAllLiteral(definition, []byte("createrepo_with = {"+attributes+"}")))
	return dir
}

var (
	sums    = regexp.MustCompile(`[0-9a-f]{40,}`)
	numbers = regexp.MustCompile(`>[0-9]+</(revision|timestamp|size|open-size)>`)
)

// normalRepomd is an index without what depends on bytes of packed files and on the clock.
func normalRepomd(text string) string {
	lengths := func(sum string) string { return strconv.Itoa(len(sum)) + " digits" }
	return numbers.ReplaceAllString(sums.ReplaceAllStringFunc(text, lengths), ">N</$1>")
}

// TestRepomdIsThatOfCreaterepo holds the index of a repository against that of
// createrepo_c and modifyrepo_c with the options that mean the same.
func TestRepomdIsThatOfCreaterepo(t *testing.T) {
	const (
		simple       = `"unique_md_filenames": False, `
		certificates = `"product_id": select({"Server.x86_64": "certificates"}), `
		advisories   = `"updateinfo": ["updates/two.xml", "updates/one.xml"], `
	)
	tests := []struct {
		name, attributes string
		createrepo       []string   // options
		modifyrepo       [][]string // name of a file, options
	}{
		{"default", "", nil, nil},
		{"sha1", `"checksum": "sha1"`, []string{"--checksum=sha1"}, nil},
		{"sha224", `"checksum": "sha224"`, []string{"--checksum=sha224"}, nil},
		{"sha384", `"checksum": "sha384"`, []string{"--checksum=sha384"}, nil},
		{"sha512, xz", `"checksum": "sha512", "compression": "xz"`,
			[]string{"--checksum=sha512", "--general-compress-type=xz", "--compress-type=xz"}, nil},
		{"simple names", simple, []string{"--simple-md-filenames"}, nil},
		{"tags", `"distro_tags": ["cpe:/o:x:1,Foo", "Bar", "a,b,c", ",z"], "content_tags": ["c1 & c2", "c3"], "repo_tags": ["r1", "r2"]`,
			[]string{"--distro=cpe:/o:x:1,Foo", "--distro=Bar", "--distro=a,b,c", "--distro=,z", "--content=c1 & c2", "--content=c3", "--repo=r1", "--repo=r2"}, nil},
		{"product id, advisories", certificates + advisories, nil, [][]string{{"productid", "--compress"}, {"updateinfo.xml", "--compress"}}},
		{"with simple names", simple + certificates + advisories, []string{"--simple-md-filenames"},
			[][]string{{"updateinfo.xml", "--compress", "--simple-md-filenames"}, {"productid", "--compress", "--simple-md-filenames"}}},
		{"plain", simple + certificates + `"compressions": {"productid": "none"}`, []string{"--simple-md-filenames"},
			[][]string{{"productid", "--no-compress", "--simple-md-filenames"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := tryComposeDir(t, createrepoWorkspace(t, test.attributes))
			if err != nil {
				t.Fatal(err)
			}
			const repo = "compose/Server/x86_64/os"
			tree, out := readTree(t, c), t.TempDir()
			dir := filepath.Join(onDisk(t, c), repo)
			groups := filepath.Join(t.TempDir(), "comps-Server.x86_64.xml")
			writeFile(t, groups, []byte(tree.read(t, repo+"/repodata/*comps-Server.x86_64.xml")))
			program(t, "createrepo_c", slices.Concat(test.createrepo, []string{
				"--quiet", "--no-database", "--groupfile", groups, "--excludes", "addons/*", "--outputdir", out, dir,
			})...)
			content := map[string]string{"productid": "/repodata/productid", "updateinfo.xml": "/repodata/*updateinfo.xml.gz"}
			for _, add := range test.modifyrepo {
				file := filepath.Join(t.TempDir(), add[0])
				writeFile(t, file, []byte(tree.read(t, repo+content[add[0]])))
				program(t, "modifyrepo_c", slices.Concat(add[1:], []string{file, out + "/repodata"})...)
			}
			want := readFile(t, out+"/repodata/repomd.xml")
			if got, want := normalRepomd(tree.read(t, repo+"/repodata/repomd.xml")), normalRepomd(string(want)); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestRecordsPeers has dnf read groups and advisories, createrepo_c take up its work from
// what is there, and mergerepo_c merge it.
func TestRecordsPeers(t *testing.T) {
	for _, compression := range []string{"gz", "xz", "none", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			c, err := tryComposeDir(t, createrepoWorkspace(t, `"compression": "`+compression+`", "updateinfo": ["updates/one.xml", "updates/two.xml"]`))
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(onDisk(t, c), "compose/Server/x86_64/os")
			root := t.TempDir()
			installOldBash(t, root)
			dnf := func(args ...string) string {
				return program(t, "dnf", append([]string{
					"--quiet", "--installroot=" + root, "--releasever=1", "--forcearch=x86_64", "--setopt=reposdir=/dev/null",
					"--setopt=cachedir=" + root + "/cache", "--setopt=logdir=" + root, "--setopt=persistdir=" + root,
					"--repofrompath=t,file://" + dir, "--repo=t", "--repofrompath=a,file://" + dir + "/addons/HA", "--repo=a",
				}, args...)...)
			}
			groups := strings.Fields(dnf("group", "list", "--ids"))
			if !slices.Contains(groups, "(core)") || !slices.Contains(groups, "(ha)") {
				t.Errorf("dnf lists the groups %q, want core and ha", groups)
			}
			if got, want := strings.Join(strings.Fields(dnf("updateinfo", "list")), " "), "T-1 Important/Sec. bash-1:4.9-1.x86_64"; got != want {
				t.Errorf("dnf updateinfo list: got %q, want %q", got, want)
			}
			if got := dnf("repoquery", "--upgrades", "--security"); got != "bash-1:5.2-1.x86_64\n" {
				t.Errorf("what mends holes is %q, want bash-1:5.2-1.x86_64: it has all that 4.9-1 had", got)
			}
			if compression == "zstd" {
				return // which this createrepo_c does not know
			}
			read := filepath.Join(t.TempDir(), "read")
			out := t.TempDir()
			program(t, "createrepo_c", "--quiet", "--no-database", "--update", "--skip-stat", "--update-md-path", dir,
				"--read-pkgs-list", read, "--excludes", "addons/*", "--outputdir", out, dir)
			if got, err := os.ReadFile(read); err != nil || len(got) > 0 {
				t.Errorf("createrepo_c has not found in repodata, and read itself, %q, %v", got, err)
			}
			merged := t.TempDir()
			program(t, "mergerepo_c", "--no-database", "--omit-baseurl", "--repo", dir, "--repo", dir+"/addons/HA", "--outputdir", merged)
			found, err := filepath.Glob(filepath.Join(merged, "repodata/*primary.xml.gz"))
			if err != nil || len(found) != 1 {
				t.Fatalf("mergerepo_c makes %q, %v", found, err)
			}
			if got := len(packageElements(gunzip(t, found[0]))); got != 3 {
				t.Errorf("mergerepo_c has %d packages, want 3 of two repositories", got)
			}
		})
	}
}

// installOldBash notes in a root's database that a bash is installed that two updates follow.
func installOldBash(t *testing.T, root string) {
	t.Helper()
	s := &rpm.Spec{Compression: "none"}
	s.NEVRA = rpm.NEVRA{Name: "bash", EVR: rpm.EVR{Epoch: 1, Version: "4", Release: "1"}, Arch: "x86_64"}
	var b bytes.Buffer
	if err := rpm.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), s.FileName())
	writeFile(t, file, b.Bytes())
	program(t, "rpm", "--root", root, "--install", "--justdb", "--nodeps", "--nosignature", "--ignorearch", file)
}

// TestSameContentSameRepository: neither the order of what goes into a repository, nor how
// advisories are packed, nor how much is done at a time makes a difference.
func TestSameContentSameRepository(t *testing.T) {
	text := readFile(t, "testdata/compose/records.txtar")
	one := unpack(t, parseArchive(text))
	other := unpack(t, parseArchive(text))
	star := filepath.Join(other, "compose.star")
	definition := readFile(t, star)
	sources := regexp.MustCompile(`( +pkg\(.*\n)+`)
	definition = sources.ReplaceAllFunc(definition, func(lines []byte) []byte {
		all := bytes.SplitAfter(lines, []byte("\n"))
		slices.Reverse(all)
		return bytes.Join(all, nil)
	})
	const files, others = `"updates/one.xml", "updates/two.xml"`, `"updates/two.xml", "updates/one.xml.xz"`
	if !bytes.Contains(definition, []byte(files)) {
		t.Fatalf("no %s in\n%s", files, definition)
	}
	writeFile(t, star, bytes.Replace(definition, []byte(files), []byte(others), 1))
	program(t, "xz", filepath.Join(other, "updates/one.xml"))

	a, err := tryCompose(t, os.DirFS(one), one, executor.Options{Jobs: 1}, phases())
	if err != nil {
		t.Fatal(err)
	}
	b, err := tryCompose(t, os.DirFS(other), other, executor.Options{Jobs: 8}, phases())
	if err != nil {
		t.Fatal(err)
	}
	if maps.Equal(a.keys, b.keys) {
		t.Error("both composes have the same keys, want another order of arguments")
	}
	if a.tree != b.tree {
		t.Errorf("with other order and jobs: tree %s, want %s", b.tree, a.tree)
	}
}
