package starlark

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// logsPrefix begins the folders of deliveries that are logs.
const logsPrefix = "{logs}"

// placeholder is a part of a delivered folder that is replaced.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// treeFolders are the folders of the trees below <variant>/<arch>.
var treeFolders = map[string]string{rules.OS: "os", rules.Debug: "debug/tree", rules.Src: "tree"}

// deliver is ctx.deliver(dir, tree, images = None).
func (a *analysis) deliver(i *instance, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) error {
	var (
		dir    string
		tree   *file
		images starlark.Value = starlark.None
	)
	if err := unpack(b, args, kwargs, &dir, &tree, &images); err != nil {
		return err
	}
	expanded, err := a.expandDir(i, dir)
	if err != nil {
		return fmt.Errorf("%s: dir %q: %w", b.Name(), dir, err)
	}
	d := rules.Delivery{Owner: i.Analysed, Tree: tree.Artifact}
	d.Dir, d.Logs = strings.CutPrefix(expanded, logsPrefix+"/")
	if expanded == logsPrefix {
		d.Dir, d.Logs = "", true
	}
	if d.Dir == "." {
		d.Dir = ""
	}
	if d.Dir != "" && !fs.ValidPath(d.Dir) {
		return fmt.Errorf("%s: dir %q is not a plain relative path", b.Name(), dir)
	}
	if images != starlark.None {
		described, ok := images.(*file)
		if !ok || described.Kind != cache.FileKind {
			return fmt.Errorf("%s: images: got %s, want a file", b.Name(), images.Type())
		}
		if d.Logs {
			return fmt.Errorf("%s: dir %q: images are delivered below compose/", b.Name(), dir)
		}
		d.Images = described.Artifact
		i.images = append(i.images, starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
			"dir":    starlark.String(d.Dir),
			"tree":   tree,
			"images": described,
		}))
	}
	if !d.Logs {
		i.delivered = append(i.delivered, starlarkstruct.FromStringDict(starlarkstruct.Default, starlark.StringDict{
			"dir":  starlark.String(d.Dir),
			"tree": tree,
		}))
	}
	a.graph.Deliveries = append(a.graph.Deliveries, d)
	return nil
}

// explain is ctx.explain(decisions = None, packages = None, list = None, verified = None).
func (a *analysis) explain(i *instance, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) error {
	var decisions, packages, list, verified starlark.Value = starlark.None, starlark.None, starlark.None, starlark.None
	if err := unpack(b, args, kwargs, &decisions, &packages, &list, &verified); err != nil {
		return err
	}
	x := rules.Explanation{Owner: i.Analysed}
	for _, given := range []struct {
		name  string
		value starlark.Value
		kind  cache.Kind
		what  string
		to    **rules.Artifact
	}{
		{"decisions", decisions, cache.FileKind, "a file", &x.Decisions},
		{"packages", packages, cache.DirKind, "a folder", &x.Packages},
		{"list", list, cache.FileKind, "a file", &x.List},
		{"verified", verified, cache.FileKind, "a file", &x.Verified},
	} {
		if given.value == starlark.None {
			continue
		}
		f, ok := given.value.(*file)
		if !ok || f.Kind != given.kind {
			return fmt.Errorf("%s: %s: got %s, want %s", b.Name(), given.name, given.value.Type(), given.what)
		}
		*given.to = f.Artifact
	}
	a.graph.Explanations = append(a.graph.Explanations, x)
	return nil
}

// provideImages makes the provider Image of what was delivered with images.
func (i *instance) provideImages(image *provider) error {
	if !slices.Contains(i.target.rule.provides, image) {
		return fmt.Errorf("ctx.deliver has images, and rule %s does not list Image in provides", i.target.rule.name)
	}
	return i.provideOne(&provided{provider: image, fields: starlark.StringDict{"deliveries": frozenList(i.images)}})
}

// expandDir replaces {variant}, {arch} and {tree}. The parts of the stamp stay,
// but for the compose id in cells of a layered product, which is put together of
// the parts that a run decides.
func (a *analysis) expandDir(i *instance, dir string) (string, error) {
	arch := i.Cell.Arch
	if i.Cell.Tree == rules.Src {
		arch = "source"
	}
	values := map[string]string{"{variant}": i.Cell.Variant, "{arch}": arch, "{tree}": treeFolders[i.Cell.Tree]}
	if i.action.product != nil {
		values["{compose_id}"] = productID(a.compose, i.action.product)
	}
	var mistake error
	expanded := placeholder.ReplaceAllStringFunc(dir, func(p string) string {
		v, known := values[p]
		switch {
		case v != "":
			return v
		case known:
			mistake = fmt.Errorf("a rule per %q has no %s", i.target.rule.per, p)
		case !rules.HasStamp(p) && !(p == logsPrefix && strings.HasPrefix(dir, logsPrefix)):
			mistake = fmt.Errorf("%s is not known%s", p, spell.DidYouMean(p, placeholders))
		}
		return p
	})
	return expanded, mistake
}

// productID is the compose id of a layered product, without the parts that a run
// decides.
func productID(c *rules.Compose, product *rules.Release) string {
	const respin = 0
	s := rules.Stamp{Release: c.Release, Type: c.Type, Date: "{date}", Respin: respin}
	return strings.TrimSuffix(s.Expand("{compose_id}", product), strconv.Itoa(respin)) + "{respin}"
}

var placeholders = []string{"{variant}", "{arch}", "{tree}", "{compose_id}", "{date}", "{compose_type}", "{respin}", "{label}", logsPrefix}

// layOut makes the action that puts every delivery in its place.
func (a *analysis) layOut() error {
	if len(a.graph.Deliveries) == 0 {
		return nil
	}
	if err := a.checkCollisions(); err != nil {
		return err
	}
	out := &rules.Artifact{Name: "compose", Kind: cache.DirKind}
	layout := &rules.Action{
		Tool:    rules.LayoutTool,
		Outputs: []*rules.Artifact{out},
		Args: []rules.Arg{
			{{Text: "--output"}, {Artifact: out}},
			{{Text: "--compose-id"}, {Text: "{compose_id}"}},
		},
	}
	out.Producer = layout
	for _, d := range a.graph.Deliveries {
		layout.Args = append(layout.Args, rules.Arg{{Text: "--deliver"}, {Text: folder(d)}, {Artifact: d.Tree}})
	}
	a.graph.Layout = layout
	return nil
}

// folder is where a delivery lands below the folder of the compose.
func folder(d rules.Delivery) string {
	if d.Logs {
		return path.Join("logs", d.Dir)
	}
	return path.Join("compose", d.Dir)
}

// checkCollisions reports two files on one path, and a file where another
// delivery needs a folder. What is inside of folders is known to the layout
// only.
func (a *analysis) checkCollisions() error {
	files := map[string]rules.Delivery{}
	for _, d := range a.graph.Deliveries {
		if d.Tree.Kind != cache.FileKind {
			continue
		}
		at := path.Join(folder(d), path.Base(d.Tree.Name))
		if old, ok := files[at]; ok && old.Tree != d.Tree {
			return a.collision(at, old, d)
		}
		files[at] = d
	}
	for _, d := range a.graph.Deliveries {
		for dir := folder(d); dir != "."; dir = path.Dir(dir) {
			if file, ok := files[dir]; ok {
				return a.collision(dir, file, d)
			}
		}
	}
	return nil
}

func (a *analysis) collision(at string, first, second rules.Delivery) error {
	t := a.byLabel[second.Owner.Label]
	return t.mistake(second.Owner.Instance.String(), "", fmt.Errorf("%s is delivered by %s too", at, first.Owner.Instance))
}
