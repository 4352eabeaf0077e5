package executor

import (
	"container/list"
	"context"
	"sync"

	"github.com/pungo-build/pungo/cache"
)

// decodedBlobs keeps what was made of blobs, the least recently used of which it
// forgets. A value counts as what whoever decoded it says that it costs: a blob of
// 20 KB may name a package set of 200 MB.
type decodedBlobs struct {
	blobs   cache.Blobs
	flights flights[decodedKey, any]

	mu      sync.Mutex
	entries map[decodedKey]*list.Element
	recent  *list.List // of decodedEntry, the most recently used first
	cost    int64      // of all entries, in bytes of memory
	limit   int64
}

type decodedKey struct {
	digest cache.Digest
	kind   string
}

type decodedEntry struct {
	key   decodedKey
	value any
	cost  int64
}

func newDecodedBlobs(blobs cache.Blobs, limit int64) *decodedBlobs {
	return &decodedBlobs{blobs: blobs, entries: map[decodedKey]*list.Element{}, recent: list.New(), limit: limit}
}

// get returns what decode makes of a blob, once for all who ask.
func (c *decodedBlobs) get(ctx context.Context, key decodedKey, decode func(context.Context, []byte) (any, int64, error)) (any, error) {
	if v, ok := c.known(key); ok {
		return v, nil
	}
	return c.flights.do(ctx, key, func(ctx context.Context) (any, error) {
		if v, ok := c.known(key); ok {
			return v, nil
		}
		data, err := c.blobs.Get(ctx, key.digest)
		if err != nil {
			return nil, err
		}
		v, cost, err := decode(ctx, data)
		if err != nil {
			return nil, err
		}
		// A value that takes no memory is still an entry of the map.
		c.keep(decodedEntry{key, v, max(cost, 1)})
		return v, nil
	})
}

func (c *decodedBlobs) known(key decodedKey) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil, false
	}
	c.recent.MoveToFront(e)
	return e.Value.(decodedEntry).value, true
}

// keep adds an entry that is not there; one that costs more than everything may
// is not kept, rather than all others for it.
func (c *decodedBlobs) keep(e decodedEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.cost > c.limit {
		return
	}
	c.entries[e.key] = c.recent.PushFront(e)
	c.cost += e.cost
	for c.cost > c.limit {
		old := c.recent.Remove(c.recent.Back()).(decodedEntry)
		delete(c.entries, old.key)
		c.cost -= old.cost
	}
}
