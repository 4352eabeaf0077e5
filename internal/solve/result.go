package solve

import (
	"slices"
	"strings"
)

// Result is what a Request selects. Lists of packages are sorted by NEVRA.
type Result struct {
	Binaries, Debug, Sources []Selected
	// Unresolved are the requirements that nothing satisfies, by requirer.
	Unresolved []Unresolved
	// Unmatched are the Inputs, Prepopulate entries and met Conditionals that
	// select nothing.
	Unmatched []Unmatched
	// Dropped are the packages that the request could see and never considered.
	Dropped []Dropped
}

// Dropped is a package that might be in the tree by its arch, and is not: it is as if it
// were not there, or no method of multilib takes it.
type Dropped struct {
	Index   int
	Because Because
	Pattern string // that excludes it, of Excluded and Blacklisted; of Absent the reason
	Other   int    // index of the newer package, of Older; of the native one, of NoMethod; else -1
}

// Because is why a package was dropped.
type Because uint8

// The reasons.
const (
	Excluded    Because = iota // by Request.Excludes
	Absent                     // by Request.Absent, whose reason Pattern is
	Blacklisted                // by Request.MultilibBlacklist
	Older                      // than another one of its name and arch
	NoMethod                   // of multilib takes it, as it takes a native one
	Exempt                     // its source is in Request.FulltreeExcludes
)

// Selected is one package of a Result. Packages with the flag Lookaside are
// needed, but not to be shipped.
type Selected struct {
	Index  int // in the list given to NewPool
	Flags  Flags
	Reason Reason
}

// Reason says why a package was selected, the first time that it was.
type Reason struct {
	Step     Step
	By       int    // index of the package that wanted it, -1 for inputs
	Wanted   string // what was asked for: a pattern, a requirement, the name of a source
	For      string // Input.Reason or Conditional.Reason, or what spoke for multilib
	Rule     Rule   // what decided between the candidates
	Rejected []int  // indexes of the candidates that were not taken
}

// Step is what brings in a package.
type Step string

// The steps, in the order in which they are tried. A requirement comes again at
// the end, if it is rich and waits for a condition.
const (
	StepInput            Step = "input"
	StepPrepopulate      Step = "prepopulate"
	StepConditional      Step = "conditional"
	StepRequirement      Step = "requirement"
	StepBuildRequirement Step = "build requirement"
	StepSource           Step = "source"
	StepDebug            Step = "debug"
	StepDebugRequirement Step = "debug requirement"
	StepFulltree         Step = "fulltree"
	StepLangpack         Step = "langpack"
	StepMultilib         Step = "multilib"
)

// Rule is how one of several candidates was chosen.
type Rule string

// The rules, in the order in which they are tried.
const (
	RuleOnly      Rule = "only candidate"
	RuleGreedyAll Rule = "greedy: all"
	RuleSelected  Rule = "already selected"
	RuleNative    Rule = "native arch"
	RuleNewest    Rule = "newest version"
	RuleArch      Rule = "best arch"
	RuleShortest  Rule = "shortest name"
	RuleFirst     Rule = "first by name"
	RuleBuild     Rule = "greedy: same build"
	RuleSource    Rule = "same source"
)

// Flags is a set of marks on a selected package.
type Flags uint16

// The flags. FlagConditional and FlagSelfHosting mark what was pulled in.
const (
	FlagConditional Flags = 1 << iota
	FlagFulltree
	// FlagFulltreeExclude marks packages whose source is in FulltreeExcludes; for
	// debug packages only where a requirement asked for them. Moving packages
	// between a tree and its parent depends on it.
	FlagFulltreeExclude
	FlagGreedyBuild
	FlagInput
	FlagLangpack
	FlagLookaside
	FlagMultilib
	FlagPrepopulate
	FlagSelfHosting
)

// flagNames are in the order of the bits, which is that of the alphabet.
var flagNames = [...]string{
	"conditional", "fulltree", "fulltree-exclude", "greedy-build", "input",
	"langpack", "lookaside", "multilib", "prepopulate", "self-hosting",
}

// Has tells whether all of the flags are set.
func (f Flags) Has(flags Flags) bool { return f&flags == flags }

// Names are the names of the flags, sorted; never nil.
func (f Flags) Names() []string {
	names := []string{}
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

func (f Flags) String() string { return strings.Join(f.Names(), ",") }

// Unresolved is a requirement of a selected package that nothing satisfies.
type Unresolved struct {
	Requirer    int    // index of the package
	Requirement string // as its header has it
	Why         string
	// Chain is how the requirer got in: the package itself, the one that wanted
	// it, and so on to the package that an input selected.
	Chain []int
}

// Unmatched is an input that selects nothing.
type Unmatched struct {
	Input
	Why string
}

// Find is the selected package of an index, of any kind.
func (r *Result) Find(index int) (Selected, bool) {
	for _, list := range [...][]Selected{r.Binaries, r.Debug, r.Sources} {
		if i := slices.IndexFunc(list, func(s Selected) bool { return s.Index == index }); i >= 0 {
			return list[i], true
		}
	}
	return Selected{}, false
}

// Join is what two requests select from the pool: a package that both select has the
// flags of both, and the reason of the first.
func (p *Pool) Join(a, b Result) Result {
	r := Result{
		Binaries:   p.join(a.Binaries, b.Binaries),
		Debug:      p.join(a.Debug, b.Debug),
		Sources:    p.join(a.Sources, b.Sources),
		Unresolved: a.Unresolved,
		Unmatched:  slices.Concat(a.Unmatched, b.Unmatched),
	}
	type demanded struct {
		requirer    int
		requirement string
	}
	known := map[demanded]bool{}
	for _, u := range a.Unresolved {
		known[demanded{u.Requirer, u.Requirement}] = true
	}
	for _, u := range b.Unresolved {
		if !known[demanded{u.Requirer, u.Requirement}] {
			r.Unresolved = append(r.Unresolved, u)
		}
	}
	selected := make([]bool, len(p.ids)) // by b; Find would look through all for each
	for _, list := range [...][]Selected{b.Binaries, b.Debug, b.Sources} {
		for _, s := range list {
			selected[s.Index] = true
		}
	}
	for _, d := range a.Dropped {
		if !selected[d.Index] {
			r.Dropped = append(r.Dropped, d)
		}
	}
	return r
}

// join merges two sorted lists.
func (p *Pool) join(a, b []Selected) []Selected {
	joined := make([]Selected, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch x, y := p.ids[a[0].Index], p.ids[b[0].Index]; {
		case x < y:
			joined, a = append(joined, a[0]), a[1:]
		case x > y:
			joined, b = append(joined, b[0]), b[1:]
		default:
			s := a[0]
			s.Flags |= b[0].Flags
			joined, a, b = append(joined, s), a[1:], b[1:]
		}
	}
	return append(append(joined, a...), b...)
}
