package gitfiles

import (
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// pick runs the tool over a folder, and returns the paths of what it takes.
func pick(t *testing.T, args ...string) (string, error) {
	t.Helper()
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	d, err := trees.Store().Put(t.Context(), []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	b := trees.Builder()
	for name, target := range map[string]string{
		"README": "", "docs/README": "", "docs/de/LIESMICH": "", "docs/link": "de/LIESMICH", "docs/out": "../README", "etc/passwd": "",
	} {
		n := cache.Node{Kind: cache.FileKind, Digest: d}
		if target != "" {
			n = cache.Node{Kind: cache.SymlinkKind, Target: target}
		}
		if err := b.Add(name, n); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j := &rules.Job{Trees: trees, Args: append(args, "--tree", "files", "--output", "out"), Inputs: []cache.Node{{Name: "files", Kind: cache.DirKind, Digest: root}}}
	if err := run(t.Context(), j); err != nil {
		return "", err
	}
	var names []string
	err = trees.Walk(t.Context(), j.Result().Outputs[0].Digest, func(name string, n cache.Node) error {
		if n.Kind != cache.DirKind {
			names = append(names, name)
		}
		return nil
	})
	return strings.Join(names, " "), err
}

func TestRun(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a file", []string{"--path", "README"}, "README"},
		{"a folder", []string{"--dir", "docs", "--path", "de"}, "de/LIESMICH"},
		{"globs", []string{"--dir", "docs", "--path", "R*", "--path", "[!Ro]*"}, "README de/LIESMICH link"},
		{"a link alone", []string{"--dir", "docs", "--path", "link"}, `link is a symbolic link to "de/LIESMICH", which is not taken, too`},
		{"a star is no slash", []string{"--path", "*/README"}, "docs/README"},
		{"a link that leads out", []string{"--dir", "docs"}, `out is a symbolic link to "../README", which is outside of what is taken`},
		{"nothing", []string{"--path", "README", "--path", "COPYING"}, `paths: no file matches "COPYING"; there are README, docs/README, docs/de/LIESMICH, docs/link, docs/out and 1 more`},
		{"no glob", []string{"--path", "[a"}, `paths: "[a" is not a glob: nothing closes its "["`},
		{"no folder", []string{"--dir", "doc"}, `dir: there is no folder "doc"; at the top are README, docs, etc`},
		{"a file as a folder", []string{"--dir", "README"}, `dir: there is no folder "README"; at the top are README, docs, etc`},
		{"outside", []string{"--dir", "../x"}, `dir "../x", want a clean relative path`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := pick(t, test.args...)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}
