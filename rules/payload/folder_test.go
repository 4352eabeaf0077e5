package payload

import (
	"bytes"
	"context"
	"fmt"
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

func folder(t *testing.T, glob string) (string, error) {
	t.Helper()
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	d, err := trees.Store().Put(t.Context(), docs(t))
	if err != nil {
		t.Fatal(err)
	}
	j := &rules.Job{
		Trees: trees, Args: []string{"--package", "package.rpm", "--file", glob, "--output", "files"},
		Inputs: []cache.Node{{Name: "package.rpm", Kind: cache.FileKind, Digest: d}},
	}
	if err := runFolder(t.Context(), j); err != nil {
		return "", err
	}
	return list(t.Context(), trees, j.Result().Outputs[0].Digest)
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
			got, err := folder(t, test.glob)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}
