package cache_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"lukechampine.com/blake3"

	"github.com/pungo-build/pungo/cache"
)

// TestBLAKE3: the hash is that of the blake3 package, whatever the size, and whatever
// the pieces that content comes in.
func TestBLAKE3(t *testing.T) {
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(i * 7 >> 2)
	}
	sizes := []int{1<<19 - 1, 1 << 19, 1<<19 + 1, 1 << 20, 1<<20 + 1, 2 << 20, len(data)}
	for n := range 20 << 10 {
		sizes = append(sizes, n)
	}
	for n := 20 << 10; n < 1<<20; n += 15<<10 + 511 {
		sizes = append(sizes, n, n&^1023, n&^(1<<14-1))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range sizes {
		want := blake3.Sum256(data[:n])
		if got := cache.BLAKE3.Sum(data[:n]).Hash(); got != want {
			t.Fatalf("%d bytes: got %x, want %x", n, got, want)
		}
		h := cache.BLAKE3.New()
		for rest := data[:n]; len(rest) > 0; {
			piece := min(1+r.IntN(1<<(1+r.IntN(20))), len(rest))
			h.Write(rest[:piece])
			rest = rest[piece:]
			if r.IntN(10) == 0 {
				h.Digest() // changes nothing
			}
		}
		if got := h.Digest().Hash(); got != want {
			t.Fatalf("%d bytes in pieces: got %x, want %x", n, got, want)
		}
	}
}

func BenchmarkHasher(b *testing.B) {
	data := make([]byte, 1<<20)
	for _, n := range []int{32 << 10, 1 << 20} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			h := cache.BLAKE3.New()
			b.SetBytes(int64(n))
			for b.Loop() {
				h.Write(data[:n])
			}
		})
	}
}
