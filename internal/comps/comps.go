// Package comps reads, filters and writes comps files: the XML document in
// which a distribution sorts its packages into groups, groups into categories
// and environments, and says which packages have translations as packages of
// their own (langpacks).
//
// [Parse] accepts the extended form that release engineers maintain, where
// arch and variant attributes restrict a package, a group or an environment.
// [Filter] reduces such a document to one architecture and variant, [Select]
// keeps the groups and environments that a variant asked for, and [Write]
// makes the plain canonical document that dnf and createrepo_c read:
//
//	comps
//	  group*        id name description default uservisible langonly? packagelist
//	  category*     id name description? display_order? grouplist
//	  environment*  id name description? display_order? grouplist optionlist?
//	  langpacks?    match*
//
// A *Comps is a value: no function changes its argument, results may share
// strings, slices and maps with it.
package comps

// Comps is a comps document. The slices have the order of the file.
type Comps struct {
	Groups       []Group
	Categories   []Category
	Environments []Environment
	Langpacks    []Langpack
}

// Text is a text for people with its translations.
type Text struct {
	Value  string
	ByLang map[string]string // language tag as in xml:lang, for example "pt_BR"; nil without translations
}

// Only is the value of an arch or variant attribute: the element is meant for
// these alone. nil stands for a missing attribute, which restricts nothing; an
// empty list that is not nil is an empty attribute, which no value satisfies.
type Only []string

// Group is a named list of packages.
type Group struct {
	ID          string
	Name        Text
	Description Text
	Default     bool   // installed unless somebody says no; false if the file is silent
	UserVisible bool   // offered in menus; true if the file is silent
	LangOnly    string // language whose support is the group's sole purpose, or ""
	Packages    []PackageReq
	Arches      Only
	Variants    Only
}

// PackageType says how strongly a group wants a package.
type PackageType string

// The package types that [Write] accepts. [Parse] keeps others as they are, so
// that an unknown type in a part which is filtered away does no harm.
const (
	Mandatory   PackageType = "mandatory"
	Default     PackageType = "default"
	Optional    PackageType = "optional"
	Conditional PackageType = "conditional" // wanted if the package in Requires is installed
)

// PackageReq is one entry of a group's package list.
type PackageReq struct {
	Name         string // package name, without version or architecture
	Type         PackageType
	Requires     string // package name; of meaning for conditional entries
	BaseArchOnly bool   // not to be installed as a multilib package
	Arches       Only
	Variants     Only
	Line         int // where the file has it, for messages; 0 if no file has
}

// Category is a heading of the package menu.
type Category struct {
	ID           string
	Name         Text
	Description  Text
	DisplayOrder *int     // nil if the file is silent
	GroupList    []string // group ids
}

// Environment is a set of groups that makes a complete system.
type Environment struct {
	ID           string
	Name         Text
	Description  Text
	DisplayOrder *int      // nil if the file is silent
	GroupList    []GroupID // the groups that belong to it
	OptionList   []GroupID // groups offered in addition
	Arches       Only
	Variants     Only
}

// GroupID is an environment's reference to a group.
type GroupID struct {
	ID      string
	Default bool // an option that is selected from the start
	Arches  Only // architectures where the reference counts
}

// Langpack says that for an installed package Name the packages that match
// Install, with "%s" standing for a language, are wanted too.
type Langpack struct {
	Name    string
	Install string
}

// Group returns the first group with the given id.
func (c *Comps) Group(id string) (Group, bool) {
	for _, g := range c.Groups {
		if g.ID == id {
			return g, true
		}
	}
	return Group{}, false
}
