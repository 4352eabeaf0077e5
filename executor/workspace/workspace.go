// Package workspace is where sources come from: it turns files and folders below
// the root of a definition into blobs and trees of a store.
//
// Content is read once. What it was is kept in a stat index, one packed file a
// workspace: a file whose device, inode, size, times and mode are those of the
// index is not opened again. The index is a cache: it is loaded when the first
// source is resolved, anything odd about it counts as absent, and without it the
// result is the same.
//
// Fingerprint answers a narrower question without index and store: is anything
// different from last time? It reads directories and file statuses, no more.
package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/internal/crew"
	"github.com/pungo-build/pungo/rules"
	"golang.org/x/sys/unix"
)

// Options of a Workspace. The zero value works.
type Options struct {
	// Jobs is the number of goroutines that stat and read files; 0 means
	// GOMAXPROCS, and at least 2.
	Jobs int
	// Import stores the content of a file, for stores that can share its space; nil
	// means to copy it.
	Import func(ctx context.Context, f *os.File) (cache.Digest, error)
	// Now tells the time when a file is read; nil means time.Now. What changed
	// just before does not enter the index.
	Now func() time.Time
}

// Workspace resolves the sources below one root. It is safe for use by several
// goroutines.
type Workspace struct {
	root    string // without symbolic links
	trees   *cache.Trees
	index   *index
	jobs    int
	crew    crew.Crew
	imports func(ctx context.Context, f *os.File) (cache.Digest, error)
	now     func() time.Time

	mu      sync.Mutex
	sources map[rules.Source]*resolution
	// seen is what Fingerprint found, for Resolve to take: a source is what it was
	// when its fingerprint was taken, and 60,000 files are looked at once.
	seen map[rules.Source]*listing
}

// resolution is what a source was found to be. It stands until the source is
// forgotten, so that one build sees one content.
type resolution struct {
	mu   sync.Mutex // held while the source is resolved
	done bool
	node cache.Node
}

// Open returns the workspace in the folder root. The stat index is indexFile,
// which need not exist.
func Open(root, indexFile string, trees *cache.Trees, opts Options) (*Workspace, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, fmt.Errorf("workspace %q: %w", root, bare(err))
	}
	w := &Workspace{
		root:    real,
		trees:   trees,
		index:   newIndex(indexFile, trees.Store().Function()),
		jobs:    opts.Jobs,
		imports: opts.Import,
		now:     opts.Now,
		sources: map[rules.Source]*resolution{},
		seen:    map[rules.Source]*listing{},
	}
	if w.jobs <= 0 {
		w.jobs = max(2, runtime.GOMAXPROCS(0))
	}
	w.crew = crew.New(w.jobs)
	if w.imports == nil {
		w.imports = func(ctx context.Context, f *os.File) (cache.Digest, error) {
			return materialize.Import(ctx, trees.Store(), f)
		}
	}
	if w.now == nil {
		w.now = time.Now
	}
	return w, nil
}

// Resolve stores a source and returns its node, named after the last element of
// its path: a file with its executable bit, or a folder as rules.Source describes
// it, without what is the output of builds (rules.StateDir). A folder filtered by
// suffix has no empty folders.
//
// Files may be reached through symbolic links that stay inside the root. A source
// that does not exist is an error that wraps fs.ErrNotExist; links that dangle or
// lead out, special files, files that cannot be read or that change while they
// are read, and names that are not UTF-8 or have a line break, are errors that
// name the first such file.
func (w *Workspace) Resolve(ctx context.Context, src *rules.Source) (cache.Node, error) {
	r := w.resolution(*src)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return r.node, nil
	}
	n, err := w.resolve(ctx, src)
	if err != nil {
		return cache.Node{}, fmt.Errorf("source %w", err)
	}
	r.node, r.done = n, true
	return n, nil
}

func (w *Workspace) resolution(src rules.Source) *resolution {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.sources[src]
	if !ok {
		r = &resolution{}
		w.sources[src] = r
	}
	return r
}

// Forget makes the next Resolve of a source read all of its files again, whatever
// the index says: a blob of it was found missing or corrupt.
func (w *Workspace) Forget(src *rules.Source) {
	w.mu.Lock()
	delete(w.sources, *src)
	delete(w.seen, scanned(src))
	w.mu.Unlock()
	w.index.forget(src)
}

// Save writes the stat index, if it has changed.
func (w *Workspace) Save() error { return w.index.save() }

func (w *Workspace) resolve(ctx context.Context, src *rules.Source) (cache.Node, error) {
	found, err := w.found(ctx, src)
	if err != nil {
		return cache.Node{}, err
	}
	digests, err := w.digests(ctx, src, found)
	if err != nil {
		return cache.Node{}, err
	}
	n := cache.Node{Name: path.Base(src.Path), Kind: cache.FileKind}
	if !found.folder {
		n.Digest, n.Executable = digests[0], found.files[0].executable()
		return n, nil
	}
	n.Kind = cache.DirKind
	n.Digest, err = w.tree(ctx, src, found, digests)
	return n, err
}

// scanned is a source as far as it matters to what is there.
func scanned(src *rules.Source) rules.Source {
	return rules.Source{Path: src.Path, Suffix: src.Suffix}
}

// found returns what a source is on disk: as it was seen, or as it is. The listing is
// the caller's alone, who corrects what is wrong by now.
func (w *Workspace) found(ctx context.Context, src *rules.Source) (*listing, error) {
	w.mu.Lock()
	l := w.seen[scanned(src)]
	delete(w.seen, scanned(src))
	w.mu.Unlock()
	if l != nil {
		return l, nil
	}
	return w.scan(ctx, src)
}

// saw keeps what a source was seen to be.
func (w *Workspace) saw(src *rules.Source, l *listing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[scanned(src)] = l
}

// tree stores the directories of a folder whose files are stored.
func (w *Workspace) tree(ctx context.Context, src *rules.Source, found *listing, digests []cache.Digest) (cache.Digest, error) {
	prefix := below(src)
	if src.Sharded {
		return w.shards(ctx, prefix, found.files, digests)
	}
	b := w.trees.Builder()
	for i := range found.files {
		f := &found.files[i]
		if err := b.Add(strings.TrimPrefix(f.path, prefix), f.node(digests[i])); err != nil {
			return cache.Digest{}, err
		}
	}
	for _, dir := range found.dirs {
		if src.Suffix != "" {
			break
		}
		n := cache.Node{Kind: cache.DirKind, Digest: w.trees.Empty()}
		if err := b.Add(strings.TrimPrefix(dir, prefix), n); err != nil {
			return cache.Digest{}, err
		}
	}
	return b.Build(ctx)
}

// shards stores files below folders that are named after their digests, see
// cache.Digest.Shard.
func (w *Workspace) shards(ctx context.Context, prefix string, files []file, digests []cache.Digest) (cache.Digest, error) {
	var members [256][]int
	for i, d := range digests {
		first := d.Hash()[0]
		members[first] = append(members[first], i)
	}
	dirs := make(cache.Directory, len(members))
	err := w.crew.Each(ctx, len(members), func(ctx context.Context, shard int) (err error) {
		if len(members[shard]) == 0 {
			return nil
		}
		b := w.trees.Builder()
		for _, i := range members[shard] {
			if err := b.Add(strings.TrimPrefix(files[i].path, prefix), files[i].node(digests[i])); err != nil {
				return err
			}
		}
		n := cache.Node{Name: digests[members[shard][0]].Shard(), Kind: cache.DirKind}
		n.Digest, err = b.Build(ctx)
		dirs[shard] = n
		return err
	})
	if err != nil {
		return cache.Digest{}, err
	}
	return w.trees.Write(ctx, slices.DeleteFunc(dirs, func(n cache.Node) bool { return n.Name == "" }))
}

// below returns what the paths of all files in a folder begin with.
func below(src *rules.Source) string {
	if src.Path == "." {
		return ""
	}
	return src.Path + "/"
}

// bare returns the error number in an error of package os, whose other half is a
// path that our messages have already.
func bare(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// checkPath checks the path of a source, which the definition spells.
func checkPath(p string) error {
	if !fs.ValidPath(p) {
		return fmt.Errorf("%q: want a path inside the workspace, relative and with single slashes", p)
	}
	return nil
}
