package disk

import (
	"context"
	"io/fs"
	"maps"
	"slices"

	"github.com/pungo-build/pungo/cache"
)

// recordKind tells what a record in a pack is.
type recordKind uint8

const (
	blobRecord   recordKind = 1
	resultRecord recordKind = 2
	// noteRecord is the note of a blob that stands alone.
	noteRecord recordKind = 3
	// callsRecord is which results an action called for, see used.go.
	callsRecord recordKind = 4
)

// recordKey names a record: a blob by its hash, a result by that of its action.
type recordKey struct {
	hash [32]byte
	kind recordKind
}

func blobKey(d cache.Digest) recordKey   { return recordKey{d.Hash(), blobRecord} }
func resultKey(d cache.Digest) recordKey { return recordKey{d.Hash(), resultRecord} }
func noteKey(d cache.Digest) recordKey   { return recordKey{d.Hash(), noteRecord} }

// maxBatch is how many bytes gather in memory before they are written at once.
const maxBatch = 16 << 20

// batch is the records that go into one pack, as payloads by key.
type batch struct {
	records map[recordKey][]byte
	bytes   int
	results int // how many of the records are results
}

func newBatch() *batch { return &batch{records: map[recordKey][]byte{}} }

func (b *batch) add(key recordKey, payload []byte) {
	old, again := b.records[key]
	b.records[key] = payload
	b.bytes += len(payload) - len(old)
	if key.kind == resultRecord && !again {
		b.results++
	}
}

// writeTo adds the records to a pack, in the order of their keys.
func (b *batch) writeTo(w *packWriter) error {
	for _, key := range slices.SortedFunc(maps.Keys(b.records), recordKey.compareTo) {
		if err := w.add(key, b.records[key]); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) removeBlob(hash [32]byte) {
	key := recordKey{hash, blobRecord}
	b.bytes -= len(b.records[key])
	delete(b.records, key)
}

// writable reports why nothing can be added: the caller gave up, the cache is
// closed or for reading, or what was added before could not be written.
func (c *Cache) writable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writableLocked()
}

func (c *Cache) writableLocked() error {
	switch {
	case c.opts.ReadOnly:
		return c.explain(cache.ErrReadOnly)
	case c.closed:
		return c.explain(fs.ErrClosed)
	}
	return c.failed
}

// add adds a record to the pending batch, and writes the batch if it is large.
func (c *Cache) add(key recordKey, payload []byte) error {
	large, err := c.addPending(key, payload)
	if err == nil && large {
		return c.flush()
	}
	if err == nil {
		c.wakeFlusher()
	}
	return err
}

func (c *Cache) addPending(key recordKey, payload []byte) (large bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.writableLocked(); err != nil {
		return false, err
	}
	c.pending.add(key, payload)
	if key.kind == blobRecord {
		delete(c.discarded, key.hash)
	}
	return c.pending.bytes >= maxBatch, nil
}

// made notes that a blob has its file.
func (c *Cache) made(d cache.Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsynced = append(c.unsynced, d)
	delete(c.discarded, d.Hash())
}

// forget makes a blob missing for this process.
func (c *Cache) forget(d cache.Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.discarded[d.Hash()] = true
	c.pending.removeBlob(d.Hash())
}

func (c *Cache) isDiscarded(d cache.Digest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.discarded[d.Hash()]
}
