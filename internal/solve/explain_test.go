package solve

import (
	"fmt"
	"strings"
)

// maxRejected is how many rejected candidates Explain names.
const maxRejected = 3

// Explain says in one line why a package was selected, such as
//
//	mta-1-1.x86_64: required by cron-4-1.x86_64 (smtpdaemon); shortest name, not sendmail-8-1.x86_64
func (p *Pool) Explain(s Selected) string {
	r := &s.Reason
	var b strings.Builder
	b.WriteString(p.label(s.Index) + ": " + p.cause(r))
	if r.Rule != "" && r.Rule != RuleOnly && r.Rule != RuleSource {
		b.WriteString("; " + string(r.Rule))
	}
	for i, index := range r.Rejected {
		switch {
		case i == maxRejected:
			fmt.Fprintf(&b, " and %d more", len(r.Rejected)-i)
			return b.String()
		case i == 0:
			b.WriteString(", not ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(p.label(index))
	}
	return b.String()
}

// cause says who wanted the package, and what for.
func (p *Pool) cause(r *Reason) string {
	var by string
	if r.By >= 0 {
		by = p.label(r.By)
	}
	switch r.Step {
	case StepInput, StepPrepopulate:
		return fmt.Sprintf("%s %q of %s", r.Step, r.Wanted, r.For)
	case StepConditional:
		return fmt.Sprintf("%q of %s, which has %s too", r.Wanted, r.For, by)
	case StepRequirement, StepDebugRequirement:
		return fmt.Sprintf("required by %s (%s)", by, r.Wanted)
	case StepBuildRequirement:
		return fmt.Sprintf("required to build %s (%s)", by, r.Wanted)
	case StepSource:
		return "source of " + by
	case StepDebug:
		return "debug package of " + by
	case StepFulltree:
		return "built along with " + by
	case StepLangpack:
		return "language pack of " + by
	case StepMultilib:
		return fmt.Sprintf("foreign arch of %s, by %s", by, r.For)
	}
	return string(r.Step)
}

func (p *Pool) label(index int) string {
	return strings.TrimSuffix(p.packages[p.ids[index]].FileName(), ".rpm")
}

// Chain tells how a package got in: the package itself first, then the one that
// wanted it, and so on. It is empty if the package is not selected.
func (r *Result) Chain(index int) []Selected {
	var chain []Selected
	for index >= 0 {
		s, ok := r.Find(index)
		if !ok {
			break
		}
		chain = append(chain, s)
		index = s.Reason.By
	}
	return chain
}
