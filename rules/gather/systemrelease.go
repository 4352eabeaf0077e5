package gather

import (
	"cmp"
	"slices"
	"strings"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
	"github.com/pungo-build/pungo/rules/packages"
)

// systemRelease is which of the packages that provide system-release a variant has: the
// files that name a distribution cannot be there twice.
type systemRelease struct {
	Best   string   `json:"best"`             // name of the package
	Others []string `json:"others,omitempty"` // names of packages that must not be there
}

// chooseSystemRelease decides, as Pungi does: one provider is taken; of several the one
// whose name ends in "release-<uid>" or begins with "<uid>-release", else the first. What
// is inside another variant has what that has.
func (p *solveParams) chooseSystemRelease(in *inputs, entries []*packages.Entry) {
	inherited := in.SystemRelease
	in.SystemRelease = nil
	if !p.FilterSystemRelease {
		return
	}
	candidates := releases(entries, format.ValidArches(p.Arch, true))
	switch {
	case len(candidates) == 0:
		return
	case len(candidates) > 1 && p.Nested && inherited != nil:
		in.SystemRelease = inherited
	default:
		in.SystemRelease = newSystemRelease(candidates, strings.ToLower(p.Variant))
	}
	best := in.SystemRelease.Best
	if !slices.ContainsFunc(in.Packages, func(i solve.Input) bool { return i.Pattern == best }) {
		in.Packages = append(in.Packages, solve.Input{Pattern: best, Reason: "filter_system_release_packages"})
	}
}

// releases lists the packages of a tree that provide system-release, sorted by name.
func releases(entries []*packages.Entry, arches []string) []*packages.Entry {
	var list []*packages.Entry
	for _, e := range entries {
		if slices.Contains(arches, e.Arch) && slices.ContainsFunc(e.Provides, func(d format.Dependency) bool { return d.Name == "system-release" }) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *packages.Entry) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File))
	})
	return list
}

func newSystemRelease(candidates []*packages.Entry, uid string) *systemRelease {
	best := candidates[0].Name
	for _, e := range candidates {
		if strings.HasSuffix(e.Name, "release-"+uid) || strings.HasPrefix(e.Name, uid+"-release") {
			best = e.Name
			break
		}
	}
	s := &systemRelease{Best: best}
	for _, e := range candidates {
		if e.Name != best && !slices.Contains(s.Others, e.Name) {
			s.Others = append(s.Others, e.Name)
		}
	}
	return s
}
