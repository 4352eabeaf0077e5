package main

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"

	"github.com/pungo-build/pungo/internal/debrpm"
	"github.com/pungo-build/pungo/internal/rpm"
)

// debian is Debian's main archive as of a night, in rpm's terms: real names, versions and
// dependencies, of apt's lists on this machine. What apt's lists do not tell is invented:
// files, changes and times.
type debian struct {
	packages []*debianPackage // by name, of which each is there once
	arch     string           // of what is not noarch
	byName   map[string]*debianPackage
}

type debianPackage struct {
	rpm.Package
	section string
	rank    int64 // its importance: by priority, then any that stays the same
}

// readDebian reads the lists that `apt-get update` left: the release alone, and what it is
// with all that was updated since.
func readDebian(ctx context.Context) (first, next *debian, err error) {
	files, err := debrpm.FindAptLists(ctx)
	if err != nil {
		return nil, nil, err
	}
	newest := map[string]*debianPackage{}
	if err := readLists(ctx, files.Release, newest); err != nil {
		return nil, nil, err
	}
	first = newDebian(newest)
	if err := readLists(ctx, files.Updates, newest); err != nil {
		return nil, nil, err
	}
	return first, newDebian(newest), nil
}

// readLists adds the packages of Packages files, where they are newer.
func readLists(ctx context.Context, files []string, newest map[string]*debianPackage) error {
	for _, file := range files {
		list, err := debrpm.ReadAptList(ctx, file)
		if err != nil {
			return err
		}
		for _, c := range list {
			if old := newest[c.Name]; old != nil && rpm.Compare(old.EVR, c.EVR) >= 0 {
				continue
			}
			p, err := newPackage(c)
			if err != nil {
				return err
			}
			invent(&p.Package)
			newest[c.Name] = p
		}
	}
	return nil
}

// newDebian copies the packages: a distribution settles its own.
func newDebian(packages map[string]*debianPackage) *debian {
	d := &debian{}
	for _, p := range packages {
		own := *p
		d.packages = append(d.packages, &own)
		if p.Arch != "noarch" {
			d.arch = p.Arch
		}
	}
	d.index()
	return d
}

// invent adds what Debian's index does not tell. It follows from the name and version.
func invent(p *rpm.Package) {
	p.BuildTime = built + int64(spread(p.NEVRA.String())%(180*86400))
	p.Text.BuildHost = "builder.example.org"
	p.Text.Changelog = []rpm.Change{{Author: p.Text.Packager + " - " + p.EVR.String(), Time: built, Text: "- Built in Debian."}}
	paths := []string{
		"/usr/share/doc/" + p.Name, "/usr/share/doc/" + p.Name + "/changelog.Debian.gz", "/usr/share/doc/" + p.Name + "/copyright",
		"/usr/share/" + p.Name + "/data", "/usr/share/lintian/overrides/" + p.Name,
	}
	if p.Arch != "noarch" {
		paths = append(paths, "/usr/bin/"+p.Name)
	}
	slices.Sort(paths)
	for _, path := range paths {
		p.Files = append(p.Files, rpm.File{Path: path, Dir: path == "/usr/share/doc/"+p.Name})
	}
}

// spread is a number that is random, but for each text the same.
func spread(text string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(text))
	return h.Sum32()
}

func (d *debian) index() {
	slices.SortFunc(d.packages, func(a, b *debianPackage) int { return cmp.Compare(a.Name, b.Name) })
	d.byName = make(map[string]*debianPackage, len(d.packages))
	for _, p := range d.packages {
		d.byName[p.Name] = p
	}
}

// priorities, of little importance first.
var priorities = []string{"extra", "optional", "standard", "important", "required"}

// newPackage takes a package of Debian's index.
func newPackage(c *debrpm.Control) (*debianPackage, error) {
	p, err := c.Describe()
	if err != nil {
		return nil, err
	}
	rank := int64(slices.Index(priorities, c.Priority()))<<32 | int64(spread(p.Name))
	return &debianPackage{p, c.Section(), rank}, nil
}

// essential tells whether a system is poor without the package.
func (p *debianPackage) essential() bool { return p.rank>>32 >= 2 }

// byRank returns the packages, the most important first.
func (d *debian) byRank() []*debianPackage {
	return slices.SortedFunc(slices.Values(d.packages), func(a, b *debianPackage) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.Name, b.Name))
	})
}

// of returns the distribution for another arch, which shares the noarch packages.
func (d *debian) of(arch string) *debian {
	other := &debian{arch: arch}
	for _, p := range d.packages {
		if p.Arch != "noarch" {
			twin := *p
			twin.Arch = arch
			p = &twin
		}
		other.packages = append(other.packages, p)
	}
	other.index()
	return other
}
