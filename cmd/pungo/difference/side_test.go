package difference

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

// writeRPM writes a package file.
func writeRPM(t *testing.T, dir, nevra string, log ...rpm.Change) {
	t.Helper()
	n := nevraOf(t, nevra)
	s := &rpm.Spec{Package: rpm.Package{NEVRA: n, BuildTime: 1, Text: rpm.Text{Summary: "s", License: "MIT", Changelog: log}}}
	write(t, filepath.Join(dir, n.FileName()), func(w io.Writer) error { return rpm.Write(w, s) })
}

// TestFolders: folders of packages have changelogs in their headers, and what is there
// twice counts once.
func TestFolders(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	first := entry(20000, "1-1", "- first")
	writeRPM(t, a, "one-1-1.x86_64", first)
	writeRPM(t, filepath.Join(a, "more"), "one-1-1.x86_64", first)
	writeRPM(t, a, "two-1-1.noarch")
	writeRPM(t, filepath.Join(b, "below"), "one-2-1.x86_64", entry(20001, "2-1", "- second"), first)
	r, err := compared(t, a, b, Options{Changelog: 5})
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`[0-9]+ B *`).ReplaceAllString(asText(r), "N B")
	want := `before -> after
packages: 1 removed, 1 up; packages N B-> N B(-N B)
  removed  two 1-1 (two) -N B
  up       one 1-1 -> 2-1 (one.x86_64) +N B
packages of all: N B-> N B(-N B)
grew most:
  +N Bone
changelogs:
  one 1-1 -> 2-1
    2024-10-05 Ann <ann@example.org> - 2-1
      - second
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestRepositories: two repositories have groups, too; and one may be compared with a
// compose, or a part of it.
func TestRepositories(t *testing.T) {
	before, after := nights(t)
	a, b := before.write(t), after.write(t)
	server := filepath.Join("compose", "Server", "x86_64", "os")
	r, err := compared(t, filepath.Join(a, server), filepath.Join(b, server), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := asText(r); !strings.Contains(got, "  group moved parts: core -> tools\n") || !strings.Contains(got, "  removed  wandering 1-1 (wandering, wandering-doc) -20 B\n") {
		t.Errorf("got\n%s", got)
	}
	r, err = compared(t, filepath.Join(a, server), b, Options{Variants: []string{"Server"}, Arches: []string{"x86_64"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "only packages are compared: before is a repository, after a compose"; len(r.Notes) != 1 || r.Notes[0] != want {
		t.Errorf("notes %q, want %q", r.Notes, want)
	}
	if c := r.Cells[0].Counts; len(r.Cells) != 1 || c.Up != 3 {
		t.Errorf("got %+v", c)
	}
	if r, err = compared(t, filepath.Join(a, "compose"), a, Options{Changelog: -1}); err != nil || !r.IsEmpty() {
		t.Errorf("of the same: %+v, %v", r, err)
	}
}

// TestIncomplete: what a compose lacks is said, and the rest compared.
func TestIncomplete(t *testing.T) {
	before, after := nights(t)
	a, b := before.write(t), after.write(t)
	for _, name := range []string{"composeinfo.json", "modules.json", "images.json"} {
		if err := os.Remove(filepath.Join(a, "compose", "metadata", name)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := compared(t, a, b, Options{Changelog: 5})
	if err != nil {
		t.Fatal(err)
	}
	got := asText(r)
	for _, want := range []string{
		"  up       kernel 5-1 -> 7-1 (kernel)\n",
		"note: before has no composeinfo.json: its variants, groups, trees and repositories are not known\n",
		"Server.x86_64: 4 added, 2 removed, 5 up, 1 down, 1 changed; images 0 B -> 1593 B (+1593 B)\n",
		"note: the size of 16 packages of before is not known: no repository lists them, and they are not there\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
}

// TestVariants: of a variant that came everything is new, of one that went everything
// gone; of others what they say of themselves may change.
func TestVariants(t *testing.T) {
	before, after := nights(t)
	after.info.Variants = after.info.Variants[:1]
	after.info.Variants[0].Name = "Acme Server"
	delete(after.rpms, Cell{"Server-optional", "x86_64"})
	delete(after.comps, Cell{"Server-optional", "x86_64"})
	r, err := compared(t, before.write(t), after.write(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := asText(r)
	for _, want := range []string{
		"variant Server changed\n  name: \"Server\" -> \"Acme Server\"\n",
		"variant Server-optional removed\n",
		"Server-optional.x86_64: 1 removed; packages 10 B -> 0 B (-10 B)\n  removed  steady 1-1 (steady) -10 B\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
}

// TestLinks: a package that is a link to elsewhere, as Pungi may make them, is compared by
// what metadata says; who wants its changelog is told that nobody knows it.
func TestLinks(t *testing.T) {
	elsewhere, before, after := t.TempDir(), &made{}, &made{}
	cell := Cell{"Server", "x86_64"}
	for i, m := range []*made{before, after} {
		n, _ := nights(t)
		*m = *n
		m.rpms = map[Cell][]madeRPM{cell: {{nevra: fmt.Sprintf("a-%d-1.noarch", i+1), source: fmt.Sprintf("a-%d-1.src", i+1), size: 7}}}
		writeRPM(t, elsewhere, m.rpms[cell][0].nevra, entry(int64(20000+i), "v", "- text"))
	}
	a, b := before.write(t), after.write(t)
	for i, dir := range []string{a, b} {
		os := filepath.Join(dir, "compose", "Server", "x86_64", "os")
		replaceIn(t, filepath.Join(os, "repodata", "repomd.xml"), `type="other"`, `type="something"`)
		link(t, filepath.Join(elsewhere, fmt.Sprintf("a-%d-1.noarch.rpm", i+1)), filepath.Join(os, "Packages", fmt.Sprintf("a-%d-1.noarch.rpm", i+1)))
	}
	r, err := compared(t, a, b, Options{Changelog: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := asText(r); !strings.Contains(got, "  up       a 1-1 -> 2-1 (a)\n") || !strings.Contains(got, "note: the changelogs of 1 packages of after are not known: no repository has them; "+b) {
		t.Errorf("got\n%s", got)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o777), os.Symlink(to, at)); err != nil {
		t.Fatal(err)
	}
}

// replaceIn replaces a text in a file, which has to have it.
func replaceIn(t *testing.T, name, old, new string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil || !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s: no %s, %v", name, old, err)
	}
	write(t, name, text(strings.ReplaceAll(string(data), old, new)))
}

// TestHostile: what metadata of others names stays in the compose, is a file, and is no
// larger than it may be.
func TestHostile(t *testing.T) {
	const server = "compose/Server/x86_64/os"
	replace := func(name, old, new string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { replaceIn(t, filepath.Join(dir, name), old, new) }
	}
	instead := func(name string, make func(at string) error) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			at := filepath.Join(dir, name)
			if err := errors.Join(os.RemoveAll(at), make(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	bomb := repodata.Gzip.AppendFrame(nil, make([]byte, maxComps+1))
	for _, test := range []struct {
		name  string
		spoil func(*testing.T, string)
		want  string
	}{
		{"path of a package", replace("compose/metadata/rpms.json", "Server/x86_64/os/Packages/going", "../../going"),
			`compose/metadata/rpms.json: rpm "going-0:1-1.noarch": path "../../going-1-1.noarch.rpm", want a clean relative path`},
		{"path of a tree", replace("compose/metadata/composeinfo.json", `"Server/x86_64/os"`, `"../../etc"`),
			"compose/../../etc/repodata/repomd.xml: the path leads out of the folder"},
		{"location", replace(server+"/repodata/repomd.xml", "repodata/primary", "../../../../../etc/primary"),
			server + "/../../../../../etc/primary.xml.gz: the path leads out of the folder"},
		{"link out", instead("compose/Server", func(at string) error { return os.Symlink("/etc", at) }),
			"compose/Server/source/tree/repodata/repomd.xml: path escapes from parent"},
		{"pipe", instead(server+"/repodata/primary.xml.gz", func(at string) error { return unix.Mkfifo(at, 0o666) }),
			server + "/repodata/primary.xml.gz: not a regular file"},
		{"folder", instead(server+"/.treeinfo", func(at string) error { return os.Mkdir(at, 0o777) }),
			server + "/.treeinfo: not a regular file"},
		{"bomb", instead(server+"/repodata/comps.xml", func(at string) error { return os.WriteFile(at, bomb, 0o666) }),
			server + "/repodata/comps.xml: "},
		{"cut off", instead(server+"/repodata/primary.xml.gz", func(at string) error { return os.WriteFile(at, bomb[:100], 0o666) }),
			server + "/repodata/primary.xml.gz: unexpected EOF"},
		{"no JSON", replace("compose/metadata/modules.json", "{", "["), "compose/metadata/modules.json: invalid character ':' after array element"},
		{"not there", instead(server+"/repodata/primary.xml.gz", func(string) error { return nil }),
			server + "/repodata/primary.xml.gz: no such file or directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after := nights(t)
			a, b := before.write(t), after.write(t)
			test.spoil(t, a)
			_, err := compared(t, a, b, Options{Changelog: 1})
			var input *InputError
			if got := strings.ReplaceAll(fmt.Sprint(err), a+"/", ""); !strings.HasPrefix(got, test.want) || errors.As(err, &input) {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}

// TestForeignText: what others wrote ends no line and is no markup.
func TestForeignText(t *testing.T) {
	before, after := nights(t)
	after.info.Release.Name = "Acme\n# <b>`x`|</b> [a](http://b)"
	after.rpms[Cell{"Server", "x86_64"}][1].log[0].Text = "- ```\n# heading\n<script>"
	r, err := compared(t, before.write(t), after.write(t), Options{Changelog: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := asText(r), `  release.name: "Acme" -> "Acme\n# <b>`+"`x`"+`|</b> [a](http://b)"`+"\n"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %s", got, want)
	}
	got := r.Markdown(bytesText)
	for _, want := range []string{"- release.name: `Acme` → `Acme # <b>'x'¦</b> [a](http://b)`\n", "\n    - ```\n    # heading\n    <script>\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s", got, want)
		}
	}
}

// TestMetadataOnly: who has just the metadata of a compose, as from a mirror, is told what
// is in it, and not that all groups and trees went.
func TestMetadataOnly(t *testing.T) {
	before, after := nights(t)
	a, b := before.write(t), after.write(t)
	trees, err := filepath.Glob(filepath.Join(a, "compose", "Server*"))
	for _, tree := range trees {
		err = errors.Join(err, os.RemoveAll(tree))
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"in a compose": a, "alone": filepath.Join(a, "compose", "metadata")} {
		r, err := compared(t, dir, b, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := asText(r)
		for _, want := range []string{
			"  up       kernel 5-1 -> 7-1 (kernel)\n",
			"note: before lacks 2 of its repositories: groups are not compared there\n",
			"note: before lacks 2 of its trees: .treeinfo is not compared there\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got\n%s\nwant %s", name, got, want)
			}
		}
		if strings.Contains(got, "group added") || strings.Contains(got, ".treeinfo of") {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

// TestNoTreeInfo: of a .treeinfo that came its existence is told, not all that is in it.
func TestNoTreeInfo(t *testing.T) {
	before, _ := nights(t)
	a, b := before.write(t), before.write(t)
	if err := os.Remove(filepath.Join(a, "compose", "Server", "x86_64", "os", ".treeinfo")); err != nil {
		t.Fatal(err)
	}
	r, err := compared(t, a, b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := asText(r), "Acme-42-20260101.n.0 -> Acme-42-20260101.n.0\n.treeinfo of Server/x86_64/os:\n  .treeinfo: none -> \"there\"\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
