package treemetadata

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// installer is what an argument says of an installer.
type installer struct {
	Tree     string // the folder that it adds to the tree
	TreeInfo string // what it wrote of that
}

// addInstaller takes over what is booted and loaded, and notes the checksum of each
// file of it. An image without a path is one that the installer could not make.
func (p *params) addInstaller(ctx context.Context, j *rules.Job, t *productmd.TreeInfo, in installer) error {
	text, err := j.Read(ctx, in.TreeInfo)
	if err != nil {
		return err
	}
	made, err := productmd.ParseTreeInfo(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path.Base(in.TreeInfo), err)
	}
	if made.Arch != p.Arch {
		return fmt.Errorf("%s: arch %q, want %q, that of the tree", path.Base(in.TreeInfo), made.Arch, p.Arch)
	}
	t.Platforms = append(t.Platforms, made.Platforms...)
	t.Stage2 = made.Stage2
	t.Images = map[string]map[string]string{}
	product, err := hasProduct(ctx, j, in)
	if err != nil {
		return err
	}
	files := []string{made.Stage2.MainImage, made.Stage2.InstImage}
	for _, platform := range slices.Sorted(maps.Keys(made.Images)) {
		images := maps.Clone(made.Images[platform])
		maps.DeleteFunc(images, func(_, file string) bool { return file == "" })
		if len(images) > 0 {
			if product {
				images[path.Base(productImage)] = productImage
			}
			t.Images[platform] = images
		}
		files = slices.AppendSeq(files, maps.Values(images))
	}
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		if file == "" {
			continue
		}
		switch err := p.addChecksum(ctx, j, t, path.Join(in.Tree, file), file); {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s names %s, which the installer has not made", path.Base(in.TreeInfo), file)
		case err != nil:
			return err
		}
	}
	return nil
}

// productImage is what changes an installer that has been made; virt-install and others
// look for it among the images.
const productImage = "images/product.img"

func hasProduct(ctx context.Context, j *rules.Job, in installer) (bool, error) {
	_, err := j.Input(ctx, path.Join(in.Tree, productImage))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
