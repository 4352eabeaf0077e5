package metadata

import (
	"context"
	"path"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// categories are productmd's words for trees.
var categories = map[string]string{rules.OS: "binary", rules.Debug: "debug", rules.Src: "source"}

// rpms lists every package where its repository has it. A source package stands
// under each arch that has packages built from it, always with the one path.
func (p *params) rpms(ctx context.Context, j *rules.Job, compose productmd.Compose) (*productmd.RPMs, error) {
	all := &productmd.RPMs{Compose: compose}
	locate := p.locator()
	for _, l := range p.Packages {
		uid, arch := l[0], l[1]
		data, err := j.Read(ctx, l[2])
		if err != nil {
			return nil, err
		}
		list, err := packages.DecodeList(data)
		if err != nil {
			return nil, err
		}
		sources := sourceNames(list)
		for _, pkg := range list {
			at, ok := locate(uid, arch, pkg)
			if !ok {
				continue // no repository ships this tree
			}
			source, known := sourceOf(pkg, sources)
			if !known {
				j.Warnf("%s names %q as its source package, which is none: metadata says %s", pkg.NEVRA, pkg.Source, source)
			}
			all.RPMs = append(all.RPMs, productmd.RPM{
				Variant: uid, Arch: arch, Source: source, NEVRA: pkg.NEVRA, Path: at,
				SigKey: pkg.SigKey, Category: categories[pkg.Tree],
			})
		}
	}
	return all, nil
}

// locator returns a function that says where a package of a variant.arch is.
func (p *params) locator() func(uid, arch string, l packages.Listed) (string, bool) {
	repos := map[[3]string]repo{}
	for _, r := range p.Repos {
		repos[[3]string{r.uid(), r.arch(), r.tree()}] = r
	}
	return func(uid, arch string, l packages.Listed) (string, bool) {
		if l.Tree == rules.Src {
			arch = ""
		}
		r, ok := repos[[3]string{uid, arch, l.Tree}]
		if !ok {
			return "", false
		}
		letter := ""
		if r.hashed() {
			letter = packages.Letter(l.File)
		}
		return path.Join(r.dir(), r.packages(), letter, l.File), true
	}
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
