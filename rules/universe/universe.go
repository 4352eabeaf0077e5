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

// Load returns the universe of the package set at a path of the job's input root.
// All who ask for one set share one: all variants of an arch do.
func Load(ctx context.Context, j *rules.Job, path string) (*Universe, error) {
	n, err := j.Input(ctx, path)
	if err != nil {
		return nil, err
	}
	v, err := j.Decoded(ctx, n.Digest, "universe", func(ctx context.Context, _ []byte) (any, int64, error) {
		u, err := join(ctx, j, []cache.Digest{n.Digest}, 1, solve.PoolOptions{})
		if err != nil {
			return nil, 0, err
		}
		cost, err := packages.Memory(ctx, j.Trees, n.Digest)
		return u, cost + cost/poolShare, err
	})
	if err != nil {
		return nil, err
	}
	return v.(*Universe), nil
}

// Trees returns the universe to check the closure of trees in: their package sets,
// and those that satisfy requirements and are not checked. Only packages of the
// arches satisfy anything, if there are any.
//
// The packages are shared with whoever loads the same sets. The index is made anew:
// no other action asks for the same trees.
func Trees(ctx context.Context, j *rules.Job, trees, lookaside, arches []string) (*Universe, error) {
	var sets []cache.Digest
	for _, path := range slices.Concat(trees, lookaside) {
		n, err := j.Input(ctx, path)
		if err != nil {
			return nil, err
		}
		sets = append(sets, n.Digest)
	}
	return join(ctx, j, sets, len(trees), solve.PoolOptions{Copies: true, Arches: arches})
}

// join makes one universe of several sets; those after the first n are lookasides,
// and what only their packages require is of no interest.
func join(ctx context.Context, j *rules.Job, sets []cache.Digest, n int, o solve.PoolOptions) (*Universe, error) {
	u := &Universe{}
	loaded := make([][]*packages.Entry, len(sets))
	var candidates []solve.Package
	var headers []*format.Package // of those that count
	for i, set := range sets {
		var err error
		if loaded[i], err = packages.LoadTree(ctx, j, set); err != nil {
			return nil, err
		}
		for _, e := range loaded[i] {
			candidates = append(candidates, solve.Package{Package: &e.Package, Repo: i, Lookaside: i >= n})
			if i < n {
				headers = append(headers, &e.Package)
			}
		}
		u.Entries = append(u.Entries, loaded[i]...)
	}
	wanted := solve.FileRequirements(headers)
	o.FileProvides = map[string][]int{}
	first := 0 // index of the set's first package
	for i, set := range sets {
		owners, err := fileOwners(ctx, j, set, loaded[i], wanted)
		if err != nil {
			return nil, err
		}
		for path, indexes := range owners {
			for _, index := range indexes {
				o.FileProvides[path] = append(o.FileProvides[path], first+index)
			}
		}
		first += len(loaded[i])
	}
	u.Pool = solve.NewPool(candidates, o)
	return u, nil
}
