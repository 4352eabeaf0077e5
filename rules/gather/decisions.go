package gather

import (
	"fmt"
	"slices"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
	"github.com/pungo-build/pungo/rules/packages"
)

// decisionsOf says why each package is in the tree, and why others that could be are not.
func (p *solveParams) decisionsOf(entries []*packages.Entry, r *solve.Result, release *systemRelease) []byte {
	var log packages.Lines
	names := make([]string, len(entries)) // each once, of those that come up
	name := func(index int) string {
		if names[index] == "" {
			names[index] = entries[index].NEVRA.String()
		}
		return names[index]
	}
	for _, t := range trees(r) {
		for _, s := range t.selected {
			d := selected(&s, name)
			d.Tree = t.name
			log.AddDecision(&d)
		}
	}
	for _, m := range r.Unmatched {
		log.AddDecision(&packages.Decision{Step: packages.StepNoMatch, Wanted: m.Pattern, For: m.Reason, Rule: m.Why})
	}
	for _, m := range r.Unresolved {
		log.AddDecision(&packages.Decision{Step: "unresolved", By: name(m.Requirer), Wanted: m.Requirement, Rule: m.Why})
	}
	for _, m := range r.Dropped {
		d := p.dropped(&m, func(index int) string { return shortName(entries[index]) }, release)
		d.Package = name(m.Index)
		if m.Because == solve.Exempt {
			p.nameExclude(&d, entries[m.Index].SourceRPM)
		}
		log.AddDecision(&d)
	}
	return log.Bytes()
}

// nameExclude says that the definition itself has fulltree leave a source alone, if it does.
func (p *solveParams) nameExclude(d *packages.Decision, source string) {
	n, err := format.ParseFileName(source)
	if err == nil && slices.Contains(p.FulltreeExcludes, n.Name) {
		d.Dropped = fmt.Sprintf("fulltree_excludes has %q: nothing else wants it here", n.Name)
	}
}

// selected is the decision for a package.
func selected(s *solve.Selected, name func(index int) string) packages.Decision {
	d := packages.Decision{
		Package: name(s.Index), Flags: s.Flags.Names(), Step: string(s.Reason.Step),
		Wanted: s.Reason.Wanted, For: s.Reason.For, Rule: string(s.Reason.Rule),
	}
	if s.Flags.Has(solve.FlagLookaside) {
		d.Dropped = "in a lookaside"
	}
	if s.Reason.By >= 0 {
		d.By = name(s.Reason.By)
	}
	for _, i := range s.Reason.Rejected {
		d.Rejected = append(d.Rejected, name(i))
	}
	return d
}

// dropped is the decision against a package.
func (p *solveParams) dropped(m *solve.Dropped, short func(index int) string, release *systemRelease) packages.Decision {
	switch m.Because {
	case solve.Absent:
		return packages.Decision{Step: "module", Dropped: m.Pattern}
	case solve.Older:
		return packages.Decision{Step: "older", Dropped: "older than " + short(m.Other)}
	case solve.Blacklisted:
		return packages.Decision{Step: "multilib_blacklist", Dropped: fmt.Sprintf("multilib_blacklist has %q", m.Pattern)}
	case solve.NoMethod:
		why := fmt.Sprintf("of a foreign arch, and no method of multilib takes it along with %s", short(m.Other))
		if len(p.Multilib) == 0 {
			why = fmt.Sprintf("of a foreign arch, and multilib has no method that could take it along with %s", short(m.Other))
		}
		return packages.Decision{Step: "multilib", Dropped: why}
	case solve.Exempt:
		return packages.Decision{Step: "fulltree-exclude", Dropped: fmt.Sprintf("fulltree leaves it to who has %s: nothing else wants it here", short(m.Other))}
	case solve.NoLangpack:
		return packages.Decision{Step: "langpack", Dropped: fmt.Sprintf("named like a language pack of %s, and langpacks takes no -devel, no -static, and no man-pages-overrides", short(m.Other))}
	case solve.NotNeeded:
		return packages.Decision{Step: "requirement", Dropped: fmt.Sprintf("provides %s, as does %s, which was selected before", m.Pattern, short(m.Other))}
	}
	if release != nil && slices.Contains(release.Others, m.Pattern) && !slices.Contains(p.Filter, m.Pattern) {
		return packages.Decision{Step: "system-release", Dropped: fmt.Sprintf("of the packages that provide system-release the variant has %s", release.Best)}
	}
	return packages.Decision{Step: "filter_packages", Dropped: fmt.Sprintf("filter_packages has %q", m.Pattern)}
}
