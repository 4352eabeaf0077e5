package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/comps"
)

// night is a state of the distribution, and the folder with its repository.
type night struct {
	*debian
	dir string
}

// nightly are two nights at the scale of the lab, for which there are no files yet.
type nightly struct {
	first, next *debian // settled: Debian's release, and with its updates
	raw         *debian // the packages of the first as Debian has them
}

// nights reads Debian once, whoever asks.
func (l *lab) nights(ctx context.Context) (*nightly, error) {
	if l.debian != nil {
		return l.debian, nil
	}
	whole, next, err := readDebian(ctx)
	if err != nil {
		return nil, err
	}
	n := &nightly{first: newDebian(whole.byName), next: next, raw: whole}
	settle(n.first, n.next)
	if l.scale > 1 {
		n.shrink(l.scale)
	}
	l.debian = n
	return n, nil
}

// often is how many times what takes minutes at full size is run.
func (l *lab) often() int {
	if l.scale > 1 {
		return 1
	}
	return min(l.runs, 2)
}

// shrink divides the number of packages, and of those that the next night adds.
func (n *nightly) shrink(scale int) {
	added := n.next.since(n.first)
	n.first = n.first.subset(len(n.first.packages)/scale, nil)
	names := slices.Sorted(maps.Keys(n.first.byName))
	for i := 0; i < len(added); i += scale {
		names = append(names, added[i].Name)
	}
	n.next = n.next.subset(0, names)
	maps.DeleteFunc(n.raw.byName, func(name string, _ *debianPackage) bool { return n.first.byName[name] == nil })
	n.raw = newDebian(n.raw.byName)
}

// since returns the packages whose names an older state does not have.
func (d *debian) since(old *debian) []*debianPackage {
	var added []*debianPackage
	for _, p := range d.packages {
		if old.byName[p.Name] == nil {
			added = append(added, p)
		}
	}
	return added
}

// changed counts the packages that have another version than in an older state.
func (d *debian) changed(old *debian) int {
	n := 0
	for _, p := range d.packages {
		if q := old.byName[p.Name]; q != nil && q.EVR != p.EVR {
			n++
		}
	}
	return n
}

// chosen is a variant, and the groups that it is made of; without any it has everything.
type chosen struct {
	variant string
	groups  []string
}

// variantsOf are an Everything and three smaller variants, as large as Fedora's are.
func variantsOf(c *comps.Comps) []chosen {
	list := []chosen{
		{variant: everything},
		{"Server", strings.Fields("core database httpd mail")},
		{"Desktop", strings.Fields("core gnome sound xfce")},
		{"Development", strings.Fields("core devel interpreters vcs")},
	}
	for i := range list {
		var there []string // not every section is left at a small scale
		for _, id := range list[i].groups {
			if _, ok := c.Group(id); ok {
				there = append(there, id)
			}
		}
		list[i].groups = there
	}
	return list
}

const everything = "Everything"

// variantLines is the list that compose-with-tools.sh reads.
func variantLines(list []chosen) string {
	var b strings.Builder
	for _, v := range list {
		fmt.Fprintln(&b, strings.Join(append([]string{v.variant}, v.groups...), " "))
	}
	return b.String()
}

// mirrorDefinition composes variants of what is in the folders MIRROR/ARCH.
func mirrorDefinition(mirror string, arches []string, list []chosen) string {
	var b strings.Builder
	b.WriteString(composeHead(arches))
	for _, v := range list {
		fmt.Fprintf(&b, "variant(name = %q, comps_groups = [%s])\n", v.variant, quoted(v.groups))
	}
	fmt.Fprintf(&b, `
repo(name = "debian", baseurl = [%q])
comps(name = "comps", src = "comps.xml")
pkgset(name = "packages", sources = [":debian"])
gather(
    name = "gather",
    comps = ":comps",
    packages = ":packages",
    additional_packages = select({"Everything": ["*"]}),
)
createrepo(name = "repo", comps = ":comps", packages = ":gather", trees = ["os", "src"])
tree_metadata(name = "treeinfo", repo = ":repo")
metadata(name = "metadata")
repoclosure_test(name = "closure", repo = ":repo", strictness = "fatal")
`, filepath.Join(mirror, "$basearch"))
	return b.String()
}

func quoted(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return `"` + strings.Join(list, `", "`) + `"`
}

// mirror shows nights as the repositories of a folder, one for each arch: a link that
// leads from one to the next.
func mirror(dir string, nights ...*night) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, n := range nights {
		link := filepath.Join(dir, n.arch)
		if err := removeAll(link); err != nil {
			return err
		}
		if err := os.Symlink(n.dir, link); err != nil {
			return err
		}
	}
	return nil
}
