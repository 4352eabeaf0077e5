// Package updateinfo reads, merges, narrows down and writes updateinfo.xml: the
// advisories of a repository, which say what the updates of packages are for.
// `dnf updateinfo` and `dnf upgrade --security` go by them.
//
//	updates
//	  update*  id title? issued? updated? rights? release? pushcount? severity?
//	           summary? description? solution? reboot_suggested? references pkglist
//	    reference*   of references: a bug, a CVE, a page
//	    collection*  of pkglist: name? module? package*
//	      package*   filename? sum* reboot_suggested? restart_suggested? relogin_suggested?
//
// Nothing but its readers and writers specifies the format. [Write] writes what
// createrepo_c writes of the same advisories; what that has no room for is not kept.
package updateinfo

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Advisory is one update. Texts and dates are as somebody wrote them; all but ID may be
// empty. Advisories are values: no function changes one, results may share slices.
type Advisory struct {
	ID              string
	From            string // whom to ask, a mail address
	Status          string // "final", "stable" …
	Type            string // "security", "bugfix", "enhancement" …
	Version         string // of the advisory
	Title           string
	Issued, Updated string // "2026-01-31 12:00:00", in UTC
	Rights          string
	Release         string // of the distribution
	PushCount       string
	Severity        string
	Summary         string
	Description     string
	Solution        string
	RebootSuggested bool
	References      []Reference
	Collections     []Collection
}

// Reference is where more about an advisory is.
type Reference struct{ Href, ID, Type, Title string }

// Collection is a list of packages that belong to one product, or to one module.
type Collection struct {
	Short, Name string
	Module      Module
	Packages    []Package
}

// Module is a module stream; zero for packages of none.
type Module struct{ Name, Stream, Version, Context, Arch string }

// Package is a package that has the update: it, and what is newer.
type Package struct {
	rpm.NEVRA
	Src              string // file name or location of its source package
	FileName         string
	Sums             []Sum
	RebootSuggested  bool
	RestartSuggested bool // of what uses it
	ReloginSuggested bool
}

// Sum is a checksum of a package file.
type Sum struct{ Type, Hex string }

// date is when the advisory last changed.
func (a *Advisory) date() string { return cmp.Or(a.Updated, a.Issued) }

// Keep returns the advisory with those packages that keep wants, and whether there are
// any.
func (a *Advisory) Keep(keep func(*Package) bool) (*Advisory, bool) {
	kept := *a
	kept.Collections = nil
	for _, c := range a.Collections {
		var packages []Package
		for i := range c.Packages {
			if keep(&c.Packages[i]) {
				packages = append(packages, c.Packages[i])
			}
		}
		if c.Packages = packages; len(packages) > 0 {
			kept.Collections = append(kept.Collections, c)
		}
	}
	return &kept, len(kept.Collections) > 0
}

// Merge returns advisories with one of each id, sorted by that. Where there are several,
// as in the files of several arches or repositories, it says what the latest says, and
// has the packages of all. Their order makes no difference.
func Merge(all []*Advisory) []*Advisory {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b *Advisory) int {
		if order := cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.date(), a.date())); order != 0 {
			return order
		}
		return cmp.Compare(a.head(), b.head())
	})
	var merged []*Advisory
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].ID == sorted[0].ID {
			n++
		}
		one := *sorted[0]
		one.Collections = mergeCollections(sorted[:n])
		merged = append(merged, &one)
		sorted = sorted[n:]
	}
	return merged
}

// head is all that an advisory says, but for its packages.
func (a *Advisory) head() string {
	head := *a
	head.Collections = nil
	return string(head.append(nil))
}

// mergeCollections unites the collections of advisories, and sorts them and their packages.
func mergeCollections(advisories []*Advisory) []Collection {
	var merged []Collection
	for _, a := range advisories {
		for _, c := range a.Collections {
			i := slices.IndexFunc(merged, func(m Collection) bool { return compareCollections(m, c) == 0 })
			if i < 0 {
				i = len(merged)
				merged = append(merged, Collection{Short: c.Short, Name: c.Name, Module: c.Module})
			}
			merged[i].Packages = append(merged[i].Packages, c.Packages...)
		}
	}
	slices.SortFunc(merged, compareCollections)
	for i := range merged {
		slices.SortFunc(merged[i].Packages, comparePackages)
		merged[i].Packages = slices.CompactFunc(merged[i].Packages, func(a, b Package) bool { return comparePackages(a, b) == 0 })
	}
	return merged
}

func compareCollections(a, b Collection) int {
	return cmp.Or(
		cmp.Compare(a.Short, b.Short), cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Module.Name, b.Module.Name), cmp.Compare(a.Module.Stream, b.Module.Stream),
		cmp.Compare(a.Module.Version, b.Module.Version), cmp.Compare(a.Module.Context, b.Module.Context),
		cmp.Compare(a.Module.Arch, b.Module.Arch),
	)
}

// comparePackages is by name, version and arch, then by all the rest.
func comparePackages(a, b Package) int {
	order := cmp.Or(cmp.Compare(a.Name, b.Name), rpm.Compare(a.EVR, b.EVR), cmp.Compare(a.Arch, b.Arch))
	if order != 0 {
		return order
	}
	return bytes.Compare(a.append(nil), b.append(nil))
}
