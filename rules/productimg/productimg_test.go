package productimg

import (
	"testing"

	"github.com/pungo-build/pungo/cache"
)

// TestContent: two of one path have to be equal.
func TestContent(t *testing.T) {
	fn := cache.BLAKE3
	file := func(text string) cache.Node {
		return cache.Node{Kind: cache.FileKind, Digest: fn.Sum([]byte(text))}
	}
	c := content{map[string]cache.Node{}, map[string]string{}}
	for _, tt := range []struct {
		at, from string
		node     cache.Node
		want     string
	}{
		{"a", "a", file("1"), "<nil>"},
		{"a", "x/", file("1"), "<nil>"},
		{"a", "y/", file("2"), `a: from "x/" and from "y/", want one file`},
		{"a", "links", cache.Node{Kind: cache.SymlinkKind, Target: "b"}, `a: from "x/" and from "links", want one file`},
		{"d", "x/", cache.Node{Kind: cache.DirKind, Digest: fn.Sum([]byte("3"))}, "<nil>"},
		{"d", "y/", cache.Node{Kind: cache.DirKind, Digest: fn.Sum([]byte("4"))}, "<nil>"},
		{"d", "d", file("1"), `d: from "y/" and from "d", want one file`},
	} {
		got := "<nil>"
		if err := c.add(tt.at, tt.from, tt.node); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s from %q: got %s, want %s", tt.at, tt.from, got, tt.want)
		}
	}
}
