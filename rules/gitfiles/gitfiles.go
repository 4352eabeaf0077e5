// Package gitfiles takes files out of git repositories. Getting a commit is the
// executor's work; here it is a folder, of which some files are picked.
package gitfiles

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"path"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// Star is the rule's source.
//
//go:embed git_files.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: rules.PickTool, Version: 1, Params: params{}, Run: run}}
}

type params struct {
	Tree   string   `arg:"tree,required"`
	Dir    string   `arg:"dir"`  // of it, "" for itself
	Paths  []string `arg:"path"` // globs; none for all
	Output string   `arg:"output,required"`
}

// run makes a folder of those files of a folder that globs match. That one matches
// nothing is an error.
func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	root, err := p.folder(ctx, j)
	if err != nil {
		return err
	}
	names := map[string]cache.Node{}
	var others []string
	unused := map[string]bool{}
	if err := packages.CheckGlobs(p.Paths); err != nil {
		return fmt.Errorf("paths: %w", err)
	}
	for _, glob := range p.Paths {
		unused[glob] = true
	}
	err = j.Trees.Walk(ctx, root, func(name string, n cache.Node) error {
		if n.Kind == cache.DirKind {
			return nil
		}
		others = append(others, name)
		taken := len(p.Paths) == 0
		for _, glob := range p.Paths {
			if matches(glob, name) {
				taken = true
				delete(unused, glob)
			}
		}
		if taken {
			names[name] = n
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, glob := range p.Paths {
		if unused[glob] {
			return fmt.Errorf("paths: no file matches %q; there are %s", glob, spell.Some(others))
		}
	}
	return p.write(ctx, j, names)
}

// folder returns the folder dir of the tree.
func (p *params) folder(ctx context.Context, j *rules.Job) (cache.Digest, error) {
	if p.Dir != "" && !fs.ValidPath(p.Dir) {
		return cache.Digest{}, fmt.Errorf("dir %q, want a clean relative path", p.Dir)
	}
	tree, err := j.Input(ctx, p.Tree)
	if err != nil {
		return cache.Digest{}, err
	}
	n, err := j.Input(ctx, path.Join(p.Tree, p.Dir))
	if err == nil && n.Kind == cache.DirKind {
		return n.Digest, nil
	}
	dir, err := j.Trees.Read(ctx, tree.Digest)
	if err != nil {
		return cache.Digest{}, err
	}
	var names []string
	for _, n := range dir {
		names = append(names, n.Name)
	}
	return cache.Digest{}, fmt.Errorf("dir: there is no folder %q; at the top are %s", p.Dir, spell.Some(names))
}

// matches reports whether a pattern matches a file, or a folder that it is in.
func matches(pattern, name string) bool {
	for ; name != "."; name = path.Dir(name) {
		if glob.MatchPath(pattern, name) {
			return true
		}
	}
	return false
}

// write makes the folder. A link may lead only to what is in it.
func (p *params) write(ctx context.Context, j *rules.Job, files map[string]cache.Node) error {
	b := j.Trees.Builder()
	for name, n := range files {
		if err := b.Add(name, n); err != nil {
			return err
		}
	}
	if err := b.CheckLinks(); err != nil {
		return err
	}
	return j.OutputTree(ctx, p.Output, b)
}
