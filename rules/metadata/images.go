package metadata

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

// images lists all images.
func (p *params) images(ctx context.Context, j *rules.Job, compose productmd.Compose) (*productmd.Images, error) {
	arches, err := p.arches()
	if err != nil {
		return nil, err
	}
	delivered, err := images.List(ctx, j, p.Images, p.Checksums)
	if err != nil {
		return nil, err
	}
	all := &productmd.Images{Compose: compose}
	for k := range delivered {
		i := &delivered[k]
		under := []string{i.Arch}
		if i.Arch == "src" {
			under = arches[i.Folder.UID()]
		}
		for _, arch := range under {
			all.Images = append(all.Images, productmd.ListedImage{Variant: i.Folder.UID(), Under: arch, Image: i.Image})
		}
	}
	return all, nil
}

// arches returns the arches of each variant.
func (p *params) arches() (map[string][]string, error) {
	arches := map[string][]string{}
	for _, text := range p.Variants {
		var v variant
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fmt.Errorf("argument --variant: %w", err)
		}
		arches[v.UID] = v.Arches
	}
	return arches, nil
}
