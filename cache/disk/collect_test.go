package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// large is the content of a blob that stands alone.
func large(name string) []byte { return []byte(strings.Repeat(name+"\n", maxPacked/len(name))) }

// action is a result of a tree with a small file, a large one and perhaps a shared one,
// under a key.
type action struct {
	key   cache.Digest
	tree  cache.Digest
	blobs []cache.Digest // all, the directories too
}

// act stores what an action made, and records it.
func act(t testing.TB, c *Cache, name string, shared ...string) action {
	t.Helper()
	a, err := tryAct(t, c, name, shared...)
	if err != nil {
		t.Fatalf("action %s: %v", name, err)
	}
	return a
}

func tryAct(t testing.TB, c *Cache, name string, shared ...string) (action, error) {
	t.Helper()
	ctx := t.Context()
	trees := cache.NewTrees(c)
	a := action{key: c.Function().Sum([]byte(name))}
	var dir cache.Directory
	for i, content := range append([][]byte{[]byte("small " + name), large(name)}, largeOnes(shared)...) {
		d, err := c.Put(ctx, content)
		if err != nil {
			return a, err
		}
		dir = append(dir, cache.Node{Name: fmt.Sprint("file", i), Kind: cache.FileKind, Digest: d})
		a.blobs = append(a.blobs, d)
	}
	below, err := trees.Write(ctx, dir)
	if err != nil {
		return a, err
	}
	if a.tree, err = trees.Write(ctx, cache.Directory{{Name: "below", Kind: cache.DirKind, Digest: below}}); err != nil {
		return a, err
	}
	a.blobs = append(a.blobs, below, a.tree)
	r := cache.Result{Outputs: []cache.Node{{Name: "out", Kind: cache.DirKind, Digest: a.tree}}}
	return a, c.Record(ctx, a.key, r)
}

func largeOnes(names []string) (all [][]byte) {
	for _, n := range names {
		all = append(all, large(n))
	}
	return all
}

// closed makes actions in a process of their own, with a set of what was used that
// is as old as given.
func closed(t *testing.T, dir string, age time.Duration, work func(c *Cache)) {
	t.Helper()
	before, _ := filepath.Glob(filepath.Join(dir, "used/*/*"))
	c, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	work(c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	after, _ := filepath.Glob(filepath.Join(dir, "used/*/*"))
	for _, name := range after {
		if !slices.Contains(before, name) {
			at := time.Now().Add(-age)
			if err := os.Chtimes(name, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// has reports whether the folder has an action's result and all of its blobs. Half
// of it is an error.
func has(t *testing.T, dir string, a action) bool {
	t.Helper()
	c := openTest(t, dir, Options{ReadOnly: true})
	_, err := c.Lookup(t.Context(), a.key)
	missing, missErr := c.Missing(t.Context(), a.blobs)
	if missErr != nil {
		t.Fatal(missErr)
	}
	if err == nil && len(missing) > 0 {
		t.Errorf("there is a result without %v", missing)
	}
	return err == nil
}

func collect(t *testing.T, dir string, l Limits) *Collected {
	t.Helper()
	c, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.Collect(t.Context(), l)
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	return done
}

func sizeOf(t *testing.T, dir string) int64 {
	t.Helper()
	c := openTest(t, dir, Options{ReadOnly: true})
	s, err := c.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Bytes
}

func TestCollectBySize(t *testing.T) {
	dir := t.TempDir()
	var all []action
	for i := range 6 {
		closed(t, dir, time.Duration(6-i)*time.Hour, func(c *Cache) { all = append(all, act(t, c, fmt.Sprint("a", i), "shared")) })
	}
	// The oldest was used again just now.
	closed(t, dir, 0, func(c *Cache) {
		if _, err := c.Lookup(t.Context(), all[0].key); err != nil {
			t.Fatal(err)
		}
	})
	limit := sizeOf(t, dir) - 2*maxPacked
	dry := collect(t, dir, Limits{Size: &limit, DryRun: true})
	done := collect(t, dir, Limits{Size: &limit})
	if dry.After != done.After || dry.Results != done.Results || dry.Blobs != done.Blobs {
		t.Errorf("dry run: got %+v, done was %+v", dry, done)
	}
	for i, a := range all {
		if got, want := has(t, dir, a), i == 0 || i >= 3; got != want {
			t.Errorf("action %d is there: %t, want %t", i, got, want)
		}
	}
	if size := sizeOf(t, dir); size > limit || size > done.After {
		t.Errorf("the folder has %d bytes, want at most %d, and was told %d", size, limit, done.After)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "removed/*/*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCollectByAge(t *testing.T) {
	dir := t.TempDir()
	var old, young action
	closed(t, dir, 40*time.Hour, func(c *Cache) { old = act(t, c, "old", "shared") })
	closed(t, dir, time.Hour, func(c *Cache) { young = act(t, c, "young", "shared") })
	age := 24 * time.Hour
	collect(t, dir, Limits{Age: &age})
	if has(t, dir, old) || !has(t, dir, young) {
		t.Error("want the young action only")
	}
}

func TestCollectByFreeSpace(t *testing.T) {
	dir := t.TempDir()
	var a action
	closed(t, dir, 0, func(c *Cache) { a = act(t, c, "a") })
	little := int64(1)
	if collect(t, dir, Limits{Free: &little}); !has(t, dir, a) {
		t.Error("there is free space enough, and still something went")
	}
	much := int64(1) << 60
	if done := collect(t, dir, Limits{Free: &much}); has(t, dir, a) || done.Missed != true {
		t.Errorf("got %+v, want that all went, and was not enough", done)
	}
}

// What an action called is as much in use as its result.
func TestCollectKeepsWhatWasCalled(t *testing.T) {
	dir := t.TempDir()
	var outer, inner, other action
	closed(t, dir, 40*time.Hour, func(c *Cache) {
		inner, other = act(t, c, "inner"), act(t, c, "other")
		outer = act(t, c, "outer")
		if err := c.Called(t.Context(), outer.key, []cache.Digest{inner.key}); err != nil {
			t.Fatal(err)
		}
	})
	closed(t, dir, 0, func(c *Cache) {
		if _, err := c.Lookup(t.Context(), outer.key); err != nil {
			t.Fatal(err)
		}
	})
	age := 24 * time.Hour
	collect(t, dir, Limits{Age: &age})
	if !has(t, dir, outer) || !has(t, dir, inner) || has(t, dir, other) {
		t.Error("want outer and what it called, and nothing else")
	}
}

func TestCollectKeepsComposes(t *testing.T) {
	dir := t.TempDir()
	var first, second action
	closed(t, dir, 0, func(c *Cache) {
		first, second = act(t, c, "first"), act(t, c, "second")
		if err := c.SetRoots(t.Context(), "/out", []Root{{"T-2", second.tree}, {"T-1", first.tree}}); err != nil {
			t.Fatal(err)
		}
	})
	there := func(a action) bool {
		c := openTest(t, dir, Options{ReadOnly: true})
		missing, err := c.Missing(t.Context(), a.blobs)
		return err == nil && len(missing) == 0
	}
	none := int64(0)
	if done := collect(t, dir, Limits{Size: &none, KeepComposes: 1}); !done.Missed || done.Kept.Composes != 1 {
		t.Errorf("got %+v, want that one compose is kept and too much", done)
	}
	if there(first) || !there(second) {
		t.Error("want the newest compose only")
	}
	// A folder where nobody builds any more keeps nothing.
	age := time.Hour
	roots, _ := filepath.Glob(filepath.Join(dir, "roots/*/*"))
	old := time.Now().Add(-2 * age)
	if err := os.Chtimes(roots[0], old, old); err != nil {
		t.Fatal(err)
	}
	collect(t, dir, Limits{Size: &none, Age: &age, KeepComposes: 1})
	if there(second) {
		t.Error("the compose of a folder that is not in use is there")
	}
}

// A process that runs finds what was set aside meanwhile, and what it records of it
// is whole after the process has ended and all else has gone.
func TestCollectWhileOthersRun(t *testing.T) {
	dir := t.TempDir()
	var a, b action
	closed(t, dir, time.Hour, func(c *Cache) { a, b = act(t, c, "a"), act(t, c, "b") })
	running, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	none := int64(0)
	done := collect(t, dir, Limits{Size: &none})
	if done.Processes != 1 || done.Waiting < 2*maxPacked {
		t.Errorf("got %+v, want that it waits for one process", done)
	}
	for _, d := range a.blobs {
		if got, err := running.Get(t.Context(), d); err != nil || running.Function().Sum(got) != d {
			t.Errorf("blob %s: %v", d.Short(), err)
		}
	}
	// It knew of b before, and records what stands on it.
	key := running.Function().Sum([]byte("late"))
	r := cache.Result{Outputs: []cache.Node{{Name: "out", Kind: cache.DirKind, Digest: b.tree}}}
	if err := running.Record(t.Context(), key, r); err != nil {
		t.Fatal(err)
	}
	if err := running.Close(); err != nil {
		t.Fatal(err)
	}
	huge := int64(1) << 60
	done = collect(t, dir, Limits{Size: &huge})
	if done.Processes != 0 || done.Waiting != 0 {
		t.Errorf("got %+v, want that it waits for nobody", done)
	}
	b.key = key
	if !has(t, dir, b) {
		t.Error("what was recorded meanwhile is not there")
	}
}

// A process that is dead is not waited for; one that lives is, whatever its file's
// age was before.
func TestRunning(t *testing.T) {
	dir := t.TempDir()
	dead, alive := openTest(t, dir, Options{}), openTest(t, dir, Options{})
	old := time.Now().Add(-deadAfter - time.Minute)
	if err := os.Chtimes(dead.marker, old, old); err != nil {
		t.Fatal(err)
	}
	c := openTest(t, dir, Options{})
	others, err := c.others()
	if err != nil || len(others) != 1 || !others[filepath.Base(alive.marker)] {
		t.Errorf("got %v, %v; want %s", others, err, filepath.Base(alive.marker))
	}
	if _, err := os.Stat(dead.marker); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file of the dead: %v", err)
	}
}

// Who is killed while it collects leaves a batch without waits, which the next
// finishes.
func TestCollectAfterKill(t *testing.T) {
	dir := t.TempDir()
	var a action
	closed(t, dir, 0, func(c *Cache) { a = act(t, c, "a") })
	c := openTest(t, dir, Options{})
	path, _ := c.Path(a.blobs[1])
	batch := filepath.Join(dir, "removed/blake3/0123-45/blobs")
	if err := os.MkdirAll(batch, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, filepath.Join(batch, filepath.Base(path))); err != nil {
		t.Fatal(err)
	}
	huge := int64(1) << 60
	if done := collect(t, dir, Limits{Size: &huge}); done.Processes != 1 {
		t.Errorf("got %+v, want that it waits for the process that runs", done)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	collect(t, dir, Limits{Size: &huge})
	if !has(t, dir, a) {
		t.Error("the action is not there")
	}
}

// unmovable is a file system where nothing that is there can be renamed or removed:
// as in a sticky folder, where others own it.
type unmovable struct {
	fileSystem
	names []string // parts of paths
}

func (u unmovable) owned(name string) error {
	for _, part := range u.names {
		if strings.Contains(name, part) {
			return &os.LinkError{Op: "rename", Old: name, Err: syscall.EPERM}
		}
	}
	return nil
}

func (u unmovable) Rename(from, to string) error {
	return cmpError(u.owned(from), func() error { return u.fileSystem.Rename(from, to) })
}

func (u unmovable) Remove(name string) error {
	return cmpError(u.owned(name), func() error { return u.fileSystem.Remove(name) })
}

func cmpError(err error, otherwise func() error) error {
	if err != nil {
		return err
	}
	return otherwise()
}

// What cannot be removed stays, whole, and is told; the rest goes.
func TestCollectForeign(t *testing.T) {
	dir := t.TempDir()
	var a, b action
	closed(t, dir, time.Hour, func(c *Cache) { a = act(t, c, "a") })
	theirs, _ := filepath.Glob(filepath.Join(dir, "packs/*/*"))
	closed(t, dir, time.Hour, func(c *Cache) { b = act(t, c, "b") })
	c, err := open(unmovable{system{}, []string{filepath.Base(theirs[0]), a.blobs[0].Hex()}}, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	none := int64(0)
	done, err := c.Collect(t.Context(), Limits{Size: &none})
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	want := []string{"packs/blake3/" + filepath.Base(theirs[0]) + ": operation not permitted"}
	if !slices.Equal(done.Left, want) {
		t.Errorf("got %q, want %q", done.Left, want)
	}
	if !has(t, dir, a) || has(t, dir, b) {
		t.Error("want that a stayed whole, since its result did, and b went")
	}
	if size := sizeOf(t, dir); size > done.After {
		t.Errorf("the folder has %d bytes, and was told %d", size, done.After)
	}
}

// Processes that make and find results, and others that collect with no mercy: nobody
// ever misses what it found, and in the end every result is whole.
func TestCollectStress(t *testing.T) {
	dir := t.TempDir()
	const names, builders, collectors, rounds = 12, 4, 2, 25
	var building atomic.Int64
	building.Store(builders)
	var group sync.WaitGroup
	for n := range builders {
		group.Go(func() {
			defer building.Add(-1)
			random := rand.New(rand.NewPCG(uint64(n), 7))
			for range rounds {
				buildOnce(t, dir, random, names)
			}
		})
	}
	for range collectors {
		group.Go(func() {
			none := int64(0)
			for building.Load() > 0 {
				c, err := Open(dir, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := c.Collect(t.Context(), Limits{Size: &none}); err != nil {
					t.Error(err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	huge := int64(1) << 60
	collect(t, dir, Limits{Size: &huge})
	c := openTest(t, dir, Options{})
	s, err := c.survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for hash := range s.results {
		m := s.marks()
		if err := m.result(t.Context(), hash); err != nil {
			t.Fatal(err)
		}
		if m.lacking > 0 {
			t.Errorf("result of %x lacks %d blobs", hash[:4], m.lacking)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "removed/*/*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// buildOnce is a process: it finds or makes some results, and then reads all that they
// name, from the first.
func buildOnce(t *testing.T, dir string, random *rand.Rand, names int) {
	c, err := Open(dir, Options{FlushEvery: time.Millisecond})
	if err != nil {
		t.Error(err)
		return
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	actions := cache.Complete(c, c)
	var roots []cache.Digest
	for range 5 {
		name := fmt.Sprint("n", random.IntN(names))
		r, err := actions.Lookup(t.Context(), c.Function().Sum([]byte(name)))
		if err == nil {
			roots = append(roots, r.Outputs[0].Digest)
			continue
		}
		a, err := tryAct(t, c, name, "shared")
		if err != nil {
			t.Error(err)
		}
		roots = append(roots, a.tree)
		// A result that stands on what another process made.
		over := c.Function().Sum([]byte("over " + name))
		r = cache.Result{Outputs: []cache.Node{{Name: "out", Kind: cache.DirKind, Digest: roots[0]}}}
		if err := c.Record(t.Context(), over, r); err != nil {
			t.Error(err)
		}
	}
	trees := cache.NewTrees(cache.Verified(c))
	for _, root := range roots {
		err := trees.Walk(t.Context(), root, func(path string, n cache.Node) error {
			if n.Kind != cache.FileKind {
				return nil
			}
			_, err := cache.Verified(c).Get(t.Context(), n.Digest)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseUsed(f *testing.F) {
	c := openTest(f, f.TempDir(), Options{})
	if err := c.writeSet([]uint64{3, 1, 1 << 60}, time.Time{}); err != nil {
		f.Fatal(err)
	}
	sets, _ := filepath.Glob(filepath.Join(c.usedDir(), "*"))
	b, err := os.ReadFile(sets[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(usedMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		prefixes, err := parseUsed(b)
		if err == nil && len(b) != len(usedMagic)+8*len(prefixes)+4 {
			t.Errorf("%d results of %d bytes", len(prefixes), len(b))
		}
	})
}

func FuzzParseRoots(f *testing.F) {
	d := cache.BLAKE3.Sum([]byte("tree"))
	f.Add(fmt.Sprintf("%sfolder %q\nroot %s %q\n", rootsMagic, "/a b", d, "T-1"))
	f.Add(rootsMagic + "folder \"/\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseRoots(cache.BLAKE3, text)
		if err != nil {
			return
		}
		for _, root := range r.Roots {
			if root.Tree.Function() != cache.BLAKE3 {
				t.Errorf("root %s", root.Tree)
			}
		}
	})
}

func FuzzParseWaits(f *testing.F) {
	f.Add(waitsText([]string{"a", "b"}))
	f.Add(waitsText(nil))
	f.Fuzz(func(t *testing.T, text string) {
		names, err := parseWaits(text)
		if err == nil && slices.Contains(names, "") {
			t.Errorf("a process without a name: %q", names)
		}
	})
}

func TestWaits(t *testing.T) {
	for _, names := range [][]string{nil, {"a"}, {"a", "b"}} {
		if got, err := parseWaits(waitsText(names)); err != nil || !slices.Equal(got, names) {
			t.Errorf("got %q, %v; want %q", got, err, names)
		}
	}
	if _, err := parseWaits(strings.TrimSuffix(waitsText([]string{"a"}), "end\n")); err == nil {
		t.Error("a file that is not whole is read")
	}
}
