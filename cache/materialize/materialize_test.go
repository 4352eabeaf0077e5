package materialize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/crew"
	"golang.org/x/sys/unix"
)

// blobFiles is a store in memory that also keeps every blob as a read-only file.
type blobFiles struct {
	*cache.Memory
	dir string
}

func newStore(t testing.TB) *blobFiles {
	t.Helper()
	return &blobFiles{Memory: cache.NewMemory(cache.BLAKE3), dir: t.TempDir()}
}

// Path looks whether the file is there, as a store does that many use.
func (s *blobFiles) Path(d cache.Digest) (string, bool) {
	name := s.name(d)
	_, err := os.Stat(name)
	return name, err == nil
}

func (s *blobFiles) name(d cache.Digest) string {
	return filepath.Join(s.dir, d.Hex()[:2], d.Hex())
}

// guessedPaths names files without looking whether they are there.
type guessedPaths struct{ *blobFiles }

func (s guessedPaths) Path(d cache.Digest) (string, bool) { return s.name(d), true }

// file stores a file of content and returns its node.
func (s *blobFiles) file(t testing.TB, content string) cache.Node {
	t.Helper()
	d, err := s.Put(context.Background(), []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(s.name(d)), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Path(d); !ok {
		untouched := time.Unix(cache.Untouched, 0)
		if err := errors.Join(os.WriteFile(s.name(d), []byte(content), 0o444), os.Chtimes(s.name(d), untouched, untouched)); err != nil {
			t.Fatal(err)
		}
	}
	return cache.Node{Kind: cache.FileKind, Digest: d}
}

func build(t testing.TB, trees *cache.Trees, nodes map[string]cache.Node) cache.Digest {
	t.Helper()
	b := trees.Builder()
	for path, n := range nodes {
		if err := b.Add(path, n); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Build(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func stat(t testing.TB, name string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(name, &st); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return st
}

func at(n cache.Node, seconds int64) cache.Node {
	n.ModTime = seconds
	return n
}

func executable(n cache.Node) cache.Node {
	n.Executable = true
	return n
}

func link(target string) cache.Node { return cache.Node{Kind: cache.SymlinkKind, Target: target} }

// refuse returns how a placer is made to meet the given errors.
func refuse(clone, link error) func(*placer) {
	return func(p *placer) {
		if clone != nil {
			p.clone = func(int, int) error { return clone }
		}
		if link != nil {
			p.link = func(string, int, string) error { return link }
		}
	}
}

func TestTree(t *testing.T) {
	cloneByCopy := func(p *placer) {
		p.clone = func(dst, src int) error {
			_, err := unix.CopyFileRange(src, nil, dst, nil, 1<<20, 0)
			return err
		}
	}
	tests := []struct {
		name   string
		opts   Options
		change func(*placer)
		noPath bool
		noFile bool // where Path says
		linked bool // files are hard links of the blobs
	}{
		{name: "hard links", change: refuse(unix.EOPNOTSUPP, nil), linked: true},
		{name: "reflinks", change: cloneByCopy},
		{name: "one job", opts: Options{Jobs: 1}, change: refuse(unix.EXDEV, nil), linked: true},
		{name: "private", opts: Options{Private: true}},
		{name: "store without files", noPath: true},
		{name: "files are gone", noFile: true, change: refuse(unix.EOPNOTSUPP, nil)},
		{name: "other file system", change: refuse(unix.EXDEV, unix.EXDEV)},
		{name: "too many links", change: refuse(unix.EOPNOTSUPP, unix.EMLINK)},
		{name: "links not permitted", change: refuse(unix.EPERM, unix.EPERM)},
		{name: "links not supported", change: refuse(unix.ENOTTY, unix.EOPNOTSUPP)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := context.Background()
			store := newStore(t)
			trees := cache.NewTrees(store)
			if !tt.noPath {
				tt.opts.Paths = guessedPaths{store}
			}
			root := build(t, trees, map[string]cache.Node{
				"a/b/file":  at(store.file(t, "text"), 1000),
				"a/new":     at(store.file(t, "new"), 3000),
				"a/program": executable(store.file(t, "program")),
				"empty":     at(store.file(t, ""), 500),
				"link":      link("a/b/file"),
				"a/up":      link("../a/./new"),
				"none":      {Kind: cache.DirKind, Digest: trees.Empty()},
			})
			if tt.noFile {
				if err := os.RemoveAll(store.dir); err != nil {
					t.Fatal(err)
				}
			}
			dest := filepath.Join(t.TempDir(), "dest")
			w := newWriter(trees, tt.opts)
			if tt.change != nil {
				tt.change(&w.placer)
			}
			if err := w.write(ctx, root, dest); err != nil {
				t.Fatal(err)
			}
			for _, f := range []struct {
				path  string
				mode  uint32
				mtime int64 // 0: open
				links uint64
			}{
				{"", unix.S_IFDIR | 0o755, 3000, 4},
				{"a", unix.S_IFDIR | 0o755, 3000, 3},
				{"a/b", unix.S_IFDIR | 0o755, 1000, 2},
				{"a/b/file", unix.S_IFREG | 0o444, 1000, 2},
				{"a/program", unix.S_IFREG | 0o555, 0, 2},
				{"empty", unix.S_IFREG | 0o444, 500, 1},
				{"none", unix.S_IFDIR | 0o755, 0, 2},
			} {
				st := stat(t, filepath.Join(dest, f.path))
				if st.Mode != f.mode {
					t.Errorf("%q: mode %o, want %o", f.path, st.Mode, f.mode)
				}
				if f.mtime != 0 && (st.Mtim != unix.Timespec{Sec: f.mtime}) {
					t.Errorf("%q: time %v, want %d", f.path, st.Mtim, f.mtime)
				}
				if !tt.linked && f.mode&unix.S_IFMT == unix.S_IFREG {
					f.links = 1
				}
				if st.Nlink != f.links {
					t.Errorf("%q: %d links, want %d", f.path, st.Nlink, f.links)
				}
			}
			diffs, err := Check(ctx, trees, root, dest)
			if err != nil || len(diffs) > 0 {
				t.Errorf("differences %v, error %v", diffs, err)
			}
		})
	}
}

// Two file systems, really: memory and whatever holds temporary files.
func TestTreeOnOtherFileSystem(t *testing.T) {
	store := newStore(t)
	trees := cache.NewTrees(store)
	root := build(t, trees, map[string]cache.Node{"a/file": at(store.file(t, "text"), 1000)})
	parent, err := os.MkdirTemp("/dev/shm", "materialize")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(parent); err != nil {
			t.Error(err)
		}
	})
	if stat(t, parent).Dev == stat(t, store.dir).Dev {
		t.Fatalf("%s and %s are one file system, want two: set TMPDIR", parent, store.dir)
	}
	dest := filepath.Join(parent, "dest")
	if err := Tree(context.Background(), trees, root, dest, Options{Paths: store}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dest, "a/file"))
	if string(got) != "text" || err != nil {
		t.Errorf("content %q, error %v", got, err)
	}
	if st := stat(t, filepath.Join(dest, "a/file")); st.Nlink != 1 || st.Mtim.Sec != 1000 {
		t.Errorf("%d links, time %d, want a copy with time 1000", st.Nlink, st.Mtim.Sec)
	}
}

// One blob can be a hard link only where mode and time agree.
func TestTreeSharesBlobs(t *testing.T) {
	ctx := context.Background()
	store := newStore(t)
	trees := cache.NewTrees(store)
	n := store.file(t, "shared")
	blob := store.name(n.Digest)
	dir := t.TempDir()
	write := func(name string, n cache.Node) unix.Stat_t {
		t.Helper()
		dest := filepath.Join(dir, name)
		root := build(t, trees, map[string]cache.Node{"f": n})
		w := newWriter(trees, Options{Paths: store})
		refuse(unix.EOPNOTSUPP, nil)(&w.placer)
		if err := w.write(ctx, root, dest); err != nil {
			t.Fatal(err)
		}
		return stat(t, filepath.Join(dest, "f"))
	}
	inode := stat(t, blob).Ino
	if st := write("first", at(n, 1000)); st.Ino != inode || st.Mtim.Sec != 1000 {
		t.Errorf("first: time %d of inode %d, want 1000 of %d", st.Mtim.Sec, st.Ino, inode)
	}
	if st := write("same", at(n, 1000)); st.Ino != inode {
		t.Error("same time: a copy, want a link")
	}
	if st := write("open", n); st.Ino == inode {
		t.Error("time left open, blob touched: a link, want a copy that was verified")
	}
	if st := write("other", at(n, 2000)); st.Ino == inode || st.Mtim.Sec != 2000 {
		t.Errorf("other time: time %d of inode %d, want 2000 of a copy", st.Mtim.Sec, st.Ino)
	}
	if st := write("program", executable(at(n, 1000))); st.Ino == inode || st.Mode&0o777 != 0o555 {
		t.Errorf("executable: mode %o of inode %d, want 555 of a copy", st.Mode, st.Ino)
	}
	if st := stat(t, blob); st.Mode&0o777 != 0o444 || st.Mtim.Sec != 1000 || st.Nlink != 3 {
		t.Errorf("blob: mode %o, time %d, %d links, want 444, 1000, 3", st.Mode, st.Mtim.Sec, st.Nlink)
	}
	for _, name := range []string{"first", "same", "open"} {
		if err := Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if st := write("later", at(n, 2000)); st.Ino == inode || st.Mtim.Sec != 2000 {
		t.Errorf("after the others are gone: time %d of inode %d, want 2000 of a copy", st.Mtim.Sec, st.Ino)
	}
}

// Who writes to a file that is linked with the store does not write to the trees
// that come after.
func TestTreeWrittenTo(t *testing.T) {
	store := newStore(t)
	trees := cache.NewTrees(store)
	n := at(store.file(t, "right"), 1000)
	root := build(t, trees, map[string]cache.Node{"f": n})
	dir := t.TempDir()
	opts := Options{Paths: store}
	if err := Tree(t.Context(), trees, root, filepath.Join(dir, "first"), opts); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "first", "f")
	if err := errors.Join(os.Chmod(name, 0o644), os.WriteFile(name, []byte("wrong"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := Tree(t.Context(), trees, root, filepath.Join(dir, "second"), opts); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "second", "f"))
	if string(got) != "right" || err != nil {
		t.Errorf("content %q, error %v", got, err)
	}
}

func TestTreeErrors(t *testing.T) {
	store := newStore(t)
	trees := cache.NewTrees(store)
	n := store.file(t, "content")
	blob := store.name(n.Digest)
	unknown := cache.BLAKE3.Sum([]byte("nobody stored it"))
	truncate := func(t *testing.T) {
		if err := os.Remove(blob); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(blob, []byte("cont"), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	noReflink, noLink := refuse(unix.EOPNOTSUPP, nil), refuse(unix.EXDEV, unix.EXDEV)
	tests := []struct {
		name    string
		root    cache.Digest
		prepare func(*testing.T)
		change  func(*placer)
		want    error
		blob    cache.Digest // of the BlobError; zero: none
	}{
		{name: "no tree", root: unknown, want: cache.ErrNotFound, blob: unknown},
		{name: "no blob to clone", root: build(t, trees, map[string]cache.Node{"d/f": {Kind: cache.FileKind, Digest: unknown}}),
			want: cache.ErrNotFound, blob: unknown},
		{name: "no blob to link", root: build(t, trees, map[string]cache.Node{"d/f": {Kind: cache.FileKind, Digest: unknown}}),
			change: noReflink, want: cache.ErrNotFound, blob: unknown},
		{name: "no blob to copy", root: build(t, trees, map[string]cache.Node{"d/f": {Kind: cache.FileKind, Digest: unknown}}),
			change: noLink, want: cache.ErrNotFound, blob: unknown},
		{name: "short blob linked", root: build(t, trees, map[string]cache.Node{"d/e/f": n}),
			prepare: truncate, change: noReflink, want: cache.ErrCorrupt, blob: n.Digest},
		{name: "short blob copied", root: build(t, trees, map[string]cache.Node{"d/e/f": n}),
			prepare: truncate, change: noLink, want: cache.ErrCorrupt, blob: n.Digest},
		{name: "disk full", root: build(t, trees, map[string]cache.Node{"f": n}),
			change: refuse(unix.EOPNOTSUPP, unix.ENOSPC), want: unix.ENOSPC},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.prepare != nil {
				tt.prepare(t)
			}
			w := newWriter(trees, Options{Paths: guessedPaths{store}})
			if tt.change != nil {
				tt.change(&w.placer)
			}
			err := w.write(context.Background(), tt.root, filepath.Join(t.TempDir(), "dest"))
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			var be *cache.BlobError
			if errors.As(err, &be) != !tt.blob.IsZero() || be != nil && be.Digest != tt.blob {
				t.Errorf("error %v, want one about blob %s", err, tt.blob)
			}
		})
	}
}

func TestTreeExists(t *testing.T) {
	trees := cache.NewTrees(newStore(t))
	err := Tree(context.Background(), trees, trees.Empty(), t.TempDir(), Options{})
	if !errors.Is(err, os.ErrExist) {
		t.Errorf("error %v, want that it exists", err)
	}
}

func TestTreeLinks(t *testing.T) {
	store := newStore(t)
	trees := cache.NewTrees(store)
	root := build(t, trees, map[string]cache.Node{"a/b/l": link("../../../etc/passwd")})
	err := Tree(context.Background(), trees, root, filepath.Join(t.TempDir(), "dest"), Options{})
	want := `file "a/b/l": symbolic link to "../../../etc/passwd" leaves the tree`
	if err == nil || !hasSuffix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

func hasSuffix(s, suffix string) bool {
	return len(s) >= len(suffix) && s[len(s)-len(suffix):] == suffix
}

func TestTreeCancelled(t *testing.T) {
	store := newStore(t)
	trees := cache.NewTrees(store)
	nodes := map[string]cache.Node{}
	for i := range 400 {
		nodes[fmt.Sprintf("%d/%d", i%4, i)] = store.file(t, fmt.Sprint(i))
	}
	root := build(t, trees, nodes)
	ctx, cancel := context.WithCancel(context.Background())
	w := newWriter(trees, Options{Paths: store, Jobs: 3})
	var links atomic.Int32
	w.clone = func(int, int) error { return unix.EOPNOTSUPP }
	w.link = func(string, int, string) error {
		if links.Add(1) == 10 {
			cancel()
		}
		return unix.EPERM
	}
	err := w.write(ctx, root, filepath.Join(t.TempDir(), "dest"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	if n := links.Load(); n > 20 {
		t.Errorf("%d files after it was cancelled at 10", n)
	}
}

func TestConfined(t *testing.T) {
	tests := []struct {
		dir, target string
		want        bool
	}{
		{"", "a", true},
		{"", "./a//b/", true},
		{"", ".", true},
		{"", "..", false},
		{"a", "..", true},
		{"a", "../..", false},
		{"a/b", "../../c", true},
		{"a/b", ".././../c", true},
		{"a/b", "../../../c", false},
		{"a/b", "c/../d", false},
		{"a/b", "..c/...", true},
		{"", "/etc", false},
		{"", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.dir+" to "+tt.target, func(t *testing.T) {
			if err := confined(tt.dir, tt.target); (err == nil) != tt.want {
				t.Errorf("confined(%q, %q) = %v, want confined %t", tt.dir, tt.target, err, tt.want)
			}
		})
	}
}

func TestCapture(t *testing.T) {
	ctx := context.Background()
	store := newStore(t)
	trees := cache.NewTrees(store)
	root := build(t, trees, map[string]cache.Node{
		"a/b/file":  store.file(t, "text"),
		"a/program": executable(store.file(t, "program")),
		"empty":     store.file(t, ""),
		"a/up":      link("../empty"),
		"none":      {Kind: cache.DirKind, Digest: trees.Empty()},
	})
	dest := filepath.Join(t.TempDir(), "dest")
	if err := Tree(ctx, trees, root, dest, Options{Paths: store}); err != nil {
		t.Fatal(err)
	}
	other := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	got, err := Capture(ctx, other, dest)
	if err != nil {
		t.Fatal(err)
	}
	if got != root {
		t.Errorf("tree %s, want %s", got, root)
	}
	copied := filepath.Join(t.TempDir(), "copied")
	if err := Tree(ctx, other, got, copied, Options{}); err != nil {
		t.Fatal(err)
	}
	if diffs, err := Check(ctx, trees, root, copied); err != nil || len(diffs) > 0 {
		t.Errorf("differences %v, error %v", diffs, err)
	}
}

func TestCaptureErrors(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(dir string) error
		want    string
	}{
		{"pipe", func(dir string) error { return unix.Mkfifo(filepath.Join(dir, "p"), 0o644) },
			`file "d/p": a named pipe, want a file, a folder or a symbolic link`},
		{"link out", func(dir string) error { return os.Symlink("../../x", filepath.Join(dir, "l")) },
			`file "d/l": symbolic link to "../../x" leaves the tree`},
		{"absolute link", func(dir string) error { return os.Symlink("/etc", filepath.Join(dir, "l")) },
			`file "d/l": symbolic link to "/etc", want a relative path inside the tree`},
		{"name", func(dir string) error { return os.WriteFile(filepath.Join(dir, "\xff"), nil, 0o644) },
			`folder "d": name "\xff" is not UTF-8 without slash and NUL`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := tt.prepare(filepath.Join(dir, "d")); err != nil {
				t.Fatal(err)
			}
			_, err := Capture(context.Background(), cache.NewTrees(newStore(t)), dir)
			if err == nil || !hasSuffix(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	ctx := context.Background()
	store := newStore(t)
	trees := cache.NewTrees(store)
	text := store.file(t, "text")
	root := build(t, trees, map[string]cache.Node{
		"a/file":   text,
		"a/long":   store.file(t, "longer"),
		"a/link":   link("file"),
		"a/prog":   executable(text),
		"b/gone":   text,
		"c":        text,
		"same/one": at(text, 1000),
	})
	dest := filepath.Join(t.TempDir(), "dest")
	if err := Tree(ctx, trees, root, dest, Options{}); err != nil {
		t.Fatal(err)
	}
	script := []func(name string) error{
		func(d string) error { return replace(d+"/a/file", "TEXT", 0o444) },
		func(d string) error { return replace(d+"/a/long", "long", 0o444) },
		func(d string) error { return replace(d+"/a/prog", "text", 0o444) },
		func(d string) error { return os.Remove(d + "/a/link") },
		func(d string) error { return os.Symlink("prog", d+"/a/link") },
		func(d string) error { return os.RemoveAll(d + "/b") },
		func(d string) error { return os.Remove(d + "/c") },
		func(d string) error { return os.MkdirAll(d+"/c/below", 0o755) },
		func(d string) error { return os.WriteFile(d+"/same/more", nil, 0o644) },
	}
	for _, step := range script {
		if err := step(dest); err != nil {
			t.Fatal(err)
		}
	}
	diffs, err := Check(ctx, trees, root, dest)
	if err != nil {
		t.Fatal(err)
	}
	short := text.Digest.Short()
	want := []string{
		`"a/file": got file ` + cache.BLAKE3.Sum([]byte("TEXT")).Short() + ` of 4 bytes, want file ` + short + ` of 4 bytes`,
		`"a/link": got link to "prog", want link to "file"`,
		`"a/long": got file of 4 bytes, want file ` + cache.BLAKE3.Sum([]byte("longer")).Short() + ` of 6 bytes`,
		`"a/prog": got file ` + short + ` of 4 bytes, want executable file ` + short + ` of 4 bytes`,
		`"b": got nothing, want directory ` + build(t, trees, map[string]cache.Node{"gone": text}).Short(),
		`"c": got folder, want file ` + short + ` of 4 bytes`,
		`"same/more": got file, want nothing`,
	}
	for i := range max(len(diffs), len(want)) {
		if i >= len(diffs) || i >= len(want) || diffs[i].String() != want[i] {
			t.Fatalf("differences\n%v\nwant\n%v", diffs, want)
		}
	}
}

func replace(name, content string, mode os.FileMode) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(content), mode)
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside")
	top := filepath.Join(dir, "top")
	for i := range 300 {
		sub := fmt.Sprintf("%s/%d/sub", top, i%7)
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(fmt.Sprintf("%s/%d", sub, i), nil, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(outside, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..", filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{"0/sub": 0o555, "0": 0o555, "1/sub": 0o111, "2/sub": 0} {
		if err := os.Chmod(filepath.Join(top, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing
		if err := Remove(top); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(top); !os.IsNotExist(err) {
		t.Errorf("error %v, want that it is gone", err)
	}
	if err := Remove(outside); err != nil {
		t.Errorf("a file: %v", err)
	}
}

// Folders without write permission, as a user whom that stops.
func TestRemoveReadOnlyFolders(t *testing.T) {
	dir := t.TempDir()
	for path, mode := range map[string]os.FileMode{"top/a": 0o555, "top/b": 0o111, "top/c": 0} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+"/file", nil, 0o444); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir+"/top", 0o555); err != nil {
		t.Fatal(err)
	}
	fd, err := openDir(unix.AT_FDCWD, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	err = asUser(t, dir, func() error { return remover{crew.New(1)}.remove(fd, "top", "top") })
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir + "/top"); !os.IsNotExist(err) {
		t.Errorf("error %v, want that it is gone", err)
	}
}

// asUser runs fn as somebody whom permissions bind and who owns everything in
// dir: nobody, if we are root. Only the thread that runs fn becomes nobody; it
// ends with its goroutine.
func asUser(t *testing.T, dir string, fn func() error) error {
	const nobody = 65534
	if os.Geteuid() != 0 {
		return fn()
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		_, err := unix.SetfsuidRetUid(nobody)
		done <- errors.Join(err, fn())
	}()
	return <-done
}

// In a cache that users share, a blob may be one whose attributes we cannot set.
func TestPlaceBlobOfOtherUser(t *testing.T) {
	store := newStore(t)
	n := at(store.file(t, "text"), 1000)
	if err := os.Chmod(filepath.Dir(store.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(filepath.Dir(store.dir), "dest")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := openDir(unix.AT_FDCWD, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	n.Name = "file"
	p := newPlacer(store, Options{Paths: store})
	err = asUser(t, dir, func() error { return p.place(context.Background(), fd, &n) })
	if err != nil {
		t.Fatal(err)
	}
	if st := stat(t, dir+"/file"); st.Mtim.Sec != 1000 || st.Size != 4 || st.Mode&0o777 != 0o444 {
		t.Errorf("time %d, %d bytes, mode %o, want 1000, 4, 444", st.Mtim.Sec, st.Size, st.Mode&0o777)
	}
}
