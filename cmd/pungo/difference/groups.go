package difference

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/pungo-build/pungo/internal/comps"
)

// GroupChanges are what changed in the comps of a variant and arch.
type GroupChanges struct {
	Groups       []GroupChange `json:"groups"`
	Environments []GroupChange `json:"environments"`
	// Moved are packages that left one group for another.
	Moved []GroupMove `json:"moved_packages"`
}

func (g *GroupChanges) isEmpty() bool { return len(g.Groups)+len(g.Environments)+len(g.Moved) == 0 }

// GroupChange is a group or environment that changed.
type GroupChange struct {
	ID     string  `json:"id"`
	Change Kind    `json:"change"` // added, removed or changed
	Fields []Field `json:"fields"` // name, default …
	// Members are packages, with their type (mandatory, default, optional, conditional),
	// or groups of an environment, with the list they are in (group, option). What is
	// not there is "".
	Members []Field `json:"members"`
}

// GroupMove is a package that left one group for another.
type GroupMove struct {
	Package string `json:"package"`
	From    string `json:"from"` // id of the group
	To      string `json:"to"`
}

// body is a group or environment, as it is compared.
type body struct {
	fields, members map[string]string
}

// compareComps compares two comps documents; nil is an empty one.
func compareComps(before, after *comps.Comps) GroupChanges {
	g := GroupChanges{
		Groups:       compareBodies(groupBodies(before), groupBodies(after)),
		Environments: compareBodies(environmentBodies(before), environmentBodies(after)),
	}
	g.Moved = movedMembers(g.Groups)
	g.Groups = slices.DeleteFunc(g.Groups, func(c GroupChange) bool { return c.Change == Changed && len(c.Fields)+len(c.Members) == 0 })
	return g
}

func groupBodies(c *comps.Comps) map[string]body {
	bodies := map[string]body{}
	if c == nil {
		return bodies
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		b := body{map[string]string{
			"name": g.Name.Value, "description": g.Description.Value,
			"default": strconv.FormatBool(g.Default), "uservisible": strconv.FormatBool(g.UserVisible), "langonly": g.LangOnly,
		}, map[string]string{}}
		for _, p := range g.Packages {
			kind := string(p.Type)
			if p.Requires != "" {
				kind += " on " + p.Requires
			}
			b.members[p.Name] = kind
		}
		bodies[g.ID] = b
	}
	return bodies
}

func environmentBodies(c *comps.Comps) map[string]body {
	bodies := map[string]body{}
	if c == nil {
		return bodies
	}
	for i := range c.Environments {
		e := &c.Environments[i]
		b := body{map[string]string{"name": e.Name.Value, "description": e.Description.Value}, map[string]string{}}
		for _, id := range e.OptionList {
			b.members[id.ID] = "option"
			if id.Default {
				b.members[id.ID] = "option, selected"
			}
		}
		for _, id := range e.GroupList {
			b.members[id.ID] = "group"
		}
		bodies[e.ID] = b
	}
	return bodies
}

func compareBodies(before, after map[string]body) []GroupChange {
	changes := []GroupChange{}
	for _, id := range slices.Sorted(maps.Keys(union(before, after))) {
		was, old := before[id]
		is, new := after[id]
		c := GroupChange{ID: id, Change: Changed, Fields: []Field{}, Members: differing(was.members, is.members)}
		switch {
		case !old:
			c.Change = Added
		case !new:
			c.Change = Removed
		default:
			c.Fields = differing(was.fields, is.fields)
		}
		if c.Change != Changed || len(c.Fields)+len(c.Members) > 0 {
			changes = append(changes, c)
		}
	}
	return changes
}

// movedMembers takes the packages that left one group and appear in another out of the
// groups that changed, if there is no doubt which and they are in no other.
func movedMembers(groups []GroupChange) []GroupMove {
	left, came := map[string][]int{}, map[string][]int{} // package to groups
	for i := range groups {
		for _, m := range groups[i].Members {
			switch {
			case m.After == "":
				left[m.Name] = append(left[m.Name], i)
			case m.Before == "":
				came[m.Name] = append(came[m.Name], i)
			}
		}
	}
	moves := []GroupMove{}
	for name, from := range left {
		to := came[name]
		if len(from) != 1 || len(to) != 1 {
			continue
		}
		moves = append(moves, GroupMove{name, groups[from[0]].ID, groups[to[0]].ID})
		for _, i := range []int{from[0], to[0]} {
			if groups[i].Change == Changed {
				groups[i].Members = slices.DeleteFunc(groups[i].Members, func(m Field) bool { return m.Name == name })
			}
		}
	}
	slices.SortFunc(moves, func(a, b GroupMove) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Package, b.Package))
	})
	return moves
}

// movedGroups takes the groups and environments that left one variant and appear in
// another of the same arch out of the cells, and tells them.
func movedGroups(cells []*CellChange) []MovedGroup {
	moves := []MovedGroup{}
	for _, what := range []struct {
		name string
		list func(*CellChange) *[]GroupChange
	}{
		{"environment", func(c *CellChange) *[]GroupChange { return &c.Groups.Environments }},
		{"group", func(c *CellChange) *[]GroupChange { return &c.Groups.Groups }},
	} {
		for _, from := range cells {
			for _, to := range cells {
				if from.Arch != to.Arch || from == to {
					continue
				}
				for _, id := range ids(*what.list(from), Removed) {
					if slices.Contains(ids(*what.list(to), Added), id) {
						moves = append(moves, MovedGroup{what.name, id, from.Variant, to.Variant, from.Arch})
						gone := func(c GroupChange) bool { return c.ID == id }
						*what.list(from) = slices.DeleteFunc(*what.list(from), gone)
						*what.list(to) = slices.DeleteFunc(*what.list(to), gone)
					}
				}
			}
		}
	}
	slices.SortFunc(moves, func(a, b MovedGroup) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.ID, b.ID), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Arch, b.Arch))
	})
	return moves
}

// ids are those of the groups that something happened to.
func ids(groups []GroupChange, k Kind) []string {
	var list []string
	for _, g := range groups {
		if g.Change == k {
			list = append(list, g.ID)
		}
	}
	return list
}

// union has the keys of two maps.
func union[K comparable, A, B any](a map[K]A, b map[K]B) map[K]bool {
	all := make(map[K]bool, len(a)+len(b))
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}

// differing are the keys whose values differ, sorted.
func differing(before, after map[string]string) []Field {
	fields := []Field{}
	for _, name := range slices.Sorted(maps.Keys(union(before, after))) {
		if before[name] != after[name] {
			fields = append(fields, Field{name, before[name], after[name]})
		}
	}
	return fields
}
