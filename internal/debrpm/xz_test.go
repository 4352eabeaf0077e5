package debrpm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// samples are bytes of different kinds: what packs well, badly, and not at all.
func samples() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	var text []byte
	for range 20_000 {
		text = fmt.Appendf(text, "%d words and %d more\n", random.IntN(1000), random.IntN(7))
	}
	return map[string][]byte{
		"empty": {}, "byte": {7}, "zeros": make([]byte, 1<<20), "noise": noise, "text": text,
		"far":    slices.Concat(text[:1000], noise, text[:1000]),
		"mixed":  slices.Concat(text[:70_000], noise[:70_000], text[:70_000], make([]byte, 70_000)),
		"stripe": bytes.Repeat([]byte{1, 2, 3, 4, 5}, 1000),
	}
}

func packXZ(t testing.TB, c xz.WriterConfig, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := c.NewWriter(&out)
	must(t, err)
	_, err = w.Write(b)
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func TestUnpackXZ(t *testing.T) {
	configs := map[string]xz.WriterConfig{
		"default":    {},
		"crc32":      {CheckSum: xz.CRC32},
		"sha256":     {CheckSum: xz.SHA256},
		"no check":   {NoCheckSum: true},
		"blocks":     {BlockSize: 50_000},
		"dictionary": {DictCap: 1 << 16},
		"context":    {Properties: &lzma.Properties{LC: 0, LP: 4, PB: 4}},
		"bare":       {Properties: &lzma.Properties{LC: 4, LP: 0, PB: 0}},
	}
	for kind, want := range samples() {
		for name, c := range configs {
			t.Run(kind+"/"+name, func(t *testing.T) {
				packed := packXZ(t, c, want)
				got, err := unpackXZ(packed, int64(len(want)))
				must(t, err)
				if !bytes.Equal(got, want) {
					t.Errorf("%d bytes unpacked differ from the %d packed", len(got), len(want))
				}
				if len(want) > 0 {
					if _, err := unpackXZ(packed, int64(len(want)-1)); err == nil || !strings.Contains(err.Error(), "more than") {
						t.Errorf("error %v behind the limit, want one that says so", err)
					}
				}
			})
		}
	}
}

// TestUnpackXZDamaged cuts files everywhere, and changes every byte: each part of
// a file has a checksum.
func TestUnpackXZDamaged(t *testing.T) {
	text := samples()["text"][:2000]
	for name, packed := range map[string][]byte{
		"packed": packXZ(t, xz.WriterConfig{}, text),
		"stored": packXZ(t, xz.WriterConfig{}, samples()["noise"][:500]),
	} {
		t.Run(name, func(t *testing.T) {
			for n := range packed {
				if _, err := unpackXZ(packed[:n], 1<<20); err == nil {
					t.Errorf("the first %d of %d bytes unpacked, want an error", n, len(packed))
				}
				damaged := bytes.Clone(packed)
				damaged[n] ^= 0x55
				if got, err := unpackXZ(damaged, 1<<20); err == nil {
					t.Errorf("byte %d of %d changed, got %d bytes, want an error", n, len(packed), len(got))
				}
			}
		})
	}
}

// TestUnpackLZMA2Refuses has chunks that a damaged file can hardly have, but a
// hostile one can.
func TestUnpackLZMA2Refuses(t *testing.T) {
	for name, packed := range map[string]string{
		"empty":                       "",
		"no end":                      "\x01\x00\x00a",
		"stored without a beginning":  "\x02\x00\x00a\x00",
		"packed without a beginning":  "\x80\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00",
		"no properties":               "\x01\x00\x00a\x80\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00",
		"properties too large":        "\xe0\x00\x00\x00\x04\xe1\x00\x00\x00\x00\x00\x00",
		"too many bits":               "\xe0\x00\x00\x00\x04\x2c\x00\x00\x00\x00\x00\x00",
		"control":                     "\x03\x00\x00a\x00",
		"stored behind the end":       "\x01\x00\x09a\x00",
		"packed behind the end":       "\xe0\x00\x00\x00\xff\x5d\x00\x00\x00\x00\x00",
		"header cut off":              "\xe0\x00",
		"too short for a range":       "\xe0\x00\x00\x00\x03\x5d\x00\x00\x00\x00\x00",
		"range does not begin with 0": "\xe0\x00\x00\x00\x04\x5d\x01\x00\x00\x00\x00\x00",
		"match before the beginning":  "\xe0\x00\x00\x00\x05\x5d\x00\xff\xff\xff\xff\xff\x00",
	} {
		t.Run(name, func(t *testing.T) {
			d := &lzma2{limit: 1 << 20}
			if n, err := d.unpack([]byte(packed)); err == nil {
				t.Errorf("unpacked %d bytes to %q, want an error", n, d.out)
			}
		})
	}
}

// TestUnpackXZMemory wants memory to follow what is there, not what is claimed: a
// dictionary of 4 GiB.
func TestUnpackXZMemory(t *testing.T) {
	packed := packXZ(t, xz.WriterConfig{}, []byte("small"))
	header := packed[xzHeaderSize : xzHeaderSize+12]
	header[4] = 40
	binary.LittleEndian.PutUint32(header[8:], crc32.ChecksumIEEE(header[:8]))

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := unpackXZ(packed, 1<<30)
	must(t, err)
	runtime.ReadMemStats(&after)
	if string(got) != "small" {
		t.Errorf("unpacked %q, want small", got)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<18 {
		t.Errorf("unpacking 5 bytes takes %d bytes of memory, want some 30000", allocated)
	}
}

func FuzzUnpackXZ(f *testing.F) {
	for _, b := range samples() {
		f.Add(packXZ(f, xz.WriterConfig{NoCheckSum: true}, b[:min(len(b), 5000)]))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		if b, err := unpackXZ(packed, 1<<20); err == nil && len(b) > 1<<20 {
			t.Errorf("unpacked %d bytes, want at most the limit", len(b))
		}
	})
}

// FuzzUnpackLZMA2 goes past the checksums.
func FuzzUnpackLZMA2(f *testing.F) {
	for _, b := range samples() {
		var out bytes.Buffer
		w, err := lzma.NewWriter2(&out)
		must(f, err)
		_, err = w.Write(b[:min(len(b), 5000)])
		must(f, err)
		must(f, w.Close())
		f.Add(out.Bytes())
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		d := &lzma2{limit: 1 << 20}
		n, err := d.unpack(packed)
		if err != nil {
			return
		}
		r, err := lzma.NewReader2(bytes.NewReader(packed[:n]))
		must(t, err)
		if want, err := io.ReadAll(r); err != nil || !bytes.Equal(d.out, want) {
			t.Errorf("unpacked %q, the library %q (%v)", d.out, want, err)
		}
	})
}

func BenchmarkUnpackXZ(b *testing.B) {
	want := samples()["text"]
	packed := packXZ(b, xz.WriterConfig{}, want)
	b.Run("here", func(b *testing.B) {
		b.SetBytes(int64(len(want)))
		for b.Loop() {
			_, err := unpackXZ(packed, 1<<30)
			must(b, err)
		}
	})
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(want)))
		for b.Loop() {
			r, err := xz.NewReader(bytes.NewReader(packed))
			must(b, err)
			_, err = io.Copy(io.Discard, r)
			must(b, err)
		}
	})
}
