package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
)

// counting counts the blobs that are read.
type counting struct {
	cache.Store
	gets int
}

func (c *counting) Get(ctx context.Context, d cache.Digest) ([]byte, error) {
	c.gets++
	return c.Store.Get(ctx, d)
}

// plant makes a tree of lines "path=content", "path->target" and "path/".
func plant(t *testing.T, trees *cache.Trees, lines ...string) cache.Digest {
	t.Helper()
	b := trees.Builder()
	for _, line := range lines {
		path, n := line, cache.Node{Kind: cache.DirKind, Digest: trees.Empty()}
		if p, content, ok := strings.Cut(line, "="); ok {
			path, n = p, file("", content)
		} else if p, target, ok := strings.Cut(line, "->"); ok {
			path, n = p, link("", target)
		}
		if err := b.Add(strings.TrimSuffix(path, "/"), n); err != nil {
			t.Fatal(err)
		}
	}
	d, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// harvest lists a tree as paths, directories with a slash behind them.
func harvest(t *testing.T, trees *cache.Trees, root cache.Digest) []string {
	t.Helper()
	var paths []string
	err := trees.Walk(t.Context(), root, func(path string, n cache.Node) error {
		if n.Kind == cache.DirKind {
			path += "/"
		}
		paths = append(paths, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func newTrees() *cache.Trees { return cache.NewTrees(cache.Verified(cache.NewMemory(cache.BLAKE3))) }

func TestMerge(t *testing.T) {
	tests := []struct {
		name  string
		roots [][]string
		want  []string
	}{
		{"nothing", nil, nil},
		{"empty trees", [][]string{{}, {}}, nil},
		{"one", [][]string{{"a=1"}}, []string{"a"}},
		{"side by side", [][]string{{"b=1"}, {"a=2"}}, []string{"a", "b"}},
		{"directories", [][]string{{"d/a=1", "d/e/x=1"}, {"d/b=2"}, {"d/e/y->x", "f/"}}, []string{"d/", "d/a", "d/b", "d/e/", "d/e/x", "d/e/y", "f/"}},
		{"equal files", [][]string{{"d/a=1", "b=1"}, {"d/a=1"}, {"d/a=1"}}, []string{"b", "d/", "d/a"}},
		{"empty directory", [][]string{{"d/"}, {"d/a=1"}}, []string{"d/", "d/a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trees := newTrees()
			var roots []cache.Digest
			for _, lines := range tt.roots {
				roots = append(roots, plant(t, trees, lines...))
			}
			forward, err := trees.Merge(t.Context(), roots...)
			if err != nil {
				t.Fatal(err)
			}
			if got := harvest(t, trees, forward); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			slices.Reverse(roots)
			if backward, err := trees.Merge(t.Context(), roots...); err != nil || backward != forward {
				t.Errorf("in reverse %v, %v, want %v", backward, err, forward)
			}
			lines := slices.Concat(tt.roots...)
			if built := plant(t, trees, lines...); built != forward {
				t.Errorf("built %v, want %v", built, forward)
			}
		})
	}
}

func TestMergeCollisions(t *testing.T) {
	tests := []struct {
		name string
		a, b string
		want string
	}{
		{"content", "d/a=1", "d/a=22", `"d/a" is both file .{12} of 1 bytes and file .{12} of 2 bytes`},
		{"file and directory", "d/a=1", "d/a/b=1", `"d/a" is both file .* of 1 bytes and directory .*`},
		{"links", "a->b", "a->c", `"a" is both link to "b" and link to "c"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trees := newTrees()
			a, b := plant(t, trees, tt.a), plant(t, trees, tt.b)
			_, err := trees.Merge(t.Context(), a, b)
			matchCollision(t, err, tt.want)

			builder := trees.Builder()
			for _, root := range []cache.Digest{a, b} {
				if err := builder.Add("", cache.Node{Kind: cache.DirKind, Digest: root}); err != nil {
					t.Fatal(err)
				}
			}
			_, err = builder.Build(t.Context())
			matchCollision(t, err, tt.want)
		})
	}
}

func matchCollision(t *testing.T, err error, want string) {
	t.Helper()
	var collision *cache.Collision
	if !errors.As(err, &collision) || !regexp.MustCompile("^"+want+"$").MatchString(err.Error()) {
		t.Errorf("got error %v, want a Collision like %s", err, want)
	}
}

func TestMergeReadsOnlyWhatMeets(t *testing.T) {
	store := &counting{Store: cache.NewMemory(cache.BLAKE3)}
	writer := cache.NewTrees(store)
	var a, b []string
	for i := range 100 {
		a = append(a, fmt.Sprintf("a%d/f=%d", i, i))
		b = append(b, fmt.Sprintf("b%d/f=%d", i, i), fmt.Sprintf("a%d/f=%d", i, i))
	}
	left, right := plant(t, writer, a...), plant(t, writer, append(b, "a7/g=1")...)
	store.gets = 0
	if _, err := cache.NewTrees(store).Merge(t.Context(), left, right); err != nil {
		t.Fatal(err)
	}
	if store.gets != 4 {
		t.Errorf("read %d directories, want the two roots and a7 of both", store.gets)
	}
}

func TestBuilderErrors(t *testing.T) {
	tests := []struct {
		name string
		path string
		node cache.Node
		want string
	}{
		{"absolute", "/a", file("", "1"), `path "/a": name of 0 bytes`},
		{"parent", "a/../../b", file("", "1"), `name ".." leaves its directory`},
		{"trailing slash", "a/", file("", "1"), `path "a/": name of 0 bytes`},
		{"file as root", "", file("", "1"), `path "": name of 0 bytes`},
		{"no digest", "a", cache.Node{Kind: cache.DirKind}, `path "a": no digest`},
		{"deep", strings.Repeat("d/", 300) + "f", file("", "1"), "more than 256 levels"},
		{"below a file", "old/b", file("", "1"), `"old" is both file`},
		{"over a directory", "dir", file("", "1"), `"dir" is both directory`},
		{"other function", "a", cache.Node{Kind: cache.FileKind, Digest: cache.SHA256.Sum(nil)}, `entry "a": digest sha256:`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newTrees().Builder()
			if err := errors.Join(b.Add("old", file("", "1")), b.Add("dir/f", file("", "1"))); err != nil {
				t.Fatal(err)
			}
			err := b.Add(tt.path, tt.node)
			if err == nil {
				_, err = b.Build(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestCheckLinks(t *testing.T) {
	tests := []struct{ name, path, target, want string }{
		{"a file", "l", "d/f", ""},
		{"a folder above", "d/e/l", "..", ""},
		{"the root", "d/l", "..", ""},
		{"itself", "d/l", "l", ""},
		{"not there", "d/l", "g", `d/l is a symbolic link to "g", which is not taken, too`},
		{"below a file", "l", "d/f/g", "is not taken"},
		{"out", "d/l", "../../d/f", `d/l is a symbolic link to "../../d/f", which is outside`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newTrees().Builder()
			err := errors.Join(b.Add("d/f", file("", "1")), b.Add("d/e/f", file("", "1")), b.Add(tt.path, cache.Node{Kind: cache.SymlinkKind, Target: tt.target}))
			if err != nil {
				t.Fatal(err)
			}
			if err := b.CheckLinks(); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	trees := newTrees()
	root := plant(t, trees, "d/e/f=1", "d/l->e")
	for _, path := range []string{"", "d", "d/e/f", "d/l"} {
		if n, err := trees.Lookup(t.Context(), root, path); err != nil || n.Name != path {
			t.Errorf("%q: got %v, %v", path, n, err)
		}
	}
	for _, path := range []string{"x", "d/e/f/g", "d/l/f", "/", "d/"} {
		if n, err := trees.Lookup(t.Context(), root, path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %v, %v, want fs.ErrNotExist", path, n, err)
		}
	}
}

func TestWalkSkips(t *testing.T) {
	trees := newTrees()
	root := plant(t, trees, "a/b/c=1", "a/d=1", "e=1", "f=1")
	var paths []string
	err := trees.Walk(t.Context(), root, func(path string, n cache.Node) error {
		paths = append(paths, path)
		switch path {
		case "a/b":
			return fs.SkipDir
		case "e":
			return fs.SkipAll
		}
		return nil
	})
	if want := []string{"a", "a/b", "a/d", "e"}; err != nil || !slices.Equal(paths, want) {
		t.Errorf("got %q, %v, want %q", paths, err, want)
	}
}

func TestWalkMissingDirectory(t *testing.T) {
	memory := cache.NewMemory(cache.BLAKE3)
	lost := plant(t, cache.NewTrees(memory), "d/f=1")
	if err := memory.Discard(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	err := cache.NewTrees(memory).Walk(t.Context(), lost, func(string, cache.Node) error { return nil })
	var blob *cache.BlobError
	if !errors.As(err, &blob) || blob.Digest != lost || !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got error %v, want a BlobError about %v", err, lost)
	}
}

func TestDiff(t *testing.T) {
	store := &counting{Store: cache.NewMemory(cache.BLAKE3)}
	writer := cache.NewTrees(store)
	same := make([]string, 50)
	for i := range same {
		same[i] = fmt.Sprintf("same%d/f=%d", i, i)
	}
	a := plant(t, writer, append(same, "d/f=1", "d/g=1", "gone/f=1", "x=1", "y/z=1")...)
	b := plant(t, writer, append(same, "d/f=2", "d/g=1", "new/f=1", "x/f=1", "y/z=1")...)
	store.gets = 0
	var got []string
	err := cache.NewTrees(store).Diff(t.Context(), a, b, func(c cache.Change) error {
		got = append(got, fmt.Sprintf("%s %t %t", c.Path, c.Old != nil, c.New != nil))
		return nil
	})
	want := []string{"d/f true true", "gone true false", "new false true", "x true true"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if store.gets != 4 {
		t.Errorf("read %d directories, want both roots and d of both", store.gets)
	}
}

// A tree's bound in memory holds: what is forgotten is read again.
func TestTreesForget(t *testing.T) {
	store := &counting{Store: cache.NewMemory(cache.BLAKE3)}
	trees := cache.NewTrees(store)
	var roots []cache.Digest
	for i := range 20 {
		dir := make(cache.Directory, 10000)
		for j := range dir {
			dir[j] = file(fmt.Sprintf("%d-%05d", i, j), "x")
		}
		d, err := trees.Write(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, d)
	}
	for range 2 {
		for _, root := range append(roots, roots[0]) {
			if _, err := trees.Read(t.Context(), root); err != nil {
				t.Fatal(err)
			}
		}
	}
	if store.gets <= 20 || store.gets > 42 {
		t.Errorf("read %d blobs, want each of 20 more than once and none without need", store.gets)
	}
}
