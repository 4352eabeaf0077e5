// Package modules knows modules: modulemd reads the files of the workspace, module_set
// merges them with what repositories have, for an arch, and module_streams chooses the
// streams that a variant offers there.
package modules

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/modulemd"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// SourceStar and Star are the sources of the rules: of what is known, before package sets
// are made, and of what a variant offers.
//
//go:embed modulemd.star
var SourceStar []byte

//go:embed modules.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "modulemd", Version: 1, Params: filesParams{}, Run: readFiles},
		{Name: "module_set", Version: 1, Params: setParams{}, Run: mergeSet},
		{Name: "module_streams", Version: 3, Params: params{}, Run: run},
	}
}

type params struct {
	Variant    string   `arg:"variant,required"`
	Arch       string   `arg:"arch,required"`
	Modules    string   `arg:"modules"`
	Everywhere []string `arg:"everywhere"`
	Specs      []string `arg:"module"`
	Filters    []string `arg:"filter"`
	Output     string   `arg:"output,required"`
	List       string   `arg:"list,required"`
	Decisions  string   `arg:"decisions,required"`
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	chosen, filtered, err := p.choose(ctx, j)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := modulemd.Write(&text, chosen); err != nil {
		return err
	}
	list := make([]packages.Module, len(chosen.Streams))
	for i, s := range chosen.Streams {
		list[i] = packages.ListModule(s)
	}
	lines, err := packages.EncodeModules(list)
	if err != nil {
		return err
	}
	if err := j.Write(ctx, p.Output, text.Bytes()); err != nil {
		return err
	}
	if err := j.Write(ctx, p.Decisions, packages.EncodeDecisions(filtered)); err != nil {
		return err
	}
	return j.Write(ctx, p.List, lines)
}

// choose returns the streams that the variant names and the arch offers, with what is
// said of their modules, and what becomes of the packages of others.
func (p *params) choose(ctx context.Context, j *rules.Job) (*modulemd.Index, []packages.Decision, error) {
	specs, err := p.parse(j)
	if err != nil || len(specs) == 0 {
		return &modulemd.Index{}, nil, err
	}
	all := &modulemd.Index{}
	if p.Modules != "" { // of a package set that knows of modules
		if all, err = packages.LoadModules(ctx, j, p.Modules); err != nil {
			return nil, nil, err
		}
	}
	selected, unmatched := modulemd.Select(all.Streams, specs)
	if err := p.explain(ctx, j, unmatched); err != nil {
		return nil, nil, err
	}
	passed := passedOver(all.Streams, selected)
	selected, filtered := p.filter(selected)
	filtered = append(filtered, passed...)
	for _, s := range selected {
		if len(s.Artifacts) == 0 {
			j.Warnf("module %s names no packages: it has no data.artifacts.rpms", s.NSVC())
		}
	}
	return all.Subset(selected), filtered, nil
}

// filter takes out the streams that are not to be offered, and says so of their packages.
func (p *params) filter(streams []*modulemd.Stream) (left []*modulemd.Stream, filtered []packages.Decision) {
	for _, s := range streams {
		pattern := p.filterOf(s.Name, s.Stream)
		if pattern == "" {
			left = append(left, s)
			continue
		}
		for _, nevra := range s.Artifacts {
			filtered = append(filtered, packages.Decision{
				Package: nevra, Step: "filter_modules", Dropped: fmt.Sprintf("of module %s, and filter_modules has %q", s.NSVC(), pattern),
			})
		}
	}
	return left, filtered
}

// passedOver says of the packages of modules whose other streams or versions were chosen
// that these are not.
func passedOver(all, chosen []*modulemd.Stream) (left []packages.Decision) {
	offered := map[string][]string{} // what is chosen, by name of the module
	shipped := map[string]bool{}     // packages of what is chosen
	for _, s := range chosen {
		offered[s.Name] = append(offered[s.Name], s.NSVC())
		for _, nevra := range s.Artifacts {
			shipped[nevra] = true
		}
	}
	for _, s := range all {
		if len(offered[s.Name]) == 0 || slices.Contains(offered[s.Name], s.NSVC()) {
			continue
		}
		for _, nevra := range s.Artifacts {
			if !shipped[nevra] {
				left = append(left, packages.Decision{
					Package: nevra, Step: "module_streams",
					Dropped: fmt.Sprintf("of module %s, and the variant offers %s", s.NSVC(), strings.Join(offered[s.Name], ", ")),
				})
			}
		}
	}
	return left
}

func (p *params) parse(j *rules.Job) ([]modulemd.Spec, error) {
	specs := make([]modulemd.Spec, len(p.Specs))
	for i, text := range p.Specs {
		s, instead, err := modulemd.ParseSpec(text)
		if err != nil {
			return nil, fmt.Errorf("variant %q: %w", p.Variant, err)
		}
		if instead != "" {
			j.Warnf("variant %q: module %q is of the old form; write %q", p.Variant, text, instead)
		}
		specs[i] = s
	}
	return specs, nil
}

// explain judges specs that match nothing here. What no arch has is a mistake; what just
// this one lacks is not, and if it is filtered here, nobody need know.
func (p *params) explain(ctx context.Context, j *rules.Job, unmatched []modulemd.Spec) error {
	if len(unmatched) == 0 {
		return nil
	}
	var everywhere []*modulemd.Stream
	for _, path := range p.Everywhere {
		x, err := packages.LoadModules(ctx, j, path)
		if err != nil {
			return err
		}
		everywhere = append(everywhere, x.Streams...)
	}
	var wrong []error
	for _, spec := range unmatched {
		if p.filterOf(spec.Name, spec.Stream) != "" {
			continue
		}
		if err := spec.Unknown(everywhere); err != nil {
			wrong = append(wrong, fmt.Errorf("variant %q: %w", p.Variant, err))
		} else {
			j.Warnf("variant %q: module %q is not there for %s", p.Variant, spec, p.Arch)
		}
	}
	return errors.Join(wrong...)
}

// filterOf is the pattern by which a stream is not to be offered, "" if it is.
func (p *params) filterOf(name, stream string) string {
	for _, pattern := range p.Filters {
		names, streams, both := strings.Cut(pattern, ":")
		if glob.Match(names, name) && (!both || glob.Match(streams, stream)) {
			return pattern
		}
	}
	return ""
}
