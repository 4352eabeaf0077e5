package packages

import (
	"bytes"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/rpm"
)

// FuzzDecodeShard: a shard is read as it was written, or not at all.
func FuzzDecodeShard(f *testing.F) {
	shard := []byte{formatVersion}
	f.Add(bytes.Clone(shard))
	for _, name := range []string{"bash", "zsh"} {
		p := &rpm.Package{NEVRA: rpm.NEVRA{Name: name, EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}}
		record := EncodeHeader(p, [32]byte{1})
		e, err := ListFile(record, cache.BLAKE3.Sum([]byte(name)), cache.BLAKE3.Sum(record))
		if err != nil {
			f.Fatal(err)
		}
		shard = e.appendMeta(shard)
		f.Add(bytes.Clone(shard))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := decodeShard(b)
		for _, e := range entries {
			if e.File != e.NEVRA.FileName() {
				t.Errorf("file %q of %s", e.File, e.NEVRA)
			}
		}
		listings, listErr := decodeListings(b)
		if err == nil && (listErr != nil || len(listings) != len(entries)) {
			t.Errorf("%d entries, and %d listings: %v", len(entries), len(listings), listErr)
		}
		if listErr != nil {
			return
		}
		again := []byte{formatVersion}
		for _, l := range listings {
			again = l.appendMeta(again)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("a shard has two forms: %x and %x", b, again)
		}
	})
}
