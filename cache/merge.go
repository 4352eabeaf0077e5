package cache

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Collision is the error that two trees hold different things at one path.
type Collision struct {
	Path string
	A, B Node
}

func (c *Collision) Error() string {
	return fmt.Sprintf("%q is both %s and %s", c.Path, c.A, c.B)
}

// String tells what a node is, without its name.
func (n Node) String() string {
	switch n.Kind {
	case FileKind:
		text := fmt.Sprintf("file %s of %d bytes", n.Digest.Short(), n.Digest.Size())
		if n.Executable {
			text = "executable " + text
		}
		if n.ModTime != 0 {
			text += fmt.Sprintf(" with time %d", n.ModTime)
		}
		return text
	case DirKind:
		return "directory " + n.Digest.Short()
	case SymlinkKind:
		return fmt.Sprintf("link to %q", n.Target)
	}
	return "nothing"
}

// Merge lays trees over each other: directories merge, equal entries are one,
// and entries that differ in anything are a *Collision. Merge of nothing is the
// empty tree.
func (t *Trees) Merge(ctx context.Context, roots ...Digest) (Digest, error) {
	return t.mergeRoots(ctx, "", roots, 0)
}

func (t *Trees) mergeRoots(ctx context.Context, at string, roots []Digest, depth int) (Digest, error) {
	if err := tooDeep(ctx, at, depth); err != nil {
		return Digest{}, err
	}
	roots = distinct(roots)
	if len(roots) == 1 {
		return roots[0], nil
	}
	var nodes Directory
	for _, root := range roots {
		dir, err := t.Read(ctx, root)
		if err != nil {
			return Digest{}, err
		}
		nodes = append(nodes, dir...)
	}
	return t.mergeNodes(ctx, at, nodes, depth)
}

// distinct returns the digests without those that come again, and without the
// empty tree, which adds nothing.
func distinct(roots []Digest) []Digest {
	seen := make(map[Digest]bool, len(roots))
	return slices.DeleteFunc(slices.Clone(roots), func(d Digest) bool {
		again := seen[d] || d.Size() == 0
		seen[d] = true
		return again
	})
}

// mergeNodes writes the directory at path at, which holds nodes; names may come
// several times.
func (t *Trees) mergeNodes(ctx context.Context, at string, nodes Directory, depth int) (Digest, error) {
	nodes = nodes.sorted()
	if nodes.distinct() {
		return t.writeKept(ctx, nodes)
	}
	merged := make(Directory, 0, len(nodes))
	for len(nodes) > 0 {
		n := 1
		for n < len(nodes) && nodes[n].Name == nodes[0].Name {
			n++
		}
		node, err := t.mergeEntry(ctx, join(at, nodes[0].Name), nodes[:n], depth)
		if err != nil {
			return Digest{}, err
		}
		merged = append(merged, node)
		nodes = nodes[n:]
	}
	return t.writeKept(ctx, merged)
}

// distinct reports whether no name comes twice in a sorted directory.
func (dir Directory) distinct() bool {
	for i := 1; i < len(dir); i++ {
		if dir[i-1].Name == dir[i].Name {
			return false
		}
	}
	return true
}

// writeKept writes a directory that nobody changes any more: most likely it is read
// soon.
func (t *Trees) writeKept(ctx context.Context, dir Directory) (Digest, error) {
	d, err := t.Write(ctx, dir)
	if err == nil && len(dir) > 0 {
		t.keep(d, dir)
	}
	return d, err
}

// mergeEntry makes one node of several with one name.
func (t *Trees) mergeEntry(ctx context.Context, path string, nodes []Node, depth int) (Node, error) {
	first := nodes[0]
	var roots []Digest
	for _, n := range nodes {
		if n != first && (n.Kind != DirKind || first.Kind != DirKind) {
			return Node{}, &Collision{Path: path, A: first, B: n}
		}
		roots = append(roots, n.Digest)
	}
	if first.Kind != DirKind || len(nodes) == 1 {
		return first, nil
	}
	d, err := t.mergeRoots(ctx, path, roots, depth+1)
	return Node{Name: first.Name, Kind: DirKind, Digest: d}, err
}

// Builder gathers a tree from nodes at paths. Its zero value is not ready; see
// Trees.Builder.
type Builder struct {
	trees *Trees
	root  builderDir
	// Most nodes are added to the directory that the one before went to.
	lastPath string
	lastDir  *builderDir
}

// builderDir is a directory in the making: nodes that were added at its names,
// directories below it, and whole trees that were added over it.
type builderDir struct {
	nodes Directory
	// places are the nodes by name; nil as long as they came in the order of their
	// names, and are sorted therefore.
	places map[string]int
	dirs   map[string]*builderDir
	trees  []Digest
}

// find returns the place of a node.
func (dir *builderDir) find(name string) (at int, ok bool) {
	if dir.places != nil {
		at, ok = dir.places[name]
		return at, ok
	}
	if n := len(dir.nodes); n == 0 || dir.nodes[n-1].Name < name {
		return n, false
	}
	return slices.BinarySearchFunc(dir.nodes, name, func(n Node, name string) int { return strings.Compare(n.Name, name) })
}

// put adds a node whose name is not there yet.
func (dir *builderDir) put(n Node) {
	if last := len(dir.nodes) - 1; dir.places == nil && last >= 0 && dir.nodes[last].Name > n.Name {
		dir.places = make(map[string]int, len(dir.nodes)+1)
		for i := range dir.nodes {
			dir.places[dir.nodes[i].Name] = i
		}
	}
	if dir.places != nil {
		dir.places[n.Name] = len(dir.nodes)
	}
	dir.nodes = append(dir.nodes, n)
}

// Builder returns a builder of a new tree in the store.
func (t *Trees) Builder() *Builder { return &Builder{trees: t} }

// Add puts a node at a path, whatever its name; directories above come into
// being. A node that is a directory is a whole tree, which merges with what else
// is added there; only it may have the path "". A *Collision is found here if it
// is between added nodes, by Build if it is in trees.
func (b *Builder) Add(path string, n Node) error {
	if err := n.check(); err != nil {
		return fmt.Errorf("path %q: %w", path, err)
	}
	if path == "" && n.Kind == DirKind {
		b.root.trees = append(b.root.trees, n.Digest)
		return nil
	}
	if err := checkPath(path); err != nil {
		return err
	}
	parents, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parents, name = path[:i], path[i+1:]
	}
	if b.lastDir == nil || parents != b.lastPath {
		dir, err := b.root.mkdirAll(parents)
		if err != nil {
			return err
		}
		b.lastPath, b.lastDir = parents, dir
	}
	n.Name = name
	return b.lastDir.add(path, n)
}

// Put stores data and adds it as a file; 0 leaves its time open.
func (b *Builder) Put(ctx context.Context, path string, data []byte, modTime int64) error {
	d, err := b.trees.store.Put(ctx, data)
	if err != nil {
		return err
	}
	return b.Add(path, Node{Kind: FileKind, Digest: d, ModTime: modTime})
}

// Encode adds what encode writes as a file; 0 leaves its time open.
func (b *Builder) Encode(ctx context.Context, path string, modTime int64, encode func(io.Writer) error) error {
	var text bytes.Buffer
	if err := encode(&text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return b.Put(ctx, path, text.Bytes(), modTime)
}

// CheckLinks reports the first symbolic link that leads to nothing that was added: out
// of the tree, or to what is not there. It neither follows links nor looks into trees.
func (b *Builder) CheckLinks() error { return b.root.checkLinks(&b.root, "") }

func (dir *builderDir) checkLinks(root *builderDir, at string) error {
	for _, n := range dir.nodes.sorted() {
		if n.Kind != SymlinkKind {
			continue
		}
		to, ok := LinkedPath(join(at, n.Name), n.Target)
		if !ok {
			return fmt.Errorf("%s is a symbolic link to %q, which is outside of what is taken", join(at, n.Name), n.Target)
		}
		if !root.has(to) {
			return fmt.Errorf("%s is a symbolic link to %q, which is not taken, too", join(at, n.Name), n.Target)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(dir.dirs)) {
		if err := dir.dirs[name].checkLinks(root, join(at, name)); err != nil {
			return err
		}
	}
	return nil
}

// has reports whether a node or a directory was added at a path.
func (dir *builderDir) has(path string) bool {
	if path == "." {
		return true
	}
	name, rest, below := strings.Cut(path, "/")
	if child, ok := dir.dirs[name]; ok {
		return !below || child.has(rest)
	}
	_, ok := dir.find(name)
	return ok && !below
}

func (dir *builderDir) mkdirAll(path string) (*builderDir, error) {
	if path == "" {
		return dir, nil
	}
	at := ""
	for name := range strings.SplitSeq(path, "/") {
		at = join(at, name)
		var err error
		if dir, err = dir.mkdir(at, name); err != nil {
			return nil, err
		}
	}
	return dir, nil
}

func (dir *builderDir) mkdir(at, name string) (*builderDir, error) {
	if i, ok := dir.find(name); ok {
		return nil, &Collision{Path: at, A: dir.nodes[i], B: Node{Name: name, Kind: DirKind}}
	}
	child, ok := dir.dirs[name]
	if !ok {
		child = &builderDir{}
		if dir.dirs == nil {
			dir.dirs = map[string]*builderDir{}
		}
		dir.dirs[name] = child
	}
	return child, nil
}

func (dir *builderDir) add(path string, n Node) error {
	if n.Kind == DirKind {
		child, err := dir.mkdir(path, n.Name)
		if err == nil {
			child.trees = append(child.trees, n.Digest)
		}
		return err
	}
	if _, ok := dir.dirs[n.Name]; ok {
		return &Collision{Path: path, A: Node{Name: n.Name, Kind: DirKind}, B: n}
	}
	i, ok := dir.find(n.Name)
	if ok && dir.nodes[i] != n {
		return &Collision{Path: path, A: dir.nodes[i], B: n}
	}
	if !ok {
		dir.put(n)
	}
	return nil
}

// Build writes the tree and returns it. The builder can be added to and built
// again.
func (b *Builder) Build(ctx context.Context) (Digest, error) {
	return b.trees.build(ctx, "", &b.root, 0)
}

func (t *Trees) build(ctx context.Context, at string, dir *builderDir, depth int) (Digest, error) {
	if len(dir.nodes) == 0 && len(dir.dirs) == 0 && len(dir.trees) > 0 {
		return t.mergeRoots(ctx, at, dir.trees, depth)
	}
	nodes := make(Directory, 0, len(dir.nodes)+len(dir.dirs))
	nodes = append(nodes, dir.nodes...)
	for _, name := range slices.Sorted(maps.Keys(dir.dirs)) {
		d, err := t.build(ctx, join(at, name), dir.dirs[name], depth+1)
		if err != nil {
			return Digest{}, err
		}
		nodes = append(nodes, Node{Name: name, Kind: DirKind, Digest: d})
	}
	for _, root := range distinct(dir.trees) {
		tree, err := t.Read(ctx, root)
		if err != nil {
			return Digest{}, err
		}
		nodes = append(nodes, tree...)
	}
	return t.mergeNodes(ctx, at, nodes, depth)
}
