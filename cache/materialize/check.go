package materialize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/crew"
	"golang.org/x/sys/unix"
)

// Difference is one thing that a folder on disk and a tree do not agree on.
type Difference struct {
	// Path below the folder; "" is the folder itself.
	Path string
	// Got and Want say, for people, what is on disk and what the tree has.
	Got, Want string
}

func (d Difference) String() string { return fmt.Sprintf("%q: got %s, want %s", d.Path, d.Got, d.Want) }

// Check compares the folder dest with the tree root by content: the bytes of
// files and whether they can be executed, the targets of symbolic links, and what
// is there at all. Times and other bits of modes are not compared. It returns the
// differences sorted by path, of a missing or additional folder only the top.
func Check(ctx context.Context, trees *cache.Trees, root cache.Digest, dest string) ([]Difference, error) {
	c := &checker{Crew: crew.New(0), trees: trees}
	diffs, err := c.entry(ctx, unix.AT_FDCWD, dest, "", cache.Node{Kind: cache.DirKind, Digest: root})
	if err != nil {
		return nil, fmt.Errorf("compare %q with tree %s: %w", dest, root.Short(), err)
	}
	return diffs, nil
}

type checker struct {
	crew.Crew
	trees *cache.Trees
}

// entry compares the entry name of an open directory with the node want; the
// zero Kind wants nothing there. rel is its path below the root.
func (c *checker) entry(ctx context.Context, dir int, name, rel string, want cache.Node) ([]Difference, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	got := describeMode(st.Mode)
	switch {
	case errors.Is(err, unix.ENOENT):
		got = "nothing"
	case err != nil:
		return nil, fmt.Errorf("%q: %w", rel, err)
	case want.Kind == 0 || want.Kind != kindOf(&st):
	case want.Kind == cache.DirKind:
		return c.dir(ctx, dir, name, rel, want.Digest)
	default:
		var same bool
		if got, same, err = c.leaf(ctx, dir, &st, want); err != nil {
			return nil, fmt.Errorf("%q: %w", rel, err)
		}
		if same {
			return nil, nil
		}
	}
	return []Difference{{Path: rel, Got: got, Want: want.String()}}, nil
}

// leaf compares a file or a symbolic link with the node of its kind, and says
// what it is. The file is not read if its size is another.
func (c *checker) leaf(ctx context.Context, dir int, st *unix.Stat_t, want cache.Node) (got string, same bool, err error) {
	n := cache.Node{Name: want.Name, Kind: want.Kind}
	switch {
	case n.Kind == cache.SymlinkKind:
		n.Target, err = readlink(dir, n.Name)
	case st.Size != want.Digest.Size():
		return fmt.Sprintf("file of %d bytes", st.Size), false, nil
	default:
		n.Executable = st.Mode&unix.S_IXUSR != 0
		n.Digest, err = hashFile(ctx, dir, n.Name, want.Digest.Function())
	}
	return n.String(), n == want, err
}

func hashFile(ctx context.Context, dir int, name string, fn cache.Function) (cache.Digest, error) {
	f, err := openFile(dir, name)
	if err != nil {
		return cache.Digest{}, err
	}
	defer f.Close()
	h := fn.New()
	if err := copyPieces(ctx, h, f); err != nil {
		return cache.Digest{}, err
	}
	return h.Digest(), nil
}

// dir compares a directory on disk with a Directory.
func (c *checker) dir(ctx context.Context, parent int, name, rel string, d cache.Digest) ([]Difference, error) {
	want, err := c.trees.Read(ctx, d)
	if err != nil {
		return nil, err
	}
	fd, err := openDir(parent, name)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", rel, err)
	}
	f := os.NewFile(uintptr(fd), rel)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	nodes := withExtras(want, names)
	diffs := make([][]Difference, len(nodes))
	err = c.Each(ctx, len(nodes), func(ctx context.Context, i int) (err error) {
		n := nodes[i]
		n.ModTime = 0
		diffs[i], err = c.entry(ctx, fd, n.Name, path.Join(rel, n.Name), n)
		return err
	})
	return slices.Concat(diffs...), err
}

// withExtras returns the nodes of dir, and one of no kind for every other name,
// sorted by name.
func withExtras(dir cache.Directory, names []string) []cache.Node {
	nodes := slices.Clone(dir)
	for _, name := range names {
		if _, ok := dir.Find(name); !ok {
			nodes = append(nodes, cache.Node{Name: name})
		}
	}
	slices.SortFunc(nodes, func(a, b cache.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}
