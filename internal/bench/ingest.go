package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/executor/workspace"
	"github.com/pungo-build/pungo/rules"
)

// ingest compares taking package files into an empty cache, durably, with the
// slower of two things that it cannot do without: reading them from that disk,
// which is cat, and BLAKE3 on one core. The files are not in memory when a run
// begins.
//
// Hashing is timed without the reading. So that both sides run by turns, cat and
// hashing are compared in races of their own.
func ingest(ctx context.Context, l *lab) error {
	ws := l.path("workspace")
	n, size, err := l.realPackages(ctx, filepath.Join(ws, "rpms"))
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(ws, "rpms", "*.rpm"))
	if err != nil {
		return err
	}
	hash, err := l.part(hashPart, files...)
	if err != nil {
		return err
	}
	hashing, err := l.hashing(ctx, hash)
	if err != nil {
		return err
	}
	command, err := l.part(ingestPart, ws, l.path("cache"))
	if err != nil {
		return err
	}
	ours, reading, err := l.race(ctx,
		contestant{
			command: command,
			before:  func(run int) error { return errors.Join(fresh(l.path("cache"))(run), forget(files)) },
			after:   wantFiles(n),
		},
		contestant{
			command: append([]string{"sh", "-c", `exec cat "$@" >/dev/null`, "cat"}, files...),
			before:  func(int) error { return forget(files) },
		},
	)
	if err != nil {
		return err
	}
	claim := fmt.Sprintf("ingest: %d real packages, %s, against ", n, megabytes(size))
	if hashing.Wall > reading.Wall {
		l.table.speed(claim+"BLAKE3", 0.7, ours, hashing)
	} else {
		l.table.speed(claim+"cat", 0.7, ours, reading)
	}
	return nil
}

func wantFiles(n int) func(int, []byte) error {
	return func(_ int, stdout []byte) error {
		var got int
		if err := json.Unmarshal(stdout, &got); err != nil || got != n {
			return fmt.Errorf("took in %s files, want %d", stdout, n)
		}
		return nil
	}
}

// forget drops files from the memory of the operating system.
func forget(files []string) error {
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

const ingestPart = "ingest"

// takeIn resolves the folder rpms of a workspace with an empty cache: arguments
// are the workspace and the cache. It prints the number of files.
func takeIn(ctx context.Context, args []string) error {
	c, err := disk.Open(args[1], disk.Options{})
	if err != nil {
		return err
	}
	trees := cache.NewTrees(cache.Verified(c))
	sources, err := workspace.Open(args[0], indexFile(args[1]), trees, workspace.Options{Import: c.Import})
	if err != nil {
		return err
	}
	n, err := sources.Resolve(ctx, &rules.Source{Path: "rpms", Suffix: ".rpm", Sharded: true})
	if err != nil {
		return err
	}
	files := 0
	err = trees.Walk(ctx, n.Digest, func(_ string, n cache.Node) error {
		if n.Kind == cache.FileKind {
			files++
		}
		return nil
	})
	fmt.Println(files)
	return errors.Join(err, sources.Save(), c.Close())
}

const hashPart = "hash"

// hashFiles hashes files on one core and prints the nanoseconds of the hashing.
func hashFiles(_ context.Context, files []string) error {
	runtime.GOMAXPROCS(1)
	var took time.Duration
	buffer := make([]byte, 1<<20)
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		h := cache.BLAKE3.New()
		for {
			n, err := io.ReadFull(f, buffer)
			start := time.Now()
			h.Write(buffer[:n])
			took += time.Since(start)
			if err != nil && n < len(buffer) {
				break
			}
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	fmt.Println(int64(took))
	return nil
}

// hashing is the median of what the hash part tells.
func (l *lab) hashing(ctx context.Context, command []string) (usage, error) {
	var taken []usage
	for range l.runs {
		u, stdout, err := measure(ctx, "", command)
		if err != nil {
			return u, err
		}
		if err := json.Unmarshal(stdout, &u.Wall); err != nil {
			return u, err
		}
		taken = append(taken, u)
	}
	return medians(taken), nil
}
