package workspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"golang.org/x/sys/unix"
)

// counted is a store that counts the blobs created, and the bytes in them.
type counted struct {
	*cache.Memory
	mu      sync.Mutex
	created int
	// writing is called with every piece that is written, if it is not nil.
	writing func()
}

func (c *counted) Create(ctx context.Context) (cache.Writer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.created++
	w, err := c.Memory.Create(ctx)
	return &watchedWriter{w, c.writing}, err
}

type watchedWriter struct {
	cache.Writer
	writing func()
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	if w.writing != nil {
		w.writing()
	}
	return w.Writer.Write(p)
}

// take returns the number of blobs created since it was last called.
func (c *counted) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.created
	c.created = 0
	return n
}

// fixture is a workspace in a folder of its own.
type fixture struct {
	*testing.T
	root, index string
	store       *counted
	trees       *cache.Trees
	opts        Options
}

// newFixture returns a workspace whose clock is an hour ahead, so that no file
// is too young for the index.
func newFixture(t *testing.T) *fixture {
	store := &counted{Memory: cache.NewMemory(cache.BLAKE3)}
	dir := t.TempDir()
	f := &fixture{
		T:     t,
		root:  filepath.Join(dir, "root"),
		index: filepath.Join(dir, "cache", "index"),
		store: store,
		trees: cache.NewTrees(store),
		opts:  Options{Now: func() time.Time { return time.Now().Add(time.Hour) }},
	}
	f.mkdir(".")
	return f
}

func (f *fixture) open() *Workspace {
	f.Helper()
	w, err := Open(f.root, f.index, f.trees, f.opts)
	if err != nil {
		f.Fatal(err)
	}
	return w
}

func (f *fixture) path(p string) string { return filepath.Join(f.root, p) }

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) mkdir(p string) { f.Helper(); f.must(os.MkdirAll(f.path(p), 0o755)) }

func (f *fixture) write(p, content string) {
	f.Helper()
	f.mkdir(filepath.Dir(p))
	f.must(os.WriteFile(f.path(p), []byte(content), 0o644))
}

func (f *fixture) symlink(target, p string) { f.Helper(); f.must(os.Symlink(target, f.path(p))) }

// files returns what is in a tree: paths with the content of files, "x:" before
// that of executable ones, and paths with a slash for empty folders.
func (f *fixture) files(root cache.Digest) string {
	f.Helper()
	var b strings.Builder
	err := f.trees.Walk(context.Background(), root, func(p string, n cache.Node) error {
		switch {
		case n.Kind == cache.FileKind:
			data, err := f.store.Get(context.Background(), n.Digest)
			if n.Executable {
				data = append([]byte("x:"), data...)
			}
			fmt.Fprintf(&b, "%s=%s ", p, data)
			return err
		case n.Kind == cache.DirKind && n.Digest == f.trees.Empty():
			fmt.Fprintf(&b, "%s/ ", p)
		}
		return nil
	})
	f.must(err)
	return strings.TrimSpace(b.String())
}

func (f *fixture) resolve(w *Workspace, src rules.Source) cache.Node {
	f.Helper()
	n, err := w.Resolve(context.Background(), &src)
	f.must(err)
	return n
}

func TestResolve(t *testing.T) {
	f := newFixture(t)
	f.write("comps.xml", "<comps/>")
	f.write("d/a.rpm", "A")
	f.write("d/a.txt", "text")
	f.write("d/sub/b.rpm", "B")
	f.write("d/run", "script")
	f.must(os.Chmod(f.path("d/run"), 0o755))
	f.mkdir("d/none")
	f.mkdir("links")
	f.symlink("../d/a.txt", "links/file")
	f.symlink("../d/sub", "links/folder")
	f.symlink(f.path("d/a.txt"), "links/absolute")
	f.symlink("comps.xml", "alias")
	f.symlink("d/sub", "folder")
	f.write("d/pungo-out/.pungo/lock", "")
	f.write("d/pungo-out/T-1/a.rpm", "former")
	f.mkdir("d/sub/elsewhere/.pungo")
	f.write("d/sub/elsewhere/T-1/a.rpm", "former")
	f.symlink("../d/pungo-out", "links/former")
	f.write(".pungo/x.rpm", "state: the workspace may be its own output")
	a, b := cache.BLAKE3.Sum([]byte("A")).Hex()[:2], cache.BLAKE3.Sum([]byte("B")).Hex()[:2]
	if a >= b {
		t.Fatalf("shards %s and %s, want them in order", a, b)
	}
	tests := []struct {
		name string
		src  rules.Source
		want string // of a folder, else ""
		node cache.Node
	}{
		{name: "file", src: rules.Source{Path: "comps.xml"}, node: cache.Node{Name: "comps.xml", Kind: cache.FileKind, Digest: cache.BLAKE3.Sum([]byte("<comps/>"))}},
		{name: "executable", src: rules.Source{Path: "d/run"}, node: cache.Node{Name: "run", Kind: cache.FileKind, Executable: true, Digest: cache.BLAKE3.Sum([]byte("script"))}},
		{name: "link to a file", src: rules.Source{Path: "alias"}, node: cache.Node{Name: "alias", Kind: cache.FileKind, Digest: cache.BLAKE3.Sum([]byte("<comps/>"))}},
		{name: "folder", src: rules.Source{Path: "d"}, want: "a.rpm=A a.txt=text none/ run=x:script sub/b.rpm=B"},
		{name: "suffix", src: rules.Source{Path: "d", Suffix: ".rpm"}, want: "a.rpm=A sub/b.rpm=B"},
		{name: "sharded", src: rules.Source{Path: "d", Suffix: ".rpm", Sharded: true}, want: a + "/a.rpm=A " + b + "/sub/b.rpm=B"},
		{name: "nothing matches", src: rules.Source{Path: "d", Suffix: ".iso"}, want: ""},
		{name: "links", src: rules.Source{Path: "links"}, want: "absolute=text file=text folder/b.rpm=B"},
		{name: "link to a folder", src: rules.Source{Path: "folder"}, want: "b.rpm=B"},
		{name: "root", src: rules.Source{Path: ".", Suffix: ".rpm"}, want: "d/a.rpm=A d/sub/b.rpm=B folder/b.rpm=B links/folder/b.rpm=B"},
	}
	for _, index := range []string{"no index", "with index"} {
		w := f.open()
		for _, tt := range tests {
			t.Run(tt.name+", "+index, func(t *testing.T) {
				got := f.resolve(w, tt.src)
				if tt.node.Kind == cache.FileKind {
					if got != tt.node {
						t.Errorf("got %+v, want %+v", got, tt.node)
					}
					return
				}
				if got.Name != filepath.Base(tt.src.Path) || got.Kind != cache.DirKind {
					t.Errorf("got %+v, want a directory %q", got, filepath.Base(tt.src.Path))
				}
				if files := f.files(got.Digest); files != tt.want {
					t.Errorf("got  %s\nwant %s", files, tt.want)
				}
			})
		}
		f.must(w.Save())
	}
}

func TestResolveErrors(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(f *fixture)
		src     rules.Source
		want    string
	}{
		{name: "missing", src: rules.Source{Path: "no/such"}, want: `source "no/such": no such file or directory`},
		{name: "path leaves", src: rules.Source{Path: "../x"}, want: `source "../x": want a path inside the workspace, relative and with single slashes`},
		{name: "path absolute", src: rules.Source{Path: "/etc"}, want: `source "/etc": want a path inside the workspace, relative and with single slashes`},
		{name: "path with NUL", src: rules.Source{Path: "a\x00b"}, want: `source "a\x00b": invalid argument`},
		{
			name:    "link out",
			prepare: func(f *fixture) { f.symlink("../..", "d/l") },
			src:     rules.Source{Path: "d"},
			want:    `source "d/l": symbolic link to "../..", which is outside of the workspace`,
		},
		{
			name:    "absolute link out",
			prepare: func(f *fixture) { f.symlink("/etc/passwd", "l") },
			src:     rules.Source{Path: "l"},
			want:    `source "l": symbolic link to "/etc/passwd", which is outside of the workspace`,
		},
		{
			name:    "dangling link",
			prepare: func(f *fixture) { f.symlink("nowhere", "d/l") },
			src:     rules.Source{Path: "d"},
			want:    `source "d/l": symbolic link to "nowhere": no such file or directory`,
		},
		{
			name:    "dangling link, filtered out",
			prepare: func(f *fixture) { f.symlink("nowhere", "d/l") },
			src:     rules.Source{Path: "d", Suffix: ".rpm"},
		},
		{
			name:    "link to itself",
			prepare: func(f *fixture) { f.symlink("l", "d/l") },
			src:     rules.Source{Path: "d"},
			want:    `source "d/l": symbolic link to "l": too many levels of symbolic links`,
		},
		{
			name: "circle of folders",
			prepare: func(f *fixture) {
				f.mkdir("e")
				f.symlink("../e", "d/e")
				f.symlink("../d", "e/d")
			},
			src:  rules.Source{Path: "d"},
			want: `source "d/e/d": symbolic link to a folder that it is in`,
		},
		{
			name:    "link to the root",
			prepare: func(f *fixture) { f.symlink("..", "d/up") },
			src:     rules.Source{Path: "d"},
			want:    `source "d/up/d/up": symbolic link to a folder that it is in`,
		},
		{
			name:    "pipe",
			prepare: func(f *fixture) { f.must(unix.Mkfifo(f.path("d/p"), 0o644)) },
			src:     rules.Source{Path: "d"},
			want:    `source "d/p": a named pipe, want a file or a folder`,
		},
		{
			name: "link to a pipe",
			prepare: func(f *fixture) {
				f.must(unix.Mkfifo(f.path("p"), 0o644))
				f.symlink("../p", "d/l")
			},
			src:  rules.Source{Path: "d"},
			want: `source "d/l": symbolic link to "../p": a named pipe, want a file or a folder`,
		},
		{
			name:    "line break",
			prepare: func(f *fixture) { f.write("d/a\nb", "") },
			src:     rules.Source{Path: "d"},
			want:    `source "d/a\nb": the name has a line break`,
		},
		{
			name:    "not UTF-8",
			prepare: func(f *fixture) { f.write("d/sub\xff/a", "") },
			src:     rules.Source{Path: "d"},
			want:    `source "d/sub\xff": the name is not UTF-8`,
		},
		{
			name: "several, the first is told",
			prepare: func(f *fixture) {
				for _, dir := range []string{"3", "2", "1", "4"} {
					f.mkdir("d/" + dir)
					f.symlink("nowhere", "d/"+dir+"/l")
				}
			},
			src:  rules.Source{Path: "d"},
			want: `source "d/1/l": symbolic link to "nowhere": no such file or directory`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("d/file", "text")
			if tt.prepare != nil {
				tt.prepare(f)
			}
			_, err := f.open().Resolve(context.Background(), &tt.src)
			if got := fmt.Sprint(err); got != tt.want && (err != nil || tt.want != "") {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestResolveMissingIsNotExist(t *testing.T) {
	f := newFixture(t)
	if _, err := f.open().Resolve(context.Background(), &rules.Source{Path: "x"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want %v", err, fs.ErrNotExist)
	}
}

// Root may read everything, so the file is one that the kernel does not let
// anybody read from its beginning.
func TestResolveUnreadable(t *testing.T) {
	w, err := Open("/proc/self", filepath.Join(t.TempDir(), "index"), newFixture(t).trees, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Resolve(context.Background(), &rules.Source{Path: "mem"})
	if want := `source "mem": input/output error`; fmt.Sprint(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestResolveWhileItChanges(t *testing.T) {
	tests := []struct {
		name    string
		changes int // how often the file is changed while it is read
		want    string
	}{
		{"once", 1, ""},
		{"again", 2, `source "file": changes while it is read`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.write("file", "content 0")
			changes := 0
			f.store.writing = func() {
				if changes < tt.changes {
					changes++
					f.write("file", fmt.Sprint("content ", changes))
					at := time.Unix(int64(1000+changes), 0)
					f.must(os.Chtimes(f.path("file"), at, at))
				}
			}
			n, err := f.open().Resolve(context.Background(), &rules.Source{Path: "file"})
			if err != nil || tt.want != "" {
				if fmt.Sprint(err) != tt.want {
					t.Errorf("error %v, want %s", err, tt.want)
				}
				return
			}
			if want := cache.BLAKE3.Sum([]byte("content 1")); n.Digest != want {
				t.Errorf("digest %s, want %s", n.Digest, want)
			}
		})
	}
}

// What the index knows is not read again; what changed in any way is.
func TestIndex(t *testing.T) {
	src := rules.Source{Path: "d", Suffix: ".rpm"}
	keepTimes := func(f *fixture, p string, change func()) {
		info, err := os.Stat(f.path(p))
		f.must(err)
		change()
		f.must(os.Chtimes(f.path(p), info.ModTime(), info.ModTime()))
	}
	tests := []struct {
		name   string
		change func(f *fixture)
		want   int // files read
	}{
		{"nothing", func(f *fixture) {}, 0},
		{"size", func(f *fixture) { keepTimes(f, "d/1.rpm", func() { f.write("d/1.rpm", "longer") }) }, 1},
		{"content only", func(f *fixture) { keepTimes(f, "d/1.rpm", func() { f.write("d/1.rpm", "x") }) }, 1},
		{"time", func(f *fixture) { f.must(os.Chtimes(f.path("d/1.rpm"), time.Time{}, time.Unix(5, 0))) }, 1},
		{"another inode", func(f *fixture) {
			keepTimes(f, "d/1.rpm", func() {
				f.write("new", "1")
				f.must(os.Rename(f.path("new"), f.path("d/1.rpm")))
			})
		}, 1},
		{"new file", func(f *fixture) { f.write("d/new.rpm", "new") }, 1},
		{"file of no interest", func(f *fixture) { f.write("d/new.txt", "new") }, 0},
		{"file gone", func(f *fixture) { f.must(os.Remove(f.path("d/1.rpm"))) }, 0},
		{"blob gone", func(f *fixture) {
			f.must(f.store.Discard(context.Background(), cache.BLAKE3.Sum([]byte("1"))))
		}, 1},
		{"index gone", func(f *fixture) { f.must(os.Remove(f.index)) }, 5},
		{"index of another function", func(f *fixture) {
			f.store.Memory = cache.NewMemory(cache.SHA256)
			f.trees = cache.NewTrees(f.store)
		}, 5},
		{"index damaged", func(f *fixture) {
			b, err := os.ReadFile(f.index)
			f.must(err)
			b[len(b)/2] ^= 1
			f.must(os.WriteFile(f.index, b, 0o644))
		}, 5},
		{"index is a folder", func(f *fixture) {
			f.must(os.Remove(f.index))
			f.must(os.Mkdir(f.index, 0o755))
		}, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			for i := range 5 {
				f.write(fmt.Sprintf("d/%d.rpm", i), fmt.Sprint(i))
			}
			w := f.open()
			f.resolve(w, src)
			f.must(w.Save())
			if n := f.store.take(); n != 5 {
				t.Fatalf("%d files read at first, want 5", n)
			}
			time.Sleep(tick) // so that a change has another time
			tt.change(f)
			got := f.resolve(f.open(), src)
			if n := f.store.take(); n != tt.want {
				t.Errorf("%d files read, want %d", n, tt.want)
			}
			os.RemoveAll(f.index)
			if want := f.resolve(f.open(), src); got != want {
				t.Errorf("with index %v, without %v", got, want)
			}
		})
	}
}

// A file that changed just before it was read may change again unseen.
func TestIndexLeavesOutYoungFiles(t *testing.T) {
	tests := []struct {
		name  string
		ahead time.Duration // of the clock
		mtime time.Duration // of the file, from now
		want  int           // files read the second time
	}{
		{"changed now", 0, -time.Hour, 1},
		{"changed a while ago", time.Minute, -time.Hour, 0},
		{"clock behind", -time.Minute, -time.Hour, 1},
		{"modified now, says its time", time.Minute, time.Minute, 1},
		{"modified in the future", time.Minute, time.Hour, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.opts.Now = func() time.Time { return time.Now().Add(tt.ahead) }
			f.write("file", "text")
			f.must(os.Chtimes(f.path("file"), time.Time{}, time.Now().Add(tt.mtime)))
			w := f.open()
			f.resolve(w, rules.Source{Path: "file"})
			f.must(w.Save())
			f.store.take()
			f.resolve(f.open(), rules.Source{Path: "file"})
			if n := f.store.take(); n != tt.want {
				t.Errorf("%d files read again, want %d", n, tt.want)
			}
		})
	}
}

func TestIndexForgetsFilesThatAreGone(t *testing.T) {
	f := newFixture(t)
	f.write("d/1", "1")
	f.write("d/2", "2")
	f.write("e/3", "3")
	for _, gone := range []string{"", "d/1"} {
		if gone != "" {
			f.must(os.Remove(f.path(gone)))
		}
		w := f.open()
		f.resolve(w, rules.Source{Path: "d"})
		if gone == "" {
			f.resolve(w, rules.Source{Path: "e"})
		}
		f.must(w.Save())
	}
	b, err := os.ReadFile(f.index)
	f.must(err)
	records, err := decodeIndex(b, cache.BLAKE3)
	f.must(err)
	if len(records) != 2 || records[0].path != "d/2" || records[1].path != "e/3" || records[1].size != 1 {
		t.Errorf("records %v, want those of d/2 and e/3", records)
	}
	if again := encodeIndex(records, cache.BLAKE3); !bytes.Equal(again, b) {
		t.Error("the index is not written as it was read")
	}
}

// One build sees one content, until it asks for another look.
func TestForget(t *testing.T) {
	f := newFixture(t)
	f.write("d/file", "old")
	f.write("d2/file", "other")
	src := rules.Source{Path: "d"}
	w := f.open()
	f.resolve(w, rules.Source{Path: "d2"})
	before := f.resolve(w, src)
	f.write("d/file", "new")
	if got := f.resolve(w, src); got != before {
		t.Error("a source changed while the workspace was open")
	}
	f.store.take()
	w.Forget(&src)
	if got := f.files(f.resolve(w, src).Digest); got != "file=new" {
		t.Errorf("got %s after Forget, want file=new", got)
	}
	w.Forget(&src)
	f.resolve(w, src)
	f.resolve(w, rules.Source{Path: "d2"})
	if n := f.store.take(); n != 2 {
		t.Errorf("%d files read, want 2: one each time", n)
	}
}

func TestResolveCancelled(t *testing.T) {
	f := newFixture(t)
	for i := range 50 {
		f.write(fmt.Sprintf("d/%d", i), fmt.Sprint(i))
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.store.writing = cancel
	w := f.open()
	if _, err := w.Resolve(ctx, &rules.Source{Path: "d"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want %v", err, context.Canceled)
	}
	if n := f.store.take(); n > 10 {
		t.Errorf("%d files read after it was cancelled", n)
	}
	f.resolve(w, rules.Source{Path: "d"})
}

func TestImport(t *testing.T) {
	f := newFixture(t)
	f.write("d/1", "one")
	var got string
	f.opts.Import = func(ctx context.Context, src *os.File) (cache.Digest, error) {
		got = src.Name()
		data, err := io.ReadAll(src)
		if err != nil {
			return cache.Digest{}, err
		}
		return f.store.Put(ctx, data)
	}
	n := f.resolve(f.open(), rules.Source{Path: "d/1"})
	if want := "d/1"; got != want || n.Digest != cache.BLAKE3.Sum([]byte("one")) {
		t.Errorf("imported %q as %s, want %q", got, n.Digest, want)
	}
}

func TestFingerprint(t *testing.T) {
	sources := []*rules.Source{{Path: "d", Suffix: ".rpm"}, {Path: "all"}, {Path: "comps.xml"}, {Path: "later"}}
	tests := []struct {
		name   string
		change func(f *fixture)
		want   bool // another fingerprint
	}{
		{"nothing", func(f *fixture) {}, false},
		{"file of no interest", func(f *fixture) { f.write("d/x.txt", "") }, false},
		{"same content again", func(f *fixture) { f.write("d/1.rpm", "1") }, true},
		{"new file", func(f *fixture) { f.write("d/sub/x.rpm", "") }, true},
		{"file gone", func(f *fixture) { f.must(os.Remove(f.path("d/1.rpm"))) }, true},
		{"renamed", func(f *fixture) { f.must(os.Rename(f.path("d/1.rpm"), f.path("d/0.rpm"))) }, true},
		{"executable", func(f *fixture) { f.must(os.Chmod(f.path("d/1.rpm"), 0o755)) }, true},
		{"same size and time", func(f *fixture) {
			info, err := os.Stat(f.path("d/1.rpm"))
			f.must(err)
			f.write("d/1.rpm", "x")
			f.must(os.Chtimes(f.path("d/1.rpm"), info.ModTime(), info.ModTime()))
		}, true},
		{"empty folder, not filtered", func(f *fixture) { f.mkdir("all/x") }, true},
		{"empty folder, filtered", func(f *fixture) { f.mkdir("d/x") }, false},
		{"single file", func(f *fixture) { f.write("comps.xml", "2") }, true},
		{"source appears", func(f *fixture) { f.write("later/x", "") }, true},
		{"further file", func(f *fixture) { f.write("compose.star", "2") }, true},
		{"further file appears", func(f *fixture) { f.write("compose.lock", "") }, true},
		{"target of a link", func(f *fixture) { f.write("target", "2") }, true},
		{"link to another file", func(f *fixture) {
			f.must(os.Remove(f.path("all/link")))
			f.symlink("../comps.xml", "all/link")
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.opts.Now = nil
			for i := range 5 {
				f.write(fmt.Sprintf("d/%d.rpm", i), fmt.Sprint(i))
			}
			f.write("comps.xml", "1")
			f.write("compose.star", "1")
			f.write("target", "1")
			f.mkdir("all")
			f.symlink("../target", "all/link")
			files := []string{"compose.star", "compose.lock", f.path("target")}
			take := func() cache.Digest {
				d, err := f.open().Fingerprint(context.Background(), sources, files)
				f.must(err)
				return d
			}
			before := take()
			tt.change(f) // at once: Fingerprint has waited for the clock
			if after := take(); (after != before) != tt.want {
				t.Errorf("%s, then %s: want another: %t", before, after, tt.want)
			}
			if n := f.store.take(); n != 0 {
				t.Errorf("%d files read, want none", n)
			}
		})
	}
}

func TestFingerprintErrors(t *testing.T) {
	f := newFixture(t)
	f.mkdir("d")
	f.symlink("/etc", "d/l")
	_, err := f.open().Fingerprint(context.Background(), []*rules.Source{{Path: "d"}}, nil)
	if want := `source "d/l": symbolic link to "/etc", which is outside of the workspace`; fmt.Sprint(err) != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func FuzzDecodeIndex(f *testing.F) {
	records := []record{
		{file{"a/b", status{dev: 1, ino: 2, size: 3, mtime: 4, ctime: 5, mode: 6}}, cache.BLAKE3.Sum([]byte("abc"))},
		{file{"long", status{size: 0}}, cache.BLAKE3.Sum(nil)},
	}
	whole := encodeIndex(records, cache.BLAKE3)
	f.Add(whole[:len(whole)-32])
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(indexMagic + "\x09\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		// The checksum stands between most inputs and the records, so it is made
		// to fit.
		b := append(bytes.Clone(body), checksum(body)...)
		got, err := decodeIndex(b, cache.BLAKE3)
		if err != nil {
			return
		}
		if again := encodeIndex(got, cache.BLAKE3); !bytes.Equal(again, b) {
			t.Errorf("%x written, %x read", again, b)
		}
	})
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "a", "b/below", ".hidden"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string][]string{".": {".hidden", "a", "b"}, "b": {"below"}, "a": nil} {
		got, err := folders(filepath.Join(dir, at))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v, want %q", at, got, err, want)
		}
	}
	if _, err := folders(filepath.Join(dir, "nowhere")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nowhere: got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestResolveAfterFingerprint: a build sees the source that its fingerprint is of.
func TestResolveAfterFingerprint(t *testing.T) {
	f := newFixture(t)
	f.write("d/1", "one")
	src := rules.Source{Path: "d"}
	want := f.resolve(f.open(), src)
	w := f.open()
	if _, err := w.Fingerprint(t.Context(), []*rules.Source{&src}, nil); err != nil {
		t.Fatal(err)
	}
	f.write("d/2", "two")
	if got := f.resolve(w, src); got != want {
		t.Errorf("got %v, want it without the file that came later, %v", got, want)
	}
	w.Forget(&src)
	if got := f.resolve(w, src); got == want {
		t.Error("the file that came later is not seen after Forget")
	}
}

// TestResolveFromStoreWithHoles: a store that lost everything is filled again; of one
// that lost a few blobs whoever misses them says so, and Forget has them read.
func TestResolveFromStoreWithHoles(t *testing.T) {
	f := newFixture(t)
	const n = 3 * sampleSize
	var digests []cache.Digest
	for i := range n {
		content := fmt.Sprint("content ", i)
		f.write(fmt.Sprintf("d/%04d", i), content)
		digests = append(digests, cache.BLAKE3.Sum([]byte(content)))
	}
	src := rules.Source{Path: "d"}
	missing := func() int {
		t.Helper()
		gone, err := f.store.Missing(t.Context(), digests)
		f.must(err)
		return len(gone)
	}
	w := f.open()
	want := f.resolve(w, src)
	f.must(w.Save())
	for _, d := range digests {
		f.must(f.store.Discard(t.Context(), d))
	}
	if got := f.resolve(f.open(), src); got != want || missing() != 0 {
		t.Errorf("emptied: got %v, want %v; %d blobs are missing", got, want, missing())
	}
	f.must(f.store.Discard(t.Context(), digests[1])) // of the sample is every third
	w = f.open()
	if got := f.resolve(w, src); got != want {
		t.Errorf("one lost: got %v, want %v", got, want)
	}
	w.Forget(&src)
	if got := f.resolve(w, src); got != want || missing() != 0 {
		t.Errorf("forgotten: got %v, want %v; %d blobs are missing", got, want, missing())
	}
}
