// Package productimg makes archives that are unpacked into a running system: product.img,
// by which a product changes its installer, and small initrds.
package productimg

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"slices"

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
	return []*rules.Tool{{Name: "cpio", Version: 1, Params: params{}, Run: run}}
}

type params struct {
	Files   [][2]string `arg:"file"`   // path in the archive, file
	Folders [][2]string `arg:"folder"` // path, folder; "" is the top
	Output  string      `arg:"output,required"`
}

// run makes the archive: format newc, compressed by gzip. Who is in it is root's; what
// has no time has that of the newest file.
func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	b := j.Trees.Builder()
	for _, f := range slices.Concat(p.Files, p.Folders) {
		n, err := j.Input(ctx, f[1])
		if err == nil {
			err = b.Add(f[0], n)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", f[0], err)
		}
	}
	root, err := b.Build(ctx)
	if err != nil {
		return err
	}
	a := &archive{Job: j, newest: rules.Oldest}
	if err := a.write(ctx, root); err != nil {
		return err
	}
	return j.Write(ctx, p.Output, a.packed.Bytes())
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
