package metadata

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// moduleList is what an argument says of the modules in a repository.
type moduleList struct {
	UID, Arch, Tree string // of the repository
	List            string
}

func (m *moduleList) repo() cell { return cell{m.UID, m.Arch, m.Tree} }

// modules lists the modules of every repository that has some, each with those of its
// packages that the variant ships on the arch.
func (p *params) modules(ctx context.Context, j *rules.Job, compose productmd.Compose) (*productmd.Modules, error) {
	all := &productmd.Modules{Compose: compose}
	lists := lists{}
	for i := range p.Modules {
		m := &p.Modules[i]
		data, err := j.Read(ctx, m.List)
		if err != nil {
			return nil, err
		}
		list, err := packages.DecodeModules(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.List, err)
		}
		if len(list) == 0 {
			continue
		}
		modulemd, err := p.modulemdPath(ctx, j, m.repo())
		if err != nil {
			return nil, err
		}
		shipped, err := p.shipped(ctx, j, m.repo(), lists)
		if err != nil {
			return nil, err
		}
		for _, module := range list {
			all.Modules = append(all.Modules, productmd.Module{
				Variant: m.repo().uid, Arch: m.repo().arch,
				Name: module.Name, Stream: module.Stream, Version: module.Version, Context: module.Context,
				KojiTag:  kojiTag(module),
				Modulemd: map[string]string{categories[m.repo().tree]: modulemd},
				RPMs:     slices.DeleteFunc(module.Artifacts, func(nevra string) bool { return !shipped[nevra] }),
			})
		}
	}
	return all, nil
}

// kojiTag is the tag that a module build has in Koji: productmd wants one, and this is
// how it is called by custom.
func kojiTag(m packages.Module) string {
	return strings.Join([]string{"module", m.Name, m.Stream, m.Version, m.Context}, "-")
}

// modulemdPath returns where the compose has the modulemd of a repository.
func (p *params) modulemdPath(ctx context.Context, j *rules.Job, of cell) (string, error) {
	i := slices.IndexFunc(p.Repos, func(r repo) bool { return r.cell() == of })
	if i < 0 {
		return "", fmt.Errorf("modules of a repository that no argument describes: variant %q, arch %q, tree %q", of.uid, of.arch, of.tree)
	}
	data, err := j.Read(ctx, p.Repos[i].Input+"/repodata/repomd.xml")
	if err != nil {
		return "", err
	}
	repomd, err := repodata.ParseRepomd(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	rec, ok := repomd.Record("modules")
	if !ok {
		return "", fmt.Errorf("%s: repomd.xml lists no modules", p.Repos[i].Dir)
	}
	return path.Join(p.Repos[i].Dir, rec.Location), nil
}

// shipped returns the NEVRAs of what a variant ships on an arch, in all trees.
func (p *params) shipped(ctx context.Context, j *rules.Job, of cell, lists lists) (map[string]bool, error) {
	nevras := map[string]bool{}
	for _, s := range p.Packages {
		if s.UID != of.uid || s.Arch != of.arch {
			continue
		}
		list, err := lists.read(ctx, j, s.List)
		if err != nil {
			return nil, err
		}
		for _, pkg := range list.packages {
			if pkg.Tree == s.Tree {
				nevras[pkg.NEVRA] = true
			}
		}
	}
	return nevras, nil
}
