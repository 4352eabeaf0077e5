// Package pkgset chooses the packages that an arch may be composed of.
//
// The choice is Pungi's: the packages whose arch the tree arch can run, those of
// foreign (multilib) arches if asked for; of the noarch ones those that ExcludeArch
// and ExclusiveArch of their source package allow; and every source package that
// one of them names as its source.
//
// It also says which keys packages have to be signed with. That is checked where
// packages are at hand and known to be shipped: package_signatures stands behind what
// downloads them, and has its work done by rpm_signature, once per package.
package pkgset

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// Star is the rule's source.
//
//go:embed pkgset.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "pkgset", Version: 3, Params: params{}, Run: run},
		{Name: "package_signatures", Version: 2, Params: signaturesParams{}, Run: signatures},
		{Name: "rpm_signature", Version: 1, Params: signatureParams{}, Run: signature},
	}
}

type params struct {
	Arch            string      `arg:"arch,required"`
	Multilib        bool        `arg:"multilib"`
	ConsidersNoarch bool        `arg:"exclusive-arch-considers-noarch"`
	InheritToNoarch bool        `arg:"inherit-exclusive-arch-to-noarch"`
	Sources         [][3]string `arg:"source"` // path, label, priority
	Output          string      `arg:"output,required"`
	Log             string      `arg:"log,required"`
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	all, hidden, err := p.load(ctx, j)
	if err != nil {
		return err
	}
	chosen, left := p.choose(all)
	set, err := packages.Write(ctx, j, listings(chosen))
	if err != nil {
		return err
	}
	j.Output(p.Output, set)
	return j.Write(ctx, p.Log, packages.EncodeDecisions(append(hidden, left...)))
}

// load returns what the sources have, but for what better ones hide.
func (p *params) load(ctx context.Context, j *rules.Job) (all []*candidate, hidden []packages.Decision, err error) {
	paths := make([]string, len(p.Sources))
	sources := make([]source, len(p.Sources))
	for i, s := range p.Sources {
		paths[i], sources[i].label = s[0], s[1]
		if sources[i].priority, err = strconv.Atoi(s[2]); err != nil {
			return nil, nil, fmt.Errorf("priority %q is not a number", s[2])
		}
		if sources[i].candidates, err = loadCandidates(ctx, j, s[0]); err != nil {
			return nil, nil, fmt.Errorf("input %s: %w", s[0], err)
		}
	}
	hidden = hide(sources, p.Arch)
	sets := make([][]*candidate, len(sources))
	for i := range sources {
		sets[i] = sources[i].candidates
	}
	all, err = packages.Union(sets, paths)
	return all, hidden, err
}

// candidate is a package of a source.
type candidate struct {
	*packages.Listing
	*format.Package // without dependencies
}

func loadCandidates(ctx context.Context, j *rules.Job, path string) ([]*candidate, error) {
	n, err := j.Input(ctx, path)
	if err != nil {
		return nil, err
	}
	all, err := packages.LoadListings(ctx, j, n.Digest)
	if err != nil {
		return nil, err
	}
	candidates := make([]*candidate, len(all))
	err = j.Each(ctx, len(all), func(_ context.Context, i int) error {
		p, err := all[i].Identity()
		candidates[i] = &candidate{all[i], p}
		return err
	})
	return candidates, err
}

func listings(candidates []*candidate) []*packages.Listing {
	all := make([]*packages.Listing, len(candidates))
	for i, c := range candidates {
		all[i] = c.Listing
	}
	return all
}

// choose returns the packages of all that belong to the arch, and why others
// that could run there do not.
func (p *params) choose(all []*candidate) (chosen []*candidate, left []packages.Decision) {
	arches := format.ValidArches(p.Arch, p.Multilib)
	c := chooser{params: p, native: format.ValidArches(p.Arch, false), sources: map[string]*candidate{}, wanted: map[string]bool{}}
	if !p.ConsidersNoarch {
		c.native = slices.DeleteFunc(c.native, func(arch string) bool { return arch == "noarch" })
	}
	for _, e := range all {
		if e.IsSource() {
			c.sources[e.File] = e
		}
	}
	for _, e := range all {
		if !e.IsSource() && slices.Contains(arches, e.Arch) && c.allowed(e) {
			chosen = append(chosen, e)
			c.wanted[sourceName(e)] = true
		}
	}
	for _, e := range all {
		if e.IsSource() && c.wanted[e.Name] {
			chosen = append(chosen, e)
		}
	}
	return chosen, c.left
}

type chooser struct {
	*params
	native  []string              // arches that ExcludeArch and ExclusiveArch mean by the tree
	sources map[string]*candidate // by file name
	wanted  map[string]bool       // names of source packages of chosen packages
	left    []packages.Decision
}

// allowed reports whether a package may be in the tree. Only noarch packages
// can be shut out: others exist just where they were built. The lists of the
// source package count, where it is known, since those of a noarch package say
// where it was built.
func (c *chooser) allowed(e *candidate) bool {
	if e.Arch != "noarch" || !c.InheritToNoarch {
		return true
	}
	exclude, exclusive := e.ExcludeArch, e.ExclusiveArch
	if src, ok := c.sources[e.SourceRPM]; ok {
		exclude, exclusive = src.ExcludeArch, src.ExclusiveArch
	} else if len(c.sources) > 0 { // else it is so of all packages
		c.decide(e, "no source", "", fmt.Sprintf("its own ExcludeArch and ExclusiveArch count, %s is not in the package set", e.SourceRPM))
	}
	if i := slices.IndexFunc(exclude, c.isNative); i >= 0 {
		c.decide(e, "ExcludeArch", "ExcludeArch has "+exclude[i], "")
		return false
	}
	if len(exclusive) > 0 && !slices.ContainsFunc(exclusive, c.isNative) {
		c.decide(e, "ExclusiveArch", "ExclusiveArch is "+strings.Join(exclusive, " "), "")
		return false
	}
	return true
}

func (c *chooser) decide(e *candidate, step, dropped, rule string) {
	c.left = append(c.left, packages.Decision{Package: e.NEVRA.String(), Step: step, Rule: rule, Dropped: dropped})
}

func (c *chooser) isNative(arch string) bool { return slices.Contains(c.native, arch) }

// sourceName returns the name of the package's source package.
func sourceName(e *candidate) string {
	n, err := format.ParseFileName(e.SourceRPM)
	if err != nil {
		return ""
	}
	return n.Name
}
