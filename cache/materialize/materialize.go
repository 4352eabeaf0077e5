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
// wants others, while the first is there, gets a copy. Within a process this holds
// whatever runs at the same time. Between processes there is no lock: if two link
// a blob in the same microseconds, one may see the mode or time of the other.
package materialize

import (
	"context"
	"fmt"
	"path"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/crew"
	"golang.org/x/sys/unix"
)

// Options of Tree. The zero value copies everything, on all cores.
type Options struct {
	// Paths finds blobs as files, which saves copying them; may be nil.
	Paths Paths
	// Jobs is the number of directories filled at a time; 0 means GOMAXPROCS.
	Jobs int
	// Private files share no inode with the store: they are reflinks or copies. It
	// is for those who run programs over the tree that may write to it.
	Private bool
}

// Paths is a store that keeps blobs as files.
type Paths interface {
	// Path returns the path of the read-only file that holds a blob, or false if
	// the blob is not kept so. It may guess: where there is no such file, the store
	// is asked. Looking first costs a fifth of the time that linking takes.
	Path(d cache.Digest) (string, bool)
}

// Tree writes the tree root to dest, which must not exist and whose parent must.
//
// Directories have mode 0755, files 0444 or 0555. A file with a ModTime has it;
// a directory has the newest ModTime below it, if there is one. Symbolic links
// must stay inside the tree.
//
// A blob that is missing, or whose file has another size than its digest says, is
// a *cache.BlobError. After an error dest is what was written so far: the caller
// removes it (see Remove). He also gives a finished tree its final name, so dest
// is best a temporary name beside that.
func Tree(ctx context.Context, trees *cache.Trees, root cache.Digest, dest string, opts Options) error {
	return newWriter(trees, opts).write(ctx, root, dest)
}

// writer writes one tree.
type writer struct {
	crew.Crew
	placer
	trees *cache.Trees
}

func newWriter(trees *cache.Trees, opts Options) *writer {
	return &writer{Crew: crew.New(opts.Jobs), placer: newPlacer(trees.Store(), opts), trees: trees}
}

func (w *writer) write(ctx context.Context, root cache.Digest, dest string) error {
	if err := unix.Mkdirat(unix.AT_FDCWD, dest, 0o755); err != nil {
		return fmt.Errorf("folder %q: %w", dest, err)
	}
	newest, err := w.fill(ctx, unix.AT_FDCWD, dest, "", root)
	if err != nil {
		return fmt.Errorf("tree %s in %q: %w", root.Short(), dest, err)
	}
	return setModTime(unix.AT_FDCWD, dest, newest)
}

// fill writes the tree d to the empty directory name of the directory parent and
// returns the newest ModTime in it. rel is its path below the root, "" for the
// root. Directories below are begun first, so that other goroutines have work
// while this one links the files.
func (w *writer) fill(ctx context.Context, parent int, name, rel string, d cache.Digest) (newest int64, err error) {
	dir, err := w.trees.Read(ctx, d)
	if err != nil {
		return 0, fmt.Errorf("folder %q: %w", rel, err)
	}
	fd, err := openDir(parent, name)
	if err != nil {
		return 0, fmt.Errorf("folder %q: %w", rel, err)
	}
	defer unix.Close(fd)
	// The mode of mkdir is subject to the umask.
	if err := unix.Fchmod(fd, 0o755); err != nil {
		return 0, fmt.Errorf("folder %q: %w", rel, err)
	}
	dirs, others, err := w.makeDirs(fd, rel, dir)
	if err != nil {
		return 0, err
	}
	times := make([]int64, len(dirs)+1)
	err = w.Each(ctx, len(times), func(ctx context.Context, i int) (err error) {
		if i == len(dirs) {
			times[i], err = w.fillFiles(ctx, fd, rel, others)
			return err
		}
		times[i], err = w.fill(ctx, fd, dirs[i].Name, path.Join(rel, dirs[i].Name), dirs[i].Digest)
		return err
	})
	if err != nil {
		return 0, err
	}
	for i, n := range dirs {
		newest = max(newest, times[i])
		if err := setModTime(fd, n.Name, times[i]); err != nil {
			return 0, fmt.Errorf("folder %q: %w", path.Join(rel, n.Name), err)
		}
	}
	return max(newest, times[len(dirs)]), nil
}

// makeDirs makes the directories of dir and parts them from its other nodes.
func (w *writer) makeDirs(fd int, rel string, dir cache.Directory) (dirs, others []cache.Node, err error) {
	for _, n := range dir {
		if n.Kind != cache.DirKind {
			others = append(others, n)
			continue
		}
		if err := unix.Mkdirat(fd, n.Name, 0o755); err != nil {
			return nil, nil, fmt.Errorf("folder %q: %w", path.Join(rel, n.Name), err)
		}
		dirs = append(dirs, n)
	}
	return dirs, others, nil
}

// fillFiles makes the files and symbolic links of a directory and returns the
// newest ModTime of them.
func (w *writer) fillFiles(ctx context.Context, fd int, rel string, nodes []cache.Node) (newest int64, err error) {
	for i := range nodes {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n := &nodes[i]
		newest = max(newest, n.ModTime)
		if n.Kind == cache.SymlinkKind {
			err = symlink(fd, rel, n)
		} else {
			err = w.place(ctx, fd, n)
		}
		if err != nil {
			return 0, fmt.Errorf("file %q: %w", path.Join(rel, n.Name), err)
		}
	}
	return newest, nil
}

func symlink(fd int, rel string, n *cache.Node) error {
	if err := confined(rel, n.Target); err != nil {
		return err
	}
	return unix.Symlinkat(n.Target, fd, n.Name)
}

// setModTime sets the modification time of name, in whole seconds, unless it is
// left open.
func setModTime(dir int, name string, seconds int64) error {
	if seconds == 0 {
		return nil
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Sec: seconds}}
	return unix.UtimesNanoAt(dir, name, times, unix.AT_SYMLINK_NOFOLLOW)
}

func openDir(parent int, name string) (int, error) {
	return openat(parent, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

// openat is open(2), again for as long as a signal interrupts it.
func openat(parent int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(parent, name, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
