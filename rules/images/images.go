// Package images is the form in which images travel between phases: a delivered
// folder or file, and beside it a JSON list that says of each image what images.json
// will, as far as its maker knows. What a description lacks follows from where the
// image is; checksums that it lacks are computed, by one reading of the image.
//
// An image is made under another name than it has in the compose, and gets that last. So
// it does not depend on the id of the compose, and a night in which nothing on it changes
// makes no new one.
package images

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// Folder is what an argument says of delivered images.
type Folder struct {
	Variant     string // uid, "" if that is the first part of the folder
	Arch        string // "src" for sources, "" if only images know
	Below       string // the folder of the compose
	Tree        string // what is delivered there
	Description string // of the images
}

// UID of the variant.
func (f *Folder) UID() string {
	top, _, _ := strings.Cut(f.Dir(), "/")
	return cmp.Or(f.Variant, top)
}

// Dir is where the compose has the images, below compose/.
func (f *Folder) Dir() string { return path.Clean(f.Below) }

// Image is a delivered image. Its Path is below compose/.
type Image struct {
	Folder *Folder
	productmd.Image
	Node cache.Node // the file
}

// Star is the source of the helpers of rules that make images, or read of them.
//
//go:embed images.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "volume_id", Version: 1, Params: volumeParams{}, Run: volumeID},
		{Name: "name_images", Version: 1, Params: nameParams{}, Run: nameImages},
		{Name: "image_sums", Version: 1, Params: sumParams{}, Run: sums},
	}
}

// List returns all images of folders, in that order, each with checksums of just
// these kinds.
func List(ctx context.Context, j *rules.Job, folders []Folder, kinds []string) ([]Image, error) {
	var all []Image
	for k := range folders {
		list, err := folders[k].list(ctx, j)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folders[k].Dir(), err)
		}
		all = append(all, list...)
	}
	made := map[string]bool{}
	for k := range all {
		if p := all[k].Path; made[p] {
			return nil, fmt.Errorf("two targets make an image %s\n  hint: another image_name_format, or another word in disc_types, gives it another name", p)
		}
		made[all[k].Path] = true
	}
	err := j.Each(ctx, len(all), func(ctx context.Context, k int) error {
		i := &all[k]
		made, err := Complete(ctx, j, i.Node, i.Checksums, kinds)
		if err != nil {
			return fmt.Errorf("image %s: %w", i.Path, err)
		}
		i.Checksums = made
		return nil
	})
	return all, err
}

// ReadList reads a description of images, an input of j.
func ReadList(ctx context.Context, j *rules.Job, input string) ([]productmd.Image, error) {
	data, err := j.Read(ctx, input)
	if err != nil {
		return nil, err
	}
	return productmd.ParseImageList(bytes.NewReader(data))
}

// list reads the description of a folder.
func (f *Folder) list(ctx context.Context, j *rules.Job) ([]Image, error) {
	described, err := ReadList(ctx, j, f.Description)
	if err != nil {
		return nil, err
	}
	list := make([]Image, 0, len(described))
	for _, i := range described {
		n, err := f.find(ctx, j, i.Path)
		if err != nil {
			return nil, err
		}
		i.Size = n.Digest.Size()
		i.MTime = cmp.Or(i.MTime, n.ModTime, rules.Oldest)
		i.Path = path.Join(f.Dir(), i.Path)
		i.Arch, i.Subvariant = cmp.Or(i.Arch, f.Arch), cmp.Or(i.Subvariant, f.UID())
		list = append(list, Image{f, i, n})
	}
	return list, nil
}

// find returns an image. What is delivered is a folder with images, or one image.
func (f *Folder) find(ctx context.Context, j *rules.Job, name string) (cache.Node, error) {
	n, err := j.Input(ctx, f.Tree)
	if err == nil && n.Kind == cache.DirKind {
		n, err = j.Input(ctx, path.Join(f.Tree, name))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("its description has image %q, and there is no such file", name)
		}
	} else if is := path.Base(f.Tree); err == nil && is != name {
		err = fmt.Errorf("its description calls image %s %q", is, name)
	}
	if err == nil && n.Kind != cache.FileKind {
		err = fmt.Errorf("image %s: a folder, want a file", name)
	}
	return n, err
}
