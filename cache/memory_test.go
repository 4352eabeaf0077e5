package cache_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/cachetest"
)

func TestMemory(t *testing.T) {
	for _, fn := range []cache.Function{cache.BLAKE3, cache.SHA256} {
		t.Run(fn.String(), func(t *testing.T) {
			cachetest.Run(t, func(t *testing.T) (cache.Store, cache.ActionCache) {
				m := cache.NewMemory(fn)
				return m, m
			})
		})
	}
}

// spoilable is a verified store whose blobs the suite can spoil.
type spoilable struct {
	cache.Store
	cache.Discarder
	memory *cache.Memory
}

func (s spoilable) Corrupt(_ *testing.T, d cache.Digest) { s.memory.Spoil(d) }

func TestVerifiedMemory(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) (cache.Store, cache.ActionCache) {
		m := cache.NewMemory(cache.BLAKE3)
		store := cache.Verified(m)
		return spoilable{store, store.(cache.Discarder), m}, m
	})
}

// readOnly is a store that cannot forget a blob.
type readOnly struct{ cache.Store }

func TestVerifiedWithoutDiscarder(t *testing.T) {
	m := cache.NewMemory(cache.BLAKE3)
	d, err := m.Put(t.Context(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	m.Spoil(d)
	for range 2 {
		if _, err := cache.Verified(readOnly{m}).Get(t.Context(), d); !errors.Is(err, cache.ErrCorrupt) {
			t.Errorf("got error %v, want ErrCorrupt", err)
		}
	}
}

// The bytes of a corrupt file may come before the error, but never its end.
func TestVerifiedFile(t *testing.T) {
	tests := []struct {
		name    string
		stored  string
		corrupt bool
	}{
		{"as it is", "content", false},
		{"another byte", "CONTENT", true},
		{"cut off", "conte", true},
		{"too long", "contents", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := cache.BLAKE3.Sum([]byte("content"))
			store := cache.Verified(lying{cache.NewMemory(cache.BLAKE3), tt.stored})
			f, err := store.Open(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for range 2 {
				if _, err := io.ReadAll(f); errors.Is(err, cache.ErrCorrupt) != tt.corrupt {
					t.Errorf("got error %v, want corrupt %t", err, tt.corrupt)
				}
			}
		})
	}
}

// lying is a store that has one content for every digest.
type lying struct {
	cache.Store
	content string
}

func (l lying) Open(context.Context, cache.Digest) (cache.File, error) {
	return cache.FileOf([]byte(l.content)), nil
}

func TestComplete(t *testing.T) {
	m := cache.NewMemory(cache.BLAKE3)
	actions := cache.Complete(m, m)
	put := func(content string) cache.Digest {
		d, err := m.Put(t.Context(), []byte(content))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	root, err := cache.NewTrees(m).Write(t.Context(), cache.Directory{file("below", "is not looked at")})
	if err != nil {
		t.Fatal(err)
	}
	whole := cache.Result{
		Outputs: []cache.Node{
			{Name: "file", Kind: cache.FileKind, Digest: put("file")},
			link("link", "file"),
			{Name: "none", Kind: cache.DirKind, Digest: cache.BLAKE3.Sum(nil)},
			{Name: "tree", Kind: cache.DirKind, Digest: root},
		},
		Stdout: put("stdout"),
		Stderr: put("stderr"),
	}
	key := cache.BLAKE3.Sum([]byte("action"))
	if err := actions.Record(t.Context(), key, whole); err != nil {
		t.Fatal(err)
	}
	if got, err := actions.Lookup(t.Context(), key); err != nil || !slices.Equal(got.Outputs, whole.Outputs) {
		t.Errorf("got %v, %v, want a hit", got, err)
	}
	if got := whole.Digests(); len(got) != 5 {
		t.Errorf("result names %v, want 5 digests", got)
	}
	for _, content := range []string{"file", "stdout", "stderr"} {
		d := put(content)
		if err := m.Discard(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		_, err := actions.Lookup(t.Context(), key)
		var blob *cache.BlobError
		if !errors.Is(err, cache.ErrNotFound) || !errors.As(err, &blob) || blob.Digest != d {
			t.Errorf("without %q: got error %v, want a miss that names %v", content, err, d)
		}
		put(content)
	}
	if _, err := actions.Lookup(t.Context(), cache.BLAKE3.Sum([]byte("other"))); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
}
