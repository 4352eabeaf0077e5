package metadata

import (
	"bytes"
	"context"
	"fmt"
	"path"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// extras is what an argument says of the extra files of a tree: its uid, arch,
// "src" for sources, the folder of the tree, and its extra files with their index.
type extras [4]string

func (x *extras) uid() string   { return x[0] }
func (x *extras) arch() string  { return x[1] }
func (x *extras) dir() string   { return x[2] }
func (x *extras) index() string { return path.Join(x[3], "extra_files.json") }

// extraFiles lists the extra files of all trees, which their indexes know.
func (p *params) extraFiles(ctx context.Context, j *rules.Job, compose productmd.Compose) (*productmd.ExtraFiles, error) {
	all := &productmd.ExtraFiles{Compose: compose}
	for _, x := range p.ExtraFiles {
		data, err := j.Read(ctx, x.index())
		if err != nil {
			return nil, err
		}
		files, err := productmd.ParseTreeFiles(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.index(), err)
		}
		for _, f := range files {
			f.File = path.Join(x.dir(), f.File)
			all.Files = append(all.Files, productmd.ExtraFile{Variant: x.uid(), Arch: x.arch(), TreeFile: f})
		}
	}
	return all, nil
}
