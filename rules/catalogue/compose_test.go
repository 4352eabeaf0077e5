package catalogue_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/internal/repodata"
)

// TestCompose makes the small composes of testdata/compose. Each is an archive
// of a workspace, to which lib.star is added, and of what is wanted:
//
//	want/packages      repositories with their packages, all of them
//	want/paths         files that are there: a pattern as of path.Match a line;
//	                   what begins with "!" must not be there
//	want/file/PATH     a file of the compose, all of it
//	want/match/PATH    lines of a file of the compose, without the space around
//	                   them, in this order; "…" at the end stands for any more, and
//	                   what begins with "!" must not be in it
//	want/warnings      all warnings
//	want/error         the error; then there is no compose
//
// PATH is a pattern, too; compressed files are unpacked. With -update packages,
// files, warnings and errors become what they are.
func TestCompose(t *testing.T) {
	archives, err := filepath.Glob("testdata/compose/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			before, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			archive := parseArchive(before)
			judge(t, archive)
			if after := archive.format(); *update && !bytes.Equal(before, after) {
				if err := os.WriteFile(name, after, 0o666); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// judge composes what is in an archive and holds it against its wants.
func judge(t *testing.T, a *archive) {
	t.Helper()
	judgeIn(t, a, unpack(t, a))
}

func tryComposeDir(t *testing.T, dir string) (composed, error) {
	t.Helper()
	return tryCompose(t, os.DirFS(dir), dir, executor.Options{}, phases())
}

// judgeIn is judge for a workspace that is unpacked.
func judgeIn(t *testing.T, a *archive, dir string) {
	t.Helper()
	c, err := tryComposeDir(t, dir)
	wantsError := slices.ContainsFunc(a.files, func(f file) bool { return f.name == "want/error" })
	if err != nil && !wantsError {
		t.Fatal(err)
	}
	var tree finished
	if err == nil {
		tree = readTree(t, c)
	}
	for i := range a.files {
		f := &a.files[i]
		kind, isWant := strings.CutPrefix(f.name, "want/")
		if !isWant {
			continue
		}
		switch kind, arg, _ := strings.Cut(kind, "/"); kind {
		case "error":
			equal(t, f, fmt.Sprintln(err))
		case "packages":
			equal(t, f, tree.packages())
		case "warnings":
			equal(t, f, lines(c.warnings))
		case "file":
			equal(t, f, tree.read(t, arg))
		case "paths":
			tree.checkPaths(t, string(f.data))
		case "match":
			checkMatch(t, arg, tree.read(t, arg), string(f.data))
		default:
			t.Errorf("section %s is not known", f.name)
		}
	}
}

// unpack writes the workspace of an archive to a folder.
func unpack(t *testing.T, a *archive) string {
	t.Helper()
	dir := t.TempDir()
	lib, err := os.ReadFile("testdata/compose/lib.star")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(a.files, file{"lib.star", lib}) {
		if strings.HasPrefix(f.name, "want/") {
			continue
		}
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// equal compares a want with what there is, and takes that over with -update.
func equal(t *testing.T, f *file, got string) {
	t.Helper()
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n" // JSON has none, archives need one
	}
	if *update {
		f.data = []byte(got)
	}
	if want := string(f.data); got != want {
		t.Errorf("%s:\ngot:\n%swant:\n%s", f.name, got, want)
	}
}

func lines(list []string) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s + "\n")
	}
	return b.String()
}

// finished is the tree of a compose, read: content by path.
type finished map[string][]byte

func readTree(t *testing.T, c composed) finished {
	t.Helper()
	tree := finished{}
	ctx := context.Background()
	err := c.trees.Walk(ctx, c.tree, func(name string, n cache.Node) error {
		if n.Kind != cache.FileKind {
			return nil
		}
		if n.ModTime == 0 {
			t.Errorf("%s has no time", name)
		}
		data, err := c.trees.Store().Get(ctx, n.Digest)
		tree[name] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// packages lists every repository with its packages.
func (tree finished) packages() string {
	repos := map[string][]string{}
	for name := range tree {
		if repo, ok := strings.CutSuffix(name, "/repodata/repomd.xml"); ok {
			repos[repo] = nil
		}
	}
	for name := range tree {
		if !strings.HasSuffix(name, ".rpm") {
			continue
		}
		repo := path.Dir(name)
		for _, isRepo := repos[repo]; !isRepo && repo != "."; _, isRepo = repos[repo] {
			repo = path.Dir(repo)
		}
		repos[repo] = append(repos[repo], strings.TrimSuffix(path.Base(name), ".rpm"))
	}
	return listing(repos)
}

// listing describes packages by repository, a repository a line.
func listing(repos map[string][]string) string {
	var b strings.Builder
	for _, repo := range slices.Sorted(maps.Keys(repos)) {
		slices.Sort(repos[repo])
		fmt.Fprintf(&b, "%s:", strings.TrimPrefix(repo, "compose/"))
		for _, p := range repos[repo] {
			b.WriteString(" " + p)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// find returns the one path that matches a pattern, "" if there is none.
func (tree finished) find(t *testing.T, pattern string) string {
	t.Helper()
	var found []string
	for name := range tree {
		if ok, err := path.Match(pattern, name); err != nil {
			t.Fatalf("pattern %q: %v", pattern, err)
		} else if ok {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	if len(found) > 1 {
		t.Fatalf("pattern %q means several files: %q", pattern, found)
	}
	return strings.Join(found, "")
}

func (tree finished) checkPaths(t *testing.T, wants string) {
	t.Helper()
	for pattern := range strings.Lines(wants) {
		pattern, absent := strings.CutPrefix(strings.TrimSpace(pattern), "!")
		if got := tree.find(t, pattern); (got == "") != absent {
			t.Errorf("path %s: got %q, want absent: %t; there are\n%s", pattern, got, absent,
				lines(slices.Sorted(maps.Keys(tree))))
		}
	}
}

// read returns the content of a file, unpacked.
func (tree finished) read(t *testing.T, pattern string) string {
	t.Helper()
	name := tree.find(t, pattern)
	if name == "" {
		t.Errorf("no file %s among\n%s", pattern, lines(slices.Sorted(maps.Keys(tree))))
		return ""
	}
	data := tree[name]
	for _, c := range []repodata.Compression{repodata.Gzip, repodata.Zstd, repodata.XZ} {
		if strings.HasSuffix(name, string(c)) {
			plain, err := c.AppendUnpacked(nil, data)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			data = plain
		}
	}
	return string(data)
}

// checkMatch looks for lines of a text.
func checkMatch(t *testing.T, name, text, wants string) {
	t.Helper()
	var all []string
	for line := range strings.Lines(text) {
		all = append(all, strings.TrimSpace(line))
	}
	rest := all
	for want := range strings.Lines(wants) {
		want, absent := strings.CutPrefix(strings.TrimSpace(want), "!")
		if absent {
			if slices.Contains(all, want) {
				t.Errorf("%s has the line %s", name, want)
			}
			continue
		}
		start, isStart := strings.CutSuffix(want, "…")
		i := slices.IndexFunc(rest, func(line string) bool {
			return line == want || isStart && strings.HasPrefix(line, start)
		})
		if i < 0 {
			t.Fatalf("%s lacks the line %s, or has it earlier; it is\n%s", name, want, text)
		}
		rest = rest[i+1:]
	}
}
