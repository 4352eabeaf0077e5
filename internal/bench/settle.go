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
// That costs Debian few of its dependencies, and every one that remains is real. A
// package that is the same on several nights says the same on each.
func settle(nights ...*debian) {
	s := settling{}
	for _, d := range nights {
		for _, p := range d.packages {
			s[p.Name] = p.Name
		}
	}
	for _, d := range nights {
		for _, p := range d.byRank() {
			s.claim(p)
		}
	}
	for _, d := range nights {
		for _, p := range d.packages {
			s.settle(p, p.nights(nights))
		}
	}
}

// nights returns those nights on which the package is the same.
func (p *debianPackage) nights(nights []*debian) []*debian {
	var list []*debian
	for _, d := range nights {
		if q := d.byName[p.Name]; q != nil && q.EVR == p.EVR {
			list = append(list, d)
		}
	}
	return list
}

// settling has the name of the package that provides a name.
type settling map[string]string

// claim makes the package the provider of the names that have none yet.
func (s settling) claim(p *debianPackage) {
	for _, dep := range p.Provides {
		if s[dep.Name] == "" {
			s[dep.Name] = p.Name
		}
	}
}

func (s settling) settle(p *debianPackage, nights []*debian) {
	p.Provides = without(p.Provides, func(dep rpm.Dependency) bool { return s[dep.Name] != p.Name })
	p.Requires = s.requires(p.Requires, nights)
	p.Conflicts = without(p.Conflicts, func(dep rpm.Dependency) bool {
		return slices.ContainsFunc(nights, func(d *debian) bool { return s.meets(dep, d) != nil })
	})
}

// without leaves the list as it is, which another night has too.
func without(deps []rpm.Dependency, drop func(rpm.Dependency) bool) []rpm.Dependency {
	return slices.DeleteFunc(slices.Clone(deps), drop)
}

// meets returns the package that meets a requirement, nil if there is none.
func (s settling) meets(dep rpm.Dependency, d *debian) *debianPackage {
	p := d.byName[s[dep.Name]]
	if p == nil {
		return nil
	}
	own := rpm.Dependency{Name: p.Name, Sense: rpm.Equal, EVR: p.EVR}
	if dep.Overlaps(own) || slices.ContainsFunc(p.Provides, dep.Overlaps) {
		return p
	}
	return nil
}

// meetsAlways tells whether a requirement is met on each of some nights.
func (s settling) meetsAlways(dep rpm.Dependency, nights []*debian) bool {
	return !slices.ContainsFunc(nights, func(d *debian) bool { return s.meets(dep, d) == nil })
}

func (s settling) requires(deps []rpm.Dependency, nights []*debian) []rpm.Dependency {
	var kept []rpm.Dependency
	for _, dep := range deps {
		if dep.IsRich() {
			var ok bool
			if dep.Name, ok = s.alternatives(dep.Name, nights); !ok {
				continue
			}
		} else if !s.meetsAlways(dep, nights) {
			continue
		}
		kept = append(kept, dep)
	}
	return kept
}

// alternatives settles "(a or b >= 2)"; false if nothing meets it.
func (s settling) alternatives(rich string, nights []*debian) (string, bool) {
	var chosen string
	var kept []string
	for _, text := range alternativesIn(rich) {
		dep, err := rpm.ParseDependency(text)
		if err != nil {
			continue
		}
		switch provider := s[dep.Name]; {
		case provider == "", provider == chosen:
		case chosen == "" && s.meetsAlways(dep, nights):
			chosen = provider
		default:
			continue
		}
		kept = append(kept, text)
	}
	return "(" + strings.Join(kept, " or ") + ")", chosen != ""
}

// alternativesIn are the parts of "(a or b)", which have no parentheses in Debian.
func alternativesIn(rich string) []string {
	return strings.Split(strings.Trim(rich, "()"), " or ")
}

// needed returns the packages that a package requires, after settle.
func (s settling) needed(p *debianPackage, d *debian) []*debianPackage {
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
			if q := s.meets(one, d); q != nil {
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
	c := closing{whole: d, providers: settling{}, chosen: map[string]*debianPackage{}}
	for _, p := range d.packages {
		c.providers[p.Name] = p.Name
		c.providers.claim(p)
	}
	for _, name := range names {
		if p := d.byName[name]; p != nil {
			c.add(p, len(d.packages))
		}
	}
	for _, p := range d.byRank() {
		if len(c.chosen) >= n {
			break
		}
		c.add(p, n-len(c.chosen))
	}
	return newDebian(c.chosen)
}

// closing collects packages that lack nothing.
type closing struct {
	whole     *debian
	providers settling
	chosen    map[string]*debianPackage
}

// add adds a package and all that it needs, if these are at most n.
func (c *closing) add(p *debianPackage, n int) {
	if c.chosen[p.Name] != nil {
		return
	}
	more := []*debianPackage{p}
	seen := map[*debianPackage]bool{p: true}
	for i := 0; i < len(more) && len(more) <= n; i++ {
		for _, q := range c.providers.needed(more[i], c.whole) {
			if c.chosen[q.Name] == nil && !seen[q] {
				seen[q] = true
				more = append(more, q)
			}
		}
	}
	if len(more) > n {
		return
	}
	for _, q := range more {
		c.chosen[q.Name] = q
	}
}
