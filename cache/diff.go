package cache

import (
	"context"
	"strings"
)

// Change is a difference between two trees. Old is nil for what was added, New
// for what was removed; a tree that was added or removed whole is one change.
type Change struct {
	Path     string
	Old, New *Node
}

// Diff calls fn for every difference between the trees a and b, sorted by path
// as Walk is, and reads only directories that differ. Two different directories
// at one path are no change themselves: their entries are. An error of fn ends
// the comparison and is returned.
func (t *Trees) Diff(ctx context.Context, a, b Digest, fn func(Change) error) error {
	return t.diff(ctx, "", a, b, 0, fn)
}

func (t *Trees) diff(ctx context.Context, at string, a, b Digest, depth int, fn func(Change) error) error {
	if a == b {
		return nil
	}
	if err := tooDeep(ctx, at, depth); err != nil {
		return err
	}
	before, err := t.Read(ctx, a)
	if err != nil {
		return err
	}
	after, err := t.Read(ctx, b)
	if err != nil {
		return err
	}
	for len(before) > 0 || len(after) > 0 {
		c := nextChange(at, &before, &after)
		switch {
		case c.Old != nil && c.New != nil && *c.Old == *c.New:
		case c.Old != nil && c.New != nil && c.Old.Kind == DirKind && c.New.Kind == DirKind:
			err = t.diff(ctx, c.Path, c.Old.Digest, c.New.Digest, depth+1, fn)
		default:
			err = fn(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nextChange takes the entry with the least name off both directories.
func nextChange(at string, before, after *Directory) Change {
	order := 0
	switch {
	case len(*before) == 0:
		order = 1
	case len(*after) == 0:
		order = -1
	default:
		order = strings.Compare((*before)[0].Name, (*after)[0].Name)
	}
	var c Change
	if order <= 0 {
		c.Old, *before = &(*before)[0], (*before)[1:]
		c.Path = join(at, c.Old.Name)
	}
	if order >= 0 {
		c.New, *after = &(*after)[0], (*after)[1:]
		c.Path = join(at, c.New.Name)
	}
	return c
}
