package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pungo-build/pungo/cache"
)

// nestedResults is how many nested actions a compose of 60,000 packages records.
const nestedResults = 60000

func nestedKey(i int) cache.Digest {
	return cache.BLAKE3.Sum(binary.BigEndian.AppendUint64([]byte("action "), uint64(i)))
}

// fill stores a blob of 300 bytes and records a result for each of n actions.
func fill(b testing.TB, c *Cache, n int) {
	content := make([]byte, 300)
	for i := range n {
		binary.BigEndian.PutUint64(content, uint64(i))
		d, err := c.Put(b.Context(), content)
		if err != nil {
			b.Fatal(err)
		}
		r := cache.Result{
			Outputs:  []cache.Node{{Name: "fragment", Kind: cache.FileKind, Digest: d}},
			Duration: time.Millisecond,
		}
		if err := c.Record(b.Context(), nestedKey(i), r); err != nil {
			b.Fatal(err)
		}
	}
	if err := c.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPutRecord is the price of storing what a nested action yields, with
// all syncs.
func BenchmarkPutRecord(b *testing.B) {
	for b.Loop() {
		fill(b, openTest(b, b.TempDir(), Options{}), nestedResults)
	}
	perRecord(b, nestedResults)
}

func perRecord(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}

// BenchmarkLookup is the price of a hit in a process that has just begun: the
// result, and whether its blob is there.
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{100, nestedResults} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			fill(b, openTest(b, dir, Options{}), nestedResults)
			for b.Loop() {
				c := openTest(b, dir, Options{})
				lookup(b, c, n)
				if err := c.Close(); err != nil {
					b.Fatal(err)
				}
			}
			perRecord(b, n)
		})
	}
}

func lookup(b *testing.B, c *Cache, n int) {
	actions := cache.Complete(c, c)
	for i := range n {
		if _, err := actions.Lookup(b.Context(), nestedKey(i)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory is what an open cache of 200,000 records, all of them looked
// up, keeps in memory.
func BenchmarkMemory(b *testing.B) {
	dir := b.TempDir()
	const records = 100000 // a result and a blob each
	fill(b, openTest(b, dir, Options{}), records)
	for b.Loop() {
		before := heap()
		c := openTest(b, dir, Options{})
		lookup(b, c, records)
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
		runtime.KeepAlive(c)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkImport is the throughput of taking 1 GB of package files, two at a
// time, against the two bounds it has: reading them, and BLAKE3 on one core.
func BenchmarkImport(b *testing.B) {
	const files, size = 200, 5 << 20
	paths := writeFiles(b, files, size)
	b.Run("import", func(b *testing.B) {
		b.SetBytes(files * size)
		dir := b.TempDir()
		for b.Loop() {
			c := openTest(b, dir, Options{})
			importAll(b, c, paths)
			b.StopTimer()
			if err := errors.Join(c.Close(), os.RemoveAll(c.path("blobs"))); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	b.Run("cat", func(b *testing.B) {
		b.SetBytes(files * size)
		for b.Loop() {
			each(b, paths, 1, func(path string) error { return copyTo(io.Discard, path) })
		}
	})
	b.Run("blake3", func(b *testing.B) {
		b.SetBytes(files * size)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		for b.Loop() {
			each(b, paths, 1, func(path string) error { return copyTo(cache.BLAKE3.New(), path) })
		}
	})
}

func writeFiles(b *testing.B, n, size int) (paths []string) {
	dir := b.TempDir()
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{})
	for i := range n {
		random.Read(content)
		path := filepath.Join(dir, fmt.Sprintf("%d.rpm", i))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			b.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func importAll(b *testing.B, c *Cache, paths []string) {
	each(b, paths, 2, func(path string) error {
		_, err := importFile(b.Context(), c, path)
		return err
	})
}

func each(b *testing.B, paths []string, parallel int, do func(path string) error) {
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, path := range paths {
		group.Go(func() error { return do(path) })
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

// copyTo reads a file in pieces.
func copyTo(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buffer := pieces.Get().(*[piece]byte)
	defer pieces.Put(buffer)
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{f}, buffer[:])
	return err
}

// BenchmarkCollect collects half of a folder with 60,000 results, as a repository of as
// many packages has them.
func BenchmarkCollect(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		c, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		const results = 60000
		for i := range results {
			d, err := c.Put(b.Context(), noiseOf(i, 1000))
			if err != nil {
				b.Fatal(err)
			}
			key := c.Function().Sum([]byte(fmt.Sprint("action", i)))
			r := cache.Result{Outputs: []cache.Node{{Name: "out", Kind: cache.FileKind, Digest: d}}}
			if err := c.Record(b.Context(), key, r); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		half := int64(results * 1300 / 2)
		if _, err := c.Collect(b.Context(), Limits{Size: &half}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
