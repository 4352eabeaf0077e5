package workspace

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/rules"
)

// BenchmarkFingerprint takes the fingerprint of 60,000 packages and reports its
// time as a part of that of an os.Lstat of each, one after the other.
func BenchmarkFingerprint(b *testing.B) {
	for _, folders := range []int{1, 60} {
		b.Run(fmt.Sprint("folders=", folders), func(b *testing.B) {
			root := b.TempDir()
			var names []string
			var sources []*rules.Source
			for i := range folders {
				dir := fmt.Sprintf("rpms%d", i)
				sources = append(sources, &rules.Source{Path: dir, Suffix: ".rpm"})
				if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
					b.Fatal(err)
				}
				for j := range 60_000 / folders {
					name := filepath.Join(root, dir, fmt.Sprintf("some-package-%d-1.2.3-%d.fc41.x86_64.rpm", j*7919, j))
					if err := os.WriteFile(name, nil, 0o644); err != nil {
						b.Fatal(err)
					}
					names = append(names, name)
				}
			}
			w, err := Open(root, "", cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var bare, print time.Duration
			for b.Loop() {
				start := time.Now()
				for _, name := range names {
					if _, err := os.Lstat(name); err != nil {
						b.Fatal(err)
					}
				}
				bare += time.Since(start)
				start = time.Now()
				if _, err := w.Fingerprint(context.Background(), sources, nil); err != nil {
					b.Fatal(err)
				}
				print += time.Since(start)
			}
			b.ReportMetric(float64(print)/float64(bare), "of-bare-lstat")
			b.ReportMetric(print.Seconds()*1000/float64(b.N), "ms/fingerprint")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkIngest stores a GiB of packages in a cache on disk and reports the
// speed as a part of that of reading them, and of hashing them on one core.
func BenchmarkIngest(b *testing.B) {
	const files, size = 256, 4 << 20
	dir := b.TempDir()
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		b.Fatal(err)
	}
	content := make([]byte, size)
	random := rand.NewChaCha8([32]byte{})
	for i := range files {
		random.Read(content)
		if err := os.WriteFile(filepath.Join(root, fmt.Sprint(i)), content, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	var read, hash, ingest time.Duration
	for b.Loop() {
		read += timed(b, func() error { return readAll(root) })
		hash += timed(b, func() error { return hashOnOneCore(content, files) })
		folder := filepath.Join(dir, "cache")
		store, err := disk.Open(folder, disk.Options{})
		if err != nil {
			b.Fatal(err)
		}
		ingest += timed(b, func() error {
			w, err := Open(root, filepath.Join(dir, "index"), cache.NewTrees(store), Options{Import: store.Import})
			if err == nil {
				_, err = w.Resolve(context.Background(), &rules.Source{Path: "."})
			}
			return err
		})
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
		if err := os.RemoveAll(folder); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(read)/float64(ingest), "of-read-speed")
	b.ReportMetric(float64(hash)/float64(ingest), "of-hash-speed")
	b.ReportMetric(float64(b.N)*files*size/1e9/ingest.Seconds(), "GB/s")
	b.ReportMetric(0, "ns/op")
}

func timed(b *testing.B, fn func() error) time.Duration {
	start := time.Now()
	if err := fn(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

func readAll(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	piece := make([]byte, 1<<20)
	for _, entry := range entries {
		f, err := os.Open(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, piece)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func hashOnOneCore(content []byte, times int) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range times {
		h := cache.BLAKE3.New()
		for p := content; len(p) > 0; p = p[1<<20:] {
			h.Write(p[:1<<20])
		}
		h.Digest()
	}
	return nil
}
