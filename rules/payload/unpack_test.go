package payload

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
)

// docs is a package with files, links, and a folder that is listed.
func docs(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	file := func(path, data string) rpm.Content {
		return rpm.Content{Path: path, Mode: 0o100644, Data: []byte(data)}
	}
	link := func(path, to string) rpm.Content { return rpm.Content{Path: path, Mode: 0o120777, Link: to} }
	err := rpm.Write(&b, &rpm.Spec{
		Package: rpm.Package{NEVRA: rpm.NEVRA{Name: "docs", EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}},
		Contents: []rpm.Content{
			{Path: "/usr/share/doc/docs", Mode: 0o040755},
			file("/usr/share/doc/docs/README", "read me"),
			file("/usr/share/doc/docs/de/LIESMICH", "lies mich"),
			link("/usr/share/doc/docs/latest", "README"),
			file("/usr/share/licenses/a/GPL", "GNU"),
			link("/usr/share/licenses/b/GPL", "../a/GPL"),
			link("/usr/share/out/absolute", "/etc/passwd"),
			link("/usr/share/out2/up", "../../../etc/passwd"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpacked lists what a glob takes out of a package.
func unpacked(t *testing.T, pkg []byte, glob string, options ...string) (string, error) {
	t.Helper()
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	d, err := trees.Store().Put(t.Context(), pkg)
	if err != nil {
		t.Fatal(err)
	}
	j := &rules.Job{
		Trees: trees, Args: append([]string{"--package", "package.rpm", "--file", glob, "--output", "files"}, options...),
		Inputs: []cache.Node{{Name: "package.rpm", Kind: cache.FileKind, Digest: d}},
	}
	if err := unpack(t.Context(), j); err != nil {
		return "", err
	}
	n := j.Result().Outputs[0]
	if n.Kind == cache.FileKind {
		data, err := trees.Store().Get(t.Context(), n.Digest)
		return string(data), err
	}
	return list(t.Context(), trees, n.Digest)
}

func list(ctx context.Context, trees *cache.Trees, root cache.Digest) (string, error) {
	var names []string
	err := trees.Walk(ctx, root, func(name string, n cache.Node) error {
		switch n.Kind {
		case cache.SymlinkKind:
			names = append(names, name+" -> "+n.Target)
		case cache.FileKind:
			data, err := trees.Store().Get(ctx, n.Digest)
			names = append(names, fmt.Sprintf("%s (%s)", name, data))
			return err
		}
		return nil
	})
	return strings.Join(names, ", "), err
}

func TestFolder(t *testing.T) {
	tests := []struct{ name, glob, want string }{
		{"a file", "/usr/share/doc/docs/README", "README (read me)"},
		{"a folder", "/usr/share/doc/docs", "README (read me), de/LIESMICH (lies mich), latest -> README"},
		{"a folder that nobody lists", "/usr/share/doc/docs/d*", "LIESMICH (lies mich)"},
		{"files and folders", "/usr/share/doc/docs/[Rd]*", "LIESMICH (lies mich), README (read me)"},
		{"a link within", "/usr/share/licenses", "a/GPL (GNU), b/GPL -> ../a/GPL"},
		{"nothing", "/usr/share/man/*", `no file matches "/usr/share/man/*"; it has /usr/share/doc/docs/README, /usr/share/doc/docs/de/LIESMICH, /usr/share/doc/docs/latest, /usr/share/licenses/a/GPL, /usr/share/licenses/b/GPL and 2 more`},
		{"a link without its target", "/usr/share/licenses/b", `GPL is a symbolic link to "../a/GPL", which is outside of what is taken`},
		{"a link alone", "/usr/share/doc/docs/latest", `latest is a symbolic link to "README", which is not taken, too`},
		{"an absolute link", "/usr/share/out", `path "absolute": link target "/etc/passwd" is absolute`},
		{"a link upwards", "/usr/share/out2", `up is a symbolic link to "../../../etc/passwd", which is outside of what is taken`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := unpacked(t, docs(t), test.glob)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestOne(t *testing.T) {
	tests := []struct{ name, glob, want string }{
		{"a file", "/usr/share/doc/docs/R*", "read me"},
		{"two", "/usr/share/licenses/*/GPL", `"/usr/share/licenses/*/GPL" matches /usr/share/licenses/a/GPL and /usr/share/licenses/b/GPL, want one file`},
		{"a folder", "/usr/share/doc/docs/de", `"/usr/share/doc/docs/de" matches a folder, with /usr/share/doc/docs/de/LIESMICH in it, want a file`},
		{"a link", "/usr/share/doc/docs/latest", `/usr/share/doc/docs/latest is a symbolic link to "README", want a regular file`},
		{"nothing", "/boot/vmlinuz", `no file matches "/boot/vmlinuz"; it has /usr/share/doc/docs/README, /usr/share/doc/docs/de/LIESMICH, /usr/share/doc/docs/latest, /usr/share/licenses/a/GPL, /usr/share/licenses/b/GPL and 2 more`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := unpacked(t, docs(t), test.glob, "--one", "true")
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestHardLinks: of a file with several names rpmbuild writes the content once, under any
// of them.
func TestHardLinks(t *testing.T) {
	dir := t.TempDir()
	spec := "Name: links\nVersion: 1\nRelease: 1\nSummary: s\nLicense: l\nBuildArch: noarch\n%description\nd\n%install\n" +
		"mkdir -p %{buildroot}/a %{buildroot}/z\necho content >%{buildroot}/a/one\n" +
		"ln %{buildroot}/a/one %{buildroot}/m\nln %{buildroot}/a/one %{buildroot}/z/two\n" +
		": >%{buildroot}/a/empty\nln %{buildroot}/a/empty %{buildroot}/z/empty\n%files\n/a\n/m\n/z\n"
	if err := os.WriteFile(filepath.Join(dir, "links.spec"), []byte(spec), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("rpmbuild", "-bb", "--quiet", "--define", "_topdir "+dir, filepath.Join(dir, "links.spec"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pkg, err := os.ReadFile(filepath.Join(dir, "RPMS", "noarch", "links-1-1.noarch.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	for glob, want := range map[string]string{
		"/a":       "empty (), one (content\n)",
		"/z":       "empty (), two (content\n)",
		"/[amz]":   `"/[amz]" matches /a/empty and /z/empty, want one file`,
		"/[az]/*o": "two (content\n)",
	} {
		got, err := unpacked(t, pkg, glob)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", glob, got, want)
		}
	}
	for glob, want := range map[string]string{"/a/one": "content\n", "/m": "content\n", "/z/two": "content\n", "/z/empty": ""} {
		got, err := unpacked(t, pkg, glob, "--one", "true")
		if err != nil || got != want {
			t.Errorf("%s: got %q and error %v, want %q", glob, got, err, want)
		}
	}
}
