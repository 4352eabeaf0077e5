// Package images is the form in which images travel between phases: a delivered
// folder or file, and beside it a JSON list that says of each image what images.json
// will, as far as its maker knows. What a description lacks follows from where the
// image is; checksums that it lacks are computed, by one reading of the image.
package images

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// Folder is what an argument says of delivered images: uid, "" if that is the first
// part of the folder; arch, "src" for sources, "" if only images know; the folder of
// the compose, what is delivered there, its description.
type Folder [5]string

// UID of the variant.
func (f *Folder) UID() string {
	top, _, _ := strings.Cut(f.Dir(), "/")
	return cmp.Or(f[0], top)
}

// Arch of the variant, "src" for sources, "" if only images know.
func (f *Folder) Arch() string { return f[1] }

// Dir is where the compose has the images, below compose/.
func (f *Folder) Dir() string { return path.Clean(f[2]) }

func (f *Folder) tree() string        { return f[3] }
func (f *Folder) description() string { return f[4] }

// Image is a delivered image. Its Path is below compose/.
type Image struct {
	Folder *Folder
	productmd.Image
	Node cache.Node // the file
}

// Tools returns the tools of this package.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "image_sums", Version: 1, Params: sumParams{}, Run: sums}}
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

// list reads the description of a folder.
func (f *Folder) list(ctx context.Context, j *rules.Job) ([]Image, error) {
	data, err := j.Read(ctx, f.description())
	if err != nil {
		return nil, err
	}
	described, err := productmd.ParseImageList(bytes.NewReader(data))
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
		i.Arch, i.Subvariant = cmp.Or(i.Arch, f.Arch()), cmp.Or(i.Subvariant, f.UID())
		list = append(list, Image{f, i, n})
	}
	return list, nil
}

// find returns an image. What is delivered is a folder with images, or one image.
func (f *Folder) find(ctx context.Context, j *rules.Job, name string) (cache.Node, error) {
	n, err := j.Input(ctx, f.tree())
	if err == nil && n.Kind == cache.DirKind {
		n, err = j.Input(ctx, path.Join(f.tree(), name))
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("its description has image %q, and there is no such file", name)
		}
	} else if is := path.Base(f.tree()); err == nil && is != name {
		err = fmt.Errorf("its description calls image %s %q", is, name)
	}
	if err == nil && n.Kind != cache.FileKind {
		err = fmt.Errorf("image %s: a folder, want a file", name)
	}
	return n, err
}

// Complete returns the checksums of a file of some kinds: known ones, and those that
// are missing, for which the file is read once.
func Complete(ctx context.Context, j *rules.Job, file cache.Node, known productmd.Checksums, kinds []string) (productmd.Checksums, error) {
	all := productmd.Checksums{}
	call := rules.Call{
		Tool: "image_sums", Args: []string{"--image", "image", "--output", "sums"},
		Inputs: []cache.Node{{Name: "image", Kind: cache.FileKind, Digest: file.Digest}},
	}
	complete := true
	for _, kind := range slices.Sorted(slices.Values(kinds)) {
		if sum, ok := known[kind]; ok {
			all[kind] = sum
			continue
		}
		complete = false
		call.Args = append(call.Args, "--checksum", kind)
	}
	if complete {
		return all, nil
	}
	r, err := j.Call(ctx, call)
	if err != nil {
		return nil, err
	}
	data, err := j.Trees.Store().Get(ctx, r.Outputs[0].Digest)
	if err != nil {
		return nil, err
	}
	var made productmd.Checksums
	if err := json.Unmarshal(data, &made); err != nil {
		return nil, err
	}
	maps.Copy(all, made)
	return all, nil
}

type sumParams struct {
	Image     string   `arg:"image,required"`
	Checksums []string `arg:"checksum"`
	Output    string   `arg:"output,required"`
}

// sums reads a file once for its checksums.
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
