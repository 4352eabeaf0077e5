package executor

import (
	"container/list"
	"context"
	"sync"

	"github.com/pungo-build/pungo/cache"
)

// decodedBlobs keeps what was made of blobs, the least recently used of which it
// forgets. A decoded value is counted with the size of its blob, since nobody
// knows its own; an index is three to five times as large.
type decodedBlobs struct {
	blobs   cache.Blobs
	flights flights[decodedKey, any]

	mu      sync.Mutex
	entries map[decodedKey]*list.Element
	recent  *list.List // of decodedEntry, the most recently used first
	size    int64      // of the blobs
	limit   int64
}

type decodedKey struct {
	digest cache.Digest
	kind   string
}

type decodedEntry struct {
	key   decodedKey
	value any
}

func newDecodedBlobs(blobs cache.Blobs, limit int64) *decodedBlobs {
	return &decodedBlobs{blobs: blobs, entries: map[decodedKey]*list.Element{}, recent: list.New(), limit: limit}
}

// get returns what decode makes of a blob, once for all who ask.
func (c *decodedBlobs) get(ctx context.Context, key decodedKey, decode func([]byte) (any, error)) (any, error) {
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
		v, err := decode(data)
		if err == nil {
			c.keep(key, v)
		}
		return v, err
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

func (c *decodedBlobs) keep(key decodedKey, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if key.digest.Size() > c.limit {
		return
	}
	c.entries[key] = c.recent.PushFront(decodedEntry{key, value})
	c.size += key.digest.Size()
	for c.size > c.limit {
		last := c.recent.Back()
		old := c.recent.Remove(last).(decodedEntry).key
		delete(c.entries, old)
		c.size -= old.digest.Size()
	}
}
