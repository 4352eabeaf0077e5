package cache_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
)

func TestDigestText(t *testing.T) {
	// The hash of no bytes, from the specifications of both functions.
	for _, text := range []string{
		"blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262/0",
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/0",
	} {
		d, err := cache.ParseDigest(text)
		if err != nil {
			t.Fatal(err)
		}
		if d.String() != text || d != d.Function().Sum(nil) {
			t.Errorf("got %s and %s, want %s", d, d.Function().Sum(nil), text)
		}
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var again cache.Digest
		if err := json.Unmarshal(b, &again); err != nil || again != d {
			t.Errorf("%s reads back as %v, %v", b, again, err)
		}
	}
}

func TestParseDigestErrors(t *testing.T) {
	hex := strings.Repeat("0a", 32)
	tests := []struct{ name, text, want string }{
		{"empty", "", "want function:hash/size"},
		{"no function", hex + "/1", "want function:hash/size"},
		{"no size", "blake3:" + hex, "want function:hash/size"},
		{"unknown function", "md5:" + hex + "/1", `digest function "md5" is not known`},
		{"short hash", "blake3:0a0a/1", "hash of 2 bytes, want 32"},
		{"no hex", "blake3:" + strings.Repeat("xy", 32) + "/1", "invalid byte"},
		{"negative size", "blake3:" + hex + "/-1", "size -1 is negative"},
		{"huge size", "blake3:" + hex + "/99999999999999999999", "out of range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d, err := cache.ParseDigest(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want %q", d, err, tt.want)
			}
		})
	}
}

// Content that comes in pieces has the digest of the whole, whatever the pieces.
func TestHasher(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 300000)
	for _, fn := range []cache.Function{cache.BLAKE3, cache.SHA256} {
		for _, piece := range []int{999, 32 << 10, 1 << 20, len(content)} {
			h := fn.New()
			for rest := content; len(rest) > 0; {
				n := min(piece, len(rest))
				h.Write(rest[:n])
				rest = rest[n:]
			}
			if got, want := h.Digest(), fn.Sum(content); got != want {
				t.Errorf("%s in pieces of %d: got %s, want %s", fn, piece, got, want)
			}
		}
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add("blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262/0")
	f.Add("sha256:/1")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := cache.ParseDigest(text)
		if err != nil {
			return
		}
		if again, err := cache.ParseDigest(d.String()); err != nil || again != d {
			t.Errorf("%q reads back as %v, %v", d, again, err)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	data := make([]byte, 1<<20)
	for _, n := range []int{100, 300, 1000, 2000, 3000, 5000, 12000, 64 << 10, 256 << 10, 1 << 20} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				cache.BLAKE3.Sum(data[:n])
			}
		})
	}
}
