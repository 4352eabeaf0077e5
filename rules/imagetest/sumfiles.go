package imagetest

import (
	"context"
	"path"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/sumfile"
	"github.com/pungo-build/pungo/rules/images"
)

// listedSum is a checksum of an image that has to be in a file.
type listedSum struct{ path, kind string }

// checkSumFiles compares the checksum files with images: what they say is right, and
// each kind is said of each image.
func (t *tester) checkSumFiles(ctx context.Context) error {
	if len(t.SumFiles) == 0 {
		return nil
	}
	byPath := map[string]*images.Image{}
	for k := range t.images {
		byPath[t.images[k].Path] = &t.images[k]
	}
	said := map[listedSum]bool{}
	for _, tree := range t.SumFiles {
		n, err := t.Input(ctx, tree)
		if err != nil {
			return err
		}
		err = t.Trees.Walk(ctx, n.Digest, func(name string, n cache.Node) error {
			if n.Kind != cache.FileKind {
				return nil
			}
			data, err := t.Trees.Store().Get(ctx, n.Digest)
			if err == nil {
				t.checkSumFile(name, data, byPath, said)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for k := range t.images {
		for _, kind := range t.params.Checksums {
			if !said[listedSum{t.images[k].Path, kind}] {
				t.found(t.images[k].Path, failure, "no checksum file has its %s", kind)
			}
		}
	}
	return nil
}

func (t *tester) checkSumFile(name string, data []byte, byPath map[string]*images.Image, said map[listedSum]bool) {
	entries, err := sumfile.Parse(data)
	if err != nil {
		t.found(name, failure, "%v", err)
		return
	}
	for _, e := range entries {
		at := path.Join(path.Dir(name), e.Name)
		i := byPath[at]
		switch {
		case i == nil:
			t.found(name, failure, "it lists %s, and there is no such image", e.Name)
		case i.Checksums[e.Kind] != e.Hex:
			t.found(name, failure, "%s of %s is %s, want %s", e.Kind, e.Name, e.Hex, i.Checksums[e.Kind])
		case e.Size != i.Size:
			t.found(name, failure, "%s has %d bytes, want %d", e.Name, e.Size, i.Size)
		default:
			said[listedSum{at, e.Kind}] = true
		}
	}
}
