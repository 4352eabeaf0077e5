package cache

import (
	"context"
	"fmt"
)

// Complete returns an ActionCache for which a result is a hit only if blobs holds
// what the result itself names: files, root directories, what was printed. A
// result whose blobs were evicted, or lost in a crash, is a miss.
//
// It looks at root directories and not at what is below them. A result is
// recorded when its whole closure is stored, and whoever finds a hole in it later
// has that blob made again; to walk 60,000 entries before every hit would cost
// more than the holes do.
func Complete(actions ActionCache, blobs Blobs) ActionCache {
	return &complete{actions, blobs}
}

type complete struct {
	ActionCache
	blobs Blobs
}

func (c *complete) Lookup(ctx context.Context, key Digest) (Result, error) {
	r, err := c.ActionCache.Lookup(ctx, key)
	if err != nil {
		return Result{}, err
	}
	missing, err := c.blobs.Missing(ctx, r.Digests())
	if err != nil {
		return Result{}, err
	}
	if len(missing) > 0 {
		return Result{}, fmt.Errorf("result of %s: %w", key.Short(), &BlobError{missing[0], ErrNotFound})
	}
	return r, nil
}

// Called implements Caller: as the cache below does.
func (c *complete) Called(ctx context.Context, key Digest, called []Digest) error {
	if below, ok := c.ActionCache.(Caller); ok {
		return below.Called(ctx, key, called)
	}
	return nil
}
