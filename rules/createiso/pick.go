package createiso

import (
	"context"
	"fmt"

	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
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
	list, err := images.ReadList(ctx, j, p.Images)
	if err != nil {
		return err
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
