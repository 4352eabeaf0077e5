// Package cachetest is the suite that every store and action cache passes.
//
// A store's own test is a few lines: it hands Run a function that makes a fresh
// store and its action cache, both empty. What the suite finds out about one
// implementation it finds out about all, so the contracts in package cache
// are tested here and nowhere else.
package cachetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// Corrupter is a Store whose blobs a test can spoil. The suite looks for it to
// test what happens with corrupt blobs.
type Corrupter interface {
	// Corrupt changes a byte of a stored blob, which is not empty, behind the
	// store's back.
	Corrupt(t *testing.T, d cache.Digest)
}

// Run tests a store and an action cache, which open makes anew for every test. If
// the store is a Corrupter, it has to be Verified too.
func Run(t *testing.T, open func(t *testing.T) (cache.Store, cache.ActionCache)) {
	tests := []struct {
		name string
		run  func(*testing.T, cache.Store, cache.ActionCache)
	}{
		{"contents of all sizes", testContents},
		{"empty blob", testEmpty},
		{"missing blobs", testMissing},
		{"lying sizes", testLyingSizes},
		{"put keeps its own copy", testPutCopies},
		{"writer in pieces", testPieces},
		{"writer aborted", testAbort},
		{"writer ended", testEnded},
		{"draft", testDraft},
		{"draft whose reader fails", testDraftReader},
		{"file read at", testReadAt},
		{"discard", testDiscard},
		{"corrupt blob", testCorrupt},
		{"results", testResults},
		{"result in place of another", testReplace},
		{"bad results", testBadResults},
		{"cancelled", testCancelled},
		{"concurrent", testConcurrent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store, actions := open(t)
			tt.run(t, store, actions)
		})
	}
}

// sizes are around those at which stores change their ways: nothing, small, the
// pieces of 1 MiB that are hashed at once.
var sizes = []int{1, 100, 4096, 256<<10 - 1, 256 << 10, 256<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 17}

// noise is content of a size that no other seed has.
func noise(size int, seed uint64) []byte {
	b := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), 1})
	random.Read(b)
	return b
}

// create stores content through a Writer, in pieces of the given size.
func create(ctx context.Context, files cache.Files, content []byte, piece int) (cache.Digest, error) {
	w, err := files.Create(ctx)
	if err != nil {
		return cache.Digest{}, err
	}
	defer w.Abort()
	for part := range slices.Chunk(content, piece) {
		if n, err := w.Write(part); n != len(part) || err != nil {
			return cache.Digest{}, fmt.Errorf("wrote %d of %d bytes: %w", n, len(part), err)
		}
	}
	return w.Commit()
}

// read reads a blob in the given way.
func read(ctx context.Context, store cache.Store, d cache.Digest, how string) ([]byte, error) {
	if how == "Get" {
		return store.Get(ctx, d)
	}
	f, err := store.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Size() != d.Size() {
		return nil, fmt.Errorf("file of %d bytes, want %d", f.Size(), d.Size())
	}
	if how == "Read" {
		return io.ReadAll(f)
	}
	var b bytes.Buffer
	_, err = io.Copy(&b, f)
	return b.Bytes(), err
}

var waysToRead = []string{"Get", "Read", "Copy"}

// want fails the test unless every way to read the blob yields content.
func want(t *testing.T, store cache.Store, d cache.Digest, content []byte) {
	t.Helper()
	for _, how := range waysToRead {
		got, err := read(t.Context(), store, d, how)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s %s: got %d bytes, %v, want %d bytes", how, d, len(got), err, len(content))
		}
	}
}

// wantError fails the test unless every way to read the blob fails with a
// BlobError about it that wraps sentinel.
func wantError(t *testing.T, store cache.Store, d cache.Digest, sentinel error) {
	t.Helper()
	for _, how := range waysToRead {
		_, err := read(t.Context(), store, d, how)
		var blob *cache.BlobError
		if !errors.Is(err, sentinel) || !errors.As(err, &blob) || blob.Digest != d {
			t.Errorf("%s %s: got error %v, want a BlobError about it that wraps %q", how, d, err, sentinel)
		}
	}
}

func put(t *testing.T, store cache.Store, content []byte) cache.Digest {
	t.Helper()
	d, err := store.Put(t.Context(), content)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func testContents(t *testing.T, store cache.Store, _ cache.ActionCache) {
	for i, size := range sizes {
		for j, way := range []string{"Put", "Create"} {
			content := noise(size, uint64(10*i+j))
			var d cache.Digest
			var err error
			if way == "Put" {
				d, err = store.Put(t.Context(), content)
			} else {
				d, err = create(t.Context(), store, content, 1<<20)
			}
			if wanted := store.Function().Sum(content); err != nil || d != wanted {
				t.Errorf("%s of %d bytes: got %v, %v, want %v", way, size, d, err, wanted)
				continue
			}
			want(t, store, d, content)
			// Again, and in the other way, changes nothing.
			if again := put(t, store, content); again != d {
				t.Errorf("Put again: got %v, want %v", again, d)
			}
			if again, err := create(t.Context(), store, content, 1<<20); err != nil || again != d {
				t.Errorf("Create again: got %v, %v, want %v", again, err, d)
			}
			want(t, store, d, content)
		}
	}
}

func testEmpty(t *testing.T, store cache.Store, _ cache.ActionCache) {
	empty := store.Function().Sum(nil)
	for range 2 {
		want(t, store, empty, nil)
		missing, err := store.Missing(t.Context(), []cache.Digest{empty})
		if err != nil || len(missing) != 0 {
			t.Errorf("missing %v, %v, want nothing", missing, err)
		}
		if d := put(t, store, nil); d != empty {
			t.Errorf("Put: got %v, want %v", d, empty)
		}
		if d, err := create(t.Context(), store, nil, 1); err != nil || d != empty {
			t.Errorf("Create: got %v, %v, want %v", d, err, empty)
		}
		if forgetful, ok := store.(cache.Discarder); ok {
			if err := forgetful.Discard(t.Context(), empty); err != nil {
				t.Error(err)
			}
		}
	}
}

func testMissing(t *testing.T, store cache.Store, _ cache.ActionCache) {
	small, large := put(t, store, []byte("small")), put(t, store, noise(2<<20, 1))
	created, err := create(t.Context(), store, []byte("created"), 100)
	if err != nil {
		t.Fatal(err)
	}
	fn := store.Function()
	absent := []cache.Digest{fn.Sum([]byte("b")), fn.Sum([]byte("a")), fn.Sum(noise(2<<20, 2))}
	for _, d := range absent {
		wantError(t, store, d, cache.ErrNotFound)
	}
	got, err := store.Missing(t.Context(), []cache.Digest{absent[0], small, absent[1], large, created, absent[2], small})
	if err != nil || !slices.Equal(got, absent) {
		t.Errorf("missing %v, %v, want %v in this order", got, err, absent)
	}
	if got, err := store.Missing(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing is missing %v, %v", got, err)
	}
}

// A digest from a foreign message may have the hash of a blob and a size of its
// own; that is not the blob, and nobody allocates what it says.
func testLyingSizes(t *testing.T, store cache.Store, _ cache.ActionCache) {
	small, large := []byte("content"), noise(2<<20, 1)
	for _, content := range [][]byte{small, large} {
		d := put(t, store, content)
		hash := d.Hash()
		for _, size := range []int64{0, 1, d.Size() + 1, 1 << 60} {
			lie, err := cache.NewDigest(store.Function(), hash[:], size)
			if err != nil {
				t.Fatal(err)
			}
			if missing, err := store.Missing(t.Context(), []cache.Digest{lie}); err != nil || len(missing) != 1 {
				t.Errorf("%s: missing %v, %v, want it", lie, missing, err)
			}
			for _, how := range waysToRead {
				if _, err := read(t.Context(), store, lie, how); err == nil {
					t.Errorf("%s %s: no error", how, lie)
				}
			}
		}
	}
}

func testPutCopies(t *testing.T, store cache.Store, _ cache.ActionCache) {
	content := []byte("content")
	d := put(t, store, content)
	copy(content, "CONTENT")
	want(t, store, d, []byte("content"))
}

func testPieces(t *testing.T, store cache.Store, _ cache.ActionCache) {
	for i, piece := range []int{1, 1000, 32 << 10, 1<<20 - 1, 1 << 20, 1<<20 + 1, 4 << 20} {
		size := 3<<20 + 5
		if piece == 1 {
			size = 3000
		}
		content := noise(size, uint64(100+i))
		d, err := create(t.Context(), store, content, piece)
		if wanted := store.Function().Sum(content); err != nil || d != wanted {
			t.Errorf("pieces of %d: got %v, %v, want %v", piece, d, err, wanted)
			continue
		}
		want(t, store, d, content)
	}
	t.Run("io.Copy", func(t *testing.T) {
		content := noise(2<<20+3, 200)
		w, err := store.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		n, err := io.Copy(w, bytes.NewReader(content))
		if err != nil || n != int64(len(content)) {
			t.Fatalf("copied %d bytes, %v", n, err)
		}
		d, err := w.Commit()
		if err != nil {
			t.Fatal(err)
		}
		want(t, store, d, content)
	})
}

func testAbort(t *testing.T, store cache.Store, _ cache.ActionCache) {
	for i, size := range []int{10, 2 << 20} {
		content := noise(size, uint64(i))
		w, err := store.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		d := store.Function().Sum(content)
		wantError(t, store, d, cache.ErrNotFound)
		w.Abort()
		w.Abort()
		wantError(t, store, d, cache.ErrNotFound)
	}
}

func testEnded(t *testing.T, store cache.Store, _ cache.ActionCache) {
	ends := map[string]func(w cache.Writer){
		"commit": func(w cache.Writer) {
			if _, err := w.Commit(); err != nil {
				t.Error(err)
			}
		},
		"abort": func(w cache.Writer) { w.Abort() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w, err := store.Create(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(name)); err != nil {
				t.Fatal(err)
			}
			end(w)
			if _, err := w.Write([]byte("more")); err == nil {
				t.Error("Write: no error")
			}
			if _, err := w.Commit(); err == nil {
				t.Error("Commit: no error")
			}
			w.Abort()
			if name == "commit" {
				want(t, store, store.Function().Sum([]byte(name)), []byte(name))
			}
		})
	}
}

// testDraft: what is written over counts, and everybody who reads sees just that.
func testDraft(t *testing.T, store cache.Store, _ cache.ActionCache) {
	for i, size := range append([]int{0}, sizes...) {
		want := noise(size, uint64(1000+i))
		d, err := store.Draft(t.Context(), int64(size))
		if err != nil {
			t.Fatal(err)
		}
		first := bytes.Clone(want)
		at := size / 3
		for k := at; k < min(at+10, size); k++ {
			first[k]++
		}
		for rest := first; len(rest) > 0; {
			n := min(len(rest), 300_001)
			if _, err := d.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if _, err := d.WriteAt(want[at:min(at+10, size)], int64(at)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.WriteAt([]byte{0}, int64(size)); err == nil {
			t.Errorf("size %d: no error of a write behind the end", size)
		}
		sum := store.Function().Sum(want)
		if missing, err := store.Missing(t.Context(), []cache.Digest{sum}); size > 0 && (err != nil || len(missing) != 1) {
			t.Errorf("size %d: it is there before Commit", size)
		}
		var one, two bytes.Buffer
		got, err := d.Commit(t.Context(), &one, &two)
		if err != nil || got != sum {
			t.Fatalf("size %d: got %s and error %v, want %s", size, got, err, sum)
		}
		d.Abort()
		if _, err := d.Write([]byte("x")); err == nil {
			t.Errorf("size %d: no error of Write after Commit", size)
		}
		if !bytes.Equal(one.Bytes(), want) || !bytes.Equal(two.Bytes(), want) {
			t.Errorf("size %d: a reader saw something else", size)
		}
		if data, err := store.Get(t.Context(), sum); err != nil || !bytes.Equal(data, want) {
			t.Errorf("size %d: it is not there after Commit: %v", size, err)
		}
	}
}

// brokenReader fails after some pieces.
type brokenReader struct{ left int }

var errReader = errors.New("it is broken")

func (r *brokenReader) Write(p []byte) (int, error) {
	if r.left--; r.left < 0 {
		return 0, errReader
	}
	return len(p), nil
}

func testDraftReader(t *testing.T, store cache.Store, _ cache.ActionCache) {
	content := noise(20<<20, 2000)
	for _, end := range []string{"reader", "abort", "cancel"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d, err := store.Draft(ctx, int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Write(content); err != nil {
			t.Fatal(err)
		}
		var want error
		switch end {
		case "reader":
			want = errReader
		case "cancel":
			want = context.Canceled
			cancel()
		}
		if want == nil {
			d.Abort()
		} else if _, err := d.Commit(ctx, &bytes.Buffer{}, &brokenReader{3}); !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want %v", end, err, want)
		}
		if missing, err := store.Missing(t.Context(), []cache.Digest{store.Function().Sum(content)}); err != nil || len(missing) != 1 {
			t.Errorf("%s: the blob is there", end)
		}
	}
}

func testReadAt(t *testing.T, store cache.Store, _ cache.ActionCache) {
	for i, size := range []int{1000, 2 << 20} {
		content := noise(size, uint64(i))
		f, err := store.Open(t.Context(), put(t, store, content))
		if err != nil {
			t.Fatal(err)
		}
		part := make([]byte, 100)
		if n, err := f.ReadAt(part, 500); n != 100 || err != nil || !bytes.Equal(part, content[500:600]) {
			t.Errorf("ReadAt 500: got %d bytes, %v", n, err)
		}
		if n, err := f.ReadAt(part, int64(size)-10); n != 10 || err != io.EOF {
			t.Errorf("ReadAt near the end: got %d bytes, %v, want 10 and io.EOF", n, err)
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, content) {
			t.Errorf("Read after ReadAt: got %d bytes, %v", len(got), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func testDiscard(t *testing.T, store cache.Store, _ cache.ActionCache) {
	forgetful, ok := store.(cache.Discarder)
	if !ok {
		return
	}
	for i, size := range []int{10, 300 << 10, 2 << 20} {
		content := noise(size, uint64(i))
		d := put(t, store, content)
		created, err := create(t.Context(), store, content, 1<<20)
		if err != nil || created != d {
			t.Fatalf("got %v, %v, want %v", created, err, d)
		}
		for range 2 {
			if err := forgetful.Discard(t.Context(), d); err != nil {
				t.Error(err)
			}
		}
		wantError(t, store, d, cache.ErrNotFound)
		if missing, err := store.Missing(t.Context(), []cache.Digest{d}); err != nil || len(missing) != 1 {
			t.Errorf("missing %v, %v, want %v", missing, err, d)
		}
		put(t, store, content)
		want(t, store, d, content)
	}
}

// A corrupt blob is found out by every way to read it, is missing from then on,
// and heals.
func testCorrupt(t *testing.T, store cache.Store, _ cache.ActionCache) {
	spoiler, ok := store.(Corrupter)
	if !ok {
		return
	}
	for i, how := range waysToRead {
		for j, way := range []string{"small", "created", "large"} {
			content := noise(100, uint64(10*i+j))
			if way == "large" {
				content = noise(2<<20, uint64(10*i+j))
			}
			var d cache.Digest
			if way == "created" {
				var err error
				if d, err = create(t.Context(), store, content, 1<<20); err != nil {
					t.Fatal(err)
				}
			} else {
				d = put(t, store, content)
			}
			spoiler.Corrupt(t, d)

			_, err := read(t.Context(), store, d, how)
			var blob *cache.BlobError
			if !errors.Is(err, cache.ErrCorrupt) || !errors.As(err, &blob) || blob.Digest != d {
				t.Errorf("%s %s: got error %v, want a BlobError that wraps ErrCorrupt", how, way, err)
			}
			wantError(t, store, d, cache.ErrNotFound)
			if missing, err := store.Missing(t.Context(), []cache.Digest{d}); err != nil || len(missing) != 1 {
				t.Errorf("missing %v, %v, want %v", missing, err, d)
			}
			put(t, store, content)
			want(t, store, d, content)
		}
	}
}

// key is the key of an action.
func key(store cache.Store, name string) cache.Digest {
	return store.Function().Sum([]byte("action " + name))
}

// result is a result that says all that a result can say.
func result(store cache.Store, seed string) cache.Result {
	content := store.Function().Sum([]byte("content " + seed))
	return cache.Result{
		Outputs: []cache.Node{
			{Name: "a/file", Kind: cache.FileKind, Digest: content, Executable: true, ModTime: 1700000000},
			{Name: "link", Kind: cache.SymlinkKind, Target: "a/file"},
			{Name: "tree", Kind: cache.DirKind, Digest: store.Function().Sum(nil)},
		},
		Stdout:   content,
		ExitCode: 3,
		Warnings: []string{"warning " + seed},
		Duration: 1500 * time.Millisecond,
	}
}

func testResults(t *testing.T, store cache.Store, actions cache.ActionCache) {
	results := map[string]cache.Result{"full": result(store, "1"), "empty": {}}
	for name, r := range results {
		if _, err := actions.Lookup(t.Context(), key(store, name)); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%s before Record: got error %v, want ErrNotFound", name, err)
		}
		if err := actions.Record(t.Context(), key(store, name), r); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range results {
		got, err := actions.Lookup(t.Context(), key(store, name))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, r)
		}
		// The blob of that name is something else than the result.
		wantError(t, store, key(store, name), cache.ErrNotFound)
	}
}

func testReplace(t *testing.T, store cache.Store, actions cache.ActionCache) {
	k := key(store, "k")
	for i := range 3 {
		r := result(store, fmt.Sprint(i))
		if err := actions.Record(t.Context(), k, r); err != nil {
			t.Fatal(err)
		}
		if got, err := actions.Lookup(t.Context(), k); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, %v, want %+v", got, err, r)
		}
	}
}

func testBadResults(t *testing.T, store cache.Store, actions cache.ActionCache) {
	k := key(store, "k")
	for _, path := range []string{"", "/a", "../a", "a//b"} {
		r := cache.Result{Outputs: []cache.Node{{Name: path, Kind: cache.SymlinkKind, Target: "b"}}}
		if err := actions.Record(t.Context(), k, r); err == nil {
			t.Errorf("Record took an output at %q", path)
		}
	}
	if _, err := actions.Lookup(t.Context(), k); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
}

func testCancelled(t *testing.T, store cache.Store, actions cache.ActionCache) {
	d := put(t, store, []byte("content"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Get":     func() error { _, err := store.Get(ctx, d); return err },
		"Put":     func() error { _, err := store.Put(ctx, []byte("other")); return err },
		"Missing": func() error { _, err := store.Missing(ctx, []cache.Digest{d}); return err },
		"Open":    func() error { _, err := store.Open(ctx, d); return err },
		"Create":  func() error { _, err := store.Create(ctx); return err },
		"Lookup":  func() error { _, err := actions.Lookup(ctx, d); return err },
		"Record":  func() error { return actions.Record(ctx, d, cache.Result{}) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got error %v, want context.Canceled", name, err)
		}
	}
}

// testConcurrent has many goroutines do everything to the same few blobs.
func testConcurrent(t *testing.T, store cache.Store, actions cache.ActionCache) {
	const workers, rounds, shared = 8, 9, 6
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for round := range rounds {
				if err := concurrentRound(t.Context(), store, actions, worker, round%shared); err != nil {
					t.Errorf("worker %d, round %d: %v", worker, round, err)
				}
			}
		})
	}
	all.Wait()
}

func concurrentRound(ctx context.Context, store cache.Store, actions cache.ActionCache, worker, i int) error {
	content := noise([]int{100, 300 << 10, 1<<20 + 1}[i%3], uint64(i))
	var d cache.Digest
	var err error
	if worker%2 == 0 {
		d, err = store.Put(ctx, content)
	} else {
		d, err = create(ctx, store, content, 64<<10)
	}
	if err != nil {
		return err
	}
	r := cache.Result{Outputs: []cache.Node{{Name: "out", Kind: cache.FileKind, Digest: d}}}
	if err := actions.Record(ctx, key(store, fmt.Sprint(i)), r); err != nil {
		return err
	}
	got, err := actions.Lookup(ctx, key(store, fmt.Sprint(i)))
	if err != nil {
		return err
	}
	if missing, err := store.Missing(ctx, got.Digests()); err != nil || len(missing) > 0 {
		return fmt.Errorf("missing %v, %w", missing, err)
	}
	for _, how := range waysToRead {
		if b, err := read(ctx, store, d, how); err != nil || !bytes.Equal(b, content) {
			return fmt.Errorf("%s: got %d bytes, %w", how, len(b), err)
		}
	}
	return nil
}
