package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

func TestMergeable(t *testing.T) {
	small := func(n int) []int64 { return slices.Repeat([]int64{10}, n) }
	doubling := func(n int) (sizes []int64) {
		for i := range n {
			sizes = append(sizes, 1<<i)
		}
		return sizes
	}
	tests := []struct {
		name  string
		sizes []int64
		want  int
	}{
		{"none", nil, 0},
		{"few", small(mergeWidth - 1), 0},
		{"enough", small(mergeWidth), mergeWidth},
		{"more", small(30), 30},
		{"before a large one", append(small(mergeWidth), 1000, 10), mergeWidth},
		{"few before a large one", append(small(mergeWidth-1), 1000), 0},
		{"behind a large one", append([]int64{1000}, small(mergeWidth-1)...), mergeWidth},
		{"growing slowly", doubling(mergeWidth), mergeWidth},
		{"growing fast", []int64{1, 3, 9, 27, 81, 243, 729, 2187, 6561}, 0},
		{"settled", append(small(mergeWidth), maxMerged), mergeWidth},
		{"nothing but settled", slices.Repeat([]int64{maxMerged}, 9), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := mergeable(tt.sizes); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// Flushes add packs and merges take them away; at any time everything is found,
// the newest first, by who merges and by who looks on.
func TestMerges(t *testing.T) {
	w := &worker{t: t, fs: newRecording()}
	c, onlooker := w.open(), w.open()
	replaced := cache.BLAKE3.Sum([]byte("replaced"))
	for round := range 200 {
		w.record(c, w.put(c, noiseOf(round, 100+round)))
		w.must(c.Record(t.Context(), replaced, cache.Result{ExitCode: round}))
		w.must(c.Flush(t.Context()))
		if round%9 != 0 {
			continue
		}
		for _, c := range []*Cache{c, onlooker} {
			c.scanned.Store(0) // as if a second had gone by
			for i, p := range w.promises {
				if err := p.check(t, c, 0); err != nil {
					t.Fatalf("round %d, record %d: %v", round, i, err)
				}
			}
			if r, err := c.Lookup(t.Context(), replaced); err != nil || r.ExitCode != round {
				t.Errorf("round %d: got result %d, %v", round, r.ExitCode, err)
			}
		}
	}
	if n := len(c.packs); n > 3*mergeWidth {
		t.Errorf("%d packs after 200 flushes", n)
	}
	w.close(c)
	w.close(onlooker)
}

// packBytes is a pack of a few records, and their keys.
func packBytes(t testing.TB) ([]byte, map[recordKey][]byte) {
	records := map[recordKey][]byte{}
	for i := range 20 {
		payload := noiseOf(i, i*5)
		records[blobKey(cache.BLAKE3.Sum(payload))] = payload
	}
	var b bytes.Buffer
	w, err := newPackWriter(&b, len(records))
	if err != nil {
		t.Fatal(err)
	}
	batch := &batch{records: records}
	if err := errors.Join(batch.writeTo(w), w.finish(cache.BLAKE3)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), records
}

// openPack returns a pack with the given bytes.
func openPack(t testing.TB, b []byte) *pack {
	rec := newRecording()
	f, err := rec.Create("/pack")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	return &pack{fs: rec, fn: cache.BLAKE3, path: "/pack"}
}

// checkPack sees that a pack yields for every key the right payload, or none.
func checkPack(t testing.TB, p *pack, records map[recordKey][]byte) (found int) {
	t.Helper()
	for _, key := range slices.SortedFunc(maps.Keys(records), recordKey.compareTo) {
		want := records[key]
		e, ok, err := p.search(key)
		if err != nil || !ok {
			continue
		}
		got, err := p.read(e)
		switch {
		case err == nil && bytes.Equal(got, want):
			found++
		case err == nil:
			t.Errorf("got payload %x, want %x", got, want)
		case !errors.Is(err, cache.ErrCorrupt):
			t.Errorf("got error %v, want ErrCorrupt", err)
		}
	}
	return found
}

func TestPackDamage(t *testing.T) {
	b, records := packBytes(t)
	if n := checkPack(t, openPack(t, b), records); n != len(records) {
		t.Errorf("found %d records in a sound pack, want %d", n, len(records))
	}
	for i := range b {
		damaged := slices.Clone(b)
		damaged[i] ^= 0x10
		// One byte is in one payload, one bucket, or what all need.
		if n := checkPack(t, openPack(t, damaged), records); n == len(records) && i >= len(packMagic) {
			t.Errorf("byte %d of %d is not checked", i, len(b))
		}
	}
	for i := range b {
		if n := checkPack(t, openPack(t, b[:i]), records); n != 0 {
			t.Errorf("found %d records in %d of %d bytes", n, i, len(b))
		}
	}
}

// The format is what other versions read: a change needs another version.
func TestPackGolden(t *testing.T) {
	b, _ := packBytes(t)
	const want = "blake3:2d92b36e7ba00bdbeb673652613cdd1fd08294d59b70ab1c997d3c3f6b9546ae/3990"
	if got := cache.BLAKE3.Sum(b).String(); got != want {
		t.Errorf("pack %s, want %s", got, want)
	}
}

func TestParsePackName(t *testing.T) {
	if g, ok := parsePackName(packName(77)); !ok || g != 77 {
		t.Errorf("got %d, %t", g, ok)
	}
	for _, name := range []string{"", ".pack", "1-a.pack", "000000000000000g-a.pack", "0000000000000001.pack", "0000000000000001-a.tmp", "ffffffffffffffff-a.pack"} {
		if g, ok := parsePackName(name); ok {
			t.Errorf("%q: got %d, want none", name, g)
		}
	}
}

// A record in a pack can have a sound checksum and a false payload, when whoever
// wrote the pack was wrong. Verified finds it out, and the blob heals although
// the pack stays.
func TestFalsePack(t *testing.T) {
	w := &worker{t: t, fs: newRecording()}
	c := w.open()
	d := cache.BLAKE3.Sum([]byte("right"))
	w.must(c.add(blobKey(d), []byte("wrong")))
	w.must(c.Flush(t.Context()))
	verified := cache.Verified(c)
	if _, err := verified.Get(t.Context(), d); !errors.Is(err, cache.ErrCorrupt) {
		t.Errorf("got error %v, want ErrCorrupt", err)
	}
	if _, err := verified.Get(t.Context(), d); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
	w.put(c, []byte("right"))
	w.close(c)
	c = w.open()
	if b, err := cache.Verified(c).Get(t.Context(), d); err != nil || string(b) != "right" {
		t.Errorf("got %q, %v, want it healed", b, err)
	}
	w.close(c)
}

// Another process may remove a pack, by merging, at any moment.
func TestVanishingPacks(t *testing.T) {
	rec := newRecording()
	w := &worker{t: t, fs: rec}
	writer := w.open()
	for i := range 3 {
		w.record(writer, w.put(writer, noiseOf(i, 50)))
		w.must(writer.Flush(t.Context()))
	}
	reader := w.open() // knows the three packs, and has opened none
	packs, err := rec.ReadDir("/cache/packs/blake3")
	w.must(err)
	merged := writer.newPack(packName(3), 3)
	w.must(writer.writeMerged(merged.name, []*pack{
		writer.newPack(packs[2].Name(), 3), writer.newPack(packs[1].Name(), 2), writer.newPack(packs[0].Name(), 1),
	}))
	for _, p := range packs {
		w.must(rec.Remove("/cache/packs/blake3/" + p.Name()))
	}
	for i, p := range w.promises {
		if err := p.check(t, reader, 0); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	w.close(reader)
	w.close(writer)
}

// A pack that cannot be read is no error, and not asked again and again.
func TestUnreadablePack(t *testing.T) {
	rec := newRecording()
	w := &worker{t: t, fs: rec}
	c := w.open()
	w.record(c, w.put(c, noiseOf(1, 50)))
	w.close(c)
	w.must(rec.Mkdir("/cache/packs/blake3/0000000000000009-dir.pack", 0o700))
	broken := unreadable{rec, new(int)}
	c, err := open(broken, "/cache", Options{FlushEvery: time.Hour})
	w.must(err)
	for range 3 {
		w.must(w.promises[0].check(t, c, 0))
	}
	if *broken.opened != 1 {
		t.Errorf("opened %d times, want once", *broken.opened)
	}
	w.close(c)
}

// unreadable is a file system that cannot open one pack.
type unreadable struct {
	fileSystem
	opened *int
}

func (u unreadable) Open(name string) (file, error) {
	if name == "/cache/packs/blake3/0000000000000009-dir.pack" {
		*u.opened++
		return nil, errors.New("input/output error")
	}
	return u.fileSystem.Open(name)
}

func FuzzPack(f *testing.F) {
	b, records := packBytes(f)
	f.Add(b[len(b)-tailSize:], []byte{})
	f.Add(b[len(b)-tailSize:], b[:len(b)-tailSize])
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, tail, rest []byte) {
		// With the checksum put right, or hardly anything would come further.
		if len(tail) == tailSize {
			tail = slices.Clone(tail)
			binary.BigEndian.PutUint32(tail[tailSize-8:], tailChecksum(tail))
		}
		p := openPack(t, append(slices.Clip(rest), tail...))
		checkPack(t, p, records)
		entries, err := p.entries()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, err := p.read(e); err != nil && !errors.Is(err, cache.ErrCorrupt) {
				t.Error(fmt.Errorf("entry %+v: %w", e, err))
			}
		}
	})
}

// TestMergedWhileSearched: the packs that a look-up was given are merged away before
// it comes to them.
func TestMergedWhileSearched(t *testing.T) {
	c := openTest(t, t.TempDir(), Options{})
	put := func(content []byte) cache.Digest {
		d, err := c.Put(t.Context(), content)
		if err == nil {
			err = c.Flush(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := put([]byte("looked for"))
	_, _, packs, listed := c.batched(blobKey(d))
	for round := range 2 * mergeWidth {
		put(noiseOf(round, 100))
	}
	err := searchPacks(packs, blobKey(d), func(p *pack, e entry) error {
		_, err := p.read(e)
		return err
	})
	if err == nil {
		t.Fatal("the packs are there still")
	}
	if !c.refresh(err, listed) {
		t.Errorf("%v, and nothing new to look at", err)
	}
}

// TestMergeLeavesOthers: a pack of another version is kept for those who know it.
func TestMergeLeavesOthers(t *testing.T) {
	dir := t.TempDir()
	c := openTest(t, dir, Options{})
	if _, err := c.Put(t.Context(), []byte("theirs")); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ours := c.packs[0].path
	b, err := os.ReadFile(ours)
	if err != nil {
		t.Fatal(err)
	}
	footer := b[len(b)-footerSize:]
	binary.BigEndian.PutUint32(footer[8:], packVersion+1)
	binary.BigEndian.PutUint32(footer[16:], tailChecksum(b[len(b)-tailSize:]))
	theirs := filepath.Join(filepath.Dir(ours), packName(1))
	if err := os.WriteFile(theirs, b, 0o444); err != nil {
		t.Fatal(err)
	}
	for round := range 3 * mergeWidth {
		if _, err := c.Put(t.Context(), noiseOf(round, 100)); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.scanned.Store(0)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Error(err)
	}
}
