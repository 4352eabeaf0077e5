package comps

import (
	"slices"

	"github.com/pungo-build/pungo/internal/glob"
)

// FilterOptions say to what a document is reduced.
type FilterOptions struct {
	// Arch is the tree architecture, for example "x86_64". If empty, arch
	// attributes are left alone.
	Arch string
	// Variant is the uid of a variant. If empty, variant attributes are left
	// alone and what they restrict stays.
	Variant string
	// KeepEmpty are shell globs; groups whose id matches one stay even when
	// they have no package.
	KeepEmpty []string
	// LookasideGroups are ids of groups that this document lacks, but that
	// environments may refer to: those of a parent variant, say.
	LookasideGroups []string

	// ArchOnlyPackages, Groups and Environments drop what has no arch attribute
	// and, with a variant, what has no variant attribute.
	ArchOnlyPackages, ArchOnlyGroups, ArchOnlyEnvironments bool

	// What is left out of the result, once everything else is done.
	RemoveCategories, RemoveLangpacks, RemoveTranslations, RemoveEnvironments bool
}

// Filter returns the document as it is for one architecture and variant.
//
// An element with an attribute that does not list the wanted value goes; where
// it is listed, the attribute goes; elements without the attribute stay. Then
// follows a cleanup: groups without packages, references to groups that do not
// exist (optional groups of environments are not checked), categories and
// environments that lost all their groups. At last whole kinds of elements go, if
// the options say so.
func Filter(c *Comps, o FilterOptions) *Comps {
	groups := o.groups(c.Groups)
	exists := make(map[string]bool, len(groups)+len(o.LookasideGroups))
	for _, g := range groups {
		exists[g.ID] = true
	}
	categories := filterCategories(c.Categories, exists)
	for _, id := range o.LookasideGroups {
		exists[id] = true
	}
	filtered := &Comps{
		Groups:       groups,
		Categories:   categories,
		Environments: o.environments(c.Environments, exists),
		Langpacks:    c.Langpacks,
	}
	o.remove(filtered)
	return filtered
}

// remove takes whole kinds of elements out of a document, whose lists it may change.
func (o FilterOptions) remove(c *Comps) {
	if o.RemoveCategories {
		c.Categories = nil
	}
	if o.RemoveEnvironments {
		c.Environments = nil
	}
	if o.RemoveLangpacks {
		c.Langpacks = nil
	}
	if !o.RemoveTranslations {
		return
	}
	for i := range c.Groups {
		c.Groups[i].Name.ByLang, c.Groups[i].Description.ByLang = nil, nil
	}
	for i := range c.Categories {
		c.Categories[i].Name.ByLang, c.Categories[i].Description.ByLang = nil, nil
	}
	for i := range c.Environments {
		c.Environments[i].Name.ByLang, c.Environments[i].Description.ByLang = nil, nil
	}
}

// admit decides about an element by its attributes and returns what is left of
// them. If only is set, it needs to have them.
func (o FilterOptions) admit(arches, variants Only, only bool) (restArches, restVariants Only, ok bool) {
	if only && (o.Arch != "" && arches == nil || o.Variant != "" && variants == nil) {
		return nil, nil, false
	}
	restArches, ok = arches.admit(o.Arch)
	if !ok {
		return nil, nil, false
	}
	restVariants, ok = variants.admit(o.Variant)
	return restArches, restVariants, ok
}

// admit decides about an element by one attribute: a wanted value that is
// listed satisfies it, and nothing of it is left.
func (o Only) admit(want string) (rest Only, ok bool) {
	if want == "" || o == nil {
		return o, true
	}
	return nil, slices.Contains(o, want)
}

func (o FilterOptions) groups(groups []Group) []Group {
	var kept []Group
	for _, g := range groups {
		var ok bool
		if g.Arches, g.Variants, ok = o.admit(g.Arches, g.Variants, o.ArchOnlyGroups); !ok {
			continue
		}
		g.Packages = o.packages(g.Packages)
		if len(g.Packages) > 0 || o.keepsEmpty(g.ID) {
			kept = append(kept, g)
		}
	}
	return kept
}

func (o FilterOptions) packages(packages []PackageReq) []PackageReq {
	var kept []PackageReq
	for _, p := range packages {
		var ok bool
		if p.Arches, p.Variants, ok = o.admit(p.Arches, p.Variants, o.ArchOnlyPackages); ok {
			kept = append(kept, p)
		}
	}
	return kept
}

func (o FilterOptions) keepsEmpty(id string) bool {
	return slices.ContainsFunc(o.KeepEmpty, func(pattern string) bool { return glob.Match(pattern, id) })
}

func filterCategories(categories []Category, exists map[string]bool) []Category {
	var kept []Category
	for _, c := range categories {
		var ids []string
		for _, id := range c.GroupList {
			if exists[id] {
				ids = append(ids, id)
			}
		}
		if c.GroupList = ids; len(ids) > 0 {
			kept = append(kept, c)
		}
	}
	return kept
}

func (o FilterOptions) environments(environments []Environment, exists map[string]bool) []Environment {
	var kept []Environment
	for _, e := range environments {
		var ok bool
		if e.Arches, e.Variants, ok = o.admit(e.Arches, e.Variants, o.ArchOnlyEnvironments); !ok {
			continue
		}
		if e.GroupList = o.references(e.GroupList, exists); len(e.GroupList) > 0 {
			kept = append(kept, e)
		}
	}
	return kept
}

func (o FilterOptions) references(ids []GroupID, exists map[string]bool) []GroupID {
	var kept []GroupID
	for _, id := range ids {
		if _, ok := id.Arches.admit(o.Arch); ok && exists[id.ID] {
			kept = append(kept, id)
		}
	}
	return kept
}
