// Package productimg makes archives that are unpacked into a running system: product.img,
// by which a product changes its installer, and small initrds.
package productimg

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/initrd"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rules' source.
//
//go:embed productimg.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "cpio", Version: 2, Params: params{}, Run: run}}
}

type params struct {
	Files   [][2]string `arg:"file"`   // path in the archive, file
	Folders [][2]string `arg:"folder"` // path, folder; "" is the top
	Links   [][2]string `arg:"link"`   // path, target
	// Packaged is a folder of files out of packages, with their paths in the archive.
	Packaged string `arg:"packaged"`
	Output   string `arg:"output,required"`
}

// run makes the archive: format newc, compressed by gzip. Who is in it is root's; what
// has no time has that of the newest file.
func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	root, err := p.tree(ctx, j)
	if err != nil {
		return err
	}
	a := &archive{Job: j, newest: rules.Oldest}
	if err := a.write(ctx, root); err != nil {
		return err
	}
	return j.Write(ctx, p.Output, a.packed.Bytes())
}

// content is what goes into the archive, by path.
type content struct {
	nodes map[string]cache.Node
	from  map[string]string // the place that was given: "init", or "usr/share/" of a folder
}

// tree returns the folder that the archive has.
func (p *params) tree(ctx context.Context, j *rules.Job) (cache.Digest, error) {
	c := content{map[string]cache.Node{}, map[string]string{}}
	for _, f := range p.Files {
		n, err := j.Input(ctx, f[1])
		if err == nil {
			err = c.add(f[0], f[0], n)
		}
		if err != nil {
			return cache.Digest{}, err
		}
	}
	for _, l := range p.Links {
		if l[1] == "" || strings.HasSuffix(l[0], "/") {
			return cache.Digest{}, fmt.Errorf("links: %q: %q, want a name and where it leads", l[0], l[1])
		}
		if err := c.add(l[0], "links", cache.Node{Kind: cache.SymlinkKind, Target: l[1]}); err != nil {
			return cache.Digest{}, err
		}
	}
	for _, f := range p.Folders {
		if err := c.addFolder(ctx, j, f[0], f[0]+"/", f[1]); err != nil {
			return cache.Digest{}, err
		}
	}
	if p.Packaged != "" {
		if err := c.addFolder(ctx, j, "", "from_packages", p.Packaged); err != nil {
			return cache.Digest{}, err
		}
	}
	b := j.Trees.Builder()
	for _, at := range slices.Sorted(maps.Keys(c.nodes)) {
		for dir := path.Dir(at); dir != "."; dir = path.Dir(dir) {
			if n, ok := c.nodes[dir]; ok && n.Kind != cache.DirKind {
				return cache.Digest{}, fmt.Errorf("%s: a file from %q, and a folder for %q", dir, c.from[dir], c.from[at])
			}
		}
		n := c.nodes[at]
		if n.Kind == cache.DirKind {
			n.Digest = j.Trees.Empty()
		}
		if err := b.Add(at, n); err != nil {
			return cache.Digest{}, err
		}
	}
	return b.Build(ctx)
}

// add adds a file, or a folder without what is in it. Two of one path have to be equal.
func (c *content) add(at, from string, n cache.Node) error {
	n.Name = ""
	if n.Kind == cache.DirKind {
		n.Digest = cache.Digest{}
	}
	if old, ok := c.nodes[at]; ok && (old.Kind != n.Kind || old.Digest != n.Digest || old.Executable != n.Executable || old.Target != n.Target) {
		return fmt.Errorf("%s: from %q and from %q, want one file", at, c.from[at], from)
	}
	c.nodes[at], c.from[at] = n, from
	return nil
}

func (c *content) addFolder(ctx context.Context, j *rules.Job, dir, from, input string) error {
	n, err := j.Input(ctx, input)
	if err != nil {
		return err
	}
	return j.Trees.Walk(ctx, n.Digest, func(name string, n cache.Node) error {
		return c.add(path.Join(dir, name), from, n)
	})
}

type archive struct {
	*rules.Job
	packed bytes.Buffer
	writer *initrd.Writer
	newest int64
}

func (a *archive) write(ctx context.Context, root cache.Digest) error {
	err := a.Trees.Walk(ctx, root, func(_ string, n cache.Node) error {
		a.newest = max(a.newest, n.ModTime)
		return nil
	})
	if err != nil {
		return err
	}
	if a.writer, err = initrd.New(&a.packed); err != nil {
		return err
	}
	err = a.Trees.Walk(ctx, root, func(at string, n cache.Node) error {
		if err := a.add(ctx, at, n); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.writer.Close()
}

func (a *archive) add(ctx context.Context, at string, n cache.Node) error {
	e := initrd.Entry{Path: at, ModTime: cmp.Or(n.ModTime, a.newest), Executable: n.Executable, Link: n.Target}
	if e.Folder = n.Kind == cache.DirKind; e.Folder || e.Link != "" {
		return a.writer.Add(e, nil)
	}
	f, err := a.Trees.Store().Open(ctx, n.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	e.Size = n.Digest.Size()
	return a.writer.Add(e, f)
}
