// Package modules chooses the module streams that a variant offers on an arch, of those
// that its package set knows.
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

// Star is the rule's source.
//
//go:embed modules.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "module_streams", Version: 1, Params: params{}, Run: run}}
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
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	chosen, err := p.choose(ctx, j)
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
	return j.Write(ctx, p.List, lines)
}

// choose returns the streams that the variant names and the arch offers, with what is
// said of their modules.
func (p *params) choose(ctx context.Context, j *rules.Job) (*modulemd.Index, error) {
	specs, err := p.parse(j)
	if err != nil || len(specs) == 0 {
		return &modulemd.Index{}, err
	}
	all := &modulemd.Index{}
	if p.Modules != "" { // of a package set that knows of modules
		if all, err = packages.LoadModules(ctx, j, p.Modules); err != nil {
			return nil, err
		}
	}
	selected, unmatched := modulemd.Select(all.Streams, specs)
	if err := p.explain(ctx, j, unmatched); err != nil {
		return nil, err
	}
	selected = slices.DeleteFunc(selected, func(s *modulemd.Stream) bool { return p.filters(s.Name, s.Stream) })
	for _, s := range selected {
		if len(s.Artifacts) == 0 {
			j.Warnf("module %s names no packages: it has no data.artifacts.rpms", s.NSVC())
		}
	}
	return all.Subset(selected), nil
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
		if p.filters(spec.Name, spec.Stream) {
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

// filters tells whether a stream is not to be offered.
func (p *params) filters(name, stream string) bool {
	return slices.ContainsFunc(p.Filters, func(pattern string) bool {
		names, streams, both := strings.Cut(pattern, ":")
		return glob.Match(names, name) && (!both || glob.Match(streams, stream))
	})
}
