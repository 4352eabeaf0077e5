// Package rules is the vocabulary: what the language yields, the executor runs
// and the phases implement. It does no I/O and everybody may import it.
//
// A definition declares targets. Each target has an Instance per Cell of its
// grain; each instance has Actions, which turn input Artifacts into output
// Artifacts by a Tool (Go) or a host program. Deliveries say which artifacts
// land where in the compose. All of it together is a Graph, a value.
//
// The folders below are the phases, one each: the rule in Starlark and its
// Tools in Go.
package rules

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// Graph is an evaluated and analysed definition.
type Graph struct {
	Compose *Compose
	// LeftOut are the uids of parents and children of variants of Compose, which the
	// definition has, and who evaluated it did not want.
	LeftOut []string
	Targets []*Target // in order of declaration
	Actions []*Action // producers before consumers
	// Deliveries in the order in which instances were analysed.
	Deliveries []Delivery
	// Explanations in the order in which instances were analysed: who decides what
	// goes in before who decides on that.
	Explanations []Explanation
	// Layout is the action that lays out the whole compose; nil if the definition
	// delivers nothing. Its one output is the tree below the compose's folder.
	Layout *Action
	// Digest of every file that was evaluated and of the values of define().
	Digest cache.Digest
	// Files that were evaluated, relative to the root, sorted.
	Files []string
	// Repositories that sources name, sorted by name.
	Repositories []*Repository
}

// Repository is a repository somewhere else: of packages, or of git. Which of its states counts is pinned
// in the lock (see executor/remote), so where it is enters no key.
type Repository struct {
	Name string // the instance that declares it: "//:base@x86_64"
	Arch string // of that instance, "" if it has none
	// BaseURLs are places of the same content, in the order in which they are asked:
	// URLs of scheme http, https or file, without a slash at the end, or folders,
	// absolute or relative to the root.
	BaseURLs []string
	// Mirrorlist is the URL of a list of more base URLs, a line each; Metalink that of
	// one in XML, which also tells what repomd.xml is; or "".
	Mirrorlist, Metalink string
	// Signed: the source has the signature of repomd.xml, too, repomd.xml.asc. Who
	// signed is for the tool to judge that reads it.
	Signed bool `json:",omitempty"`
	// Git is the URL or folder of a git repository, and Ref a branch, tag or commit of it.
	// The source has the files of one commit then, and all of the above is empty.
	Git, Ref string `json:",omitempty"`
}

// Compose is the identity of what is composed, from compose().
type Compose struct {
	Release
	Type     string // production, nightly, test, ci, development
	Label    string // milestone, e.g. "Beta-1.2"; "" if none
	Final    bool
	Internal bool
	// BaseProduct of a layered release, else nil.
	BaseProduct *Release
	Arches      []string // tree arches, in order of declaration
	Checksums   []string // of images: "sha256" …
	Variants    []*Variant
}

// Variant returns the variant with a uid, or nil.
func (c *Compose) Variant(uid string) *Variant {
	for _, v := range c.Variants {
		if v.UID == uid {
			return v
		}
	}
	return nil
}

// Release is the identity of a product.
type Release struct {
	Name    string // "Tiny Linux"
	Short   string // "Tiny"
	Version string // "1.0"
	Type    string // release type: ga, updates, eus … ; "ga" if not said
}

// Variant is one variant of the compose, from variant().
type Variant struct {
	ID     string // name given: "optional"
	UID    string // parent's uid and id: "Server-optional"; cells are written with it
	Parent string // uid, "" for a top-level variant
	Type   string // variant, addon, layered-product, optional
	Title  string // productmd's name
	Arches []string
	Empty  bool
	// Release of a layered product, else nil.
	Release *Release
	// CompsGroups and CompsEnvironments choose from the comps file.
	CompsGroups       []CompsGroup
	CompsEnvironments []CompsEnvironment
	Modules           []string // NAME:STREAM[:VERSION[:CONTEXT]], globs
}

// CompsGroup says which comps groups a variant has, and what becomes of them there.
type CompsGroup struct {
	ID          string // or a shell pattern that matches several
	Default     *bool  // whether it is installed unless somebody says no; nil: as in comps
	UserVisible *bool  // whether menus offer it; nil: as in comps
}

// CompsEnvironment says which comps environment a variant has.
type CompsEnvironment struct {
	ID           string
	DisplayOrder *int // place in menus; nil: as in comps
}

// Target is one declaration of a rule.
type Target struct {
	Label Label
	Rule  string // name of the rule
	Per   string // grain
	Test  bool
	// Pos is where the declaration stands; it never enters a key.
	Pos       Position
	Tags      []string
	Instances []*Analysed
}

// Analysed is an instance after its rule's implementation has run.
type Analysed struct {
	Instance
	Target    *Target
	Deps      []*Analysed // distinct, in order of first use
	Actions   []*Action
	Outputs   []*Artifact // of all its actions, in order of declaration
	Optional  bool
	Providers []string // names, sorted
}

// Results are the artifacts that somebody who asks for the instance wants: what it
// delivers, and what none of its own actions reads. The rest is on the way to these.
func (g *Graph) Results(a *Analysed) []*Artifact {
	read := map[*Artifact]bool{}
	for _, action := range a.Actions {
		for _, f := range action.Inputs() {
			read[f] = true
		}
	}
	for _, d := range g.Deliveries {
		if d.Owner == a {
			delete(read, d.Tree)
		}
	}
	return slices.DeleteFunc(slices.Clone(a.Outputs), func(f *Artifact) bool { return read[f] })
}

// Artifact is a file or a folder that an action makes or the workspace holds.
type Artifact struct {
	// Name is the path below the instance's output folder, or the base name of a
	// source. Tools see it, so it is part of keys.
	Name string
	Kind cache.Kind // FileKind or DirKind
	// Producer is nil for sources.
	Producer *Action
	// Source is nil for artifacts that an action makes.
	Source *Source
}

// Source is a file or folder of the workspace, or the metadata of a repository.
type Source struct {
	Path string // relative to the root, with slashes
	// Repository is the name of a Repository of the graph, "" for the workspace. The
	// source is a folder then: repomd.xml, and the files that it lists by their type,
	// such as primary.xml.gz, and repomd.xml.asc if the Repository is Signed; or the files
	// of a commit of git.
	Repository string `json:",omitempty"`
	// Suffix selects files of a folder: ".rpm"; "" takes all.
	Suffix string
	// Sharded folders are not seen as they are on disk, which may hold 60,000
	// entries side by side, but as <first two hex digits of the content's hash>/<path>:
	// one changed file changes one small Directory.
	Sharded bool
}

// Name is the path, or the name of the repository.
func (s *Source) Name() string { return cmp.Or(s.Repository, s.Path) }

func (s *Source) String() string {
	if s.Repository != "" {
		return "repository " + s.Repository
	}
	return strconv.Quote(s.Path)
}

// StateDir is the name of the folder that marks its folder as the output of builds.
// What is in such a folder below the workspace's root is no part of the
// definition: neither packages nor files of a source are looked for there.
const StateDir = ".pungo"

// Action makes its outputs from its inputs, by a tool or a host program.
type Action struct {
	Owner *Analysed // nil for the layout
	// Tool names a Tool; "" if a program is all there is.
	Tool string
	// Toolchain is a host program: what runs, or, beside a Tool, what that may run (see
	// Host.RunCommand).
	Toolchain *Toolchain
	Args      []Arg
	// Extra inputs, not named by Args.
	Extra   []*Artifact
	Outputs []*Artifact
	// Env of a host program, "NAME=value", sorted.
	Env []string
	// Optional actions may fail; their outputs are then absent.
	Optional bool
	// Test actions report a verdict: Strictness decides what it means.
	Test       bool
	Strictness Strictness
	Timeout    time.Duration // 0: none
	Resources  Resources
	// Arch the program must run on; "" for any.
	Arch string
	// Product of the cell's layered product, which {compose_id} then names.
	Product *Release
}

// Mnemonic names what the action does: its tool or program.
func (a *Action) Mnemonic() string {
	if a.IsCommand() {
		return a.Toolchain.Name
	}
	return a.Tool
}

// IsCommand reports whether a host program is all that the action runs.
func (a *Action) IsCommand() bool { return a.Tool == "" && a.Toolchain != nil }

func (a *Action) String() string {
	if a.Owner == nil {
		return "compose layout"
	}
	return a.Owner.Instance.String()
}

// Inputs returns every artifact the action reads: those of Args in order of
// first mention, then Extra; each once. Args name the action's outputs too;
// these are left out.
func (a *Action) Inputs() []*Artifact {
	var inputs []*Artifact
	seen := map[*Artifact]bool{}
	add := func(f *Artifact) {
		if f != nil && f.Producer != a && !seen[f] {
			seen[f] = true
			inputs = append(inputs, f)
		}
	}
	for _, arg := range a.Args {
		for _, w := range arg {
			add(w.Artifact)
		}
	}
	for _, f := range a.Extra {
		add(f)
	}
	return inputs
}

// Stamped reports whether the action has an edge to the stamp: an argument
// names a part of the compose's identity.
func (a *Action) Stamped() bool {
	for _, arg := range a.Args {
		for _, w := range arg {
			if !w.Literal && (HasStamp(w.Text) || HasStamp(w.Suffix)) {
				return true
			}
		}
	}
	return false
}

// Arg is what one args.add() appended. If an artifact it names is absent, all
// of it vanishes.
type Arg []Word

// Word is one word of the command line: Text, the path of Artifact if there is
// one, Suffix.
type Word struct {
	Text     string
	Artifact *Artifact
	Suffix   string
	// Literal words mean what they say: what looks like a part of the stamp in
	// them is text.
	Literal bool
}

// Strictness says what a failed test means.
type Strictness string

// The values of the attribute strictness.
const (
	Off     Strictness = "off"
	Lenient Strictness = "lenient"
	Fatal   Strictness = "fatal"
)

// Resources that an action occupies while it runs.
type Resources struct {
	CPU    int // cores; 0 means 1
	Memory int // MiB
}

// Toolchain is a host program and what stands in for its version.
type Toolchain struct {
	Name    string   // as rules ask for it
	Program string   // looked up in PATH's /usr/bin, /usr/sbin …
	Pkgs    []string // distribution packages whose versions enter the key
	Files   []string // of the host, below /usr: what an action wants beside the program; their digests enter the key
	Hint    string   // what to install
}

// Delivery says that an artifact lands in the compose. Folders merge.
type Delivery struct {
	Owner *Analysed
	// Dir below "compose/", or below "logs/" if Logs. It may hold stamp parts.
	Dir  string
	Logs bool
	Tree *Artifact
	// Images describes images in Tree, nil if it holds none.
	Images *Artifact
}

// Explanation is what an instance tells of its decisions on packages. It answers why a
// package is where it is, and why not.
type Explanation struct {
	Owner *Analysed
	// Decisions is a log of them, see packages.Decision; nil if there is none.
	Decisions *Artifact
	// Packages is the package set that is left to decide on; nil if the instance has none.
	Packages *Artifact
	// List is the package list of what the cell ships; nil if others decide on that.
	List *Artifact
	// Verified is there if no signature in List is refused; nil if none is looked at.
	Verified *Artifact
}

// Position is a place in a definition.
type Position struct {
	File string // relative to the root
	Line int    // from 1; 0 if unknown
	Col  int    // from 1
}

func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + itoa(p.Line) + ":" + itoa(p.Col)
}

// Error is a mistake in a definition, shown as
//
//	compose.star:8:12: variant "Server": arch "x86-64" is not known
//	  hint: did you mean "x86_64"?
type Error struct {
	Pos  Position // zero if the mistake has no place
	Msg  string
	Hint string // "" if there is none
	// Stack of the calls that led to Pos, outermost first; nil for the top level.
	Stack []Position
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Pos.File != "" {
		b.WriteString(e.Pos.String() + ": ")
	}
	b.WriteString(e.Msg)
	for i := len(e.Stack) - 1; i >= 0; i-- {
		b.WriteString("\n  called from " + e.Stack[i].String())
	}
	if e.Hint != "" {
		b.WriteString("\n  hint: " + e.Hint)
	}
	return b.String()
}
