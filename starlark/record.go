package starlark

import (
	"fmt"
	"path"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// record is an immutable value with fields: ctx, ctx.attr, a variant, a cell …
// Two records are equal if they are the same.
type record struct {
	kind   string // its type
	text   string // its string form
	fields starlark.StringDict
	// missing explains a field that people may look for and that is not there.
	missing map[string]string
}

var _ starlark.HasAttrs = (*record)(nil)

func (r *record) String() string        { return r.text }
func (r *record) Type() string          { return r.kind }
func (r *record) Freeze()               {}
func (r *record) Truth() starlark.Bool  { return true }
func (r *record) Hash() (uint32, error) { return starlark.String(r.text).Hash() }
func (r *record) AttrNames() []string   { return r.fields.Keys() }
func (r *record) Attr(name string) (starlark.Value, error) {
	if why := r.missing[name]; why != "" {
		return nil, fmt.Errorf("%s has no field %q: %s", r.kind, name, why)
	}
	return r.fields[name], nil
}

// newRecord freezes its fields.
func newRecord(kind, text string, fields starlark.StringDict) *record {
	fields.Freeze()
	return &record{kind: kind, text: text, fields: fields}
}

func labelValue(l rules.Label) starlark.Value {
	return newRecord("label", l.String(), starlark.StringDict{
		"package": starlark.String(l.Package),
		"name":    starlark.String(l.Name),
	})
}

// releaseRecord is ctx.compose.base_product and variant.release. Its type has the
// name that ctx.compose gives it too, so that one function can take both.
func releaseRecord(r rules.Release) starlark.Value {
	return newRecord("release", r.Short+"-"+r.Version, starlark.StringDict{
		"name":         starlark.String(r.Name),
		"short":        starlark.String(r.Short),
		"version":      starlark.String(r.Version),
		"type":         starlark.String(r.Type),
		"release_type": starlark.String(r.Type),
	})
}

// optionalRelease returns None for nil.
func optionalRelease(r *rules.Release) starlark.Value {
	if r == nil {
		return starlark.None
	}
	return releaseRecord(*r)
}

// variantRecord is ctx.variant, cell.variant and an element of
// ctx.compose.variants.
func variantRecord(v *rules.Variant) *record {
	return newRecord("variant", v.UID, starlark.StringDict{
		"id":                 starlark.String(v.ID),
		"uid":                starlark.String(v.UID),
		"parent":             textOrNone(v.Parent),
		"type":               starlark.String(v.Type),
		"title":              starlark.String(v.Title),
		"arches":             stringList(v.Arches),
		"is_empty":           starlark.Bool(v.Empty),
		"release":            optionalRelease(v.Release),
		"comps_groups":       groupRecords(v.CompsGroups),
		"comps_environments": environmentRecords(v.CompsEnvironments),
		"modules":            stringList(v.Modules),
	})
}

// composeRecord is ctx.compose. What two runs of one definition may differ in is
// not in it: whatever a rule made of it would be built anew each time.
func composeRecord(c *rules.Compose, variants []starlark.Value) *record {
	r := newRecord("compose", c.Short+"-"+c.Version, starlark.StringDict{
		"name":         starlark.String(c.Name),
		"short":        starlark.String(c.Short),
		"version":      starlark.String(c.Version),
		"release_type": starlark.String(c.Release.Type),
		"final":        starlark.Bool(c.Final),
		"internal":     starlark.Bool(c.Internal),
		"base_product": optionalRelease(c.BaseProduct),
		"arches":       stringList(c.Arches),
		"checksums":    stringList(c.Checksums),
		"variants":     frozenList(variants),
	})
	r.missing = map[string]string{
		"id":     `write "{compose_id}" in an argument`,
		"date":   `write "{date}" in an argument`,
		"type":   `write "{compose_type}" in an argument`,
		"respin": `write "{respin}" in an argument`,
		"label":  `write "{label}" in an argument`,
	}
	return r
}

func textOrNone(s string) starlark.Value {
	if s == "" {
		return starlark.None
	}
	return starlark.String(s)
}

func stringList(list []string) *starlark.List {
	values := make([]starlark.Value, len(list))
	for i, s := range list {
		values[i] = starlark.String(s)
	}
	return frozenList(values)
}

// file is an artifact as implementations see it: a file or folder without a
// path, since only actions have paths. There is one for each artifact.
type file struct{ *rules.Artifact }

var _ starlark.HasAttrs = (*file)(nil)

func (f *file) String() string        { return f.Name }
func (f *file) Type() string          { return "file" }
func (f *file) Freeze()               {}
func (f *file) Truth() starlark.Bool  { return true }
func (f *file) Hash() (uint32, error) { return starlark.String(f.Name).Hash() }
func (f *file) AttrNames() []string   { return []string{"basename", "is_directory", "name", "title"} }

func (f *file) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(f.Name), nil
	case "basename":
		return starlark.String(path.Base(f.Name)), nil
	case "title":
		if f.Source != nil && f.Source.Path != "" {
			return starlark.String(f.Source.Path), nil
		}
		return starlark.String(f.Name), nil
	case "is_directory":
		return starlark.Bool(f.Kind == cache.DirKind), nil
	}
	return nil, nil
}
