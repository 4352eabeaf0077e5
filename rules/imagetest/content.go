package imagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/rockridge"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

// beside is what the name of a manifest has behind that of its image.
const beside = ".manifest"

// checkContents compares ISO images with the manifests beside them. Those of our own rules
// have one; what others make may have none.
func (t *tester) checkContents(ctx context.Context) error {
	messages := make([][]string, len(t.images))
	err := t.Each(ctx, len(t.images), func(ctx context.Context, k int) (err error) {
		i := &t.images[k]
		if i.Format != "iso" {
			return nil
		}
		messages[k], err = t.checkContentOf(ctx, i)
		return err
	})
	for k := range t.images {
		for _, m := range messages[k] {
			t.found(t.images[k].Path+beside, failure, "%s", m)
		}
	}
	return err
}

func (t *tester) checkContentOf(ctx context.Context, i *images.Image) ([]string, error) {
	n, err := t.Input(ctx, path.Join(t.Compose, i.Path+beside))
	if err != nil || n.Kind != cache.FileKind {
		if slices.Contains(t.Listed, i.Folder.Tree) {
			return []string{"it is not there, and its image is"}, nil
		}
		return nil, nil
	}
	return t.call(ctx, rules.Call{
		Tool: "manifest_check",
		Args: []string{"--image", "image", "--manifest", "manifest", "--output", "messages"},
		Inputs: []cache.Node{
			{Name: "image", Kind: cache.FileKind, Digest: i.Node.Digest},
			{Name: "manifest", Kind: cache.FileKind, Digest: n.Digest},
		},
	})
}

type contentParams struct {
	Image    string `arg:"image,required"`
	Manifest string `arg:"manifest,required"`
	Output   string `arg:"output,required"` // JSON list of what is wrong
}

// checkContent compares the records of an image's folders with its manifest.
func checkContent(ctx context.Context, j *rules.Job) error {
	var p contentParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	listed, err := j.Read(ctx, p.Manifest)
	if err != nil {
		return err
	}
	n, err := j.Input(ctx, p.Image)
	if err != nil {
		return err
	}
	f, err := j.Open(ctx, p.Image)
	if err != nil {
		return err
	}
	defer f.Close()
	var messages []string
	there, err := rockridge.Paths(f, n.Digest.Size())
	if err != nil {
		messages = []string{fmt.Sprintf("what is on the image cannot be read: %v", err)}
	} else {
		messages = compareContent(there, strings.Split(strings.TrimSuffix(string(listed), "\n"), "\n"))
	}
	data, err := json.Marshal(messages)
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, data)
}

// mostPaths is how many paths that differ are named.
const mostPaths = 10

// compareContent compares the paths that are on an image with those that are listed. Of
// translation tables, which old images have in each folder, no manifest has any.
func compareContent(there, listed []string) []string {
	there = slices.DeleteFunc(there, func(p string) bool { return path.Base(p) == "TRANS.TBL" })
	slices.Sort(there)
	listed = slices.DeleteFunc(listed, func(p string) bool { return p == "" })
	messages := []string{}
	slices.Sort(listed)
	there, listed = slices.Compact(there), slices.Compact(listed)
	differ := 0
	found := func(format, at string) {
		if differ++; differ <= mostPaths {
			messages = append(messages, fmt.Sprintf(format, at))
		}
	}
	for len(there) > 0 || len(listed) > 0 {
		switch {
		case len(listed) == 0 || len(there) > 0 && there[0] < listed[0]:
			found("it does not list %s, which is on the image", there[0])
			there = there[1:]
		case len(there) == 0 || listed[0] < there[0]:
			found("it lists %s, which is not on the image", listed[0])
			listed = listed[1:]
		default:
			there, listed = there[1:], listed[1:]
		}
	}
	if differ > mostPaths {
		messages = append(messages, fmt.Sprintf("and %d more paths", differ-mostPaths))
	}
	return messages
}
