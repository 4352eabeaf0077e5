// Package layout has the tools that put artifacts together: write, merge, and
// layout, which makes the tree of a whole compose.
package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Tools returns the tools of this package.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: rules.WriteTool, Version: 1, Params: writeParams{}, Run: write},
		{Name: rules.MergeTool, Version: 1, Params: mergeParams{}, Run: merge},
		{Name: rules.LayoutTool, Version: 2, Params: layoutParams{}, Run: layout},
	}
}

type writeParams struct {
	Output  string `arg:"output,required"`
	Content string `arg:"content,required"`
}

// write makes a file of its argument.
func write(ctx context.Context, j *rules.Job) error {
	var p writeParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	return j.Write(ctx, p.Output, []byte(p.Content))
}

type mergeParams struct {
	Output string      `arg:"output,required"`
	At     [][2]string `arg:"at"` // folder of the result, input
}

// merge makes one tree of several. Folders merge; files may not differ.
func merge(ctx context.Context, j *rules.Job) error {
	var p mergeParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	root, err := place(ctx, j, p.At)
	if err != nil {
		return err
	}
	j.Output(p.Output, root)
	return nil
}

type layoutParams struct {
	Output    string      `arg:"output,required"`
	ComposeID string      `arg:"compose-id,required"`
	Deliver   [][2]string `arg:"deliver"` // "compose/…" or "logs/…", input
}

// layout makes the tree of a compose: what was delivered, COMPOSE_ID, and a
// time for every file.
func layout(ctx context.Context, j *rules.Job) error {
	var p layoutParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	for _, pair := range p.Deliver {
		if top, _, _ := strings.Cut(pair[0], "/"); top != "compose" && top != "logs" {
			return fmt.Errorf("%s: folder %q is neither below compose/ nor below logs/", pair[1], pair[0])
		}
	}
	root, err := place(ctx, j, p.Deliver)
	if err != nil {
		return err
	}
	b := j.Trees.Builder()
	if err := errors.Join(b.Add("", root), b.Put(ctx, "COMPOSE_ID", []byte(p.ComposeID), 0)); err != nil {
		return err
	}
	if root.Digest, err = b.Build(ctx); err != nil {
		return err
	}
	if root.Digest, err = setTimes(ctx, j.Trees, root.Digest); err != nil {
		return err
	}
	j.Output(p.Output, root)
	return nil
}

// place puts inputs into folders of a new tree. A file keeps the name it was
// declared with; the content of a folder goes into the folder.
func place(ctx context.Context, j *rules.Job, at [][2]string) (cache.Node, error) {
	roots := make([]cache.Digest, 0, len(at))
	for _, pair := range at {
		dir, input := folder(pair[0]), pair[1]
		if dir != "" && (!fs.ValidPath(dir) || dir == ".") {
			return cache.Node{}, fmt.Errorf("%s: folder %q is not a clean relative path", input, pair[0])
		}
		n, err := j.Input(ctx, input)
		if err != nil {
			return cache.Node{}, err
		}
		b := j.Trees.Builder()
		if n.Kind == cache.DirKind {
			err = b.Add(dir, n)
		} else {
			err = b.Add(path.Join(dir, path.Base(input)), n)
		}
		if err != nil {
			return cache.Node{}, fmt.Errorf("%s: %w", dir, err)
		}
		root, err := b.Build(ctx)
		if err != nil {
			return cache.Node{}, err
		}
		roots = append(roots, root)
	}
	root, err := j.Trees.Merge(ctx, roots...)
	if c := (*cache.Collision)(nil); errors.As(err, &c) {
		return cache.Node{}, nameInputs(ctx, j, c, roots, at)
	}
	return cache.Node{Kind: cache.DirKind, Digest: root}, err
}

// folder takes empty elements out of a path: a part of the stamp may expand to
// nothing, as "compose/images/{label}" does without a label.
func folder(dir string) string {
	elements := slices.DeleteFunc(strings.Split(dir, "/"), func(e string) bool { return e == "" })
	return strings.Join(elements, "/")
}

// nameInputs says which inputs a collision is between.
func nameInputs(ctx context.Context, j *rules.Job, c *cache.Collision, roots []cache.Digest, at [][2]string) error {
	e := &rules.Collision{Path: c.Path}
	for i, root := range roots {
		if _, err := j.Trees.Lookup(ctx, root, c.Path); err == nil {
			e.Inputs = append(e.Inputs, at[i][1])
		}
	}
	return e
}

// setTimes gives every file without a time that of the newest file in the
// innermost folder that has one: of a tree's repodata and .treeinfo that is the
// newest package of the tree. So times follow from content alone.
// None is older than rules.Oldest.
func setTimes(ctx context.Context, trees *cache.Trees, root cache.Digest) (cache.Digest, error) {
	t := timer{trees: trees, newest: map[cache.Digest]int64{}}
	newest, err := t.measure(ctx, root)
	if err != nil {
		return cache.Digest{}, err
	}
	return t.set(ctx, root, max(newest, rules.Oldest))
}

type timer struct {
	trees *cache.Trees
	// newest time of a file below a folder; 0 if none has one.
	newest map[cache.Digest]int64
}

func (t *timer) measure(ctx context.Context, d cache.Digest) (int64, error) {
	if newest, ok := t.newest[d]; ok {
		return newest, nil
	}
	dir, err := t.trees.Read(ctx, d)
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, n := range dir {
		at := n.ModTime
		if n.Kind == cache.DirKind {
			if at, err = t.measure(ctx, n.Digest); err != nil {
				return 0, err
			}
		}
		newest = max(newest, at)
	}
	t.newest[d] = newest
	return newest, nil
}

func (t *timer) set(ctx context.Context, d cache.Digest, inherited int64) (cache.Digest, error) {
	dir, err := t.trees.Read(ctx, d)
	if err != nil {
		return cache.Digest{}, err
	}
	if newest := t.newest[d]; newest != 0 {
		inherited = max(newest, rules.Oldest)
	}
	timed := make(cache.Directory, len(dir))
	for i, n := range dir {
		if n.Kind == cache.DirKind {
			if n.Digest, err = t.set(ctx, n.Digest, inherited); err != nil {
				return cache.Digest{}, err
			}
		} else if n.Kind == cache.FileKind && n.ModTime == 0 {
			n.ModTime = inherited
		}
		timed[i] = n
	}
	return t.trees.Write(ctx, timed)
}
