package solve

import "github.com/pungo-build/pungo/internal/rpm"

// Request describes the packages that one tree shall have. Patterns are names or
// globs (* ? [a-z] [!a-z]) over package names, never over versions or provides;
// what may follow a name in a pattern:
//
//	bash          best package of that name for the tree
//	bash.i686     of that arch
//	bash.+        of a foreign arch of the tree, or noarch
//	bash.src      the source package (in Excludes only)
//	x-debuginfo   a pattern that looks like a debug package means debug packages
type Request struct {
	TreeArch string // such as x86_64, i386, armhfp

	// Inputs are wanted for themselves.
	Inputs []Input
	// Packages are wanted for themselves, too: exactly these, if they are of the tree.
	Packages []Wanted
	// Conditionals are wanted once their trigger is selected.
	Conditionals []Conditional
	// Prepopulate lists packages as exact name.arch, without globs.
	Prepopulate []Input
	// Langpacks are wanted, in all languages, once their package is selected.
	Langpacks []Langpack

	// Excludes are patterns of packages to treat as absent. Packages of a
	// lookaside stay, so that what was filtered can still satisfy requirements.
	Excludes []string
	// Absent are packages, by index, that are as if they were not there, and why; those
	// of a lookaside stay.
	Absent map[int]string
	// MultilibBlacklist has globs of names never to be taken for a foreign arch.
	MultilibBlacklist []string
	// MultilibWhitelist has globs of names to be taken for foreign arches too.
	MultilibWhitelist []string
	// Multilib decides whether a package of a foreign arch accompanies the
	// native one of equal name and version: it returns what speaks for it, such
	// as "devel", or "". It must be a pure function; nil says no to all.
	Multilib func(candidate *rpm.Package) string

	Greedy           Greedy
	Selfhosting      bool     // follow build requirements of selected sources
	Fulltree         bool     // take all packages that were built from a selected source
	FulltreeExcludes []string // names of sources that are exempt from Fulltree
	Nodeps           bool     // follow neither requirements nor Conditionals
	ExcludeSource    bool     // no source packages
	ExcludeDebug     bool     // no debug packages
}

// Input is a wanted package and who wants it.
type Input struct {
	Pattern string
	Reason  string // for people, such as "group core (mandatory)"
	// Native means only packages of the tree's own arches. To Solve it says nothing:
	// it prefers these.
	Native bool `json:",omitempty"`
}

// Wanted is a package, by its index, and who wants it.
type Wanted struct {
	Index  int
	Reason string // for people, such as "module nodejs:18"
}

// Conditional wants Install if Trigger, a package name, is selected.
type Conditional struct {
	Trigger, Install string
	Reason           string
}

// Langpack wants what is called Install, where %s stands for any language, if
// the package Name is selected.
type Langpack struct {
	Name, Install string
}

// Greedy says how many of several candidates are taken.
type Greedy uint8

// The values of Greedy.
const (
	GreedyNone  Greedy = iota // the best one
	GreedyBuild               // for requirements, also what else of its build provides the same
	GreedyAll                 // all of them, on all arches
)
