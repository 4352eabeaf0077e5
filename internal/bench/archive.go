package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pungo-build/pungo/internal/comps"
	"github.com/pungo-build/pungo/internal/rpm"
)

// writeArchive makes a repository of the distribution in a new folder. Packages that the
// folder former has, too, are links of these; "" for none.
func (l *lab) writeArchive(ctx context.Context, d *debian, dir, former string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(l.jobs)
	for piece := range slices.Chunk(d.packages, 1000) {
		group.Go(func() error {
			for _, p := range piece {
				if err := p.place(dir, former); err != nil {
					return fmt.Errorf("%s: %w", p.NEVRA, err)
				}
			}
			return nil
		})
	}
	comps, list := dir+".comps.xml", dir+".list"
	err := errors.Join(group.Wait(), writeComps(comps, d.comps()), os.WriteFile(list, d.fileNames(), 0o666))
	if err != nil {
		return err
	}
	_, err = output(ctx, "", "createrepo_c", "--quiet", "--no-database", "--workers", strconv.Itoa(l.jobs),
		"--groupfile", comps, "--pkglist", list, dir)
	return err
}

// fileNames are the sorted lines of a list that createrepo_c takes.
func (d *debian) fileNames() []byte {
	var names []string
	for _, p := range d.packages {
		names = append(names, p.FileName()+"\n")
	}
	slices.Sort(names)
	return []byte(strings.Join(names, ""))
}

// place links the file of the package from the folder former, or writes it.
func (p *debianPackage) place(dir, former string) error {
	path := filepath.Join(dir, p.FileName())
	if former != "" && os.Link(filepath.Join(former, p.FileName()), path) == nil {
		return nil
	}
	s := rpm.Spec{Package: p.Package, Compression: "none"}
	for _, f := range p.Files {
		c := rpm.Content{Path: f.Path, Mode: 0o40755, ModTime: p.BuildTime}
		if !f.Dir {
			c.Mode, c.Data = 0o100644, []byte(p.NEVRA.String()+" "+f.Path+"\n")
		}
		s.Contents = append(s.Contents, c)
	}
	var b bytes.Buffer
	if err := rpm.Write(&b, &s); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// core is the group of what a Debian system has whatever else it is.
const core = "core"

// comps has a group of each section, and core.
func (d *debian) comps() *comps.Comps {
	members := map[string][]comps.PackageReq{}
	add := func(group, name string, kind comps.PackageType) {
		members[group] = append(members[group], comps.PackageReq{Name: name, Type: kind})
	}
	for _, p := range d.packages {
		add(p.section, p.Name, comps.Default)
		if p.essential() {
			add(core, p.Name, comps.Mandatory)
		}
	}
	c := &comps.Comps{}
	for id, list := range members {
		text := comps.Text{Value: "Section " + id}
		c.Groups = append(c.Groups, comps.Group{ID: id, Name: text, Description: text, UserVisible: true, Packages: list})
	}
	slices.SortFunc(c.Groups, func(a, b comps.Group) int { return cmp.Compare(a.ID, b.ID) })
	return c
}

func writeComps(path string, c *comps.Comps) error {
	var b bytes.Buffer
	if err := comps.Write(&b, c); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}
