package metadata

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

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
	warnOfVolumeIDs(j, all.Images)
	return all, nil
}

// warnOfVolumeIDs warns of two media of one type and one id, which is by what an
// installer finds its own: debug packages are no help to it. Discs of one set share it, and a boot.iso has that of the
// disc that it may be used with.
func warnOfVolumeIDs(j *rules.Job, images []productmd.ListedImage) {
	first := map[string]*productmd.ListedImage{} // by type and id
	warned := map[string]bool{}                  // by path
	for k := range images {
		i := &images[k]
		key := strings.TrimSuffix(i.Type, "-debuginfo") + " " + i.VolumeID
		other := first[key]
		if other == nil {
			first[key] = i
			continue
		}
		oneSet := other.Variant == i.Variant && other.Arch == i.Arch && other.DiscCount > 1 && other.DiscCount == i.DiscCount
		if i.VolumeID != "" && other.Path != i.Path && !oneSet && !warned[i.Path] {
			warned[i.Path] = true
			j.Warnf("%s and %s have the volume id %q: who looks for one by that may find the other", other.Path, i.Path, i.VolumeID)
		}
	}
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
