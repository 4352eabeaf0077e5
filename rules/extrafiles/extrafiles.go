// Package extrafiles puts files of people into trees: licences, release notes,
// whatever a tree has beside its packages.
package extrafiles

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed extra_files.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "extra_files", Version: 1, Params: params{}, Run: run}}
}

type params struct {
	Files   [][2]string `arg:"file"`   // path in the tree, input
	Folders [][2]string `arg:"folder"` // path in the tree, "" for the top, input
	// Packaged is a folder of files out of packages, with their paths in the tree.
	Packaged  string   `arg:"packaged"`
	Checksums []string `arg:"checksum"` // types
	Output    string   `arg:"output,required"`
}

// index lists the files of a tree, in the tree.
const index = "extra_files.json"

// placed is a file on its way into the tree.
type placed struct {
	path string
	from string // the place that was given: "docs/EULA", or "docs/" of a folder
	node cache.Node
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	files, err := p.place(ctx, j)
	if err != nil {
		return err
	}
	if err := checkPlaces(files); err != nil {
		return err
	}
	text, err := p.list(ctx, j, files)
	if err != nil {
		return err
	}
	b := j.Trees.Builder()
	for _, f := range files {
		if err := b.Add(f.path, f.node); err != nil {
			return err
		}
	}
	if err := b.Put(ctx, index, text, 0); err != nil {
		return err
	}
	return j.OutputTree(ctx, p.Output, b)
}

// place returns everything that goes into the tree.
func (p *params) place(ctx context.Context, j *rules.Job) ([]placed, error) {
	var files []placed
	for _, f := range p.Files {
		n, err := j.Input(ctx, f[1])
		if err != nil {
			return nil, err
		}
		if n.Kind == cache.DirKind {
			return nil, fmt.Errorf("%q is to be a file, and %s is a folder", f[0], f[1])
		}
		files = append(files, placed{f[0], f[0], n})
	}
	folders := p.Folders
	if p.Packaged != "" {
		folders = append(slices.Clone(folders), [2]string{"", p.Packaged})
	}
	for _, f := range folders {
		from := f[0] + "/"
		if f[1] == p.Packaged {
			from = "from_packages"
		}
		n, err := j.Input(ctx, f[1])
		if err != nil {
			return nil, err
		}
		if n.Kind != cache.DirKind {
			return nil, fmt.Errorf("%q is to be a folder, and %s is none", f[0]+"/", f[1])
		}
		err = j.Trees.Walk(ctx, n.Digest, func(name string, n cache.Node) error {
			if n.Kind != cache.DirKind {
				files = append(files, placed{path.Join(f[0], name), from, n})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// checkPlaces reports two files of one path, be they equal or not, and a file
// where another one needs a folder.
func checkPlaces(files []placed) error {
	at := map[string]*placed{}
	for i := range files {
		f := &files[i]
		switch other := at[f.path]; {
		case !fs.ValidPath(f.path) || f.path == ".":
			return fmt.Errorf("path %q of %q, want a clean relative one", f.path, f.from)
		case f.path == index:
			return fmt.Errorf("%s: from %q, and it is the list of all extra files", f.path, f.from)
		case other != nil:
			return fmt.Errorf("%s: from %q and from %q, want one file", f.path, other.from, f.from)
		}
		at[f.path] = f
	}
	for i := range files {
		for dir := path.Dir(files[i].path); dir != "."; dir = path.Dir(dir) {
			if other := at[dir]; other != nil {
				return fmt.Errorf("%s: a file from %q, and a folder for %q", dir, other.from, files[i].from)
			}
		}
	}
	return nil
}

// list writes the index. Links are not listed: what they lead to is.
func (p *params) list(ctx context.Context, j *rules.Job, files []placed) ([]byte, error) {
	regular := slices.DeleteFunc(slices.Clone(files), func(f placed) bool { return f.node.Kind != cache.FileKind })
	listed := make([]productmd.TreeFile, len(regular))
	err := j.Each(ctx, len(regular), func(ctx context.Context, i int) error {
		sums, size, err := sum(ctx, j, regular[i].node.Digest, p.Checksums)
		listed[i] = productmd.TreeFile{File: regular[i].path, Size: size, Checksums: sums}
		return err
	})
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := productmd.EncodeTreeFiles(&text, listed); err != nil {
		return nil, fmt.Errorf("%s: %w", index, err)
	}
	return text.Bytes(), nil
}

func sum(ctx context.Context, j *rules.Job, d cache.Digest, types []string) (productmd.Checksums, int64, error) {
	f, err := j.Trees.Store().Open(ctx, d)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	return productmd.Sum(f, types)
}
