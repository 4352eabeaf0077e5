package materialize

import (
	"context"
	"fmt"
	"os"
	"path"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/crew"
	"golang.org/x/sys/unix"
)

// Capture stores the folder dir and everything below it and returns the tree. It
// is the way back from Tree, for what programs have written: files without
// ModTime, executable if their owner may execute them; symbolic links must stay
// inside dir; anything else is refused.
func Capture(ctx context.Context, trees *cache.Trees, dir string) (root cache.Digest, err error) {
	c := &capturer{Crew: crew.New(0), trees: trees}
	fd, err := openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return cache.Digest{}, fmt.Errorf("folder %q: %w", dir, err)
	}
	root, err = c.dir(ctx, fd, "")
	if err != nil {
		return cache.Digest{}, fmt.Errorf("folder %q: %w", dir, err)
	}
	return root, nil
}

type capturer struct {
	crew.Crew
	trees *cache.Trees
}

// dir stores the open directory fd, which it closes; rel is its path below the
// captured folder.
func (c *capturer) dir(ctx context.Context, fd int, rel string) (cache.Digest, error) {
	f := os.NewFile(uintptr(fd), rel)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return cache.Digest{}, err
	}
	nodes := make(cache.Directory, len(names))
	err = c.Each(ctx, len(names), func(ctx context.Context, i int) (err error) {
		nodes[i], err = c.entry(ctx, fd, rel, names[i])
		return err
	})
	if err != nil {
		return cache.Digest{}, err
	}
	d, err := c.trees.Write(ctx, nodes)
	if err != nil {
		return cache.Digest{}, fmt.Errorf("folder %q: %w", rel, err)
	}
	return d, nil
}

func (c *capturer) entry(ctx context.Context, dir int, rel, name string) (cache.Node, error) {
	at := path.Join(rel, name)
	n := cache.Node{Name: name}
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return n, fmt.Errorf("file %q: %w", at, err)
	}
	switch n.Kind = kindOf(&st); n.Kind {
	case cache.DirKind:
		fd, err := openDir(dir, name)
		if err != nil {
			return n, fmt.Errorf("folder %q: %w", at, err)
		}
		n.Digest, err = c.dir(ctx, fd, at)
		return n, err // it names the place
	case cache.FileKind:
		n.Executable = st.Mode&unix.S_IXUSR != 0
		n.Digest, err = c.file(ctx, dir, name)
	case cache.SymlinkKind:
		if n.Target, err = readlink(dir, name); err == nil {
			err = confined(rel, n.Target)
		}
	default:
		err = fmt.Errorf("a %s, want a file, a folder or a symbolic link", describeMode(st.Mode))
	}
	if err != nil {
		return n, fmt.Errorf("file %q: %w", at, err)
	}
	return n, nil
}

func (c *capturer) file(ctx context.Context, dir int, name string) (cache.Digest, error) {
	f, err := openFile(dir, name)
	if err != nil {
		return cache.Digest{}, err
	}
	defer f.Close()
	return Import(ctx, c.trees.Store(), f)
}

// openFile opens a file for reading, without waiting for the other end of what
// turns out to be a pipe.
func openFile(dir int, name string) (*os.File, error) {
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// kindOf returns the kind of node for a file on disk, or 0 if there is none.
func kindOf(st *unix.Stat_t) cache.Kind {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return cache.FileKind
	case unix.S_IFDIR:
		return cache.DirKind
	case unix.S_IFLNK:
		return cache.SymlinkKind
	}
	return 0
}

// describeMode names the type of a file, for people.
func describeMode(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "folder"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFIFO:
		return "named pipe"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "device"
	}
	return fmt.Sprintf("file of unknown type %#o", mode&unix.S_IFMT)
}

func readlink(dir int, name string) (string, error) {
	var target [unix.PathMax]byte
	n, err := unix.Readlinkat(dir, name, target[:])
	if err != nil {
		return "", err
	}
	return string(target[:n]), nil
}
