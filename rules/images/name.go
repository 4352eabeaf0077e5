package images

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/template"
	"github.com/pungo-build/pungo/rules"
)

type nameParams struct {
	Format    string      `arg:"format,required"`
	OwnFormat string      `arg:"own-format"` // it has the key filename
	Values    [][2]string `arg:"value"`      // key, value
	Type      string      `arg:"type"`       // of the compose, if a format names it
	Label     string      `arg:"label"`
	Numbered  bool        `arg:"numbered"` // names have the number of the disc
	// Tree has the images under other names, and Images describes them.
	Tree   string `arg:"tree,required"`
	Images string `arg:"images,required"`
	// Output has them under their names, and Description describes them so.
	Output      string `arg:"output,required"`
	Description string `arg:"description,required"`
}

// nameImages gives images their names, and what is beside them names that begin so.
func nameImages(ctx context.Context, j *rules.Job) error {
	var p nameParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	list, err := ReadList(ctx, j, p.Images)
	if err != nil {
		return err
	}
	names := map[string]string{} // by old name
	for i := range list {
		name, err := p.name(&list[i])
		if err != nil {
			return err
		}
		names[list[i].Path] = name
		list[i].Path = name
	}
	tree, err := j.Input(ctx, p.Tree)
	if err != nil {
		return err
	}
	root, err := renamed(ctx, j.Trees, tree.Digest, names)
	if err != nil {
		return err
	}
	j.Output(p.Output, cache.Node{Kind: cache.DirKind, Digest: root})
	var text bytes.Buffer
	if err := productmd.EncodeImageList(&text, list); err != nil {
		return err
	}
	return j.Write(ctx, p.Description, text.Bytes())
}

// name returns the name of an image.
func (p *nameParams) name(i *productmd.Image) (string, error) {
	values := Keys(p.Values, p.Type, p.Label)
	values["suffix"], values["disc_num"] = "."+i.Format, ""
	if p.Numbered {
		values["disc_num"] = strconv.Itoa(i.DiscNumber)
	}
	name, err := template.Expand(p.Format, values)
	if err == nil && p.OwnFormat != "" {
		values["filename"] = name
		name, err = template.Expand(p.OwnFormat, values)
	}
	if err != nil {
		return "", fmt.Errorf("name of an image: %w", err)
	}
	if name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "/\x00\n") {
		return "", fmt.Errorf("name of an image: %q is not a plain file name", name)
	}
	return name, nil
}

// renamed returns the tree with other names for images, and for files whose names
// are that of an image and something behind a dot.
func renamed(ctx context.Context, trees *cache.Trees, root cache.Digest, names map[string]string) (cache.Digest, error) {
	dir, err := trees.Read(ctx, root)
	if err != nil {
		return cache.Digest{}, err
	}
	out := make(cache.Directory, len(dir))
	from := map[string]string{} // old names, by new ones
	for k, n := range dir {
		out[k] = n
		for old, name := range names {
			if rest, ok := strings.CutPrefix(n.Name, old); ok && (rest == "" || rest[0] == '.') {
				out[k].Name = name + rest
			}
		}
		if other, ok := from[out[k].Name]; ok {
			return cache.Digest{}, fmt.Errorf("name of an image: %s and %s are both called %q; the template wants {disc_num}", other, n.Name, out[k].Name)
		}
		from[out[k].Name] = n.Name
	}
	return trees.Write(ctx, out)
}

// Keys returns the values of the keys that templates of names have: given ones, and
// what follows from type and label of the compose. Of the stamp a rule gives only what
// its templates name; the rest is there without a value, for who misspells it.
func Keys(given [][2]string, kind, label string) map[string]string {
	values := map[string]string{
		"compose_id": "", "date": "", "respin": "",
		"type": kind, "type_suffix": productmd.ComposeType(kind).Mark(),
		"label": label, "label_major_version": majorLabel(label),
	}
	for _, v := range given {
		values[v[0]] = v[1]
	}
	return values
}

// majorLabel is a label up to its last dot: "Beta-1" of "Beta-1.2".
func majorLabel(label string) string {
	if i := strings.LastIndexByte(label, '.'); i >= 0 {
		return label[:i]
	}
	return label
}
