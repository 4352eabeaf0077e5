package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/comps"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
	"github.com/pungo-build/pungo/rules"
)

// inputs is what a variant asks for, in a form that its children can read.
type inputs struct {
	Packages      []solve.Input       `json:"packages,omitempty"`
	Conditionals  []solve.Conditional `json:"conditionals,omitempty"`
	Langpacks     []solve.Langpack    `json:"langpacks,omitempty"`
	SystemRelease *systemRelease      `json:"system_release,omitempty"`
}

// addGroups asks for every package of every group, whatever its type: a tree
// has what its groups offer.
func (in *inputs) addGroups(c *comps.Comps) {
	for _, g := range c.Groups {
		for _, p := range g.Packages {
			reason := fmt.Sprintf(reasonGroup+"%q (%s)", g.ID, p.Type)
			if p.Type == comps.Conditional {
				in.Conditionals = append(in.Conditionals, solve.Conditional{Trigger: p.Requires, Install: p.Name, Reason: reason})
			} else {
				in.Packages = append(in.Packages, solve.Input{Pattern: p.Name, Reason: reason, Native: true})
			}
		}
	}
	for _, l := range c.Langpacks {
		in.Langpacks = append(in.Langpacks, solve.Langpack{Name: l.Name, Install: l.Install})
	}
}

// inherit adds what the parent or a sibling asks for. The choice of a system-release
// package is the parent's, who comes first.
func (in *inputs) inherit(from inputs) {
	in.Packages = append(in.Packages, from.Packages...)
	in.Conditionals = append(in.Conditionals, from.Conditionals...)
	in.Langpacks = append(in.Langpacks, from.Langpacks...)
	if in.SystemRelease == nil {
		in.SystemRelease = from.SystemRelease
	}
}

// The reasons of what was asked for by name, where no match is more likely a mistake than in
// a group; those of groups and of prepopulate begin so.
const (
	reasonAdditional  = "additional_packages"
	reasonMapping     = "source_mapping"
	reasonPrepopulate = "prepopulate "
	reasonGroup       = "group "
)

// readInputs gathers what the arguments of solve ask for, but for source_mapping
// and prepopulate, which children do not inherit.
func readInputs(ctx context.Context, j *rules.Job, p *solveParams) (inputs, error) {
	var in inputs
	if p.Comps != "" {
		data, err := j.Read(ctx, p.Comps)
		if err != nil {
			return in, err
		}
		c, err := comps.Parse(bytes.NewReader(data))
		if err != nil {
			return in, err
		}
		in.addGroups(c)
	}
	for _, name := range p.Additional {
		in.Packages = append(in.Packages, solve.Input{Pattern: name, Reason: reasonAdditional})
	}
	for _, path := range p.Inherit {
		data, err := j.Read(ctx, path)
		if err != nil {
			return in, err
		}
		var from inputs
		if err := json.Unmarshal(data, &from); err != nil {
			return in, fmt.Errorf("%s: %w", path, err)
		}
		in.inherit(from)
	}
	return in, nil
}

// checkArches refuses packages of arches that the tree cannot have. A name that no
// package has may be of an arch where it is not built, this cannot be meant.
func (p *solveParams) checkArches(what string, patterns []string) error {
	arches := format.ValidArches(p.Arch, true)
	for _, pattern := range patterns {
		if _, arch := format.SplitNameArch(pattern); arch != "" && !slices.Contains(arches, arch) {
			return fmt.Errorf("%s: %q: packages of arch %s cannot be in a tree of %s, which has %s",
				what, pattern, arch, p.Arch, strings.Join(arches, ", "))
		}
	}
	return nil
}

// perTree is a JSON file that says something of trees, by variant and arch, as the files of
// gather_source_mapping and gather_prepopulate do: {"Server": {"x86_64": …}}.
type perTree[T any] map[string]map[string]T

// readPerTree reads what such a file says of this tree; nothing is no mistake.
func readPerTree[T any](ctx context.Context, j *rules.Job, p *solveParams, what, path string) (of T, err error) {
	if path == "" {
		return of, nil
	}
	data, err := j.Read(ctx, path)
	if err != nil {
		return of, err
	}
	var file perTree[T]
	if err := json.Unmarshal(data, &file); err != nil {
		return of, fmt.Errorf("%s: %w", what, jsonError(data, err))
	}
	return file[p.Variant][p.Arch], nil
}

// jsonError adds to an error of encoding/json where it is: line and column.
func jsonError(data []byte, err error) error {
	var offset int64
	switch e := err.(type) {
	case *json.SyntaxError:
		offset = e.Offset
	case *json.UnmarshalTypeError:
		offset = e.Offset
		err = fmt.Errorf("got a JSON %s, want %s", e.Value, wanted(e.Type.String()))
	}
	before := data[:min(int(offset), len(data))]
	line := 1 + bytes.Count(before, []byte{'\n'})
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Errorf("line %d, column %d: %w", line, max(column, 1), err)
}

// wanted describes a type of Go to who writes JSON.
func wanted(goType string) string {
	switch {
	case strings.HasPrefix(goType, "map") || strings.Contains(goType, "perTree"):
		return "an object"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	}
	return "a string"
}

// mapped reads what source_mapping asks for: names of packages, each with the arches in
// which it is wanted, or null for the best one.
func (p *solveParams) mapped(ctx context.Context, j *rules.Job) ([]solve.Input, error) {
	names, err := readPerTree[map[string][]*string](ctx, j, p, "source_mapping", p.SourceMapping)
	if err != nil {
		return nil, err
	}
	var list []solve.Input
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, arch := range names[name] {
			pattern := name
			if arch != nil {
				pattern += "." + *arch
				if _, known := format.SplitNameArch(pattern); known == "" {
					return nil, fmt.Errorf("%s: %q: arch %q is not one of a package", reasonMapping, name, *arch)
				}
			}
			if err := p.checkArches(reasonMapping, []string{pattern}); err != nil {
				return nil, err
			}
			list = append(list, solve.Input{Pattern: pattern, Reason: reasonMapping})
		}
	}
	return list, nil
}

// prepopulated reads what the file of prepopulate asks for: "name.arch" below the name of
// a build.
func (p *solveParams) prepopulated(ctx context.Context, j *rules.Job) ([]solve.Input, error) {
	builds, err := readPerTree[map[string][]string](ctx, j, p, "prepopulate", p.Prepopulate)
	if err != nil {
		return nil, err
	}
	var list []solve.Input
	for _, build := range slices.Sorted(maps.Keys(builds)) {
		if err := p.checkArches("prepopulate", builds[build]); err != nil {
			return nil, err
		}
		for _, pattern := range builds[build] {
			list = append(list, solve.Input{Pattern: pattern, Reason: fmt.Sprintf(reasonPrepopulate+"(build %q)", build)})
		}
	}
	return list, nil
}
