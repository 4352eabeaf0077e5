// Package productimg makes archives that are unpacked into a running system: product.img,
// by which a product changes its installer, and small initrds.
package productimg

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
	"github.com/klauspost/compress/gzip"

	"github.com/pungo-build/pungo/cache"
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
	cpio   *cpio.Writer
	newest int64
	inode  int64
}

func (a *archive) write(ctx context.Context, root cache.Digest) error {
	err := a.Trees.Walk(ctx, root, func(_ string, n cache.Node) error {
		a.newest = max(a.newest, n.ModTime)
		return nil
	})
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(&a.packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	a.cpio = cpio.NewWriter(z)
	err = a.Trees.Walk(ctx, root, func(at string, n cache.Node) error { return a.add(ctx, at, n) })
	if err != nil {
		return err
	}
	if err := a.cpio.Close(); err != nil {
		return err
	}
	return z.Close()
}

// add adds a file, a folder or a link. Folders come before what is in them.
func (a *archive) add(ctx context.Context, at string, n cache.Node) error {
	a.inode++
	h := &cpio.Header{Name: at, Inode: a.inode, Links: 1, ModTime: time.Unix(a.newest, 0)}
	var content io.Reader = strings.NewReader("")
	switch n.Kind {
	case cache.DirKind:
		h.Mode, h.Links = cpio.TypeDir|0o755, 2
	case cache.SymlinkKind:
		h.Mode, h.Linkname, h.Size = cpio.TypeSymlink|0o777, n.Target, int64(len(n.Target))
	default:
		h.Mode, h.Size = cpio.TypeReg|0o644, n.Digest.Size()
		if n.Executable {
			h.Mode |= 0o111
		}
		if n.ModTime != 0 {
			h.ModTime = time.Unix(n.ModTime, 0)
		}
		f, err := a.Trees.Store().Open(ctx, n.Digest)
		if err != nil {
			return err
		}
		defer f.Close()
		content = f
	}
	if err := a.cpio.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", path.Base(at), err)
	}
	_, err := io.Copy(a.cpio, content)
	return err
}
