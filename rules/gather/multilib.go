package gather

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/multilib"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// multilibMethod returns what decides whether a package of a foreign arch accompanies the
// native one; nil if no method is set. Some methods go by files, and package sets have
// only those that primary metadata lists; the others are asked for here.
func (p *solveParams) multilibMethod(ctx context.Context, j *rules.Job) (func(*format.Package) string, error) {
	methods, err := multilib.Parse(p.Multilib)
	if err != nil {
		return nil, fmt.Errorf("multilib: %w", err)
	}
	if len(methods) == 0 {
		return nil, nil
	}
	files := map[string]string{} // by name of the package file
	foreign := format.MultilibArches(p.Arch)
	if methods.NeedFiles() && len(foreign) > 0 {
		for _, set := range append([]string{p.Packages}, p.Lookasides...) {
			if err := addRuntimeFiles(ctx, j, files, set, foreign); err != nil {
				return nil, err
			}
		}
	}
	return func(candidate *format.Package) string {
		return methods.Speaks(candidate, files[candidate.FileName()])
	}, nil
}

// addRuntimeFiles finds, of the packages of some arches in a package set, a file for which
// multilib.IsRuntime holds.
func addRuntimeFiles(ctx context.Context, j *rules.Job, files map[string]string, set string, arches []string) error {
	root, err := j.Input(ctx, set)
	if err != nil {
		return err
	}
	args := []string{"--output", "files.json"}
	for _, arch := range arches {
		args = append(args, "--arch", arch)
	}
	answers, err := packages.AskHeaders[map[string]string](ctx, j, root.Digest, "multilib_files", args...)
	for _, a := range answers {
		maps.Copy(files, a.Value)
	}
	return err
}

type multilibParams struct {
	Headers string   `arg:"headers,required"`
	Arches  []string `arg:"arch,required"`
	Output  string   `arg:"output,required"`
}

// runMultilibFiles writes a JSON object: the name of each package file of these arches
// that has what programs load when they run, and the first such path.
func runMultilibFiles(ctx context.Context, j *rules.Job) error {
	var p multilibParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	dir, err := j.Input(ctx, p.Headers)
	if err != nil {
		return err
	}
	headers, err := j.Trees.Read(ctx, dir.Digest)
	if err != nil {
		return err
	}
	files := map[string]string{}
	for _, header := range headers {
		if !slices.ContainsFunc(p.Arches, func(arch string) bool { return strings.HasSuffix(header.Name, "."+arch+".rpm") }) {
			continue
		}
		path, err := runtimeFile(ctx, j, header)
		if err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
		if path != "" {
			files[header.Name] = path
		}
	}
	data, err := json.Marshal(files) // of a path that is no UTF-8 it is told roughly: people read it
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, data)
}

func runtimeFile(ctx context.Context, j *rules.Job, header cache.Node) (first string, err error) {
	record, err := j.Trees.Store().Get(ctx, header.Digest)
	if err != nil {
		return "", err
	}
	err = packages.EachPath(record, func(path []byte) {
		if first == "" && multilib.IsRuntime(string(path)) {
			first = string(path)
		}
	})
	return first, err
}
