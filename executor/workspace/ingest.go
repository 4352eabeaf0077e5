package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"golang.org/x/sys/unix"
)

// digests returns the digests of the files that a source was found to be, all of
// which are then in the store. It reads those that the index does not know as they
// are, or whose blob is gone, and corrects their status to that of the moment of
// reading.
func (w *Workspace) digests(ctx context.Context, src *rules.Source, found *listing) ([]cache.Digest, error) {
	files := found.files
	digests := make([]cache.Digest, len(files))
	w.index.lookup(src, found, digests)
	gone, err := w.gone(ctx, digests)
	if err != nil {
		return nil, err
	}
	var unread []int
	for i, d := range digests {
		if d.IsZero() || gone[d] {
			unread = append(unread, i)
		}
	}
	// The largest first, so that no large one is left for one core at the end.
	slices.SortStableFunc(unread, func(a, b int) int { return cmp.Compare(files[b].size, files[a].size) })
	err = w.crew.Each(ctx, len(unread), func(ctx context.Context, i int) error {
		i = unread[i]
		var err error
		digests[i], err = w.ingest(ctx, &files[i])
		return err
	})
	return digests, err
}

// sampleSize is how many blobs are looked for to see if a store still has them all.
const sampleSize = 64

// gone returns those of digests that the store does not hold, if it lacks one of a
// sample: it may be another store, or have been emptied. Of a store that lacks a few,
// whoever needs them notices, and the file is read again (see Forget).
func (w *Workspace) gone(ctx context.Context, digests []cache.Digest) (map[cache.Digest]bool, error) {
	known := slices.DeleteFunc(slices.Clone(digests), cache.Digest.IsZero)
	if len(known) > sampleSize {
		sample := make([]cache.Digest, sampleSize)
		for i := range sample {
			sample[i] = known[i*len(known)/sampleSize]
		}
		if missing, err := w.trees.Store().Missing(ctx, sample); err != nil || len(missing) == 0 {
			return nil, err
		}
	}
	// A store on disk looks for every single file, which is worth sharing out.
	chunks := slices.Collect(slices.Chunk(known, 1000))
	var mu sync.Mutex
	gone := map[cache.Digest]bool{}
	err := w.crew.Each(ctx, len(chunks), func(ctx context.Context, i int) error {
		missing, err := w.trees.Store().Missing(ctx, chunks[i])
		mu.Lock()
		defer mu.Unlock()
		for _, d := range missing {
			gone[d] = true
		}
		return err
	})
	return gone, err
}

// errChanged says that a file was written to while it was read.
var errChanged = errors.New("changes while it is read")

// ingest stores a file and notes it in the index. A file that changes while it is
// read gets a second chance: whoever writes it may be done by then.
func (w *Workspace) ingest(ctx context.Context, f *file) (d cache.Digest, err error) {
	now := w.now().UnixNano()
	d, f.status, err = w.read(ctx, f.path)
	if errors.Is(err, errChanged) {
		now = w.now().UnixNano()
		d, f.status, err = w.read(ctx, f.path)
	}
	if err != nil {
		return d, fmt.Errorf("%q: %w", f.path, err)
	}
	w.index.add(f, d, now)
	return d, nil
}

// read stores the content of a file, and returns its status, which is the same
// before and after.
func (w *Workspace) read(ctx context.Context, p string) (d cache.Digest, before status, err error) {
	// Should it be a named pipe by now, opening must not wait for its other end.
	fd, err := openat(unix.AT_FDCWD, filepath.Join(w.root, p), unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return d, before, err
	}
	f := os.NewFile(uintptr(fd), p)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return d, before, err
	}
	if before = statusOf(&st); before.mode&unix.S_IFMT != unix.S_IFREG {
		return d, before, errChanged
	}
	d, err = w.imports(ctx, f)
	if read := (*fs.PathError)(nil); errors.As(err, &read) && read.Path == p {
		err = read.Err // whoever tells of it names the file
	}
	if err != nil {
		return d, before, err
	}
	if err := unix.Fstat(fd, &st); err != nil {
		return d, before, err
	}
	if statusOf(&st) != before || d.Size() != before.size {
		return d, before, errChanged
	}
	return d, before, nil
}
