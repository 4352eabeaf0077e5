package buildinstall

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/isomd5"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

type isoParams struct {
	Tree       string   `arg:"tree,required"`
	Arch       string   `arg:"arch,required"`
	Subvariant string   `arg:"subvariant,required"`
	Checksums  []string `arg:"image-checksum"`
	Output     string   `arg:"output,required"` // folder of boot.iso and its manifest
	Images     string   `arg:"images,required"` // describes it
}

// describe makes the netinstall image an image of the compose.
func describe(ctx context.Context, j *rules.Job) error {
	var p isoParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	image, err := j.Input(ctx, p.Tree+"/"+bootISO)
	if err != nil {
		return fmt.Errorf("the installer has no %s", bootISO)
	}
	d, err := p.description(ctx, j, image)
	if err != nil {
		return named(bootISO, err)
	}
	manifest, err := manifestOf(ctx, j, image)
	if err != nil {
		return named(bootISO, err)
	}
	b := j.Trees.Builder()
	if err := b.Add(d.Path, image); err != nil {
		return err
	}
	if err := b.Put(ctx, d.Path+".manifest", manifest, image.ModTime); err != nil {
		return err
	}
	if err := j.OutputTree(ctx, p.Output, b); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := productmd.EncodeImageList(&text, []productmd.Image{d}); err != nil {
		return err
	}
	return j.Write(ctx, p.Images, text.Bytes())
}

// description is what images.json says of it: what it has within itself, and its checksums.
func (p *isoParams) description(ctx context.Context, j *rules.Job, image cache.Node) (d productmd.Image, err error) {
	f, err := j.Trees.Store().Open(ctx, image.Digest)
	if err != nil {
		return d, err
	}
	defer f.Close()
	volume, err := isomd5.Read(f)
	if err != nil {
		return d, err
	}
	sums, size, err := productmd.Sum(f, p.Checksums)
	if err != nil {
		return d, err
	}
	d = productmd.Image{
		Path: "boot.iso", MTime: image.ModTime, Size: size, VolumeID: volume.ID, Type: "boot", Format: "iso", Arch: p.Arch,
		DiscNumber: 1, DiscCount: 1, Checksums: sums, Bootable: true, Subvariant: p.Subvariant,
	}
	if volume.Implanted != nil {
		d.ImplantMD5 = volume.Implanted.MD5
	}
	return d, nil
}

// manifestOf lists what is on an image, sorted. xorriso prints '/path' a line, "." first.
func manifestOf(ctx context.Context, j *rules.Job, image cache.Node) ([]byte, error) {
	image.Name = "boot.iso"
	var out bytes.Buffer
	err := j.RunProgram(ctx, rules.Program{
		Args:   []string{"-indev", image.Name, "-find", "/"},
		Inputs: []cache.Node{image}, Epoch: rules.Oldest, Stdout: &out,
	})
	if err != nil {
		return nil, err
	}
	var paths []string
	for line := range strings.Lines(out.String()) {
		at := strings.Trim(strings.TrimSpace(line), "'")
		if strings.HasPrefix(at, "/") && at != "/" {
			paths = append(paths, at+"\n")
		}
	}
	slices.Sort(paths)
	return []byte(strings.Join(paths, "")), nil
}
