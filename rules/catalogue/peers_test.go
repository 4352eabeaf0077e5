package catalogue_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// onDisk writes a compose to a folder, with times.
func onDisk(t *testing.T, c composed) string {
	t.Helper()
	dir := t.TempDir()
	err := c.trees.Walk(t.Context(), c.tree, func(name string, n cache.Node) error {
		if n.Kind != cache.FileKind {
			return nil
		}
		data, err := c.trees.Store().Get(t.Context(), n.Digest)
		if err != nil {
			return err
		}
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o666); err != nil {
			return err
		}
		at := time.Unix(n.ModTime, 0)
		return os.Chtimes(name, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// program runs a host program and returns what it prints.
func program(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

// packageElements returns the elements of packages in a document of repodata,
// sorted, without the space at the ends of lines.
func packageElements(document string) []string {
	var list []string
	for _, e := range regexp.MustCompile(`(?s)<package .*?</package>`).FindAllString(document, -1) {
		var b strings.Builder
		for line := range strings.Lines(e) {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
		list = append(list, b.String())
	}
	slices.Sort(list)
	return list
}

// TestPeers has createrepo_c and dnf read the repositories of some composes:
// the one must come to the same metadata, the other must see every package.
func TestPeers(t *testing.T) {
	tests := []struct {
		archive  string
		checksum string
		changes  string // changelog limit
	}{
		{"plain", "sha512", "2"},
		{"requirements", "sha256", "10"},
		{"addon", "sha256", "10"},
		{"empty", "sha256", "10"},
		{"records", "sha256", "10"},
	}
	for _, test := range tests {
		t.Run(test.archive, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("testdata/compose/" + test.archive + ".txtar")
			if err != nil {
				t.Fatal(err)
			}
			c, err := tryComposeDir(t, unpack(t, parseArchive(text)))
			if err != nil {
				t.Fatal(err)
			}
			tree, dir := readTree(t, c), onDisk(t, c)
			packages := tree.packages()
			for line := range strings.Lines(packages) {
				repo, names, _ := strings.Cut(strings.TrimSpace(line), ":")
				repo = "compose/" + repo
				againstCreaterepo(t, tree, repo, filepath.Join(dir, repo), len(strings.Fields(names)), test.checksum, test.changes)
			}
			if got := seenByDNF(t, tree, filepath.Join(dir, "compose")); got != packages {
				t.Errorf("dnf sees\n%swant\n%s", got, packages)
			}
		})
	}
}

// againstCreaterepo compares a repository with what createrepo_c writes of its
// packages. It does not look into addons, nor does createrepo_c here.
func againstCreaterepo(t *testing.T, tree finished, repo, dir string, packages int, checksum, changes string) {
	t.Helper()
	out := t.TempDir()
	program(t, "createrepo_c", "--quiet", "--no-database", "--checksum", checksum, "--changelog-limit", changes,
		"--excludes", "addons/*", "--outputdir", out, dir)
	for _, kind := range []string{"primary", "filelists", "other"} {
		found, err := filepath.Glob(filepath.Join(out, "repodata", "*-"+kind+".xml.gz"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s of createrepo_c: %q, %v", kind, found, err)
		}
		got := packageElements(tree.read(t, repo+"/repodata/*"+kind+".xml*"))
		want := packageElements(gunzip(t, found[0]))
		if len(got) != packages || !slices.Equal(got, want) {
			t.Errorf("%s of %s:\ngot\n%s\nwant\n%s", kind, repo, strings.Join(got, ""), strings.Join(want, ""))
		}
	}
}

func gunzip(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// isolatedDNF returns arguments with which dnf reads nothing of this machine.
func isolatedDNF(t *testing.T) []string {
	t.Helper()
	tmp := t.TempDir()
	config := filepath.Join(tmp, "dnf.conf")
	settings := "[main]\nreposdir=" + tmp + "\ncachedir=" + tmp + "/cache\nlogdir=" + tmp + "\npersistdir=" + tmp + "/persist\n"
	if err := os.WriteFile(config, []byte(settings), 0o666); err != nil {
		t.Fatal(err)
	}
	return []string{"--quiet", "--config=" + config, "--installroot=" + tmp + "/root", "--releasever=1", "--forcearch=x86_64"}
}

// TestGroupsOfDNF: dnf offers the groups that a variant chose, as it chose them.
func TestGroupsOfDNF(t *testing.T) {
	text, err := os.ReadFile("testdata/compose/comps-choice.txtar")
	if err != nil {
		t.Fatal(err)
	}
	c, err := tryComposeDir(t, unpack(t, parseArchive(text)))
	if err != nil {
		t.Fatal(err)
	}
	dir := onDisk(t, c)
	dnf := func(args ...string) string {
		repo := "--repofrompath=server,file://" + filepath.Join(dir, "compose/Server/x86_64/os")
		return program(t, "dnf", slices.Concat(isolatedDNF(t), []string{repo, "--repo=server", "group"}, args)...)
	}
	var listed []string
	for line := range strings.Lines(dnf("list", "--ids")) {
		listed = append(listed, strings.TrimSpace(line))
	}
	want := []string{"Available Environment Groups:", "Server (server)", "Available Groups:", "Kept (void-kept)", "Web (web)"}
	if !slices.Equal(listed, want) {
		t.Errorf("got %q, want %q", listed, want)
	}
	if got := dnf("info", "--hidden", "core"); !strings.Contains(got, "base") {
		t.Errorf("got %s, want the package base", got)
	}
}

// seenByDNF has dnf list all repositories of a compose, in the form of packages.
func seenByDNF(t *testing.T, tree finished, dir string) string {
	t.Helper()
	args := isolatedDNF(t)
	repos := map[string][]string{}
	ids := map[string]string{} // folders by what dnf calls them
	for line := range strings.Lines(tree.packages()) {
		repo, _, _ := strings.Cut(line, ":")
		id := strings.ReplaceAll(repo, "/", "_")
		repos[repo], ids[id] = nil, repo
		args = append(args, "--repofrompath="+id+",file://"+filepath.Join(dir, repo), "--repo="+id)
	}
	args = append(args, "repoquery", "--queryformat=%{repoid} %{name}-%{version}-%{release}.%{arch}")
	for line := range strings.Lines(program(t, "dnf", args...)) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		repos[ids[id]] = append(repos[ids[id]], name)
	}
	return listing(repos)
}
