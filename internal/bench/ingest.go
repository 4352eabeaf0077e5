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

// ingest compares taking package files into an empty cache with the slower of two
// things that it cannot do without: reading them from that disk, which is cat, and
// BLAKE3 on one core, timed without the reading. The files are not in memory when
// a run begins.
//
// What counts is until the last file is in the store. When it is durable too is
// compared, for information, with cp and sync.
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
	command, err := l.part(ingestPart, ws, l.path("cache"))
	if err != nil {
		return err
	}
	hash, err := l.part(hashPart, files...)
	if err != nil {
		return err
	}
	ours := contestant{
		command: command, inner: true, after: wantFiles(n),
		before: func(run int) error { return errors.Join(l.fresh(l.path("cache"))(run), forget(files)) },
	}
	cold := func(int) error { return forget(files) }
	cat := contestant{command: shell(`exec cat "$@" >/dev/null`, files...), before: cold}
	first, reading, err := l.race(ctx, ours, cat)
	if err != nil {
		return err
	}
	second, hashing, err := l.race(ctx, ours, contestant{command: hash, inner: true})
	if err != nil {
		return err
	}
	claim := fmt.Sprintf("ingest: %d real packages, %s", n, megabytes(size))
	if reading.Wall > hashing.Wall {
		l.table.speed(claim+", against cat", 0.7, first, reading)
	} else {
		l.table.speed(claim+", against BLAKE3", 0.7, second, hashing)
	}
	ours.inner = false
	copied := l.path("copied")
	durable, copying, err := l.race(ctx, ours, contestant{
		command: shell(`to=$1; shift; cp "$@" "$to" && sync -f "$to"`, append([]string{copied}, files...)...),
		before:  func(run int) error { return errors.Join(l.empty(copied)(run), forget(files)) },
	})
	if err != nil {
		return err
	}
	l.table.note(claim+", durable, against cp and sync", durable, copying)
	return nil
}

// shell returns a command that runs a script with arguments.
func shell(script string, args ...string) []string {
	return append([]string{"sh", "-c", script, "sh"}, args...)
}

// ingested is what the ingest part tells.
type ingested struct {
	Files int
	Took  time.Duration // until all files are in the store
}

func wantFiles(n int) func(int, []byte) error {
	return func(_ int, stdout []byte) error {
		var got ingested
		if err := json.Unmarshal(stdout, &got); err != nil || got.Files != n {
			return fmt.Errorf("took in %s, want %d files", stdout, n)
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
// are the workspace and the cache.
func takeIn(ctx context.Context, args []string) error {
	c, err := disk.Open(args[1], disk.Options{})
	if err != nil {
		return err
	}
	trees := cache.NewTrees(cache.Verified(c))
	begin := time.Now()
	sources, err := workspace.Open(args[0], indexFile(args[1]), trees, workspace.Options{Import: c.Import})
	if err != nil {
		return err
	}
	n, err := sources.Resolve(ctx, &rules.Source{Path: "rpms", Suffix: ".rpm", Sharded: true})
	if err != nil {
		return err
	}
	told := ingested{Took: time.Since(begin)}
	err = trees.Walk(ctx, n.Digest, func(_ string, n cache.Node) error {
		if n.Kind == cache.FileKind {
			told.Files++
		}
		return nil
	})
	return errors.Join(err, sources.Save(), c.Close(), tell(told))
}

const hashPart = "hash"

// hashFiles hashes files on one core and tells the time that the hashing took.
func hashFiles(_ context.Context, files []string) error {
	runtime.GOMAXPROCS(1)
	var told struct{ Took time.Duration }
	buffer := make([]byte, 1<<20)
	for _, name := range files {
		took, err := hashFile(name, buffer)
		if err != nil {
			return err
		}
		told.Took += took
	}
	return tell(told)
}

func hashFile(name string, buffer []byte) (took time.Duration, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h := cache.BLAKE3.New()
	for {
		n, err := io.ReadFull(f, buffer)
		begin := time.Now()
		h.Write(buffer[:n])
		took += time.Since(begin)
		switch {
		case err == io.EOF, err == io.ErrUnexpectedEOF:
			return took, nil
		case err != nil:
			return took, err
		}
	}
}
