package starlark

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/internal/comps"
	"github.com/pungo-build/pungo/rules"
)

// compsGroup is an entry of comps_groups, by group() or made of a string.
type compsGroup struct {
	*record
	rules.CompsGroup
}

// compsEnvironment is an entry of comps_environments.
type compsEnvironment struct {
	*record
	rules.CompsEnvironment
}

// makeGroup is group(id, default = None, uservisible = None).
func makeGroup(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		g                      rules.CompsGroup
		byDefault, userVisible starlark.Value
	)
	if err := unpack(b, args, kwargs, &g.ID, &byDefault, &userVisible); err != nil {
		return nil, err
	}
	if _, err := atLoad(thread, b); err != nil {
		return nil, err
	}
	if err := validCompsID(g.ID); err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	var err error
	if g.Default, err = optionalBool(byDefault); err != nil {
		return nil, fmt.Errorf("group %q: default: %w", g.ID, err)
	}
	if g.UserVisible, err = optionalBool(userVisible); err != nil {
		return nil, fmt.Errorf("group %q: uservisible: %w", g.ID, err)
	}
	return newGroup(g), nil
}

// makeEnvironment is environment(id, display_order = None).
func makeEnvironment(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		e     rules.CompsEnvironment
		order starlark.Value
	)
	if err := unpack(b, args, kwargs, &e.ID, &order); err != nil {
		return nil, err
	}
	if _, err := atLoad(thread, b); err != nil {
		return nil, err
	}
	if err := validEnvironment(e.ID); err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	if order != nil && order != starlark.None {
		n, err := starlark.AsInt32(order)
		if err != nil {
			return nil, fmt.Errorf("environment %q: display_order: %w", e.ID, got(order, "int or None"))
		}
		e.DisplayOrder = &n
	}
	return newEnvironment(e), nil
}

// optionalBool returns nil for None.
func optionalBool(v starlark.Value) (*bool, error) {
	switch v := v.(type) {
	case nil, starlark.NoneType:
		return nil, nil
	case starlark.Bool:
		b := bool(v)
		return &b, nil
	}
	return nil, got(v, "True, False or None")
}

// validCompsID wants an id as Parse of internal/comps reads it: without space
// around it.
func validCompsID(id string) error {
	if id == "" || strings.TrimSpace(id) != id {
		return fmt.Errorf("%q is not an id, want one without whitespace around it", id)
	}
	return nil
}

func validEnvironment(id string) error {
	if comps.IsGlob(id) {
		return fmt.Errorf("%q is a pattern, and environments are called by their ids", id)
	}
	return validCompsID(id)
}

func newGroup(g rules.CompsGroup) *compsGroup {
	return &compsGroup{CompsGroup: g, record: newRecord("group", g.ID, starlark.StringDict{
		"id":          starlark.String(g.ID),
		"glob":        starlark.Bool(comps.IsGlob(g.ID)),
		"default":     boolOrNone(g.Default),
		"uservisible": boolOrNone(g.UserVisible),
	})}
}

func newEnvironment(e rules.CompsEnvironment) *compsEnvironment {
	var order starlark.Value = starlark.None
	if e.DisplayOrder != nil {
		order = starlark.MakeInt(*e.DisplayOrder)
	}
	return &compsEnvironment{CompsEnvironment: e, record: newRecord("environment", e.ID, starlark.StringDict{
		"id":            starlark.String(e.ID),
		"display_order": order,
	})}
}

func boolOrNone(b *bool) starlark.Value {
	if b == nil {
		return starlark.None
	}
	return starlark.Bool(*b)
}

// groupRecords is variant.comps_groups.
func groupRecords(list []rules.CompsGroup) *starlark.List {
	values := make([]starlark.Value, len(list))
	for i, g := range list {
		values[i] = newGroup(g)
	}
	return frozenList(values)
}

// environmentRecords is variant.comps_environments.
func environmentRecords(list []rules.CompsEnvironment) *starlark.List {
	values := make([]starlark.Value, len(list))
	for i, e := range list {
		values[i] = newEnvironment(e)
	}
	return frozenList(values)
}

// checkGroups reads a list of ids and of what group() returned.
func checkGroups(v starlark.Value) (starlark.Value, error) {
	elements, ok := sequence(v)
	if !ok {
		return nil, got(v, "list of strings and group(...)")
	}
	var list []*compsGroup
	for i, e := range elements {
		g, isGroup := e.(*compsGroup)
		if id, ok := starlark.AsString(e); ok {
			if err := validCompsID(id); err != nil {
				return nil, wrong(id, "%v", err)
			}
			g = newGroup(rules.CompsGroup{ID: id})
		} else if !isGroup {
			return nil, wrong("", "element %d: got %s, want string or group(...)", i, e.Type())
		}
		list = append(list, g)
		elements[i] = g
	}
	if err := checkOverrides(list); err != nil {
		return nil, err
	}
	return frozenList(elements), nil
}

// checkOverrides reports settings of a group that can never count: those of one of
// two entries with the same id, and those of an id that an earlier pattern matches.
func checkOverrides(list []*compsGroup) error {
	sorted := slices.SortedStableFunc(slices.Values(list), func(a, b *compsGroup) int { return strings.Compare(a.ID, b.ID) })
	for i, g := range sorted {
		for _, first := range sorted[:i] {
			switch {
			case first.ID == g.ID && !reflect.DeepEqual(first.CompsGroup, g.CompsGroup):
				return wrong(g.ID, "group %q is listed twice, and not the same", g.ID)
			case first.ID != g.ID && !comps.IsGlob(g.ID) && (g.Default != nil || g.UserVisible != nil) && comps.GroupRef{ID: first.ID}.Matches(g.ID):
				return &mistake{
					msg:     fmt.Sprintf("what group %q says never counts: %q matches it too, and comes first in the alphabet", g.ID, first.ID),
					hint:    "list the groups by their ids, or patterns that do not match this one",
					literal: g.ID,
				}
			}
		}
	}
	return nil
}

// checkEnvironments reads a list of ids and of what environment() returned.
func checkEnvironments(v starlark.Value) (starlark.Value, error) {
	elements, ok := sequence(v)
	if !ok {
		return nil, got(v, "list of strings and environment(...)")
	}
	listed := map[string]*compsEnvironment{}
	for i, e := range elements {
		env, isEnvironment := e.(*compsEnvironment)
		if id, ok := starlark.AsString(e); ok {
			if err := validEnvironment(id); err != nil {
				return nil, wrong(id, "%v", err)
			}
			env = newEnvironment(rules.CompsEnvironment{ID: id})
		} else if !isEnvironment {
			return nil, wrong("", "element %d: got %s, want string or environment(...)", i, e.Type())
		}
		if old := listed[env.ID]; old != nil && !reflect.DeepEqual(old.CompsEnvironment, env.CompsEnvironment) {
			return nil, wrong(env.ID, "environment %q is listed twice, and not the same", env.ID)
		}
		listed[env.ID] = env
		elements[i] = env
	}
	return frozenList(elements), nil
}

// groups returns what a variant says of comps groups.
func (d *declaration) groups() []rules.CompsGroup {
	elements, _ := sequence(d.value("comps_groups"))
	list := make([]rules.CompsGroup, len(elements))
	for i, e := range elements {
		list[i] = e.(*compsGroup).CompsGroup
	}
	return list
}

// environments returns what a variant says of comps environments.
func (d *declaration) environments() []rules.CompsEnvironment {
	elements, _ := sequence(d.value("comps_environments"))
	list := make([]rules.CompsEnvironment, len(elements))
	for i, e := range elements {
		list[i] = e.(*compsEnvironment).CompsEnvironment
	}
	return list
}
