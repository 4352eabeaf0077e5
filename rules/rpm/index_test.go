package rpm

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/pungo-build/pungo/cache"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
)

// damaged is a store that took a note of a blob, one bit of which is another by now.
type damaged struct {
	cache.Store
	note cache.Note
	blob cache.Digest
	at   int
}

func (d *damaged) TakeNote(context.Context, cache.Digest, cache.Note) error { return nil }

func (d *damaged) Noted(context.Context, cache.Digest) (cache.Note, bool) { return d.note, true }

func (d *damaged) Open(ctx context.Context, digest cache.Digest) (cache.File, error) {
	data, err := d.Store.Get(ctx, digest)
	if err == nil && digest == d.blob {
		data = bytes.Clone(data)
		data[d.at] ^= 0x10
	}
	return cache.FileOf(data), err
}

// TestHeaderOfDamagedBlob: wherever a bit of a package has flipped in the cache, the
// cache is what is wrong, and no header is made of it.
func TestHeaderOfDamagedBlob(t *testing.T) {
	var b bytes.Buffer
	spec := &format.Spec{Package: format.Package{
		NEVRA: format.NEVRA{Name: "a", EVR: format.EVR{Version: "1", Release: "1"}, Arch: "noarch"},
		Text:  format.Text{Summary: "a", License: "Apache-2.0"},
	}}
	if err := format.Write(&b, spec); err != nil {
		t.Fatal(err)
	}
	m := cache.NewMemory(cache.BLAKE3)
	blob, err := m.Put(t.Context(), b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	w := cache.NewNoteWriter(cache.BLAKE3)
	w.Write(b.Bytes())
	pkg, err := format.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for at := range int(pkg.HeaderEnd) {
		store := cache.Verified(&damaged{m, w.Note(blob), blob, at})
		j := &rules.Job{
			Args:   []string{"--rpm", "rpm", "--output", "header"},
			Trees:  cache.NewTrees(store),
			Inputs: []cache.Node{{Name: "rpm", Kind: cache.FileKind, Digest: blob}},
		}
		if err := header(t.Context(), j); !errors.Is(err, cache.ErrCorrupt) {
			t.Fatalf("byte %d: got %v, want %v", at, err, cache.ErrCorrupt)
		}
	}
}
