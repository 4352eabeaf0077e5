package solve

import (
	"slices"

	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

// Finding is a package that requires what no package provides.
type Finding struct {
	Index int // of the package, in the list given to NewPool
	// Requirements are those in question, sorted, each once. Rich ones are written
	// as dnf writes them, without needless parentheses. But those of a "without" in a
	// "without" are needed: dnf leaves them out, and so shows two requirements as one.
	Requirements []string
}

// Closure lists the packages outside of lookasides, sources among them, with
// requirements that no package of the pool satisfies, sorted by NEVRA.
//
// It judges as dnf's repoclosure does, whose question is not whether a package
// can be installed:
//
//	A and B, A or B          a package for any of the two is enough
//	A if B, A unless B       A, whether or not there is B
//	A if B else C            a package for A or for C is enough
//	A with B, A without B    one package must satisfy it, as everywhere
//
// Of what a header requires only that counts which repodata has: of the versions of a
// missing glibc that is one. Every version of a package is checked, and every one
// satisfies requirements; what a package obsoletes or conflicts with means nothing. A
// rich requirement that cannot be read is left out: dnf drops it too, and rpmbuild writes
// none.
func (p *Pool) Closure() []Finding {
	var findings []Finding
	verdicts := make([]verdict, len(p.requirements))
	for id := range p.checked {
		if missing := p.missing(id, verdicts); len(missing) > 0 {
			findings = append(findings, Finding{Index: p.index[id], Requirements: missing})
		}
	}
	return findings
}

// Checked counts the packages that Closure looks at.
func (p *Pool) Checked() int {
	n := 0
	for range p.checked {
		n++
	}
	return n
}

// checked yields the packages outside of lookasides, each once: the source packages
// of a tree may be in the sets of several arches.
func (p *Pool) checked(yield func(id int32) bool) {
	last := -1
	for id := range p.packages {
		if p.packages[id].Lookaside || last >= 0 && p.packages[last].NEVRA == p.packages[id].NEVRA {
			continue
		}
		last = id
		if !yield(int32(id)) {
			return
		}
	}
}

// verdict is what is known of a requirement.
type verdict uint8

const (
	unknown verdict = iota
	closed
	open
)

// missing lists what a package requires and nothing satisfies.
func (p *Pool) missing(id int32, verdicts []verdict) []string {
	var missing []*requirement
	for _, i := range p.requires.at(id) {
		r := &p.requirements[i]
		if verdicts[i] == unknown {
			verdicts[i] = p.judge(r)
		}
		if verdicts[i] == open {
			missing = append(missing, r)
		}
	}
	if len(missing) == 0 {
		return nil // as of most packages: what repodata has of them does not matter
	}
	return published(p.packages[id].Package, missing)
}

// published lists those of some requirements of a package that repodata has.
func published(pkg *rpm.Package, requirements []*requirement) []string {
	has := map[string]bool{}
	for _, d := range repodata.Requires(pkg) {
		has[textOf(&d)] = true
	}
	var texts []string
	for _, r := range requirements {
		if has[r.text] {
			texts = append(texts, r.expr.String())
		}
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

func (p *Pool) judge(r *requirement) verdict {
	if r.err != nil || len(p.suppliers(r.expr)) > 0 {
		return closed
	}
	return open
}
