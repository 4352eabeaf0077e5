package metadata

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// imageFolder is what an argument says of delivered images: uid, "" if that is the
// first part of the folder; arch, "src" for sources, "" if only images know; the
// folder, what is delivered there, its description.
type imageFolder [5]string

func (f *imageFolder) arch() string        { return f[1] }
func (f *imageFolder) dir() string         { return f[2] }
func (f *imageFolder) tree() string        { return f[3] }
func (f *imageFolder) description() string { return f[4] }

func (f *imageFolder) uid() string {
	top, _, _ := strings.Cut(f.dir(), "/")
	return cmp.Or(f[0], top)
}

// images lists all images. What their descriptions lack follows from where they are:
// arch, subvariant, size and time; and checksums, for which they are read.
func (p *params) images(ctx context.Context, j *rules.Job, compose productmd.Compose) (*productmd.Images, error) {
	arches, err := p.arches()
	if err != nil {
		return nil, err
	}
	all := &productmd.Images{Compose: compose}
	for _, f := range p.Images {
		data, err := j.Read(ctx, f.description())
		if err != nil {
			return nil, err
		}
		list, err := productmd.ParseImageList(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.dir(), err)
		}
		for _, i := range list {
			if err := p.complete(ctx, j, &i, f.tree()); err != nil {
				return nil, fmt.Errorf("%s: %w", f.dir(), err)
			}
			i.Path = path.Join(f.dir(), i.Path)
			i.Arch, i.Subvariant = cmp.Or(i.Arch, f.arch()), cmp.Or(i.Subvariant, f.uid())
			under := []string{i.Arch}
			if i.Arch == "src" {
				under = arches[f.uid()]
			}
			for _, arch := range under {
				all.Images = append(all.Images, productmd.ListedImage{Variant: f.uid(), Under: arch, Image: i})
			}
		}
	}
	warnOfVolumeIDs(j, all.Images)
	return all, nil
}

// warnOfVolumeIDs warns of two media of one type and one id, which is by what an
// installer finds its own. Discs of one set share it, and a boot.iso has that of the
// disc that it may be used with.
func warnOfVolumeIDs(j *rules.Job, images []productmd.ListedImage) {
	first := map[string]*productmd.ListedImage{} // by type and id
	warned := map[string]bool{}                  // by path
	for k := range images {
		i := &images[k]
		key := i.Type + " " + i.VolumeID
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

// complete fills in what the description of an image lacks. What is delivered is a
// folder with images, or one image.
func (p *params) complete(ctx context.Context, j *rules.Job, i *productmd.Image, delivered string) error {
	n, err := j.Input(ctx, delivered)
	if err == nil && n.Kind == cache.DirKind {
		n, err = j.Input(ctx, path.Join(delivered, i.Path))
	}
	if err != nil {
		return err
	}
	if n.Kind != cache.FileKind {
		return fmt.Errorf("image %s: a folder, want a file", i.Path)
	}
	i.Size = n.Digest.Size()
	i.MTime = cmp.Or(i.MTime, n.ModTime, rules.Oldest)
	if len(i.Checksums) > 0 {
		return nil
	}
	call := rules.Call{Tool: "image_sums", Args: []string{"--image", "image", "--output", "sums"}}
	for _, kind := range p.Checksums {
		call.Args = append(call.Args, "--checksum", kind)
	}
	call.Inputs = []cache.Node{{Name: "image", Kind: cache.FileKind, Digest: n.Digest}}
	r, err := j.Call(ctx, call)
	if err != nil {
		return fmt.Errorf("image %s: %w", i.Path, err)
	}
	data, err := j.Trees.Store().Get(ctx, r.Outputs[0].Digest)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, &i.Checksums)
}

type sumParams struct {
	Image     string   `arg:"image,required"`
	Checksums []string `arg:"checksum"`
	Output    string   `arg:"output,required"`
}

// sums reads an image once for its checksums.
func sums(ctx context.Context, j *rules.Job) error {
	var p sumParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	f, err := j.Open(ctx, p.Image)
	if err != nil {
		return err
	}
	defer f.Close()
	made, _, err := productmd.Sum(f, p.Checksums)
	if err != nil {
		return err
	}
	data, err := json.Marshal(made)
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, data)
}
