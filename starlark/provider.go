package starlark

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/internal/spell"
)

// provider is a kind of facts that instances give to those who depend on them.
// Calling it makes an instance of the provider.
type provider struct {
	name   string // of the global it was assigned to
	doc    string
	fields []string // nil: any
	docs   map[string]string
}

var (
	_ starlark.Callable = (*provider)(nil)
	_ starlark.HasAttrs = (*provided)(nil)
	_ starlark.Mapping  = (*dependency)(nil)
)

// imageProvider is the predeclared Image, which ctx.deliver(images =) makes.
func imageProvider() *provider {
	return &provider{
		name:   "Image",
		doc:    "Images that an instance delivers.",
		fields: []string{"deliveries"},
		docs: map[string]string{
			"deliveries": "One struct for each ctx.deliver(images =): dir, the folder below compose/; tree, the folder or file with the images; images, the JSON file that describes them.",
		},
	}
}

func makeProvider(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	p := new(provider)
	var fields starlark.Value
	if err := unpack(b, args, kwargs, &p.doc, &fields); err != nil {
		return nil, err
	}
	s, err := atLoad(thread, b)
	if err != nil {
		return nil, err
	}
	switch fields := fields.(type) {
	case nil, starlark.NoneType:
	case *starlark.List:
		if p.fields, err = stringsOf(fields); err != nil {
			return nil, fmt.Errorf("provider: fields: %w", err)
		}
	case *starlark.Dict:
		p.docs = map[string]string{}
		for key, doc := range fields.Entries() {
			k, ok := starlark.AsString(key)
			d, ok2 := starlark.AsString(doc)
			if !ok || !ok2 {
				return nil, fmt.Errorf("provider: fields: got %s: %s, want name: doc", key.Type(), doc.Type())
			}
			p.fields, p.docs[k] = append(p.fields, k), d
		}
	default:
		return nil, fmt.Errorf("provider: fields: got %s, want dict or list", fields.Type())
	}
	p.name = s.nameOfCall(thread)
	return p, nil
}

func (p *provider) Name() string          { return p.name }
func (p *provider) String() string        { return p.name }
func (p *provider) Type() string          { return "provider" }
func (p *provider) Freeze()               {}
func (p *provider) Truth() starlark.Bool  { return true }
func (p *provider) Hash() (uint32, error) { return starlark.String(p.name).Hash() }

// CallInternal makes an instance. A field that is not given is None.
func (p *provider) CallInternal(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		return nil, fmt.Errorf("%s: got a positional argument, want name = value", p.name)
	}
	v := &provided{provider: p, fields: make(starlark.StringDict, len(kwargs))}
	for _, f := range p.fields {
		v.fields[f] = starlark.None
	}
	for _, kwarg := range kwargs {
		name := string(kwarg[0].(starlark.String))
		if p.fields != nil && !slices.Contains(p.fields, name) {
			return nil, fmt.Errorf("%s: field %q is not known%s", p.name, name, spell.DidYouMean(name, p.fields))
		}
		v.fields[name] = kwarg[1]
	}
	return v, nil
}

// provided is an instance of a provider.
type provided struct {
	provider *provider
	fields   starlark.StringDict
}

func (v *provided) String() string        { return v.provider.name + "(...)" }
func (v *provided) Type() string          { return v.provider.name }
func (v *provided) Freeze()               { v.fields.Freeze() }
func (v *provided) Truth() starlark.Bool  { return true }
func (v *provided) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: %s", v.Type()) }
func (v *provided) AttrNames() []string   { return v.fields.Keys() }
func (v *provided) Attr(name string) (starlark.Value, error) {
	return v.fields[name], nil
}

// dependency is an instance as those see it who depend on it: dep.label,
// dep.cell, dep[Provider] and Provider in dep.
type dependency struct{ *instance }

func (d dependency) String() string        { return d.Instance.String() }
func (d dependency) Type() string          { return "dependency" }
func (d dependency) Freeze()               {}
func (d dependency) Truth() starlark.Bool  { return true }
func (d dependency) Hash() (uint32, error) { return starlark.String(d.String()).Hash() }
func (d dependency) AttrNames() []string   { return []string{"cell", "deliveries", "label"} }

func (d dependency) Attr(name string) (starlark.Value, error) {
	switch name {
	case "cell":
		return d.cellRecord, nil
	case "deliveries":
		return frozenList(d.delivered), nil
	case "label":
		return labelValue(d.Label), nil
	}
	return nil, nil
}

func (d dependency) Get(key starlark.Value) (starlark.Value, bool, error) {
	p, ok := key.(*provider)
	if !ok {
		return nil, false, fmt.Errorf("got %s, want provider", key.Type())
	}
	if v := d.provided[p]; v != nil {
		return v, true, nil
	}
	names := d.Providers
	if len(names) == 0 {
		names = []string{"nothing"}
	}
	return nil, false, fmt.Errorf("%s does not provide %s, but %s", d, p.name, strings.Join(names, ", "))
}

// nameValues gives rules and providers that were made by functions the name of
// the global that holds them.
func nameValues(globals starlark.StringDict) {
	for _, name := range slices.Sorted(maps.Keys(globals)) {
		switch v := globals[name].(type) {
		case *rule:
			if v.name == "" {
				v.name = ruleName(name)
			}
		case *provider:
			if v.name == "" {
				v.name = name
			}
		}
	}
}
