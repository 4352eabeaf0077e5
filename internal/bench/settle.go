package main

import (
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// settle leaves solvers no choice, so that all of them must come to the same packages:
//
//   - one package provides a name: the one that is called so, else the most important
//   - of alternatives the first that can be met remains, and those that nobody provides
//   - what nobody provides is not required
//   - what is there is no conflict
//
// That costs Debian few of its dependencies, and every one that remains is real.
func (d *debian) settle() {
	s := settling{provider: map[string]*debianPackage{}}
	for _, p := range d.packages {
		s.provider[p.Name] = p
	}
	for _, p := range d.byRank() {
		p.Provides = without(p.Provides, func(dep rpm.Dependency) bool {
			if s.provider[dep.Name] == nil {
				s.provider[dep.Name] = p
			}
			return s.provider[dep.Name] != p
		})
	}
	for _, p := range d.packages {
		p.Requires = s.requires(p.Requires)
		p.Conflicts = without(p.Conflicts, func(dep rpm.Dependency) bool { return s.meets(dep) != nil })
	}
}

// without leaves the list as it is, which another night has too.
func without(deps []rpm.Dependency, drop func(rpm.Dependency) bool) []rpm.Dependency {
	return slices.DeleteFunc(slices.Clone(deps), drop)
}

type settling struct{ provider map[string]*debianPackage }

// meets returns the package that meets a requirement, nil if there is none.
func (s *settling) meets(dep rpm.Dependency) *debianPackage {
	p := s.provider[dep.Name]
	if p == nil {
		return nil
	}
	own := rpm.Dependency{Name: p.Name, Sense: rpm.Equal, EVR: p.EVR}
	if dep.Overlaps(own) || slices.ContainsFunc(p.Provides, dep.Overlaps) {
		return p
	}
	return nil
}

func (s *settling) requires(deps []rpm.Dependency) []rpm.Dependency {
	var kept []rpm.Dependency
	for _, dep := range deps {
		if dep.IsRich() {
			var ok bool
			if dep.Name, ok = s.alternatives(dep.Name); !ok {
				continue
			}
		} else if s.meets(dep) == nil {
			continue
		}
		kept = append(kept, dep)
	}
	return kept
}

// alternatives settles "(a or b >= 2)"; false if nothing meets it.
func (s *settling) alternatives(rich string) (string, bool) {
	var chosen *debianPackage
	var kept []string
	for _, text := range alternativesIn(rich) {
		dep, err := rpm.ParseDependency(text)
		if err != nil {
			continue
		}
		p := s.meets(dep)
		if p != nil && chosen != nil && p != chosen {
			continue
		}
		if p != nil {
			chosen = p
		}
		kept = append(kept, text)
	}
	if chosen == nil {
		return "", false
	}
	return "(" + strings.Join(kept, " or ") + ")", true
}

// alternativesIn are the parts of "(a or b)", which have no parentheses in Debian.
func alternativesIn(rich string) []string {
	return strings.Split(strings.Trim(rich, "()"), " or ")
}

// needed returns the packages that a package requires, after settle.
func (s *settling) needed(p *debianPackage) []*debianPackage {
	var list []*debianPackage
	for _, dep := range p.Requires {
		options := []string{dep.String()}
		if dep.IsRich() {
			options = alternativesIn(dep.Name)
		}
		for _, text := range options {
			one, err := rpm.ParseDependency(text)
			if err != nil {
				continue
			}
			if q := s.meets(one); q != nil {
				list = append(list, q)
				break
			}
		}
	}
	return list
}

// subset reduces a settled distribution to the closure of some packages. Beyond that,
// while there are less than n, it takes the most important and what they need.
func (d *debian) subset(n int, names []string) *debian {
	s := settling{provider: map[string]*debianPackage{}}
	for _, p := range d.packages {
		s.provider[p.Name] = p
		for _, dep := range p.Provides {
			s.provider[dep.Name] = p
		}
	}
	chosen := map[*debianPackage]bool{}
	for _, name := range names {
		if p := d.byName[name]; p != nil {
			s.close(p, chosen, len(d.packages))
		}
	}
	for _, p := range d.byRank() {
		if len(chosen) >= n {
			break
		}
		s.close(p, chosen, n-len(chosen))
	}
	part := &debian{arch: d.arch}
	for p := range chosen {
		part.packages = append(part.packages, p)
	}
	part.index()
	return part
}

// close adds a package and all that it needs to chosen, if these are at most n.
func (s *settling) close(p *debianPackage, chosen map[*debianPackage]bool, n int) {
	if chosen[p] {
		return
	}
	more := []*debianPackage{p}
	seen := map[*debianPackage]bool{p: true}
	for i := 0; i < len(more) && len(more) <= n; i++ {
		for _, q := range s.needed(more[i]) {
			if !chosen[q] && !seen[q] {
				seen[q] = true
				more = append(more, q)
			}
		}
	}
	if len(more) > n {
		return
	}
	for _, q := range more {
		chosen[q] = true
	}
}
