// Package payload takes files out of packages: a kernel, a boot loader, whatever an
// image is made of that the compose has in its packages.
package payload

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// Star is the source of the helpers of rules that take files out of packages.
//
//go:embed payload.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "packaged_files", Version: 1, Params: params{}, Run: run},
		{Name: "packaged", Version: 1, Params: unpackParams{}, Run: unpack},
		{Name: "select_packages", Version: 1, Params: selectParams{}, Run: selectPackages},
	}
}

type params struct {
	Packages string `arg:"packages,required"` // package set
	// Take are paths in the output and PACKAGE:PATH; a path that ends with a slash takes
	// all that matches, as a folder.
	Take   [][2]string `arg:"take,required"`
	Output string      `arg:"output,required"`
}

// run makes a folder of the files.
func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	set, err := j.Input(ctx, p.Packages)
	if err != nil {
		return err
	}
	heads, err := packages.LoadHeads(ctx, j, set.Digest)
	if err != nil {
		return err
	}
	found := make([]map[string]cache.Node, len(p.Take))
	err = j.Each(ctx, len(p.Take), func(ctx context.Context, i int) (err error) {
		if strings.HasSuffix(p.Take[i][0], "/") {
			found[i], err = takeAll(ctx, j, heads, p.Take[i][1])
		} else {
			var n cache.Node
			n, err = take(ctx, j, heads, p.Take[i][1])
			found[i] = map[string]cache.Node{"": n}
		}
		if err != nil {
			err = fmt.Errorf("%s: %q: %w", p.Take[i][0], p.Take[i][1], err)
		}
		return err
	})
	if err != nil {
		return err
	}
	b := j.Trees.Builder()
	from := map[string]string{} // key of from_packages, by path
	for i, t := range p.Take {
		for _, name := range slices.Sorted(maps.Keys(found[i])) {
			at := path.Join(strings.TrimPrefix(t[0], "/"), name)
			if other, ok := from[at]; ok {
				return fmt.Errorf("%s: from %q and from %q, want one file", at, other, t[0])
			}
			from[at] = t[0]
			if err := b.Add(at, found[i][name]); err != nil {
				return err
			}
		}
	}
	return j.OutputTree(ctx, p.Output, b)
}

// take returns the file that a pattern PACKAGE:PATH means.
func take(ctx context.Context, j *rules.Job, heads []*packages.Head, pattern string) (cache.Node, error) {
	glob, file, err := parsePattern(pattern)
	if err != nil {
		return cache.Node{}, err
	}
	of, err := matching(ctx, j, heads, glob)
	if err != nil {
		return cache.Node{}, err
	}
	if len(of) > 1 {
		return cache.Node{}, fmt.Errorf("both %s and %s match, want one package", of[0].File, of[1].File)
	}
	return callUnpack(ctx, j, of[0], file, "--one", "true")
}

// takeAll returns what a pattern PACKAGE:PATH means for a folder: of every package that
// matches what its PATH matches.
func takeAll(ctx context.Context, j *rules.Job, heads []*packages.Head, pattern string) (map[string]cache.Node, error) {
	glob, file, err := parsePattern(pattern)
	if err != nil {
		return nil, err
	}
	of, err := matching(ctx, j, heads, glob)
	if err != nil {
		return nil, err
	}
	from := map[string]string{} // file of the package, by path
	all := map[string]cache.Node{}
	for _, h := range of {
		folder, err := callUnpack(ctx, j, h, file)
		if err != nil {
			return nil, err
		}
		err = j.Trees.Walk(ctx, folder.Digest, func(name string, n cache.Node) error {
			if n.Kind == cache.DirKind {
				return nil
			}
			if other, ok := from[name]; ok {
				return fmt.Errorf("%s is in %s and in %s, want one file", name, other, h.File)
			}
			from[name], all[name] = h.File, n
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// matching returns the packages that a glob matches, one at least. That is one version of
// each, as no other was selected.
func matching(ctx context.Context, j *rules.Job, heads []*packages.Head, glob string) ([]*packages.Head, error) {
	var of []*packages.Head
	var names []string
	for _, h := range heads {
		record, err := j.Trees.Store().Get(ctx, h.Header)
		if err != nil {
			return nil, err
		}
		n, err := packages.HeaderNEVRA(record)
		if err != nil {
			return nil, err
		}
		names = append(names, n.Name)
		if matches(glob, n) {
			of = append(of, h)
		}
	}
	if len(of) == 0 {
		return nil, noPackage(glob, names)
	}
	return of, nil
}

// callUnpack returns what a glob matches in one package.
func callUnpack(ctx context.Context, j *rules.Job, h *packages.Head, glob string, options ...string) (cache.Node, error) {
	r, err := j.Call(ctx, rules.Call{
		Tool: "packaged",
		Args: append([]string{"--package", "package.rpm", "--file", glob, "--output", "output"}, options...),
		// What the package is called is for messages only, and in no key.
		Inputs: []cache.Node{{Name: "package.rpm", Kind: cache.FileKind, Digest: h.Digest}},
	})
	if err != nil {
		return cache.Node{}, fmt.Errorf("%s: %w", h.File, err)
	}
	return r.Outputs[0], nil
}

// errPattern is the error of what is no pattern.
var errPattern = errors.New("want PACKAGE:/PATH")

// parsePattern reads PACKAGE:/PATH, two globs.
func parsePattern(pattern string) (glob, file string, err error) {
	glob, file, ok := strings.Cut(pattern, ":")
	if !ok || !strings.HasPrefix(file, "/") || path.Clean(file) != file {
		return "", "", errPattern
	}
	return glob, file, packages.CheckGlobs(packages.Globs{glob, file})
}
