package metadata

import (
	"context"
	"fmt"
	"path"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// categories are productmd's words for trees.
var categories = map[string]string{rules.OS: "binary", rules.Debug: "debug", rules.Src: "source"}

// rpms lists every package that a repository ships, where it has it. A source
// package stands under each arch that has packages built from it, always with
// the one path.
func (p *params) rpms(ctx context.Context, j *rules.Job, compose productmd.Compose) (*productmd.RPMs, error) {
	repos := map[cell]*repo{}
	for i := range p.Repos {
		repos[p.Repos[i].cell()] = &p.Repos[i]
	}
	all := &productmd.RPMs{Compose: compose}
	lists := lists{}
	for _, s := range p.Packages {
		r, ok := repos[s.repo()]
		if !ok {
			return nil, fmt.Errorf("packages of a repository that no argument describes: variant %q, arch %q, tree %q", s.UID, s.repo().arch, s.Tree)
		}
		list, err := lists.read(ctx, j, s.List)
		if err != nil {
			return nil, err
		}
		for _, pkg := range list.packages {
			if pkg.Tree != s.Tree {
				continue
			}
			source, known := sourceOf(pkg, list.sources)
			if !known {
				j.Warnf("%s names %q as its source package, which is none: metadata says %s", pkg.NEVRA, pkg.Source, source)
			}
			all.RPMs = append(all.RPMs, productmd.RPM{
				Variant: s.UID, Arch: s.Arch, Source: source, NEVRA: pkg.NEVRA, Path: r.locate(pkg),
				SigKey: pkg.SigKey, Category: categories[pkg.Tree],
			})
		}
	}
	return all, nil
}

// locate returns where the repository has a package.
func (r *repo) locate(l packages.Listed) string {
	letter := ""
	if r.Hashed {
		letter = packages.Letter(l.File)
	}
	return path.Join(r.Dir, r.Packages, letter, l.File)
}

// lists are the package lists that were read, by path: the repositories of
// binaries, debug packages and sources are made of one list.
type lists map[string]list

// list is a package list, and the NEVRA of its source packages by file name.
type list struct {
	packages []packages.Listed
	sources  map[string]string
}

func (known lists) read(ctx context.Context, j *rules.Job, path string) (list, error) {
	if l, ok := known[path]; ok {
		return l, nil
	}
	data, err := j.Read(ctx, path)
	if err != nil {
		return list{}, err
	}
	decoded, err := packages.DecodeList(data)
	if err != nil {
		return list{}, fmt.Errorf("%s: %w", path, err)
	}
	l := list{packages: decoded, sources: sourceNames(decoded)}
	known[path] = l
	return l, nil
}

// sourceNames maps file names of source packages to their NEVRA.
func sourceNames(list []packages.Listed) map[string]string {
	names := map[string]string{}
	for _, l := range list {
		if l.Tree == rules.Src {
			names[l.File] = l.NEVRA
		}
	}
	return names
}

// sourceOf returns the NEVRA of the source package. If it is not in the
// compose, it is guessed from its file name; the epoch, which file names lack,
// is then the package's own, as in Pungi. Of a package that does not name one
// it is made up, since rpms.json wants one: as if the package was alone.
func sourceOf(l packages.Listed, sources map[string]string) (nevra string, known bool) {
	if l.Tree == rules.Src {
		return l.NEVRA, true
	}
	if name, ok := sources[l.Source]; ok {
		return name, true
	}
	own, _ := rpm.ParseNEVRA(l.NEVRA) // if it is wrong, rpms.json refuses it
	source, err := rpm.ParseFileName(l.Source)
	known = err == nil && source.IsSource()
	if !known {
		source = own
		source.Arch = "src"
	}
	source.Epoch = own.Epoch
	return source.String(), known
}
