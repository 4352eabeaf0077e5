package disk

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// Flush makes durable what was recorded before it, and the blobs that were stored
// before that. It goes by itself a few times a second; a build calls it at its end.
func (c *Cache) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.flush()
}

// flushRegularly flushes a while after the first record of a batch, until Close.
func (c *Cache) flushRegularly() {
	for {
		select {
		case <-c.stop:
			return
		case <-c.wake:
		}
		select {
		case <-c.stop:
			return
		case <-time.After(c.opts.FlushEvery):
		}
		if c.flush() != nil {
			// The error is told to whoever adds or flushes next; the records are
			// still there, and the disk may have room again.
			c.wakeFlusher()
		}
	}
}

func (c *Cache) wakeFlusher() {
	select {
	case c.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// flush writes the pending batch. The order is what makes a crash harmless:
// first the blobs that stand alone become durable, then the pack, then its name.
func (c *Cache) flush() error {
	c.flushMu.Lock()
	defer c.flushMu.Unlock()
	b, unsynced, generation := c.takeBatch()
	if b == nil {
		return nil
	}
	p := c.newPack(packName(generation), generation)
	err := c.syncBlobs(unsynced)
	if err == nil {
		err = c.writePack(p.name, len(b.records), time.Time{}, b.writeTo)
	}
	err = c.explain(err)
	c.settle(b, unsynced, p, err)
	if err == nil {
		c.merge()
	}
	return err
}

// takeBatch moves the pending batch to flushing. With it come the blobs that
// have to be synced before it: none, if the batch is only of blobs itself, for
// nothing promises them yet.
func (c *Cache) takeBatch() (b *batch, unsynced []cache.Digest, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending.records) == 0 {
		return nil, nil, 0
	}
	b, c.pending = c.pending, newBatch()
	c.flushing = b
	if b.results > 0 {
		unsynced, c.unsynced = c.unsynced, nil
	}
	return b, unsynced, c.nextGeneration()
}

// nextGeneration is that of a pack which stands before all known ones. The caller
// holds mu.
func (c *Cache) nextGeneration() uint64 {
	if len(c.packs) == 0 {
		return 1
	}
	return c.packs[0].generation + 1
}

// settle ends a flush: the batch is in pack p, or, if there was an error, pending
// as before, with what came since in front.
func (c *Cache) settle(b *batch, unsynced []cache.Digest, p *pack, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushing, c.failed = nil, err
	if err == nil {
		c.insert(p)
		return
	}
	for hash := range c.discarded {
		b.removeBlob(hash)
	}
	for key, payload := range c.pending.records {
		b.add(key, payload)
	}
	c.pending = b
	c.unsynced = append(unsynced, c.unsynced...)
}

// manyBlobs are so many that to sync them one by one takes longer than to sync the
// whole file system, which waits for whatever others have written there, too.
const manyBlobs = 32

// syncBlobs makes files of blobs durable, content and name.
func (c *Cache) syncBlobs(blobs []cache.Digest) error {
	if len(blobs) == 0 {
		return nil
	}
	if len(blobs) >= c.opts.syncAllFrom {
		if err := c.fs.SyncAll(c.dir); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	dirs := map[string]bool{c.blobDir(): true}
	for _, d := range blobs {
		path := c.loosePath(d)
		if err := c.syncFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // one that is not there was discarded meanwhile
		}
		dirs[filepath.Dir(path)] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := c.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cache) syncFile(path string) error {
	f, err := c.fs.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// writePack makes a durable pack of what fill adds, about as many records as
// given. Of records that were in other packs before it has their time.
func (c *Cache) writePack(name string, records int, modified time.Time, fill func(*packWriter) error) error {
	t, err := c.createTemp()
	if err != nil {
		return err
	}
	defer t.remove()
	w, err := newPackWriter(t, records)
	if err != nil {
		return err
	}
	if err := fill(w); err != nil {
		return err
	}
	if err := w.finish(c.opts.Function); err != nil {
		return err
	}
	if !modified.IsZero() {
		if err := c.fs.Chtimes(t.name, modified.Unix()); err != nil {
			return err
		}
	}
	return t.install(filepath.Join(c.packDir(), name), durable)
}
