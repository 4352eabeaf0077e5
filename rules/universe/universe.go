// Package universe makes package sets into what the solver works on: one index
// over all their packages, with the owners of the files that are required.
//
//	package sets ──▶ Universe: Entries, and a Pool over them ──▶ solve.Solve, solve.Closure
//
// Solving and checking a closure ask the same question of a package set, who
// provides what; so they ask it here.
package universe

import (
	"context"
	"slices"

	"github.com/pungo-build/pungo/cache"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// Tools returns the tools that finding owners of files calls.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "file_owners", Version: 1, Params: ownersParams{}, Run: runOwners},
	}
}

// Universe is packages as the solver sees them.
type Universe struct {
	Entries []*packages.Entry
	Pool    *solve.Pool // its indexes are those of Entries
}

// poolShare is what part of the packages' memory the solver's index of them
// takes beside them: 0.4 was measured for 60,000 generated packages. A universe
// is charged with both, since it holds the packages even when nobody else does.
const poolShare = 2

// Load returns the universe of the package set at a path of the job's input root, and of
// lookasides, whose packages satisfy requirements and are not to be shipped. All who ask
// for the same share one: all variants of an arch do.
func Load(ctx context.Context, j *rules.Job, path string, lookasides []string) (*Universe, error) {
	parts, err := partsOf(ctx, j, []string{path}, lookasides)
	if err != nil {
		return nil, err
	}
	kind := "universe"
	for _, lookaside := range parts[1:] {
		kind += " " + lookaside.set.String()
	}
	v, err := j.Decoded(ctx, parts[0].set, kind, func(ctx context.Context, _ []byte) (any, int64, error) {
		u, err := join(ctx, j, parts, solve.PoolOptions{})
		if err != nil {
			return nil, 0, err
		}
		cost := int64(0)
		for _, part := range parts {
			memory, err := packages.Memory(ctx, j.Trees, part.set)
			if err != nil {
				return nil, 0, err
			}
			cost += memory + memory/poolShare
		}
		return u, cost, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*Universe), nil
}

// Trees returns the universe to check the closure of trees in: their package sets, and
// those of lookasides, which satisfy requirements and are not checked. If arches are
// given, only packages of these satisfy anything.
//
// The packages are shared with whoever loads the same sets. The index is made anew:
// no other action asks about the same trees.
func Trees(ctx context.Context, j *rules.Job, trees, lookasides, arches []string) (*Universe, error) {
	parts, err := partsOf(ctx, j, trees, lookasides)
	if err != nil {
		return nil, err
	}
	return join(ctx, j, parts, solve.PoolOptions{Copies: true, Arches: arches})
}

func partsOf(ctx context.Context, j *rules.Job, sets, lookasides []string) (parts []*part, err error) {
	for i, path := range slices.Concat(sets, lookasides) {
		n, err := j.Input(ctx, path)
		if err != nil {
			return nil, err
		}
		parts = append(parts, &part{set: n.Digest, lookaside: i >= len(sets)})
	}
	return parts, nil
}

// part is a package set of a universe.
type part struct {
	set       cache.Digest
	lookaside bool

	first   int // index in the universe of the first package
	entries []*packages.Entry
}

// join makes one universe of several sets.
func join(ctx context.Context, j *rules.Job, parts []*part, o solve.PoolOptions) (*Universe, error) {
	u := &Universe{}
	var all []solve.Package
	var requiring []*format.Package // what others only require is of no interest
	for i, part := range parts {
		var err error
		if part.entries, err = packages.LoadEntries(ctx, j, part.set); err != nil {
			return nil, err
		}
		part.first = len(all)
		for _, e := range part.entries {
			all = append(all, solve.Package{Package: &e.Package, Repo: i, Lookaside: part.lookaside})
			if !part.lookaside {
				requiring = append(requiring, &e.Package)
			}
		}
		u.Entries = append(u.Entries, part.entries...)
	}
	var err error
	if o.FileProvides, err = owners(ctx, j, parts, solve.FileRequirements(requiring)); err != nil {
		return nil, err
	}
	u.Pool = solve.NewPool(all, o)
	return u, nil
}

// owners finds which packages of all parts own paths.
func owners(ctx context.Context, j *rules.Job, parts []*part, paths []string) (map[string][]int, error) {
	all := map[string][]int{}
	for _, part := range parts {
		found, err := fileOwners(ctx, j, part.set, part.entries, paths)
		if err != nil {
			return nil, err
		}
		for path, indexes := range found {
			for _, i := range indexes {
				all[path] = append(all[path], part.first+i)
			}
		}
	}
	return all, nil
}
