package disk

import (
	"testing"

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

func TestDisk(t *testing.T) {
	for _, fn := range []cache.Function{cache.BLAKE3, cache.SHA256} {
		t.Run(fn.String(), func(t *testing.T) {
			cachetest.Run(t, func(t *testing.T) (cache.Store, cache.ActionCache) {
				c := openTest(t, t.TempDir(), Options{Function: fn})
				return c, c
			})
		})
	}
}
