// Package materialize turns trees of a cache into folders on disk, and folders
// into trees.
//
// Tree writes a tree. It does not copy where it can help it: a file is a reflink
// of the store's blob, else a hard link of it, else a copy. So files are
// read-only, 0444 or 0555, and nobody may write through them: a hard link is the
// blob. Capture is the way back, Check compares, Remove removes.
//
// An inode has one mode and one modification time, and trees may differ in both
// over one blob. The first tree that links a blob gives them to it; a tree that
// wants others gets a copy.
package materialize

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/pungo-build/pungo/cache"
	"golang.org/x/sys/unix"
)

// Options of Tree. The zero value copies everything, on all cores.
type Options struct {
	// Paths finds blobs as files, which saves copying them.
	Paths Paths
	// Jobs is the number of directories that are filled at a time; 0 means
	// GOMAXPROCS.
	Jobs int
	// Private files share no inode with the store: they are reflinks or copies. It
	// is for those who run programs over the tree that may write to it.
	Private bool
}

// Paths is a store that keeps blobs as files.
type Paths interface {
	// Path returns the path of the read-only file that holds a blob, or false if
	// the blob is not kept so. The file may be gone when it is opened.
	Path(d cache.Digest) (string, bool)
}

// Tree writes the tree root to dest, which must not exist and whose parent must.
//
// Directories have mode 0755, files 0444 or 0555. Files with a ModTime have it,
// and so has a directory with such files below it: the newest of them. Symbolic
// links must stay inside the tree.
//
// A blob that is missing, or has another size than its digest, is a
// *cache.BlobError. After an error dest is what was written so far; the caller
// removes it (see Remove), and gives a finished tree its final name.
func Tree(ctx context.Context, trees *cache.Trees, root cache.Digest, dest string, opts Options) error {
	return newTree(trees, opts).write(ctx, root, dest)
}

// tree is one tree being written.
type tree struct {
	trees *cache.Trees
	opts  Options
	sys   system
	// slots holds a token for every further goroutine that may fill a directory.
	slots chan struct{}
	// noReflink and noLink are set by the first file that shows that the two file
	// systems cannot do it.
	noReflink, noLink atomic.Bool
	buffers           sync.Pool
}

func newTree(trees *cache.Trees, opts Options) *tree {
	t := &tree{trees: trees, opts: opts, sys: linux, slots: make(chan struct{}, jobs(opts.Jobs)-1)}
	t.noLink.Store(opts.Private)
	t.buffers.New = func() any { return new([pieceSize]byte) }
	return t
}

func jobs(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

func (t *tree) write(ctx context.Context, root cache.Digest, dest string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	newest, err := t.makeDir(ctx, unix.AT_FDCWD, dest, "", root, cancel)
	if err != nil {
		// What the others say once one has failed is only that they were cancelled.
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return err
	}
	return setModTime(unix.AT_FDCWD, dest, newest)
}

// makeDir makes the directory name in the directory parent, fills it with the
// tree d, and returns the newest ModTime of it. rel is its path below the root,
// "" for the root. The first error of all is also given to cancel.
func (t *tree) makeDir(ctx context.Context, parent int, name, rel string, d cache.Digest, cancel context.CancelCauseFunc) (newest int64, err error) {
	defer func() {
		if err != nil {
			cancel(err)
		}
	}()
	dir, err := t.trees.Read(ctx, d)
	if err != nil {
		return 0, fmt.Errorf("folder %q: %w", rel, err)
	}
	if err := unix.Mkdirat(parent, name, 0o755); err != nil {
		return 0, fmt.Errorf("folder %q: %w", path.Join(rel, name), err)
	}
	fd, err := unix.Openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("folder %q: %w", rel, err)
	}
	defer unix.Close(fd)
	return 0, errors.New("x")
}
