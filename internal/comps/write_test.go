package comps

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// parts is a document for the programs that read group files: every element
// that Write knows, out of order, with text that needs escapes.
func parts() *Comps {
	one, two := 1, 2
	return &Comps{
		Groups: []Group{
			{
				ID: "tools", Name: Text{"R&D-<tools>", map[string]string{"fr": "Outils", "de": "Werkzeuge"}},
				UserVisible: true,
				Packages: []PackageReq{
					{Name: "zsh", Type: Optional},
					{Name: "gtk-theme", Type: Conditional, Requires: "gtk", BaseArchOnly: true},
					{Name: "bash", Type: Optional},
					{Name: "vim", Type: Default},
					{Name: "ed", Type: Mandatory, Requires: "ignored", Arches: Only{"x86_64"}},
					{Name: "awk", Type: Mandatory},
				},
			},
			{ID: "conflicts", Name: Text{Value: "Conflicts"}, Variants: Only{"Server"}},
			{ID: "core", Name: Text{Value: "Core"}, Description: Text{"Two\nlines \"here\"", map[string]string{"de": "Zwei"}}, Default: true, LangOnly: "de"},
		},
		Categories: []Category{
			{ID: "second", Name: Text{Value: "Second"}, DisplayOrder: &two, GroupList: []string{"tools", "gone", "core", "core"}},
			{ID: "first", Name: Text{Value: "First"}, Description: Text{Value: "With text"}, GroupList: []string{"core"}},
			{ID: "empty", Name: Text{Value: "Empty"}, GroupList: []string{"gone"}},
		},
		Environments: []Environment{
			{
				ID: "full", Name: Text{Value: "Full"}, Description: Text{"", map[string]string{"de": "Voll"}}, DisplayOrder: &one,
				GroupList:  []GroupID{{ID: "tools"}, {ID: "core", Default: true}},
				OptionList: []GroupID{{ID: "x"}, {ID: "conflicts", Default: true, Arches: Only{"x86_64"}}},
			},
			{ID: "bare", Name: Text{Value: "Bare"}},
		},
		Langpacks: []Langpack{{Name: "vim", Install: "vim-%s"}, {Name: "man", Install: `man-"%s"`}},
	}
}

func TestWriteGolden(t *testing.T) {
	golden(t, "testdata/parts.xml", write(t, parts()))
	golden(t, "testdata/empty.xml", write(t, new(Comps)))
}

func TestWriteIsIdempotent(t *testing.T) {
	for _, path := range []string{"testdata/parts.xml", "testdata/empty.xml", "testdata/Client-optional.i386.xml"} {
		golden(t, path, write(t, parseFile(t, path)))
	}
	canonical := write(t, parseFile(t, "testdata/dummy.xml"))
	again, err := Parse(bytes.NewReader(canonical))
	if err != nil {
		t.Fatal(err)
	}
	if got := write(t, again); !bytes.Equal(got, canonical) {
		t.Errorf("got\n%s\nwant\n%s", got, canonical)
	}
}

func TestWriteErrors(t *testing.T) {
	c := &Comps{Groups: []Group{{ID: "core", Packages: []PackageReq{{Name: "bash", Type: "needed", Line: 7}}}}}
	var b bytes.Buffer
	err := Write(&b, c)
	want := `line 7: group "core": package "bash": type "needed", want mandatory, default, optional or conditional`
	if err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
	if b.Len() > 0 {
		t.Errorf("got %d bytes, want none", b.Len())
	}
	broken := errors.New("disk full")
	if err := Write(failingWriter{broken}, parts()); !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestProgramsAccept makes a repository with a written group file, and asks dnf
// what it understood.
func TestProgramsAccept(t *testing.T) {
	dir := t.TempDir()
	groupFile := filepath.Join(dir, "comps.xml")
	if err := os.WriteFile(groupFile, write(t, parts()), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "createrepo_c", "--quiet", "--groupfile", groupFile, dir)
	// All state of dnf lies below dir, nothing of the host's is read.
	config := filepath.Join(dir, "dnf.conf")
	settings := "[main]\nreposdir=" + dir + "/none\npluginpath=" + dir + "/none\ncachedir=" + dir + "/cache\npersistdir=" + dir +
		"/persist\nlogdir=" + dir + "\ninstallroot=" + dir + "/root\n[test]\nname=test\nbaseurl=file://" + dir + "\n"
	if err := os.WriteFile(config, []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	out := run(t, "dnf", "--quiet", "--config="+config, "--releasever=1", "group", "info", "--hidden", "tools", "full")
	for _, want := range []string{"R&D-<tools>", "awk", "ed", "vim", "bash", "zsh", "gtk-theme", "Full", "Core"} {
		if !strings.Contains(out, want) {
			t.Errorf("dnf does not show %q:\n%s", want, out)
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, stderr.Bytes())
	}
	return string(out)
}
