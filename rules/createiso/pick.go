package createiso

import (
	"bytes"
	"context"
	"fmt"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

type pickParams struct {
	Tree   string `arg:"tree,required"`
	Images string `arg:"images,required"` // describes them
	Output string `arg:"output,required"`
}

// pickImage makes the first image of a tree that boots its output: whatever it is called
// in the compose, who only wants its content has a key that lasts.
func pickImage(ctx context.Context, j *rules.Job) error {
	var p pickParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	data, err := j.Read(ctx, p.Images)
	if err != nil {
		return err
	}
	list, err := productmd.ParseImageList(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", p.Images, err)
	}
	for _, i := range list {
		if i.Bootable && i.DiscNumber == 1 {
			n, err := j.Input(ctx, p.Tree+"/"+i.Path)
			if err != nil {
				return err
			}
			j.Output(p.Output, n)
			return nil
		}
	}
	return fmt.Errorf("none of %d images is bootable", len(list))
}
