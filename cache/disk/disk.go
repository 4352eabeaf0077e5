// Package disk keeps a cache in a folder, which processes, users and machines
// may share.
//
//	README             for whoever finds the folder
//	FORMAT             the version of all this
//	blobs/FN/ab/HEX    a blob a file: what went through Create or Import, or is large
//	packs/FN/GEN-*.pack  thousands of small blobs and of results a file
//	tmp/PID-*.tmp      files in the making
//	corrupt/HEX        blobs that were set aside since they are damaged
//	running/*          a file for each process that has the folder open
//	used/FN/*          which results were used when
//	roots/FN/*         the composes of an output folder
//	removed/FN/ID/     what Collect set aside, until nobody can know of it
//	…                  what others keep beside it, see Folder
//
// FN is the digest function. Every file is written under a temporary name,
// made read-only and renamed, and never changed again, so readers and writers
// need no locks, which network file systems would not keep anyway.
//
// Small blobs and results gather in memory, where this process finds them at
// once, and are written twice a second as one pack. Before that the blobs
// that stand alone are synced, many of them all at once: a result that survives a crash
// has its blobs. A killed process loses no more than its last batch.
package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// Options of Open; the zero value is ready for use.
type Options struct {
	// Function is the digest function, BLAKE3 by default. A folder has room for
	// several.
	Function cache.Function
	// ReadOnly caches are never written to: every attempt is ErrReadOnly.
	ReadOnly bool
	// FlushEvery is how long records stay in memory only, by default 0.5 s: what a
	// process that is killed loses of its work.
	FlushEvery time.Duration

	syncAllFrom int // blobs that are as many are synced all at once; 0 means manyBlobs
}

// format is the version of the folder that this package reads and writes.
const format = 1

// Cache is an open cache folder: a cache.Store, a cache.ActionCache and a
// cache.Discarder, for use by several goroutines. It does not verify what it
// reads; see cache.Verified.
type Cache struct {
	fs   fileSystem
	dir  string
	opts Options

	mode   fs.FileMode // of directories, as that of dir
	sticky bool        // in dir nobody can remove what others wrote

	marker string // the file of this process in running

	scanned atomic.Int64 // when the folder was last read for packs, in Unix nanoseconds

	mu        sync.Mutex // held for a look into maps, and while the folder is read for packs
	closed    bool
	pending   *batch            // records that no pack has yet
	flushing  *batch            // records on their way into a pack, or nil
	packs     []*pack           // newest first; replaced, never changed
	listed    int               // how often packs was replaced
	unsynced  []cache.Digest    // blobs in files that may not survive a crash yet
	discarded map[[32]byte]bool // blobs set aside and not made again
	failed    error             // why the last flush left its records pending
	used      []uint64          // results that were found or made, as prefixOf has it

	asideMu sync.Mutex       // held by the one goroutine that looks at what was set aside
	aside   map[string]*pack // packs of that, by path

	flushMu sync.Mutex // held by the one goroutine that flushes
	wake    chan struct{}
	stop    chan struct{}
	flusher sync.WaitGroup
}

var _ interface {
	cache.Store
	cache.ActionCache
	cache.Discarder
	cache.Recaller
	cache.Noter
	cache.Caller
} = (*Cache)(nil)

// Open opens the cache in the folder dir, and makes it if it is not there. The
// error wraps cache.ErrReadOnly if the folder cannot be written to and opts does
// not say ReadOnly, and cache.ErrFull if it is full.
func Open(dir string, opts Options) (*Cache, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cache folder %q: %w", dir, err)
	}
	return open(system{}, abs, opts)
}

func open(fsys fileSystem, dir string, opts Options) (*Cache, error) {
	if opts.Function == 0 {
		opts.Function = cache.BLAKE3
	}
	if opts.FlushEvery == 0 {
		opts.FlushEvery = 500 * time.Millisecond
	}
	if opts.syncAllFrom == 0 {
		opts.syncAllFrom = manyBlobs
	}
	c := &Cache{
		fs: fsys, dir: dir, opts: opts,
		pending:   newBatch(),
		discarded: map[[32]byte]bool{},
		aside:     map[string]*pack{},
		wake:      make(chan struct{}, 1),
		stop:      make(chan struct{}),
	}
	if err := c.prepare(); err != nil {
		return nil, c.explain(err)
	}
	if !opts.ReadOnly {
		// Before anything is looked at: see running.go.
		if err := c.enter(); err != nil {
			return nil, c.explain(err)
		}
		c.flusher.Go(c.beat)
	}
	c.rescan()
	c.flusher.Go(c.flushRegularly)
	return c, nil
}

// Function implements cache.Files.
func (c *Cache) Function() cache.Function { return c.opts.Function }

// isEmpty reports whether d is the empty blob, which is nowhere and always there.
func (c *Cache) isEmpty(d cache.Digest) bool {
	return d.Size() == 0 && d == c.opts.Function.Sum(nil)
}

// maxPacked is the size of the largest blob that Put adds to a pack. A larger one
// gains nothing there, and the next merge would copy it again.
const maxPacked = 256 << 10

// Get implements cache.Blobs.
func (c *Cache) Get(ctx context.Context, d cache.Digest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.isEmpty(d) {
		return nil, nil
	}
	data, err := c.get(d)
	for try := 0; errors.Is(err, cache.ErrNotFound) && c.again(d, &try); {
		data, err = c.get(d)
	}
	return data, err
}

func (c *Cache) get(d cache.Digest) ([]byte, error) {
	data, err := c.getPacked(d)
	if err == nil {
		return data, nil
	}
	f, looseErr := c.openLoose(d)
	if looseErr != nil {
		return nil, c.worse(d, err, looseErr)
	}
	defer f.Close()
	data = make([]byte, d.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, c.explain(fmt.Errorf("blob %s: %w", d, err))
	}
	return data, nil
}

func (c *Cache) getPacked(d cache.Digest) ([]byte, error) {
	err := cache.ErrNotFound
	if d.Size() <= maxPacked {
		var data []byte
		data, err = c.find(blobKey(d))
		if err == nil && int64(len(data)) == d.Size() {
			return data, nil
		}
		if err == nil {
			err = cache.ErrNotFound
		}
	}
	return nil, &cache.BlobError{Digest: d, Err: err}
}

// worse returns the error of a blob that was found neither in a pack nor in a
// file. If it is corrupt in a pack, it is missing from now on, to be made again.
func (c *Cache) worse(d cache.Digest, packed, loose error) error {
	if !errors.Is(loose, cache.ErrNotFound) {
		return loose
	}
	if errors.Is(packed, cache.ErrCorrupt) {
		c.forget(d)
	}
	return packed
}

// Put implements cache.Blobs.
func (c *Cache) Put(ctx context.Context, data []byte) (cache.Digest, error) {
	if err := ctx.Err(); err != nil {
		return cache.Digest{}, err
	}
	d := c.opts.Function.Sum(data)
	switch {
	case len(data) == 0:
		return d, nil
	case len(data) > maxPacked:
		return d, c.putLoose(d, data)
	case c.hasBlob(d):
		return d, nil
	}
	return d, c.add(blobKey(d), bytes.Clone(data))
}

// Missing implements cache.Blobs.
func (c *Cache) Missing(ctx context.Context, digests []cache.Digest) ([]cache.Digest, error) {
	var missing []cache.Digest
	for _, d := range digests {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !c.isEmpty(d) && !c.holds(d) {
			missing = append(missing, d)
		}
	}
	return c.stillMissing(missing), nil
}

func (c *Cache) holds(d cache.Digest) bool {
	if d.Size() <= maxPacked && c.hasBlob(d) {
		return true
	}
	_, ok := c.loose(d)
	return ok
}

// Open implements cache.Files.
func (c *Cache) Open(ctx context.Context, d cache.Digest) (cache.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.isEmpty(d) {
		return cache.FileOf(nil), nil
	}
	f, err := c.openBlob(d)
	for try := 0; errors.Is(err, cache.ErrNotFound) && c.again(d, &try); {
		f, err = c.openBlob(d)
	}
	return f, err
}

func (c *Cache) openBlob(d cache.Digest) (cache.File, error) {
	f, err := c.openLoose(d)
	if err == nil {
		return f, nil
	}
	data, packedErr := c.getPacked(d)
	if packedErr != nil {
		return nil, c.worse(d, packedErr, err)
	}
	return cache.FileOf(data), nil
}

// Discard implements cache.Discarder. A file goes into the folder corrupt; of a
// blob in a pack this process only forgets that it is there, until it is made
// again and stands in a newer pack.
func (c *Cache) Discard(ctx context.Context, d cache.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.forget(d)
	if c.opts.ReadOnly {
		return nil
	}
	return c.explain(c.quarantine(d))
}

// Lookup implements cache.ActionCache.
func (c *Cache) Lookup(ctx context.Context, key cache.Digest) (cache.Result, error) {
	if err := ctx.Err(); err != nil {
		return cache.Result{}, err
	}
	b, err := c.find(resultKey(key))
	if err != nil {
		return cache.Result{}, fmt.Errorf("result of %s: %w", key.Short(), cache.ErrNotFound)
	}
	r, err := cache.ParseResult(c.opts.Function, b)
	if err != nil {
		return cache.Result{}, fmt.Errorf("result of %s: %w: %w", key.Short(), err, cache.ErrNotFound)
	}
	c.use(key)
	return r, nil
}

// Record implements cache.ActionCache. The result is durable, with all blobs that
// were stored before it, after Flush or a moment later.
func (c *Cache) Record(ctx context.Context, key cache.Digest, r cache.Result) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := r.Encode()
	if err != nil {
		return err
	}
	c.use(key)
	return c.add(resultKey(key), b)
}

// Called implements cache.Caller.
func (c *Cache) Called(ctx context.Context, key cache.Digest, called []cache.Digest) error {
	if err := ctx.Err(); err != nil || len(called) == 0 {
		return err
	}
	prefixes := make([]uint64, len(called))
	for i, d := range called {
		prefixes[i] = prefixOf(d.Hash())
	}
	return c.add(callsKey(key), appendPrefixes(nil, prefixes))
}

// Close writes what is pending and lets go of the folder. The cache is not to be
// used any more.
func (c *Cache) Close() error {
	c.mu.Lock()
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	if closed {
		return nil
	}
	close(c.stop)
	c.flusher.Wait()
	err := errors.Join(c.flush(), c.writeUsed())
	if !c.opts.ReadOnly {
		c.leave() // the last thing of all: nothing is written from here on
	}
	for _, p := range c.aside {
		p.close()
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.packs {
		p.close()
	}
	c.list(nil)
	return err
}
