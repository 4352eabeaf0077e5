// Package imagechecksum writes the checksum files beside images: those of each image,
// or one for all of a folder.
//
// Checksums come with the descriptions of images; only what these lack is computed.
package imagechecksum

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/sumfile"
	"github.com/pungo-build/pungo/internal/template"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

// Star is the rule's source.
//
//go:embed image_checksum.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "image_checksum", Version: 1, Params: params{}, Run: run}}
}

type params struct {
	Images       []images.Folder `arg:"images"`
	Checksums    []string        `arg:"checksum"`
	OneFile      bool            `arg:"one-file"`
	BaseFilename string          `arg:"base-filename"` // template
	Values       [][2]string     `arg:"value"`         // of the template: key, value
	// VariantValues are those of images of one variant: uid, key, value.
	VariantValues [][3]string `arg:"variant-value"`
	Type          string      `arg:"type"` // of the compose, if the template names it
	Label         string      `arg:"label"`
	Output        string      `arg:"output,required"`
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	list, err := images.List(ctx, j, p.Images, p.Checksums)
	if err != nil {
		return err
	}
	files := map[string][]sumfile.Entry{} // by path below compose/
	for k := range list {
		if err := p.add(files, &list[k]); err != nil {
			return fmt.Errorf("image %s: %w", list[k].Path, err)
		}
	}
	b := j.Trees.Builder()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text, err := sumfile.Encode(files[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := b.Put(ctx, name, text, 0); err != nil {
			return err
		}
	}
	return j.OutputTree(ctx, p.Output, b)
}

// add adds the lines of an image to the files that have them.
func (p *params) add(files map[string][]sumfile.Entry, i *images.Image) error {
	dir, name := path.Split(i.Path)
	base, err := p.base(i)
	if err != nil {
		return err
	}
	for _, kind := range p.Checksums {
		e := sumfile.Entry{Name: name, Size: i.Size, Kind: kind, Hex: i.Checksums[kind]}
		upper := strings.ToUpper(kind)
		into := []string{name + "." + upper + "SUM", base + upper + "SUM"}
		if p.OneFile {
			into = []string{base + "CHECKSUM"}
		}
		for _, file := range into {
			files[dir+file] = append(files[dir+file], e)
		}
	}
	return nil
}

// base returns what the names of files of a folder begin with.
func (p *params) base(i *images.Image) (string, error) {
	if p.BaseFilename == "" {
		return "", nil
	}
	arch := i.Folder.Arch
	if arch == "" {
		arch = i.Arch
	}
	if arch == "src" {
		arch = "source"
	}
	values := images.Keys(p.Values, p.Type, p.Label)
	values["variant"], values["arch"] = i.Folder.UID(), arch
	if p.OneFile {
		values["dirname"] = path.Base(path.Dir(i.Path))
	}
	for _, v := range p.VariantValues {
		if v[0] == i.Folder.UID() {
			values[v[1]] = v[2]
		}
	}
	base, err := template.Expand(p.BaseFilename, values)
	if err == nil && (base == "" || strings.HasPrefix(base, ".") || strings.ContainsAny(base, "/\\\r\n\x00")) {
		err = fmt.Errorf("base_filename %q becomes %q, want the begin of a file name", p.BaseFilename, base)
	}
	if err != nil {
		return "", err
	}
	return base + "-", nil
}
