package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// whyArgs are what why and whynot are asked.
type whyArgs struct {
	Package string `arg:"" help:"The package: name, name.arch, name-version-release or name-version-release.arch; * ? and [ ] stand for what they do in file names."`
	cellFlags
	Define map[string]string `mapsep:"none" help:"Value of define(\"NAME\") in the definition, for each NAME." placeholder:"NAME=VALUE"`
	cacheFlags
}

// whyCmd tells why packages are where they are.
type whyCmd struct{ whyArgs }

// Help implements kong.HelpProvider.
func (c *whyCmd) Help() string {
	return "For each variant and arch that ships the package: from the group or request on, who wanted what, what was taken for it, by which rule, " +
		"and what was not. It is what was noted when the packages were chosen; where they were not yet, they are now, without downloading one. " +
		"Exits with 1 if nobody ships it; `pungo whynot` says why."
}

func (c *whyCmd) Run(ctx context.Context, p process, g *Globals) error {
	return c.answer(ctx, p, g, func(t *trail, wanted pattern) ([]answer, error) { return t.why(ctx, wanted) },
		"no variant ships "+c.Package+"\n  hint: `pungo whynot "+c.Package+"` tells what became of it")
}

// answer is what is told of a package in a cell.
type answer struct {
	Package string `json:"package"`
	Variant string `json:"variant"`
	Arch    string `json:"arch"`
	Target  string `json:"target"` // whose list counts
	Tree    string `json:"tree,omitempty"`
	// Decisions that led there, the first one first; or all that kept it away.
	Decisions []packages.Decision `json:"decisions"`
}

func (c *whyArgs) answer(ctx context.Context, p process, g *Globals, ask func(*trail, pattern) ([]answer, error), none string) (err error) {
	wanted, err := parsePattern(c.Package)
	if err != nil {
		return err
	}
	s, err := openSession(p, g, c.cacheFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	trails, err := c.trails(ctx, p, s)
	if err != nil {
		return err
	}
	all := []answer{}
	known := &names{wanted: wanted}
	for _, t := range trails {
		answers, err := ask(t, wanted)
		if err != nil {
			return networkError(err)
		}
		all = append(all, answers...)
		if len(all) == 0 && !known.found {
			if err := known.look(ctx, t); err != nil {
				return networkError(err)
			}
		}
	}
	if len(all) == 0 && !known.found {
		on := ""
		if len(c.Arch) > 0 {
			on = " on " + strings.Join(c.Arch, ", ")
		}
		return usagef("no package%s is called %s%s", on, c.Package, spell.DidYouMean(c.Package, known.list))
	}
	if g.JSON {
		err = printJSON(p.stdout, all)
	} else {
		err = printAnswers(p, all)
	}
	if err == nil && len(all) == 0 {
		err = &exit{exitFailed, none}
	}
	return err
}

// why tells how the packages that are meant got into the list.
func (t *trail) why(ctx context.Context, wanted pattern) ([]answer, error) {
	shipped, err := t.shipped(ctx, wanted)
	if err != nil {
		return nil, err
	}
	var answers []answer
	for _, l := range shipped {
		chain, err := t.chain(ctx, t.own, l.NEVRA)
		if err != nil {
			return nil, err
		}
		answers = append(answers, t.answer(l.NEVRA, l.Tree, chain))
	}
	return answers, nil
}

// chain returns the decisions that led to a package: from a wish on to the package
// itself.
func (t *trail) chain(ctx context.Context, from []*rules.Explanation, nevra string) ([]packages.Decision, error) {
	var chain []packages.Decision
	for nevra != "" {
		d, err := t.broughtIn(ctx, from, nevra)
		if err != nil || d == nil {
			return chain, err
		}
		chain = append([]packages.Decision{*d}, chain...)
		if child, ok := strings.CutPrefix(d.For, packages.LeftBy); ok && d.By == "" {
			earlier, err := t.chain(ctx, t.others[child], nevra)
			return append(earlier, chain...), err
		}
		nevra = d.By
	}
	return chain, nil
}

// broughtIn returns the decision that brought a package in, of the last that did; nil if
// there is none.
func (t *trail) broughtIn(ctx context.Context, from []*rules.Explanation, nevra string) (*packages.Decision, error) {
	for _, x := range slices.Backward(from) {
		l, err := t.log(ctx, x)
		if err != nil {
			return nil, err
		}
		decisions, err := l.Of(nevra)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.Owner.Instance, err)
		}
		for i := range decisions {
			if decisions[i].Dropped == "" && decisions[i].Tree != "" {
				return &decisions[i], nil
			}
		}
	}
	return nil, nil
}

// pattern says which packages are meant.
type pattern struct {
	glob   string
	file   string // glob without epoch
	prefix string
}

func parsePattern(text string) (pattern, error) {
	text = strings.TrimSuffix(text, ".rpm")
	if err := packages.CheckGlobs(packages.Globs{text}); err != nil {
		return pattern{}, usagef("%v", err)
	}
	w := pattern{glob: text, file: epoch.ReplaceAllLiteralString(text, "-"), prefix: text}
	// What every match begins with, whatever the glob means: most are told apart by it.
	if i := strings.IndexAny(text, `*?[\-.`); i >= 0 {
		w.prefix = text[:i]
	}
	return w, nil
}

// matches reports whether a package, by its NEVRA, is meant.
func (w pattern) matches(nevra string) bool {
	if !strings.HasPrefix(nevra, w.prefix) {
		return false
	}
	n, err := rpm.ParseNEVRA(nevra)
	if err != nil {
		return false
	}
	if _, ok := (packages.Globs{w.glob}).Find(n); ok {
		return true
	}
	// Or as other programs print it: with the epoch, or without the arch.
	full, arch := n.String(), "."+n.Arch
	for _, name := range []string{full, strings.TrimSuffix(full, arch), strings.TrimSuffix(n.FileName(), arch+".rpm")} {
		if glob.Match(w.glob, name) {
			return true
		}
	}
	return false
}

// epoch is that of a NEVRA, or what a glob has there.
var epoch = regexp.MustCompile(`-[^-:]+:`)

// matchesFile reports whether a package may be meant, by the name of its file without
// suffix, which tells no epoch.
func (w pattern) matchesFile(name string) bool {
	w.glob = w.file
	return w.matches(name)
}

func (w pattern) matching(all []string) []string {
	var list []string
	for _, nevra := range all {
		if w.matches(nevra) {
			list = append(list, nevra)
		}
	}
	slices.Sort(list)
	return list
}

// names are those of packages that a pattern is near to.
type names struct {
	wanted pattern
	found  bool
	list   []string
}

func (k *names) look(ctx context.Context, t *trail) error {
	for _, x := range t.own {
		files, err := t.files(ctx, x)
		if err != nil {
			return err
		}
		for _, f := range files {
			if k.wanted.matchesFile(f.Name) {
				nevra, err := t.nevra(ctx, f)
				if err != nil {
					return err
				}
				if k.wanted.matches(nevra) {
					k.found = true
					return nil
				}
			}
			if n, err := rpm.ParseNEVRA(f.Name); err == nil {
				k.list = append(k.list, n.Name)
			}
		}
	}
	return nil
}

func printAnswers(p process, all []answer) error {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, "%s %s (%s)\n", rules.Cell{Variant: a.Variant, Arch: a.Arch}, packages.ShortName(a.Package), a.Target)
		for _, d := range a.Decisions {
			fmt.Fprintf(&b, "  %s\n", decisionText(&d))
		}
	}
	_, err := p.stdout.Write([]byte(harmless(b.String())))
	return err
}

// decisionText says in a line what was decided, such as
//
//	cron-4-1.x86_64 requires smtpdaemon: mta-1-1.x86_64, shortest name, not sendmail-8-1.x86_64
func decisionText(d *packages.Decision) string {
	if d.Dropped != "" {
		return d.Dropped
	}
	text := decisionCause(d)
	if d.Package == "" {
		return text + ", and " + d.Rule
	}
	text += ": " + packages.ShortName(d.Package)
	if d.Rule != "" && d.Rule != "same source" {
		text += ", " + d.Rule
	}
	const most = 5
	for i, r := range d.Rejected {
		switch {
		case i == most:
			return text + fmt.Sprintf(" and %d more", len(d.Rejected)-most)
		case i == 0:
			text += ", not "
		default:
			text += ", "
		}
		text += packages.ShortName(r)
	}
	return text
}

// decisionCause says who wanted a package, and what for.
func decisionCause(d *packages.Decision) string {
	by := packages.ShortName(d.By)
	switch d.Step {
	case "input", "prepopulate", packages.StepNoMatch:
		return fmt.Sprintf("%s wants %q", d.For, d.Wanted)
	case "conditional":
		return fmt.Sprintf("%s wants %q, as there is %s", d.For, d.Wanted, by)
	case "requirement", "debug requirement":
		return by + " requires " + d.Wanted
	case "build requirement":
		return by + " requires " + d.Wanted + " to be built"
	case "source":
		return "source of " + by
	case "debug":
		return "debug package of " + by
	case "fulltree":
		return "fulltree: built along with " + by
	case "langpack":
		return "language pack of " + by
	case "multilib":
		return fmt.Sprintf("multilib (%s) of %s", d.For, by)
	case packages.StepFromChild:
		return d.For
	}
	return cmp.Or(d.Rule, d.Step)
}
