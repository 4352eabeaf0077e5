package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/cachetest"
)

func openTest(t testing.TB, dir string, opts Options) *Cache {
	t.Helper()
	c, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestConformance(t *testing.T) {
	for _, fn := range []cache.Function{cache.BLAKE3, cache.SHA256} {
		t.Run(fn.String(), func(t *testing.T) {
			cachetest.Run(t, func(t *testing.T) (cache.Store, cache.ActionCache) {
				c := openTest(t, t.TempDir(), Options{Function: fn})
				return c, c
			})
		})
	}
}

// spoilable is a verified cache whose files the suite can spoil.
type spoilable struct {
	cache.Store
	cache.Discarder
	disk *Cache
}

func (s spoilable) Corrupt(t *testing.T, d cache.Digest) {
	t.Helper()
	if err := s.disk.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if path, ok := s.disk.loose(d); ok {
		flip(t, path, d.Size()/2)
	}
	for _, p := range s.disk.packs {
		if e, ok, err := p.search(blobKey(d)); ok || err != nil {
			flip(t, p.path, int64(e.offset))
		}
	}
}

// flip changes a byte of a file, although it is read-only.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, b, 0o600), os.Chmod(path, 0o444)); err != nil {
		t.Fatal(err)
	}
}

func TestVerifiedConformance(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) (cache.Store, cache.ActionCache) {
		c := openTest(t, t.TempDir(), Options{})
		store := cache.Verified(c)
		return spoilable{store, store.(cache.Discarder), c}, c
	})
}

// contents are what a test stores in each way, and finds again.
type contents struct {
	small, created, large []byte
}

func (c contents) each() [][]byte { return [][]byte{c.small, c.created, c.large} }

var some = contents{[]byte("small"), []byte("created"), noiseOf(1, maxPacked+1)}

func store(t *testing.T, c *Cache) (key cache.Digest) {
	t.Helper()
	w := &worker{t: t}
	w.record(c, w.put(c, some.small), w.create(c, some.created), w.put(c, some.large))
	return w.promises[0].key
}

func checkStored(t *testing.T, c *Cache, key cache.Digest) {
	t.Helper()
	r, err := c.Lookup(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range some.each() {
		got, err := c.Get(t.Context(), r.Outputs[i].Digest)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("output %d: got %d bytes, %v, want %d bytes", i, len(got), err, len(want))
		}
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	c := openTest(t, dir, Options{})
	key := store(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	checkStored(t, openTest(t, dir, Options{}), key)
	checkStored(t, openTest(t, dir, Options{ReadOnly: true}), key)

	t.Run("with another function", func(t *testing.T) {
		other := openTest(t, dir, Options{Function: cache.SHA256})
		if _, err := other.Lookup(t.Context(), key); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("got error %v, want ErrNotFound", err)
		}
		d, err := other.Put(t.Context(), some.small)
		if err != nil || d.Function() != cache.SHA256 {
			t.Errorf("got %v, %v, want a digest of sha256", d, err)
		}
	})
}

// files lists the files of a folder with their modes.
func files(t *testing.T, dir string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		lines = append(lines, info.Mode().String()+" "+rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// Other users can read what a user with a strict umask stores, and a folder that
// is open to a group stays so all the way down.
func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "above", "cache")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o775|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	c := openTest(t, dir, Options{})
	store(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	created, large := cache.BLAKE3.Sum(some.created).Hex(), cache.BLAKE3.Sum(some.large).Hex()
	want := []string{
		"dgrwxrwxr-x .",
		"-r--r--r-- FORMAT",
		"-r--r--r-- README",
		"dgrwxrwxr-x blobs",
		"dgrwxrwxr-x blobs/blake3",
		"dgrwxrwxr-x blobs/blake3/" + created[:2],
		"-r--r--r-- blobs/blake3/" + created[:2] + "/" + created,
		"dgrwxrwxr-x blobs/blake3/" + large[:2],
		"-r--r--r-- blobs/blake3/" + large[:2] + "/" + large,
		"dgrwxrwxr-x packs",
		"dgrwxrwxr-x packs/blake3",
		"-r--r--r-- packs/blake3/0000000000000001-*.pack",
		"dgrwxrwxr-x running",
		"dgrwxrwxr-x tmp",
		"dgrwxrwxr-x used",
		"dgrwxrwxr-x used/blake3",
		"-r--r--r-- used/blake3/*",
	}
	slices.SortFunc(want, func(a, b string) int {
		return strings.Compare(a[strings.Index(a, " "):], b[strings.Index(b, " "):])
	})
	got := files(t, dir)
	slices.SortFunc(got, func(a, b string) int {
		return strings.Compare(a[strings.Index(a, " "):], b[strings.Index(b, " "):])
	})
	if !slices.EqualFunc(got, want, func(got, want string) bool {
		ok, err := filepath.Match(want, got)
		return got == want || ok && err == nil
	}) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOpenErrors(t *testing.T) {
	tests := []struct {
		name    string
		format  string
		opts    Options
		want    string
		wrapped error
	}{
		{"newer", "pungo-cache 2\n", Options{}, "format 2, this pungo knows 1", nil},
		{"no cache", "something else\n", Options{}, `FORMAT is "something else\n", want "pungo-cache 1"`, nil},
		{"newer, for reading", "pungo-cache 2\n", Options{ReadOnly: true}, "format 2, this pungo knows 1", nil},
		{"nothing, for reading", "", Options{ReadOnly: true}, "no such file or directory", fs.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.format != "" {
				if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte(tt.format), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(dir, tt.opts)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got error %v, want %q and the folder", err, tt.want)
			}
			if tt.wrapped != nil && !errors.Is(err, tt.wrapped) {
				t.Errorf("got error %v, want one that wraps %v", err, tt.wrapped)
			}
		})
	}
	t.Run("a file", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(name, Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got error %v, want one that names %s", err, name)
		}
	})
}

func TestReadOnly(t *testing.T) {
	rec := newRecording()
	w := &worker{t: t, fs: rec}
	c := w.open()
	key := store(t, c)
	w.close(c)
	changes := rec.length()

	c, err := open(rec, "/cache", Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	checkStored(t, c, key)
	_, putErr := c.Put(t.Context(), []byte("other"))
	_, createErr := c.Create(t.Context())
	_, importErr := importFile(t.Context(), c, "disk_test.go")
	for what, err := range map[string]error{
		"Put":    putErr,
		"Create": createErr,
		"Import": importErr,
		"Record": c.Record(t.Context(), key, cache.Result{}),
	} {
		if !errors.Is(err, cache.ErrReadOnly) || !strings.Contains(err.Error(), `"/cache"`) {
			t.Errorf("%s: got error %v, want ErrReadOnly and the folder", what, err)
		}
	}
	d := cache.BLAKE3.Sum(some.created)
	if err := c.Discard(t.Context(), d); err != nil {
		t.Error(err)
	}
	if _, err := c.Get(t.Context(), d); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("after Discard: got error %v, want ErrNotFound", err)
	}
	w.close(c)
	if n := rec.length() - changes; n != 0 {
		t.Errorf("%d changes to the folder", n)
	}
}

func TestDiscardSetsAside(t *testing.T) {
	dir := t.TempDir()
	c := openTest(t, dir, Options{})
	w := &worker{t: t}
	d := w.create(c, some.created)
	w.discard(c, d)
	if b, err := os.ReadFile(filepath.Join(dir, "corrupt", d.Hex())); err != nil || !bytes.Equal(b, some.created) {
		t.Errorf("set aside: %q, %v", b, err)
	}
	if path, ok := c.loose(d); ok {
		t.Errorf("still at %s", path)
	}
	w.create(c, some.created)
	if _, ok := c.loose(d); !ok {
		t.Error("not there again")
	}
}

func TestPath(t *testing.T) {
	c := openTest(t, t.TempDir(), Options{})
	w := &worker{t: t}
	for _, d := range []cache.Digest{w.create(c, some.created), w.put(c, some.large)} {
		path, ok := c.loose(d)
		if b, err := os.ReadFile(path); !ok || err != nil || cache.BLAKE3.Sum(b) != d {
			t.Errorf("%s: got %q, %t, %v", d, path, ok, err)
		}
	}
	for _, d := range []cache.Digest{w.put(c, some.small), w.put(c, nil), {}, cache.SHA256.Sum(some.created)} {
		if path, ok := c.loose(d); ok {
			t.Errorf("%s: got %q, want none", d, path)
		}
	}
}

// A file that a crash or a foolish hand cut off is missing, and is replaced.
func TestTruncatedFile(t *testing.T) {
	c := openTest(t, t.TempDir(), Options{})
	w := &worker{t: t}
	d := w.create(c, some.created)
	path, _ := c.loose(d)
	if err := errors.Join(os.Chmod(path, 0o600), os.Truncate(path, 3)); err != nil {
		t.Fatal(err)
	}
	if missing, err := c.Missing(t.Context(), []cache.Digest{d}); err != nil || len(missing) != 1 {
		t.Errorf("missing %v, %v, want it", missing, err)
	}
	if _, err := c.Get(t.Context(), d); !errors.Is(err, cache.ErrCorrupt) {
		t.Errorf("got error %v, want ErrCorrupt", err)
	}
	w.create(c, some.created)
	if b, err := c.Get(t.Context(), d); err != nil || !bytes.Equal(b, some.created) {
		t.Errorf("got %q, %v, want it healed", b, err)
	}
}

func importFile(ctx context.Context, c *Cache, path string) (cache.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return cache.Digest{}, err
	}
	defer f.Close()
	return c.Import(ctx, f)
}

func TestImport(t *testing.T) {
	for _, fn := range []cache.Function{cache.BLAKE3, cache.SHA256} {
		t.Run(fn.String(), func(t *testing.T) { testImport(t, fn) })
	}
}

func testImport(t *testing.T, fn cache.Function) {
	c := openTest(t, t.TempDir(), Options{Function: fn})
	for _, size := range []int{0, 1, piece - 1, piece, piece + 1, 3*piece + 5} {
		content := noiseOf(3, size)
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			d, err := importFile(t.Context(), c, path)
			if err != nil || d != fn.Sum(content) {
				t.Errorf("%d bytes: got %v, %v", size, d, err)
			}
			if b, err := c.Get(t.Context(), d); err != nil || !bytes.Equal(b, content) {
				t.Errorf("%d bytes: read back %d, %v", size, len(b), err)
			}
			if _, ok := c.loose(d); ok != (size > 0) {
				t.Errorf("%d bytes: stands alone %t", size, ok)
			}
			note, ok := cache.Verified(c).(cache.Noter).Noted(t.Context(), d)
			if !ok || note.SHA256 != sha256.Sum256(content) || !vouches(note, content) {
				t.Errorf("%d bytes: noted %x, %t", size, note, ok)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := importFile(ctx, c, path); !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes: got error %v, want context.Canceled", size, err)
		}
	}
	if left := names(t, c.path("tmp")); len(left) != 0 {
		t.Errorf("left in tmp: %q", left)
	}
}

// vouches reports whether a note is of some content, as far as its head goes.
func vouches(note cache.Note, content []byte) bool {
	chunks := slices.Collect(slices.Chunk(content[:min(len(content), cache.HeadSize)], cache.HeadChunk))
	for i, chunk := range chunks {
		if !note.Vouches(i, chunk) || i > 0 && note.Vouches(i-1, chunk) {
			return false
		}
	}
	return len(note.Head) == len(chunks)
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// What killed processes leave is removed when it is old; what may still be in use
// is not.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir, Options{})
	const noProcess = "4194305" // above what a process id can be
	tests := []struct {
		name string
		age  time.Duration
		stay bool
	}{
		{noProcess + "-old.tmp", 2 * time.Hour, false},
		{noProcess + "-new.tmp", time.Minute, true},
		{"1-living.tmp", 2 * time.Hour, true},
		{"strange", 2 * time.Hour, false},
	}
	for _, tt := range tests {
		path := filepath.Join(dir, "tmp", tt.name)
		then := time.Now().Add(-tt.age)
		if err := errors.Join(os.WriteFile(path, nil, 0o444), os.Chtimes(path, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	openTest(t, dir, Options{})
	left := names(t, filepath.Join(dir, "tmp"))
	for _, tt := range tests {
		if slices.Contains(left, tt.name) != tt.stay {
			t.Errorf("%s: stays %t, want %t", tt.name, !tt.stay, tt.stay)
		}
	}
}

// Records reach the disk by themselves.
func TestFlushRegularly(t *testing.T) {
	dir := t.TempDir()
	c := openTest(t, dir, Options{FlushEvery: time.Millisecond})
	onlooker := openTest(t, dir, Options{ReadOnly: true})
	key := store(t, c)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		onlooker.scanned.Store(0) // as if a second had gone by
		if _, err := onlooker.Lookup(t.Context(), key); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no record after a minute")
		}
	}
	checkStored(t, onlooker, key)
}

func TestClosed(t *testing.T) {
	c := openTest(t, t.TempDir(), Options{})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("again: %v", err)
	}
	if _, err := c.Put(t.Context(), []byte("late")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Put: got error %v, want fs.ErrClosed", err)
	}
	if _, err := c.Create(t.Context()); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Create: got error %v, want fs.ErrClosed", err)
	}
}

// TestRecall: what was put is in memory until it is in a pack, or nobody wants it.
func TestRecall(t *testing.T) {
	c := openTest(t, t.TempDir(), Options{FlushEvery: time.Hour})
	put := func(text string) cache.Digest {
		d, err := c.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	recalled := func(d cache.Digest, want string) {
		t.Helper()
		if data, ok := c.Recall(d); ok != (want != "") || string(data) != want {
			t.Errorf("got %q, %t, want %q", data, ok, want)
		}
	}
	first, second := put("first"), put("second")
	recalled(first, "first")
	recalled(cache.BLAKE3.Sum([]byte("never put")), "")
	recalled(cache.SHA256.Sum([]byte("first")), "")
	if err := c.Discard(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	recalled(second, "")
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	recalled(first, "")
}
