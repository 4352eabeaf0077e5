package materialize

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// BenchmarkTree writes 60,000 files in 60 folders, by turns with Tree and with
// nothing but mkdir and link, and reports the speed of Tree as a part of that of
// bare linking: 1 is as fast.
func BenchmarkTree(b *testing.B) {
	const folders, files = 60, 1000
	ctx := context.Background()
	store := newStore(b)
	trees := cache.NewTrees(store)
	builder := trees.Builder()
	blobs := make([][]string, folders)
	for i := range folders {
		for j := range files {
			n := at(store.file(b, fmt.Sprint(i, j)), int64(1_000_000_000+j))
			path, _ := store.Path(n.Digest)
			blobs[i] = append(blobs[i], path)
			if err := builder.Add(fmt.Sprintf("Packages/%02d/package-%d-%04d.x86_64.rpm", i, i, j), n); err != nil {
				b.Fatal(err)
			}
		}
	}
	root, err := builder.Build(ctx)
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	timed := func(name string, write func(dest string) error) time.Duration {
		dest := filepath.Join(dir, name)
		start := time.Now()
		if err := write(dest); err != nil {
			b.Fatal(err)
		}
		took := time.Since(start)
		if err := Remove(dest); err != nil {
			b.Fatal(err)
		}
		return took
	}
	var bare, tree time.Duration
	for b.Loop() {
		bare += timed("bare", func(dest string) error { return linkAll(dest, blobs) })
		tree += timed("tree", func(dest string) error {
			return Tree(ctx, trees, root, dest, Options{Paths: guessedPaths{store}})
		})
	}
	b.ReportMetric(float64(bare)/float64(tree), "of-bare-speed")
	b.ReportMetric(tree.Seconds()/float64(b.N), "s/tree")
	b.ReportMetric(0, "ns/op")
}

func linkAll(dest string, blobs [][]string) error {
	if err := os.MkdirAll(dest+"/Packages", 0o755); err != nil {
		return err
	}
	for i, paths := range blobs {
		folder := fmt.Sprintf("%s/Packages/%02d", dest, i)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		for j, path := range paths {
			if err := os.Link(path, fmt.Sprintf("%s/package-%d-%04d.x86_64.rpm", folder, i, j)); err != nil {
				return err
			}
		}
	}
	return nil
}
