package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/cache/materialize"
)

// materializing compares writing a tree of 60,000 files, in 60 folders, with
// nothing but mkdir and link, of the same files under the same names, on one
// thread. The first, uncounted run of the tree also gives all files their times.
func materializing(ctx context.Context, l *lab) error {
	files := l.size(60_000) / 10 * 10
	root, err := storeFiles(ctx, l.path("cache"), files)
	if err != nil {
		return err
	}
	ours, bare := l.path("ours"), l.path("bare")
	materialized, err := l.part(materializePart, l.path("cache"), root, ours)
	if err != nil {
		return err
	}
	linked, err := l.part(linkPart, l.path("model"), bare, strconv.Itoa(files))
	if err != nil {
		return err
	}
	// Links need paths: those of the first tree do as well as those of the cache.
	model, err := l.part(materializePart, l.path("cache"), root, l.path("model"))
	if err != nil {
		return err
	}
	if _, err := output(ctx, "", model...); err != nil {
		return err
	}
	a, b, err := l.race(ctx,
		contestant{command: materialized, before: l.fresh(ours), after: wantLinks(ours, files)},
		contestant{command: linked, before: l.fresh(bare), after: wantLinks(bare, files)},
	)
	if err != nil {
		return err
	}
	l.table.speed(fmt.Sprintf("materialize: %d files against link(2)", files), 0.8, a, b)
	return nil
}

// wantLinks checks that dir has so many files, which share their inodes with
// others.
func wantLinks(dir string, files int) func(int, []byte) error {
	return func(int, []byte) error {
		n := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				n++
			}
			return err
		})
		if err == nil && n != files {
			err = fmt.Errorf("%d files, want %d", n, files)
		}
		return err
	}
}

const folders = 60

// fileInTree is the path of file i.
func fileInTree(i int) string {
	return fmt.Sprintf("Packages/%02d/package-%05d.x86_64.rpm", i%folders, i)
}

// storeFiles makes a tree of small files in a new cache.
func storeFiles(ctx context.Context, dir string, files int) (root string, err error) {
	c, err := disk.Open(dir, disk.Options{})
	if err != nil {
		return "", err
	}
	trees := cache.NewTrees(c)
	builder := trees.Builder()
	for i := range files {
		w, err := c.Create(ctx)
		if err != nil {
			return "", err
		}
		if _, err := w.Write([]byte(strconv.Itoa(i))); err != nil {
			return "", err
		}
		d, err := w.Commit()
		if err != nil {
			return "", err
		}
		if err := builder.Add(fileInTree(i), cache.Node{Kind: cache.FileKind, Digest: d, ModTime: built + int64(i)}); err != nil {
			return "", err
		}
	}
	digest, err := builder.Build(ctx)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(digest)
	if err != nil {
		return "", err
	}
	return string(text), c.Close()
}

const materializePart = "materialize"

// materializeTree writes a tree: arguments are the cache, the root as JSON, and
// the destination.
func materializeTree(ctx context.Context, args []string) error {
	var root cache.Digest
	if err := json.Unmarshal([]byte(args[1]), &root); err != nil {
		return err
	}
	c, err := disk.Open(args[0], disk.Options{})
	if err != nil {
		return err
	}
	trees := cache.NewTrees(cache.Verified(c))
	if err := materialize.Tree(ctx, trees, root, args[2], materialize.Options{Paths: c}); err != nil {
		return err
	}
	return c.Close()
}

const linkPart = "link"

// linkFiles does nothing but mkdir and link: arguments are a tree that was
// materialized, the destination, and the number of files.
func linkFiles(_ context.Context, args []string) error {
	files, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	for i := range min(files, folders) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(args[1], fileInTree(i))), 0o755); err != nil {
			return err
		}
	}
	for i := range files {
		name := "/" + fileInTree(i)
		if err := os.Link(args[0]+name, args[1]+name); err != nil {
			return err
		}
	}
	return nil
}
