package disk

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// promise is a record that a cache was given, and the number of changes to the
// file system after which that cache had said that it is durable; 0 if it never
// said so.
type promise struct {
	by     *Cache
	key    cache.Digest
	result cache.Result
	kept   int
}

// workload uses a cache over the file system as builds do: blobs of all kinds,
// records about them, flushes that end in merges, blobs that another process
// wrote and did not sync, discarded blobs that are made again.
func workload(t *testing.T, fsys fileSystem, changes func() int) []promise {
	t.Helper()
	w := &worker{t: t, fs: fsys}
	first, second := w.open(), w.open()
	for round := range mergeWidth + 4 {
		small := w.put(first, noiseOf(round, 100))
		alone := w.create(first, noiseOf(round, 150))
		w.record(first, small, alone)
		w.record(first, w.create(first, noiseOf(0, 150)))
		if round == 1 {
			w.record(first, w.create(first, noiseOf(round, piece+10)), w.put(first, noiseOf(round, maxPacked+1)))
		}
		if round%5 == 1 {
			shared := w.create(first, noiseOf(round, 170))
			w.record(second, w.create(second, noiseOf(round, 170)), shared)
			w.flush(second, changes)
		}
		if round%7 == 2 {
			w.discard(first, alone)
			w.record(first, w.create(first, noiseOf(round, 150)))
		}
		w.flush(first, changes)
	}
	w.record(first, w.create(first, noiseOf(99, 300)))
	w.close(first)
	w.close(second)
	return w.promises
}

func noiseOf(seed, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7 + seed*31 + i/251)
	}
	return b
}

// worker does one thing after the other, and ends the test if one fails.
type worker struct {
	t        *testing.T
	fs       fileSystem
	promises []promise
}

func (w *worker) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) open() *Cache {
	opts := Options{FlushEvery: time.Hour}
	if l, ok := w.fs.(lossy); ok && l.allAtOnce {
		opts.syncAllFrom = 1
	}
	c, err := open(w.fs, "/cache", opts)
	w.must(err)
	return c
}

func (w *worker) put(c *Cache, content []byte) cache.Digest {
	d, err := c.Put(w.t.Context(), content)
	w.must(err)
	return d
}

func (w *worker) create(c *Cache, content []byte) cache.Digest {
	blob, err := c.Create(w.t.Context())
	w.must(err)
	_, err = blob.Write(content)
	w.must(err)
	d, err := blob.Commit()
	w.must(err)
	return d
}

func (w *worker) discard(c *Cache, d cache.Digest) { w.must(c.Discard(w.t.Context(), d)) }
func (w *worker) close(c *Cache)                   { w.must(c.Close()) }

// record records a result with the given outputs, under a new key.
func (w *worker) record(c *Cache, outputs ...cache.Digest) {
	var r cache.Result
	for i, d := range outputs {
		r.Outputs = append(r.Outputs, cache.Node{Name: fmt.Sprint(i), Kind: cache.FileKind, Digest: d})
	}
	key := cache.BLAKE3.Sum(fmt.Append(nil, "action ", len(w.promises)))
	w.must(c.Record(w.t.Context(), key, r))
	w.promises = append(w.promises, promise{by: c, key: key, result: r})
}

func (w *worker) flush(c *Cache, changes func() int) {
	w.must(c.Flush(w.t.Context()))
	for i := range w.promises {
		if w.promises[i].by == c && w.promises[i].kept == 0 {
			w.promises[i].kept = changes()
		}
	}
}

// broken yields the promises that a cache breaks when the machine crashes after
// any one change: records that were durable and are lost, and records that
// are served although their blobs are not there or not sound.
func broken(t *testing.T, rec *recording, promises []promise) iter.Seq[string] {
	return func(yield func(string) bool) {
		for changes, state := range rec.states() {
			for _, crash := range crashes {
				w := &worker{t: t, fs: state.after(crash)}
				c := w.open()
				for i, p := range promises {
					err := p.check(t, c, changes)
					if err != nil && !yield(fmt.Sprintf("%s after change %d: record %d: %v", crash.name, changes, i, err)) {
						w.close(c)
						return
					}
				}
				w.close(c)
			}
		}
	}
}

func (p promise) check(t *testing.T, c *Cache, changes int) error {
	r, err := c.Lookup(t.Context(), p.key)
	if errors.Is(err, cache.ErrNotFound) {
		if p.kept > 0 && changes >= p.kept {
			return fmt.Errorf("lost, but was durable after change %d", p.kept)
		}
		return nil
	}
	if err != nil || !slices.Equal(r.Outputs, p.result.Outputs) {
		return fmt.Errorf("got %v, %w, want %v", r, err, p.result)
	}
	for _, d := range r.Digests() {
		if b, err := c.Get(t.Context(), d); err != nil || cache.BLAKE3.Sum(b) != d {
			return fmt.Errorf("served, but of blob %s there are %d bytes, %w", d, len(b), err)
		}
	}
	return nil
}

// lossy is a file system some of whose syncs do nothing.
type lossy struct {
	fileSystem
	noSyncAll, noSyncDir, noSync, plainSyncAll bool
	// allAtOnce makes the cache sync the file system for a single blob.
	allAtOnce bool
}

func (l lossy) SyncAll(name string) error {
	switch {
	case l.noSyncAll:
		return nil
	case l.plainSyncAll:
		return errors.ErrUnsupported
	}
	return l.fileSystem.SyncAll(name)
}

func (l lossy) SyncDir(name string) error {
	if l.noSyncDir {
		return nil
	}
	return l.fileSystem.SyncDir(name)
}

func (l lossy) Create(name string) (file, error) { return l.lose(l.fileSystem.Create(name)) }
func (l lossy) Open(name string) (file, error)   { return l.lose(l.fileSystem.Open(name)) }

func (l lossy) lose(f file, err error) (file, error) {
	if err == nil && l.noSync {
		f = lossyFile{f}
	}
	return f, err
}

type lossyFile struct{ file }

func (lossyFile) Sync() error { return nil }

// No record outlives its blobs, and none that was flushed is lost, wherever the
// machine stops. That the syncs are what achieves this, and that the test would
// notice, is seen by leaving out one kind of them after the other.
func TestCrash(t *testing.T) {
	tests := []struct {
		name string
		fs   lossy
		want string // a complaint; "" if there is to be none
	}{
		{"all at once", lossy{allAtOnce: true}, ""},
		{"without syncfs", lossy{allAtOnce: true, plainSyncAll: true}, ""},
		{"one by one", lossy{}, ""},
		{"no syncs", lossy{allAtOnce: true, noSyncAll: true, noSyncDir: true, noSync: true}, "lost, but was durable"},
		{"blobs not synced", lossy{allAtOnce: true, noSyncAll: true}, "served, but of blob"},
		{"names not synced", lossy{allAtOnce: true, noSyncDir: true}, "lost, but was durable"},
		{"packs not synced", lossy{allAtOnce: true, noSync: true}, "lost, but was durable"},
		{"one by one, names not synced", lossy{noSyncDir: true}, "lost, but was durable"},
		{"one by one, files not synced", lossy{noSync: true}, "lost, but was durable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := newRecording()
			tt.fs.fileSystem = rec
			promises := workload(t, tt.fs, rec.length)
			for complaint := range broken(t, rec, promises) {
				if tt.want == "" {
					t.Error(complaint)
				} else if strings.Contains(complaint, tt.want) {
					return
				}
			}
			if tt.want != "" {
				t.Errorf("%d changes, %d records: none is %q", rec.length(), len(promises), tt.want)
			}
		})
	}
}

// Nor does a record outlive its blobs where somebody collects, whatever of it a crash
// undoes: not one that was recorded meanwhile of what was set aside, either.
func TestCrashWhileCollecting(t *testing.T) {
	for _, fs := range []lossy{{}, {allAtOnce: true}} {
		rec := newRecording()
		fs.fileSystem = rec
		w := &worker{t: t, fs: fs}
		first := w.open()
		var small, alone []cache.Digest
		for round := range 4 {
			small = append(small, w.put(first, noiseOf(round, 100)))
			alone = append(alone, w.create(first, noiseOf(round, 150)))
			w.record(first, small[round], alone[round])
			w.flush(first, func() int { return 0 })
		}
		w.close(first)

		second, collector := w.open(), w.open()
		w.record(second, small[0], w.create(second, noiseOf(1, 150)))
		w.collect(collector, 0)
		w.record(second, w.put(second, noiseOf(2, 100)), w.create(second, noiseOf(3, 150)))
		w.record(second, w.put(second, noiseOf(3, 100)), w.create(second, noiseOf(200, 150)))
		w.close(second)
		w.collect(collector, 1<<40)
		w.collect(collector, 0)
		w.close(collector)
		for complaint := range broken(t, rec, w.promises) {
			t.Error(complaint)
		}
	}
}

func (w *worker) collect(c *Cache, size int64) {
	w.t.Helper()
	_, err := c.Collect(w.t.Context(), Limits{Size: &size})
	w.must(err)
}
