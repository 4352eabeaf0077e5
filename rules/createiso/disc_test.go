package createiso

import (
	"testing"

	"github.com/pungo-build/pungo/cache"
)

// TestCheckLength: what ISO 9660 holds in one piece is up to its level.
func TestCheckLength(t *testing.T) {
	tests := []struct {
		name  string
		level int
		size  int64
		want  string
	}{
		{"largest of a level", 2, 1<<32 - 1, ""},
		{"too large", 2, 1 << 32, "films/a: it has 4294967296 bytes, and iso_level 2 holds 4294967295\n  hint: iso_level = 3, the default, has no such limit"},
		{"several pieces", 3, 1 << 32, ""},
		{"level of ISO 9660:1999", 4, 1 << 32, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &maker{params: params{ISOLevel: tt.level}}
			d, err := cache.NewDigest(cache.BLAKE3, make([]byte, 32), tt.size)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := m.checkLength("films/a", cache.Node{Kind: cache.FileKind, Digest: d}); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
