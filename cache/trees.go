package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

// Trees is the algebra of trees in a store: to read and write them, to look up,
// walk, merge and compare. A tree is the digest of its root Directory. What
// equal digests name is never read, so the cost is that of what differs.
//
// A Trees keeps directories it has decoded, within a bound; it is safe for use
// by several goroutines.
type Trees struct {
	store Store

	mu sync.Mutex
	// Two generations: young is filled until its nodes reach keptNodes, then it
	// becomes old, and what was old is forgotten. A directory found in old moves
	// to young, so what is used stays.
	young, old map[Digest]Directory
	nodes      int // in young
}

// keptNodes bounds what Trees keeps in memory, at about 150 bytes a node and two
// generations: 20 MB.
const keptNodes = 1 << 16

// NewTrees returns the trees of a store.
func NewTrees(store Store) *Trees {
	return &Trees{store: store, young: map[Digest]Directory{}}
}

// Store returns the store that the trees are in.
func (t *Trees) Store() Store { return t.store }

// Empty returns the tree without entries, which every store holds.
func (t *Trees) Empty() Digest { return t.store.Function().Sum(nil) }

// Read returns the directory with digest d, which the caller does not change.
// Errors wrap ErrNotFound or ErrCorrupt as a BlobError.
func (t *Trees) Read(ctx context.Context, d Digest) (Directory, error) {
	if d.IsZero() {
		return nil, errors.New("directory without digest")
	}
	if d.Size() == 0 {
		return nil, nil
	}
	if dir, ok := t.kept(d); ok {
		return dir, nil
	}
	if d.Size() > maxDirectory {
		return nil, &BlobError{d, fmt.Errorf("directory of more than %d bytes: %w", maxDirectory, ErrCorrupt)}
	}
	b, err := t.store.Get(ctx, d)
	if err != nil {
		return nil, err
	}
	dir, err := ParseDirectory(d.Function(), b)
	if err != nil {
		return nil, &BlobError{d, err}
	}
	t.keep(d, dir)
	return dir, nil
}

// Write stores a directory, whose nodes may be in any order.
func (t *Trees) Write(ctx context.Context, dir Directory) (Digest, error) {
	dir = dir.sorted()
	if err := dir.Check(); err != nil {
		return Digest{}, err
	}
	fn := t.store.Function()
	for i := range dir {
		if d := dir[i].Digest; !d.IsZero() && d.Function() != fn {
			return Digest{}, fmt.Errorf("entry %q: digest %s, want one of %s", dir[i].Name, d, fn)
		}
	}
	if len(dir) == 0 {
		return t.Empty(), nil
	}
	return t.store.Put(ctx, dir.Marshal())
}

func (t *Trees) kept(d Digest) (Directory, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if dir, ok := t.young[d]; ok {
		return dir, true
	}
	dir, ok := t.old[d]
	if ok {
		t.keepLocked(d, dir)
	}
	return dir, ok
}

func (t *Trees) keep(d Digest, dir Directory) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keepLocked(d, dir)
}

func (t *Trees) keepLocked(d Digest, dir Directory) {
	if _, ok := t.young[d]; ok || len(dir) > keptNodes {
		return
	}
	if t.nodes+len(dir) > keptNodes {
		t.old, t.young, t.nodes = t.young, map[Digest]Directory{}, 0
	}
	t.young[d] = dir
	t.nodes += len(dir)
}

// Lookup returns the node at a path below root, with the path as its name; "" is
// the root itself. It does not follow symbolic links. If the tree has no such
// path, the error wraps fs.ErrNotExist.
func (t *Trees) Lookup(ctx context.Context, root Digest, path string) (Node, error) {
	n := Node{Kind: DirKind, Digest: root}
	if path == "" {
		return n, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		if n.Kind != DirKind {
			return Node{}, noEntry(root, path)
		}
		dir, err := t.Read(ctx, n.Digest)
		if err != nil {
			return Node{}, err
		}
		var ok bool
		if n, ok = dir.Find(name); !ok {
			return Node{}, noEntry(root, path)
		}
	}
	n.Name = path
	return n, nil
}

func noEntry(root Digest, path string) error {
	return fmt.Errorf("%q in tree %s: %w", path, root.Short(), fs.ErrNotExist)
}

// Walk calls fn for everything below root: directories before what is in them,
// the entries of a directory sorted by name. The name of a node is its last
// element. If fn returns fs.SkipDir for a directory, Walk does not enter it; any
// other error ends the walk and is returned, fs.SkipAll as nil.
func (t *Trees) Walk(ctx context.Context, root Digest, fn func(path string, n Node) error) error {
	err := t.walk(ctx, "", root, 0, fn)
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

func (t *Trees) walk(ctx context.Context, at string, d Digest, depth int, fn func(string, Node) error) error {
	if err := tooDeep(ctx, at, depth); err != nil {
		return err
	}
	dir, err := t.Read(ctx, d)
	if err != nil {
		return err
	}
	for _, n := range dir {
		path := join(at, n.Name)
		switch err := fn(path, n); {
		case err == fs.SkipDir && n.Kind == DirKind:
			continue
		case err != nil:
			return err
		}
		if n.Kind != DirKind {
			continue
		}
		if err := t.walk(ctx, path, n.Digest, depth+1, fn); err != nil {
			return err
		}
	}
	return nil
}

// tooDeep ends every recursion over trees: when the caller gives up, or when a
// foreign tree is deeper than any compose.
func tooDeep(ctx context.Context, at string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("tree of more than %d levels at %.80q: %w", maxDepth, at, ErrCorrupt)
	}
	return ctx.Err()
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
