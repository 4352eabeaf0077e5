// Package difference tells what changed between two composes, repositories or folders
// of packages.
//
//	Open     finds out what a path is, and reads what it says of itself: a Side
//	Compare  holds two sides against each other: a Report
//	Text, Markdown, JSON of a Report
//
// What a compose has is told by its metadata: compose/metadata/*.json, which packages
// and images are where; the repodata of its repositories, how large packages are, their
// checksums, changelogs and groups; .treeinfo, what an installer finds. Package files
// are opened for a changelog that no repository has, and in folders without metadata.
//
// All of it was written by others: names lead nowhere out of the folder they are in,
// texts and what they unpack to are bounded. Lists are sorted, so that equal sides give
// equal reports, byte by byte.
package difference

import "cmp"

// Kind is what happened to something.
type Kind string

// The kinds. Of packages, Resigned, Rebuilt and Changed are those whose version is the
// same, while the signing key, the time when it was built, or nothing but the file is
// another.
const (
	Added    Kind = "added"
	Removed  Kind = "removed"
	Up       Kind = "up"
	Down     Kind = "down"
	Resigned Kind = "resigned"
	Rebuilt  Kind = "rebuilt"
	Changed  Kind = "changed"
)

// kinds in the order in which they are told.
var kinds = []Kind{Added, Removed, Up, Down, Rebuilt, Resigned, Changed}

// Report is what changed. docs/diff.md documents it as JSON. No list in it is nil.
type Report struct {
	Before Subject `json:"before"`
	After  Subject `json:"after"`
	// Fields are those of the compose: its id, type, label, status, release.
	Fields   []Field         `json:"fields"`
	Variants []VariantChange `json:"variants"`
	// Repositories are those whose pins changed, of locks.
	Repositories []RepositoryChange `json:"repositories"`
	// Moved has the packages that left one variant and appear in another; they are
	// neither added nor removed there.
	Moved       []Move       `json:"moved"`
	MovedGroups []MovedGroup `json:"moved_groups"`
	// Cells are the variants and arches that changed.
	Cells []CellChange `json:"cells"`
	// Trees are those whose .treeinfo changed.
	Trees      []TreeChange `json:"trees"`
	Size       Sizes        `json:"size"`
	Growth     []Growth     `json:"growth"` // the largest ones, by source package
	Changelogs []Changelog  `json:"changelogs"`
	// Notes say what could not be compared, and why.
	Notes []string `json:"notes"`
}

// newReport returns one without changes.
func newReport(before, after Subject) *Report {
	return &Report{
		Before: before, After: after,
		Fields: []Field{}, Variants: []VariantChange{}, Repositories: []RepositoryChange{}, Moved: []Move{}, MovedGroups: []MovedGroup{},
		Cells: []CellChange{}, Trees: []TreeChange{}, Growth: []Growth{}, Changelogs: []Changelog{}, Notes: []string{},
	}
}

// Subject is one of the two that were compared.
type Subject struct {
	Path string `json:"path"` // as it was given
	Type Type   `json:"type"`
	ID   string `json:"id,omitempty"` // of a compose
}

// Type is what a subject is.
type Type string

// The types.
const (
	Compose    Type = "compose"
	Repository Type = "repository" // a folder with repodata
	Folder     Type = "folder"     // of packages, without metadata
	Lock       Type = "lock"
)

// Field is a value that is another. What is missing on a side is "".
type Field struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// VariantChange is a variant that is new, gone, or says something else of itself.
type VariantChange struct {
	Variant string  `json:"variant"` // uid
	Change  Kind    `json:"change"`
	Fields  []Field `json:"fields"`
}

// RepositoryChange is a repository whose pin is another.
type RepositoryChange struct {
	Repository string `json:"repository"`       // its name, with the arch: "//:base@x86_64"
	Change     Kind   `json:"change"`           // added, removed, or changed
	Before     string `json:"before,omitempty"` // revision; none without pin
	After      string `json:"after,omitempty"`
	Text       string `json:"-"` // the same for people
}

// Cell is a variant and arch; both are "" where packages are not sorted by them.
type Cell struct {
	Variant string `json:"variant"` // uid
	Arch    string `json:"arch"`
}

// String is "Server.x86_64", or "packages".
func (c Cell) String() string {
	if c == (Cell{}) {
		return "packages"
	}
	return c.Variant + "." + c.Arch
}

func compareCells(a, b Cell) int {
	return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Arch, b.Arch))
}

// CellChange is what changed in a variant and arch.
type CellChange struct {
	Cell
	// Counts are those of packages, without the moved ones.
	Counts  Counts         `json:"counts"`
	Size    Sizes          `json:"size"`
	Sources []SourceChange `json:"sources"`
	Groups  GroupChanges   `json:"groups"`
	Modules []ModuleChange `json:"modules"`
	Images  []ImageChange  `json:"images"`
}

// Counts counts packages by what happened to them. Changed counts those that were
// rebuilt or resigned, too.
type Counts struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Up      int `json:"up"`
	Down    int `json:"down"`
	Changed int `json:"changed"`
}

func (c *Counts) add(k Kind) {
	switch k {
	case Added:
		c.Added++
	case Removed:
		c.Removed++
	case Up:
		c.Up++
	case Down:
		c.Down++
	default:
		c.Changed++
	}
}

// Sizes are bytes.
type Sizes struct {
	Packages Size `json:"packages"`
	Images   Size `json:"images"`
}

// Size is in bytes.
type Size struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

func (s Size) delta() int64 { return s.After - s.Before }

func (s *Size) add(o Size) {
	s.Before += o.Before
	s.After += o.After
}

// SourceChange is what changed among the packages of one source package.
type SourceChange struct {
	Source string `json:"source"` // its name
	Change Kind   `json:"change"`
	// Before and After are its epoch:version-release; "" if nothing of it was, or is,
	// there.
	Before   string          `json:"before"`
	After    string          `json:"after"`
	Size     Size            `json:"size"` // of the packages below
	Packages []PackageChange `json:"packages"`
}

// PackageChange is a package that changed.
type PackageChange struct {
	Name     string `json:"name"`
	Arch     string `json:"arch"`
	Category string `json:"category"` // binary, debug or source
	Change   Kind   `json:"change"`
	Before   string `json:"before"` // NEVRA, or ""
	After    string `json:"after"`
	// SigKeys are there if they differ; "" is that of an unsigned package.
	SigKeyBefore *string `json:"sigkey_before,omitempty"`
	SigKeyAfter  *string `json:"sigkey_after,omitempty"`
	Size         Size    `json:"size"` // 0 if not known, or not there
}

// Move is what of a source package left one variant for another.
type Move struct {
	Source   string          `json:"source"`
	Before   string          `json:"before"`
	After    string          `json:"after"`
	From     string          `json:"from"` // uid
	To       string          `json:"to"`
	Arch     string          `json:"arch"`
	Packages []PackageChange `json:"packages"` // up, down, changed … or "moved", if nothing else
}

// Moved is the change of a package that did nothing but move.
const Moved Kind = "moved"

// MovedGroup is a comps group or environment that left one variant for another.
type MovedGroup struct {
	What string `json:"what"` // group or environment
	ID   string `json:"id"`
	From string `json:"from"` // uid
	To   string `json:"to"`
	Arch string `json:"arch"`
}

// TreeChange is a .treeinfo that changed.
type TreeChange struct {
	Path   string  `json:"path"` // of the tree, below compose/
	Fields []Field `json:"fields"`
}

// Growth is how much a source package's files grew, in all variants and arches.
type Growth struct {
	Source string `json:"source"`
	Size   Size   `json:"size"`
}

// Changelog is what is new in a source package's changelog.
type Changelog struct {
	Source  string   `json:"source"`
	Before  string   `json:"before"`
	After   string   `json:"after"`
	Cells   []string `json:"cells"` // where it went up
	Entries []Entry  `json:"entries"`
	More    int      `json:"more"` // how many older ones are left out
}

// Entry is an entry of a changelog.
type Entry struct {
	Date   string `json:"date"` // YYYY-MM-DD
	Author string `json:"author"`
	Text   string `json:"text"`
}

// IsEmpty reports whether nothing changed; that the composes have other names and
// dates is no change.
func (r *Report) IsEmpty() bool {
	for _, f := range r.Fields {
		if !ownName[f.Name] {
			return false
		}
	}
	return len(r.Variants)+len(r.Repositories)+len(r.Moved)+len(r.MovedGroups)+len(r.Cells)+len(r.Trees) == 0
}

// ownName are the fields that differ between any two composes.
var ownName = map[string]bool{"compose.id": true, "compose.date": true, "compose.respin": true}
