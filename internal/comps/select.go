package comps

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/spell"
)

// Selection is what a variant wants of a document. The zero value wants
// everything.
//
// Whether a list counts is said apart from the list: an addon that names no
// group has none, while a plain variant that names none has all.
type Selection struct {
	LimitGroups       bool // only groups that Groups names stay
	Groups            []GroupRef
	LimitEnvironments bool // only environments that Environments names stay; of all others nothing changes
	Environments      []EnvironmentRef
}

// GroupRef names groups and says what becomes of them.
type GroupRef struct {
	ID          string // an id or, with one of "*?[", a shell glob
	Default     *bool  // nil: as in the document
	UserVisible *bool  // nil: as in the document
}

// EnvironmentRef names an environment and says what becomes of it.
type EnvironmentRef struct {
	ID           string
	DisplayOrder *int // nil: as in the document
}

// Unmatched is a reference that nothing in the document answers to.
type Unmatched struct {
	Kind    string // "group" or "environment"
	ID      string // as in the reference
	Nearest string // the most similar id of that kind, "" if none is similar
}

// Select returns the document reduced to the selection, and the references
// without a counterpart, groups first, in the order of the selection.
//
// If several references match a group, the first in the order of their ids
// wins; the others count as matched. Environments keep their references to
// groups that are not selected: these can come from another repository.
func Select(c *Comps, s Selection) (*Comps, []Unmatched) {
	selected := *c
	var unmatched []Unmatched
	if s.LimitGroups {
		selected.Groups = selectGroups(c.Groups, s.Groups)
		unmatched = append(unmatched, unmatchedGroups(c.Groups, s.Groups)...)
	}
	selected.Environments = selectEnvironments(c.Environments, s)
	unmatched = append(unmatched, unmatchedEnvironments(c.Environments, s.Environments)...)
	return &selected, unmatched
}

// IsGlob reports whether a reference is a shell glob, not an id.
func IsGlob(id string) bool { return strings.ContainsAny(id, "*?[") }

// Matches reports whether the reference means the group with the given id.
func (r GroupRef) Matches(id string) bool {
	if IsGlob(r.ID) {
		return glob.Match(r.ID, id)
	}
	return r.ID == id
}

func selectGroups(groups []Group, refs []GroupRef) []Group {
	refs = slices.SortedStableFunc(slices.Values(refs), func(a, b GroupRef) int { return cmp.Compare(a.ID, b.ID) })
	var kept []Group
	for _, g := range groups {
		i := slices.IndexFunc(refs, func(r GroupRef) bool { return r.Matches(g.ID) })
		if i < 0 {
			continue
		}
		if b := refs[i].Default; b != nil {
			g.Default = *b
		}
		if b := refs[i].UserVisible; b != nil {
			g.UserVisible = *b
		}
		kept = append(kept, g)
	}
	return kept
}

func unmatchedGroups(groups []Group, refs []GroupRef) []Unmatched {
	var ids []string
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	var unmatched []Unmatched
	for _, r := range refs {
		if !slices.ContainsFunc(ids, r.Matches) {
			unmatched = append(unmatched, Unmatched{Kind: "group", ID: r.ID, Nearest: spell.Nearest(r.ID, ids)})
		}
	}
	return unmatched
}

func selectEnvironments(environments []Environment, s Selection) []Environment {
	var kept []Environment
	for _, e := range environments {
		i := slices.IndexFunc(s.Environments, func(r EnvironmentRef) bool { return r.ID == e.ID })
		if i < 0 && s.LimitEnvironments {
			continue
		}
		if i >= 0 && s.Environments[i].DisplayOrder != nil {
			e.DisplayOrder = s.Environments[i].DisplayOrder
		}
		kept = append(kept, e)
	}
	return kept
}

func unmatchedEnvironments(environments []Environment, refs []EnvironmentRef) []Unmatched {
	var ids []string
	for _, e := range environments {
		ids = append(ids, e.ID)
	}
	var unmatched []Unmatched
	for _, r := range refs {
		if !slices.Contains(ids, r.ID) {
			unmatched = append(unmatched, Unmatched{Kind: "environment", ID: r.ID, Nearest: spell.Nearest(r.ID, ids)})
		}
	}
	return unmatched
}
