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
	"strconv"
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
	return []*rules.Tool{{Name: "comps", Version: 2, Params: params{}, Run: run}}
}

type params struct {
	Src             string      `arg:"src,required"`
	Arch            string      `arg:"arch,required"`
	Variant         string      `arg:"variant,required"`
	Type            string      `arg:"type,required"`
	Groups          [][3]string `arg:"group"`       // id, default and uservisible: true, false or ""
	Environments    [][2]string `arg:"environment"` // id, display order or ""
	KeepEmptyGroups []string    `arg:"keep-empty-group"`
	Lookaside       []string    `arg:"lookaside"` // comps files
	Modular         bool        `arg:"modular"`   // the variant names modules
	Output          string      `arg:"output,required"`

	FilterEnvironments   bool `arg:"filter-environments"`
	ArchOnlyPackages     bool `arg:"arch-only-packages"`
	ArchOnlyGroups       bool `arg:"arch-only-groups"`
	ArchOnlyEnvironments bool `arg:"arch-only-environments"`
	RemoveCategories     bool `arg:"remove-categories"`
	RemoveLangpacks      bool `arg:"remove-langpacks"`
	RemoveTranslations   bool `arg:"remove-translations"`
	RemoveEnvironments   bool `arg:"remove-environments"`
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	parsed, err := read(ctx, j, p.Src)
	if err != nil {
		return err
	}
	lookaside, err := p.lookasideGroups(ctx, j)
	if err != nil {
		return err
	}
	selected, err := p.choose(parsed, lookaside)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := format.Write(&b, selected); err != nil {
		return fmt.Errorf("%s: %w", path.Base(p.Src), err)
	}
	return j.Write(ctx, p.Output, b.Bytes())
}

func read(ctx context.Context, j *rules.Job, name string) (*format.Comps, error) {
	src, err := j.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	parsed, err := format.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path.Base(name), err)
	}
	return parsed, nil
}

// lookasideGroups returns the ids of groups that other comps files have.
func (p *params) lookasideGroups(ctx context.Context, j *rules.Job) ([]string, error) {
	var ids []string
	for _, name := range p.Lookaside {
		c, err := read(ctx, j, name)
		if err != nil {
			return nil, err
		}
		for _, g := range c.Groups {
			ids = append(ids, g.ID)
		}
	}
	return ids, nil
}

// choose filters by arch and variant, as comps_filter does, and keeps what the
// variant names. A group that the whole file lacks is a mistake; one that the
// filter removed on this arch is not.
func (p *params) choose(all *format.Comps, lookasideGroups []string) (*format.Comps, error) {
	named, err := p.selection()
	if err != nil {
		return nil, err
	}
	if _, unmatched := format.Select(all, named); len(unmatched) > 0 {
		return nil, p.unmatched(unmatched)
	}
	filtered := format.Filter(all, format.FilterOptions{
		Arch:                 p.Arch,
		Variant:              p.Variant,
		KeepEmpty:            append(p.KeepEmptyGroups, "conflicts", "conflicts-"+strings.ToLower(p.Variant)),
		LookasideGroups:      lookasideGroups,
		ArchOnlyPackages:     p.ArchOnlyPackages,
		ArchOnlyGroups:       p.ArchOnlyGroups,
		ArchOnlyEnvironments: p.ArchOnlyEnvironments,
		RemoveCategories:     p.RemoveCategories,
		RemoveLangpacks:      p.RemoveLangpacks,
		RemoveTranslations:   p.RemoveTranslations,
		RemoveEnvironments:   p.RemoveEnvironments,
	})
	selected, _ := format.Select(filtered, named)
	return selected, nil
}

// selection is what the variant names. It does so by ids, which the definition
// has checked.
func (p *params) selection() (format.Selection, error) {
	s := format.Selection{
		LimitGroups:       len(p.Groups) > 0 || p.Modular || p.Type != "variant",
		LimitEnvironments: p.FilterEnvironments && (len(p.Groups) > 0 || len(p.Environments) > 0),
	}
	for _, g := range p.Groups {
		ref := format.GroupRef{ID: g[0]}
		for i, to := range []**bool{&ref.Default, &ref.UserVisible} {
			if text := g[1+i]; text != "" {
				b, err := strconv.ParseBool(text)
				if err != nil {
					return s, fmt.Errorf("argument --group %s: %q, want true, false or nothing", g[0], text)
				}
				*to = &b
			}
		}
		s.Groups = append(s.Groups, ref)
	}
	for _, e := range p.Environments {
		ref := format.EnvironmentRef{ID: e[0]}
		if e[1] != "" {
			n, err := strconv.Atoi(e[1])
			if err != nil {
				return s, fmt.Errorf("argument --environment %s: %q, want a number or nothing", e[0], e[1])
			}
			ref.DisplayOrder = &n
		}
		s.Environments = append(s.Environments, ref)
	}
	return s, nil
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
