// Package rpm is where packages come from that lie in the workspace: rpm_dir
// reads a folder of package files, rpm writes a package from a description.
// Both end in an index, a package set (see rules/packages).
//
// The work is nested so that it is done once per package and shared: the index
// calls a shard for each folder of its input, and a shard calls rpm_header for
// each package file. One new package costs one header.
package rpm

import (
	"context"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/pungo-build/pungo/cache"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// Star is the rules' source.
//
//go:embed rpm.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "rpm", Version: 1, Params: writeParams{}, Run: write},
		{Name: "package_index", Version: 1, Params: indexParams{}, Run: index},
		{Name: "package_shard", Version: 1, Params: indexParams{}, Run: shard},
		{Name: "rpm_header", Version: 3, Params: headerParams{}, Run: header},
	}
}

type indexParams struct {
	RPMs   string `arg:"rpms,required"`
	Verify bool   `arg:"verify"`
	Output string `arg:"output,required"`
}

// index makes a package set of a folder of package files, at any depth.
func index(ctx context.Context, j *rules.Job) error {
	var p indexParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	in, err := j.Input(ctx, p.RPMs)
	if err != nil {
		return err
	}
	shards, err := shardsOf(ctx, j, in.Digest)
	if err != nil {
		return err
	}
	args := []string{"--rpms", "rpms", "--output", "packages"}
	if p.Verify {
		args = append(args, "--verify", "true")
	}
	indexed := make([]cache.Node, len(shards))
	err = j.Each(ctx, len(shards), func(ctx context.Context, i int) error {
		r, err := j.Call(ctx, rules.Call{
			Tool:   "package_shard",
			Args:   args,
			Inputs: []cache.Node{{Name: "rpms", Kind: cache.DirKind, Digest: shards[i]}},
		})
		if err != nil {
			return locate(ctx, j.Trees, in.Digest, err)
		}
		indexed[i] = r.Outputs[0]
		return nil
	})
	if err != nil {
		return err
	}
	roots := make([]cache.Digest, len(indexed))
	for i, n := range indexed {
		roots[i] = n.Digest
	}
	root, err := j.Trees.Merge(ctx, roots...)
	if err != nil {
		return err
	}
	j.Output(p.Output, cache.Node{Kind: cache.DirKind, Digest: root})
	heads, err := packages.LoadHeads(ctx, j, root)
	if err != nil {
		return err
	}
	return locate(ctx, j.Trees, in.Digest, packages.CheckUnique(heads))
}

// locate tells of two packages with one name where they are.
func locate(ctx context.Context, trees *cache.Trees, root cache.Digest, err error) error {
	var d *packages.Duplicate
	if !errors.As(err, &d) {
		return err
	}
	var places []string
	walkErr := trees.Walk(ctx, root, func(path string, n cache.Node) error {
		if n.Kind == cache.FileKind && (n.Digest == d.A.Digest || n.Digest == d.B.Digest) {
			places = append(places, unsharded(path, n))
		}
		return nil
	})
	slices.Sort(places)
	return errors.Join(fmt.Errorf("%w: %s", err, strings.Join(places, " and ")), walkErr)
}

// unsharded is the path of a file in the folder it came from: shards are how
// folders are kept, and nothing that people know.
func unsharded(path string, n cache.Node) string {
	return strings.TrimPrefix(path, n.Digest.Shard()+"/")
}

// shardsOf returns the files of a folder by the first two digits of their
// digests, a folder each. That is how the workspace shards, so of its folders
// nothing changes; what other rules make may lie as it likes.
func shardsOf(ctx context.Context, j *rules.Job, root cache.Digest) ([]cache.Digest, error) {
	dir, err := j.Trees.Read(ctx, root)
	if err != nil {
		return nil, err
	}
	whole := make([]bool, len(dir))
	err = j.Each(ctx, len(dir), func(ctx context.Context, i int) (err error) {
		whole[i], err = isShard(ctx, j.Trees, dir[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	builders := map[string]*cache.Builder{}
	add := func(shard, path string, n cache.Node) error {
		if builders[shard] == nil {
			builders[shard] = j.Trees.Builder()
		}
		return builders[shard].Add(path, n)
	}
	for i, top := range dir {
		if whole[i] {
			err = add(top.Name, top.Name, top)
		} else {
			err = walkNode(ctx, j.Trees, top, func(path string, n cache.Node) error { return add(n.Digest.Shard(), path, n) })
		}
		if err != nil {
			return nil, err
		}
	}
	names := slices.Sorted(maps.Keys(builders))
	shards := make([]cache.Digest, len(names))
	err = j.Each(ctx, len(names), func(ctx context.Context, i int) (err error) {
		shards[i], err = builders[names[i]].Build(ctx)
		return err
	})
	return shards, err
}

// walkNode calls fn for all files that an entry of a folder is or has below it.
func walkNode(ctx context.Context, trees *cache.Trees, top cache.Node, fn func(path string, n cache.Node) error) error {
	if top.Kind != cache.DirKind {
		if top.Kind != cache.FileKind {
			return nil
		}
		return fn(top.Name, top)
	}
	return trees.Walk(ctx, top.Digest, func(path string, n cache.Node) error {
		if n.Kind != cache.FileKind {
			return nil
		}
		return fn(top.Name+"/"+path, n)
	})
}

// isShard reports whether an entry is a folder named after the digests of all files
// in it.
func isShard(ctx context.Context, trees *cache.Trees, dir cache.Node) (bool, error) {
	first, err := hex.DecodeString(dir.Name)
	if err != nil || len(first) != 1 || dir.Kind != cache.DirKind {
		return false, nil
	}
	whole := true
	err = trees.Walk(ctx, dir.Digest, func(_ string, n cache.Node) error {
		whole = n.Kind == cache.DirKind || n.Kind == cache.FileKind && n.Digest.Hash()[0] == first[0]
		if !whole {
			return fs.SkipAll
		}
		return nil
	})
	return whole, err
}

// shard reads the headers of the package files of one shard.
func shard(ctx context.Context, j *rules.Job) error {
	var p indexParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	in, err := j.Input(ctx, p.RPMs)
	if err != nil {
		return err
	}
	var paths []string
	var files []cache.Node
	err = j.Trees.Walk(ctx, in.Digest, func(path string, n cache.Node) error {
		if n.Kind == cache.FileKind {
			paths, files = append(paths, path), append(files, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	listings := make([]*packages.Listing, len(files))
	err = j.Each(ctx, len(files), func(ctx context.Context, i int) error {
		l, err := packages.ListRPM(ctx, j, files[i].Digest, p.Verify)
		if err != nil {
			return fmt.Errorf("%s: %w", unsharded(paths[i], files[i]), err)
		}
		listings[i] = l
		return nil
	})
	if err != nil {
		return err
	}
	set, err := packages.Write(ctx, j, listings)
	if err != nil {
		return err
	}
	j.Output(p.Output, set)
	return nil
}

type headerParams struct {
	RPM    string `arg:"rpm,required"`
	Verify bool   `arg:"verify"`
	Output string `arg:"output,required"`
}

// header reads the headers of a package file. It checks what the file states of
// itself: its length, the digest of its header, and where asked that of its payload.
// Its checksum is known since it came in, as a rule, so the payload is not read
// otherwise.
func header(ctx context.Context, j *rules.Job) error {
	var p headerParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	in, err := j.Input(ctx, p.RPM)
	if err != nil {
		return err
	}
	store := j.Trees.Store()
	note, err := cache.Noted(ctx, store, in.Digest)
	if err != nil {
		return err
	}
	f, err := store.Open(ctx, in.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	pkg, verifier, sound, err := open(f, note)
	if p.Verify || !sound {
		// The store verifies what is read to its end.
		var w io.Writer = io.Discard
		if err == nil {
			w = verifier
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{w}, f, make([]byte, min(f.Size()+1, 1<<20))); err != nil {
			return err
		}
	}
	if err == nil && p.Verify {
		err = verifier.Check()
	}
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, packages.EncodeHeader(pkg, note.SHA256))
}

// open opens a package file. It reports whether the note vouches for all that was
// looked at.
func open(f cache.File, note cache.Note) (pkg *format.Package, v *format.Verifier, sound bool, err error) {
	buffer := heads.Get().(*[]byte)
	h := &head{File: f, note: note, bytes: (*buffer)[:0], sound: true}
	pkg, v, err = format.Open(h, f.Size())
	*buffer = h.bytes
	heads.Put(buffer)
	return pkg, v, h.sound, err
}

// heads are buffers for the heads of files, as large as one was needed.
var heads = sync.Pool{New: func() any { return new([]byte) }}

// head is a file whose first bytes are at hand, chunk by chunk as they are asked for.
type head struct {
	cache.File
	note  cache.Note
	bytes []byte
	sound bool // the note vouches for all that was read
}

// ReadAt implements io.ReaderAt.
func (h *head) ReadAt(p []byte, at int64) (int, error) {
	end := at + int64(len(p))
	for int64(len(h.bytes)) < end && len(h.bytes) < cache.HeadSize && int64(len(h.bytes)) < h.Size() {
		if err := h.more(); err != nil {
			return 0, err
		}
	}
	if end <= int64(len(h.bytes)) {
		return copy(p, h.bytes[at:]), nil
	}
	h.sound = false
	return h.File.ReadAt(p, at)
}

// more reads the next chunk.
func (h *head) more() error {
	from := len(h.bytes)
	n := int(min(h.Size()-int64(from), cache.HeadChunk))
	h.bytes = slices.Grow(h.bytes, n)[:from+n]
	if _, err := h.File.ReadAt(h.bytes[from:], int64(from)); err != nil && err != io.EOF {
		h.bytes = h.bytes[:from]
		return err
	}
	h.sound = h.sound && h.note.Vouches(from/cache.HeadChunk, h.bytes[from:])
	return nil
}
