// Package comps makes the group file of each variant.arch out of the one group
// file of the compose.
package comps

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"strings"

	format "github.com/pungo-build/pungo/internal/comps"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed comps.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "comps", Version: 1, Params: params{}, Run: run}}
}

type params struct {
	Src             string   `arg:"src,required"`
	Arch            string   `arg:"arch,required"`
	Variant         string   `arg:"variant,required"`
	Type            string   `arg:"type,required"`
	Groups          []string `arg:"group"`
	Environments    []string `arg:"environment"`
	LookasideGroups []string `arg:"lookaside-group"`
	Modular         bool     `arg:"modular"` // the variant names modules
	Output          string   `arg:"output,required"`
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	src, err := j.Read(ctx, p.Src)
	if err != nil {
		return err
	}
	parsed, err := format.Parse(bytes.NewReader(src))
	if err != nil {
		return fmt.Errorf("%s: %w", path.Base(p.Src), err)
	}
	selected, err := p.choose(parsed)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := format.Write(&b, selected); err != nil {
		return fmt.Errorf("%s: %w", path.Base(p.Src), err)
	}
	return j.Write(ctx, p.Output, b.Bytes())
}

// choose filters by arch and variant, as comps_filter does, and keeps what the
// variant names. A group that the whole file lacks is a mistake; one that the
// filter removed on this arch is not.
func (p *params) choose(all *format.Comps) (*format.Comps, error) {
	want := format.Selection{
		LimitGroups:       len(p.Groups) > 0 || p.Modular || p.Type != "variant",
		LimitEnvironments: len(p.Groups) > 0 || len(p.Environments) > 0,
	}
	for _, id := range p.Groups {
		want.Groups = append(want.Groups, format.GroupRef{ID: id})
	}
	for _, id := range p.Environments {
		want.Environments = append(want.Environments, format.EnvironmentRef{ID: id})
	}
	if _, unmatched := format.Select(all, want); len(unmatched) > 0 {
		return nil, p.unmatched(unmatched)
	}
	filtered := format.Filter(all, format.FilterOptions{
		Arch:            p.Arch,
		Variant:         p.Variant,
		KeepEmpty:       []string{"conflicts", "conflicts-" + strings.ToLower(p.Variant)},
		LookasideGroups: p.LookasideGroups,
	})
	selected, _ := format.Select(filtered, want)
	return selected, nil
}

func (p *params) unmatched(list []format.Unmatched) error {
	errs := make([]error, len(list))
	for i, u := range list {
		hint := ""
		if u.Nearest != "" {
			hint = fmt.Sprintf("; did you mean %q?", u.Nearest)
		}
		errs[i] = fmt.Errorf("variant %q: comps has no %s %q%s", p.Variant, u.Kind, u.ID, hint)
	}
	return errors.Join(errs...)
}
