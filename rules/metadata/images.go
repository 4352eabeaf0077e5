package metadata

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// delivery is what an argument says of images: the uid of their variant and their
// arch, as far as the instance that made them has one, its tree, the folder, what
// is delivered there, the file that describes the images in it.
type delivery [6]string

func (d *delivery) uid() string   { return d[0] }
func (d *delivery) arch() string  { return d[1] }
func (d *delivery) tree() string  { return d[2] }
func (d *delivery) dir() string   { return d[3] }
func (d *delivery) input() string { return d[4] }
func (d *delivery) index() string { return d[5] }

// described is what the file says of an image: what is neither known from the
// instance nor from the image. Path is below the delivered folder.
type described struct {
	Path               string              `json:"path"`
	Type               string              `json:"type"`
	Format             string              `json:"format"`
	Variant            string              `json:"variant"`
	Arch               string              `json:"arch"`
	Subvariant         string              `json:"subvariant"`
	DiscNumber         int                 `json:"disc_number"`
	DiscCount          int                 `json:"disc_count"`
	Bootable           bool                `json:"bootable"`
	VolumeID           string              `json:"volume_id"`
	ImplantMD5         string              `json:"implant_md5"`
	Unified            bool                `json:"unified"`
	AdditionalVariants []string            `json:"additional_variants"`
	MTime              int64               `json:"mtime"`
	Checksums          productmd.Checksums `json:"checksums"`
}

// images lists every image that was delivered. The image of a source tree stands
// under each arch of its variant.
func (p *params) images(ctx context.Context, j *rules.Job, info *productmd.ComposeInfo) (*productmd.Images, error) {
	type one struct {
		from *delivery
		described
	}
	var ones []one
	for i := range p.Images {
		d := &p.Images[i]
		list, err := d.described(ctx, j)
		if err != nil {
			return nil, fmt.Errorf("images in %s: %w", d.dir(), err)
		}
		for _, e := range list {
			ones = append(ones, one{d, e})
		}
	}
	images := make([]productmd.Image, len(ones))
	err := j.Each(ctx, len(ones), func(ctx context.Context, i int) (err error) {
		if images[i], err = p.image(ctx, j, ones[i].from, ones[i].described); err != nil {
			return fmt.Errorf("image %s: %w", path.Join(ones[i].from.dir(), ones[i].Path), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	arches := map[string][]string{}
	for _, v := range info.Variants {
		arches[v.UID] = v.Arches
	}
	all := &productmd.Images{Compose: info.Compose}
	for i, image := range images {
		for _, arch := range listedUnder(image, ones[i].from, arches) {
			image.Arch = arch
			all.Images = append(all.Images, image)
		}
	}
	return all, nil
}

func (d *delivery) described(ctx context.Context, j *rules.Job) ([]described, error) {
	text, err := j.Read(ctx, d.index())
	if err != nil {
		return nil, err
	}
	var list []described
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		return nil, fmt.Errorf("%s: %w", path.Base(d.index()), err)
	}
	return list, nil
}

// image puts together what is known of an image. One of no arch is for that of the
// instance, or of its sources; one of no subvariant is for the variant.
func (p *params) image(ctx context.Context, j *rules.Job, d *delivery, e described) (productmd.Image, error) {
	arch := d.arch()
	if d.tree() == rules.Src {
		arch = "src"
	}
	image := productmd.Image{
		Variant: cmp.Or(e.Variant, d.uid()), Path: path.Join(d.dir(), e.Path), Type: e.Type, Format: e.Format,
		ImageArch: cmp.Or(e.Arch, arch), DiscNumber: cmp.Or(e.DiscNumber, 1), Bootable: e.Bootable,
		VolumeID: e.VolumeID, ImplantMD5: e.ImplantMD5, Unified: e.Unified, AdditionalVariants: e.AdditionalVariants,
	}
	image.DiscCount = cmp.Or(e.DiscCount, image.DiscNumber)
	image.Subvariant = cmp.Or(e.Subvariant, image.Variant)
	switch {
	case image.Variant == "":
		return image, errors.New("no variant, and the instance that made it has none")
	case image.ImageArch == "":
		return image, errors.New("no arch, and the instance that made it has none")
	}
	file, err := d.find(ctx, j, e.Path)
	if err != nil {
		return image, err
	}
	image.Size, image.MTime = file.Digest.Size(), cmp.Or(file.ModTime, e.MTime, rules.Oldest)
	if image.Checksums = e.Checksums; image.Checksums == nil {
		image.Checksums, err = p.sums(ctx, j, file)
	}
	return image, err
}

// find returns an image of a delivery, which is a folder of images or just one.
func (d *delivery) find(ctx context.Context, j *rules.Job, name string) (cache.Node, error) {
	n, err := j.Input(ctx, d.input())
	if err == nil && n.Kind == cache.DirKind {
		n, err = j.Input(ctx, path.Join(d.input(), name))
	} else if err == nil && path.Base(d.input()) != name {
		err = fs.ErrNotExist
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return n, errors.New("it is described, and not delivered")
	case err == nil && n.Kind != cache.FileKind:
		return n, errors.New("it is not a file")
	}
	return n, err
}

// listedUnder returns the arches that an image is listed under: its own, or those
// that the sources on it belong to.
func listedUnder(i productmd.Image, d *delivery, arches map[string][]string) []string {
	switch {
	case i.ImageArch != "src":
		return []string{i.ImageArch}
	case d.arch() != "":
		return []string{d.arch()}
	}
	return arches[i.Variant]
}

// sums returns the checksums of an image, which is read once in its life.
func (p *params) sums(ctx context.Context, j *rules.Job, image cache.Node) (productmd.Checksums, error) {
	image.Name, image.ModTime = "image", 0
	result, err := j.Call(ctx, rules.Call{
		Tool:   "image_checksums",
		Args:   []string{"--image", "image", "--checksums", strings.Join(slices.Sorted(slices.Values(p.Checksums)), ","), "--output", "checksums.json"},
		Inputs: []cache.Node{image},
	})
	if err != nil {
		return nil, err
	}
	text, err := j.Trees.Store().Get(ctx, result.Outputs[0].Digest)
	if err != nil {
		return nil, err
	}
	var sums productmd.Checksums
	return sums, json.Unmarshal(text, &sums)
}

type sumParams struct {
	Image     string `arg:"image,required"`
	Checksums string `arg:"checksums,required"` // types, with commas between
	Output    string `arg:"output,required"`
}

// imageChecksums writes the checksums of one image: JSON, type to hex digits.
func imageChecksums(ctx context.Context, j *rules.Job) error {
	var p sumParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	f, err := j.Open(ctx, p.Image)
	if err != nil {
		return err
	}
	defer f.Close()
	sums, _, err := productmd.Sum(f, strings.Split(p.Checksums, ","))
	if err != nil {
		return err
	}
	text, err := json.Marshal(sums)
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, text)
}
