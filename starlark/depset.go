package starlark

import (
	"fmt"

	"go.starlark.net/starlark"
)

// depset is a set of strings or files, made of its own elements and of other
// depsets, which it shares. Order "default" lists its own elements first,
// "postorder" those of the other depsets; either way each element once.
type depset struct {
	postorder  bool
	direct     []starlark.Value
	transitive []*depset
	// element is the type of the elements, "" while there are none.
	element string
}

var _ starlark.Value = (*depset)(nil)

func makeDepset(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		direct, transitive starlark.Value
		order              = "default"
		d                  = new(depset)
	)
	if err := unpack(b, args, kwargs, &direct, &order, &transitive); err != nil {
		return nil, err
	}
	if order != "default" && order != "postorder" {
		return nil, fmt.Errorf("depset: order %q is not known, want \"default\" or \"postorder\"", order)
	}
	d.postorder = order == "postorder"
	elements, err := optionalSequence(direct)
	if err != nil {
		return nil, fmt.Errorf("depset: direct: %w", err)
	}
	for _, e := range elements {
		if err := d.add(e); err != nil {
			return nil, fmt.Errorf("depset: %w", err)
		}
	}
	others, err := optionalSequence(transitive)
	if err != nil {
		return nil, fmt.Errorf("depset: transitive: %w", err)
	}
	for _, o := range others {
		if err := d.include(o); err != nil {
			return nil, fmt.Errorf("depset: transitive: %w", err)
		}
	}
	return d, nil
}

// optionalSequence returns the elements of a list or tuple, none for None.
func optionalSequence(v starlark.Value) ([]starlark.Value, error) {
	if v == nil || v == starlark.None {
		return nil, nil
	}
	elements, ok := sequence(v)
	if !ok {
		return nil, got(v, "list")
	}
	return elements, nil
}

func (d *depset) add(e starlark.Value) error {
	switch e.(type) {
	case starlark.String, *file:
	default:
		return got(e, "string or file")
	}
	d.direct = append(d.direct, e)
	return d.hold(e.Type())
}

func (d *depset) include(v starlark.Value) error {
	other, ok := v.(*depset)
	if !ok {
		return got(v, "depset")
	}
	d.transitive = append(d.transitive, other)
	return d.hold(other.element)
}

// hold notes that there are elements of a type.
func (d *depset) hold(element string) error {
	if d.element != "" && element != "" && d.element != element {
		return fmt.Errorf("got %s in a depset of %s", element, d.element)
	}
	if element != "" {
		d.element = element
	}
	return nil
}

func (d *depset) String() string        { return "depset(...)" }
func (d *depset) Type() string          { return "depset" }
func (d *depset) Freeze()               {}
func (d *depset) Truth() starlark.Bool  { return d.element != "" }
func (d *depset) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: depset") }

func (d *depset) AttrNames() []string { return []string{"to_list"} }
func (d *depset) Attr(name string) (starlark.Value, error) {
	if name != "to_list" {
		return nil, nil
	}
	return starlark.NewBuiltin("to_list", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
			return nil, err
		}
		return starlark.NewList(d.elements()), nil
	}), nil
}

// elements returns every element once, in order.
func (d *depset) elements() []starlark.Value {
	var (
		out     []starlark.Value
		seen    = map[starlark.Value]bool{} // strings by value, files by identity
		visited = map[*depset]bool{}
		visit   func(*depset)
	)
	own := func(d *depset) {
		for _, e := range d.direct {
			if !seen[e] {
				seen[e] = true
				out = append(out, e)
			}
		}
	}
	visit = func(n *depset) {
		if visited[n] {
			return
		}
		visited[n] = true
		if !d.postorder {
			own(n)
		}
		for _, t := range n.transitive {
			visit(t)
		}
		if d.postorder {
			own(n)
		}
	}
	visit(d)
	return out
}
