package starlark

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/pungo-build/pungo/rules"
)

// choice is a value that differs from cell to cell: what select() returns, and
// its sums.
type choice struct{ parts []part }

// part is a summand of a choice: a plain value, or the branches of a select().
type part struct {
	plain    starlark.Value // nil if there are branches
	branches []branch
}

// branch is one entry of a select: its patterns (several if the key was a
// tuple), and the value, None for the default.
type branch struct {
	keys  []string
	value starlark.Value
	// patterns of keys, set once the matrix is known.
	patterns []pattern
}

var _ starlark.HasBinary = (*choice)(nil)

func makeSelect(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var entries *starlark.Dict
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &entries); err != nil {
		return nil, err
	}
	list := []branch{}
	for key, value := range entries.Entries() {
		if _, nested := value.(*choice); nested {
			return nil, fmt.Errorf("select: a select inside a select")
		}
		keys, err := keysOf(key)
		if err != nil {
			return nil, fmt.Errorf("select: %w", err)
		}
		list = append(list, branch{keys: keys, value: value})
	}
	return &choice{parts: []part{{branches: list}}}, nil
}

// keysOf returns the patterns of a key: a string or a tuple of strings.
func keysOf(key starlark.Value) ([]string, error) {
	tuple, ok := key.(starlark.Tuple)
	if !ok {
		tuple = starlark.Tuple{key}
	}
	if len(tuple) == 0 {
		return nil, fmt.Errorf("a key is an empty tuple")
	}
	keys := make([]string, len(tuple))
	for i, k := range tuple {
		if keys[i], ok = starlark.AsString(k); !ok {
			return nil, fmt.Errorf("key: got %s, want string", k.Type())
		}
	}
	return keys, nil
}

func (c *choice) String() string        { return "select(...)" }
func (c *choice) Type() string          { return "select" }
func (c *choice) Truth() starlark.Bool  { return true }
func (c *choice) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: select") }
func (c *choice) Freeze() {
	for _, p := range c.parts {
		if p.plain != nil {
			p.plain.Freeze()
		}
		for _, b := range p.branches {
			b.value.Freeze()
		}
	}
}

// Binary is + with a select on one side or on both.
func (c *choice) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	if op == syntax.PIPE {
		return nil, errors.New("select: |, want +, which unites dicts, too")
	}
	if op != syntax.PLUS {
		return nil, nil
	}
	other := []part{{plain: y}}
	if o, ok := y.(*choice); ok {
		other = o.parts
	}
	if side == starlark.Right {
		return &choice{parts: slices.Concat(other, c.parts)}, nil
	}
	return &choice{parts: slices.Concat(c.parts, other)}, nil
}

// setting is the value a target gives to an attribute, checked.
type setting struct {
	attr *attribute
	// plain is the value in every cell; nil if it differs.
	plain starlark.Value
	parts []part
}

// set checks v. It returns nil if v is None, which is as if it was not given.
func (a *attribute) set(v starlark.Value) (*setting, error) {
	c, ok := v.(*choice)
	if !ok {
		if v == starlark.None {
			return nil, nil
		}
		plain, err := a.check(v)
		return &setting{attr: a, plain: plain}, err
	}
	if a.fixed {
		return nil, wrong("", "a select is not possible here")
	}
	if len(c.parts) > 1 && !a.addable() {
		return nil, wrong("", "values of attr.%s cannot be added", a.kind)
	}
	summand := a
	if len(c.parts) > 1 && a.kind == stringKind {
		summand = &attribute{kind: stringKind} // values and pattern are about the sum
	}
	s := &setting{attr: a}
	for _, p := range c.parts {
		checked, err := summand.checkPart(p)
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, checked)
	}
	return s, nil
}

func (a *attribute) checkPart(p part) (checked part, err error) {
	if p.plain != nil {
		checked.plain, err = a.check(p.plain)
		return checked, err
	}
	for _, b := range p.branches {
		c := branch{keys: b.keys, value: b.value}
		if b.value != starlark.None {
			if c.value, err = a.check(b.value); err != nil {
				return checked, err
			}
		}
		checked.branches = append(checked.branches, c)
	}
	return checked, nil
}

// addable reports whether + is defined for values of the attribute.
func (a *attribute) addable() bool {
	switch a.kind {
	case intKind, boolKind, labelKind, fileKind, releaseKind, collectKind:
		return false
	}
	return true
}

// bind parses the patterns of the keys against the matrix and the cells that
// the target has: a key that covers none of them is a mistake.
func (s *setting) bind(m *matrix, per string, cells []rules.Cell) error {
	for _, p := range s.parts {
		for i := range p.branches {
			b := &p.branches[i]
			for _, key := range b.keys {
				pat, err := m.parsePattern(key, per)
				if err != nil {
					return err
				}
				if !slices.ContainsFunc(cells, pat.covers) {
					return &mistake{
						msg:     fmt.Sprintf("key %q matches no cell", key),
						literal: key,
						hint:    "the cells are " + cellList(cells),
					}
				}
				b.patterns = append(b.patterns, pat)
			}
		}
	}
	return nil
}

// at returns the value in a cell, nil for the default. A select without a match
// adds nothing to a sum that has another summand.
func (s *setting) at(cell rules.Cell) (starlark.Value, error) {
	if s.plain != nil {
		return s.plain, nil
	}
	var values []starlark.Value
	for _, p := range s.parts {
		v := p.plain
		if v == nil {
			var err error
			if v, err = chosen(p.branches, cell); err != nil {
				return nil, err
			}
		}
		if v != nil {
			values = append(values, v)
		}
	}
	switch len(values) {
	case 0:
		return nil, nil
	case 1:
		if len(s.parts) == 1 {
			return values[0], nil
		}
	}
	return s.attr.sum(values)
}

// chosen returns the value of the branch that names most coordinates of the
// cell; nil if there is none or it is None.
func chosen(branches []branch, cell rules.Cell) (starlark.Value, error) {
	var best *branch
	most, bestKey, tie := -1, "", ""
	for i := range branches {
		b := &branches[i]
		for j, p := range b.patterns {
			switch {
			case !p.covers(cell):
			case p.named() > most:
				best, most, bestKey, tie = b, p.named(), b.keys[j], ""
			case p.named() == most && best != b:
				tie = b.keys[j]
			}
		}
	}
	if tie != "" {
		return nil, wrong(tie, "keys %q and %q both match %s, and name as much of it", bestKey, tie, cellName(cell))
	}
	if best == nil || best.value == starlark.None {
		return nil, nil
	}
	return best.value, nil
}

// sum adds values: strings and lists are put together in order, without the
// duplicates of a list; dicts are united.
func (a *attribute) sum(values []starlark.Value) (starlark.Value, error) {
	switch a.kind {
	case stringKind:
		var b strings.Builder
		for _, v := range values {
			b.WriteString(string(v.(starlark.String)))
		}
		return a.check(starlark.String(b.String()))
	case stringListKind, labelsKind, filesKind:
		var all []starlark.Value
		seen := map[starlark.Value]bool{}
		for _, v := range values {
			for e := range v.(*starlark.List).Elements() {
				if !seen[e] {
					seen[e] = true
					all = append(all, e)
				}
			}
		}
		return frozenList(all), nil
	}
	return unite(values)
}

func unite(dicts []starlark.Value) (starlark.Value, error) {
	all := starlark.NewDict(0)
	for _, d := range dicts {
		for k, v := range d.(*starlark.Dict).Entries() {
			old, found, err := all.Get(k)
			if err != nil {
				return nil, err
			}
			if found {
				if same, err := starlark.Equal(old, v); err != nil || !same {
					return nil, wrong(string(k.(starlark.String)), "key %s has two values", k)
				}
			}
			if err := all.SetKey(k, v); err != nil {
				return nil, err
			}
		}
	}
	all.Freeze()
	return all, nil
}
