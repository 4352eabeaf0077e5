package metadata

import (
	"bytes"
	"context"
	"fmt"
	"path"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// extras is what an argument says of the extra files of a tree.
type extras struct {
	UID, Arch string // "src" for sources
	Dir       string // of the tree
	Files     string // folder with the files and their index
}

func (x *extras) index() string { return path.Join(x.Files, "extra_files.json") }

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
			f.File = path.Join(x.Dir, f.File)
			all.Files = append(all.Files, productmd.ExtraFile{Variant: x.UID, Arch: x.Arch, TreeFile: f})
		}
	}
	return all, nil
}
