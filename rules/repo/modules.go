package repo

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/pungo-build/pungo/internal/modulemd"
	"github.com/pungo-build/pungo/rules"
)

// modulesParams are those of indexParams that are about the index itself.
type modulesParams struct {
	Metadata   string      `arg:"metadata,required"`
	Repository string      `arg:"repository,required"`
	Signed     bool        `arg:"signed"`
	Keys       [][2]string `arg:"gpgkey"`
	Output     string      `arg:"output,required"`
}

// modules writes the modules of a repository, which may be none.
func modules(ctx context.Context, j *rules.Job) error {
	var p modulesParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	r := &reader{Job: j, indexParams: indexParams{Metadata: p.Metadata, Repository: p.Repository, Signed: p.Signed, Keys: p.Keys}}
	index, err := r.readModules(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Repository, err)
	}
	for _, skipped := range index.Skipped {
		j.Warnf("%s", skipped)
	}
	var b bytes.Buffer
	if err := modulemd.Write(&b, index); err != nil {
		return err
	}
	return j.Write(ctx, p.Output, b.Bytes())
}

func (r *reader) readModules(ctx context.Context) (*modulemd.Index, error) {
	if err := r.readIndex(ctx); err != nil {
		return nil, err
	}
	rec, ok := r.repomd.Record("modules")
	if !ok {
		return &modulemd.Index{}, nil
	}
	var index *modulemd.Index
	err := r.unpack(ctx, rec, func(in io.Reader) (err error) {
		index, err = modulemd.Parse("modules.yaml", in)
		return err
	})
	return index, err
}
