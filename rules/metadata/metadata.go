// Package metadata writes the files below compose/metadata, by which mirrors,
// installers and scripts find their way in a compose.
package metadata

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

// Star is the rule's source.
//
//go:embed metadata.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "metadata", Version: 3, Params: params{}, Run: run},
	}
}

type params struct {
	ComposeID   string          `arg:"compose-id,required"`
	Date        string          `arg:"date,required"`
	ComposeType string          `arg:"compose-type,required"`
	Respin      int             `arg:"respin"`
	Label       string          `arg:"label"`
	Final       bool            `arg:"final"`
	Internal    bool            `arg:"internal"`
	Release     string          `arg:"release,required"` // JSON, see productmd.Product
	BaseProduct string          `arg:"base-product"`
	Variants    []string        `arg:"variant"` // JSON, see variant
	Repos       []repo          `arg:"repo"`
	Packages    []shipment      `arg:"packages"`
	Modules     []moduleList    `arg:"modules"`
	Paths       []place         `arg:"path"`
	ExtraFiles  []extras        `arg:"extra-files"`
	Images      []images.Folder `arg:"images"`
	Checksums   []string        `arg:"checksum"` // of images that have none yet
	Output      string          `arg:"output,required"`
}

// repo is what an argument says of a repository.
type repo struct {
	UID, Arch, Tree string
	Within          string // folder of the tree that it is in
	Dir             string // its own folder
	Packages        string // that of packages, below its own
	Hashed          bool   // packages are in folders of their first letter
	Input           string
}

func (r *repo) cell() cell { return cell{r.UID, r.Arch, r.Tree} }

// shipment is what an argument says of packages in a repository.
type shipment struct {
	UID, RepoArch, Tree string // of the repository
	Arch                string // that the packages are for
	List                string
}

func (s *shipment) repo() cell { return cell{s.UID, s.RepoArch, s.Tree} }

// place is what an argument says of a folder.
type place struct {
	UID, Arch string // "" for sources
	Field     string // of composeinfo.json
	Dir       string
	Input     string // what is in it
}

// cell names a repository: the uid of its variant, its arch, "" for sources, and
// its tree.
type cell struct{ uid, arch, tree string }

// variant is what an argument says of a variant.
type variant struct {
	ID      string             `json:"id"`
	UID     string             `json:"uid"`
	Parent  string             `json:"parent"`
	Name    string             `json:"name"`
	Type    string             `json:"type"`
	Arches  []string           `json:"arches"`
	Release *productmd.Product `json:"release"`
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	compose := productmd.Compose{
		ID: p.ComposeID, Date: p.Date, Type: productmd.ComposeType(p.ComposeType),
		Respin: p.Respin, Label: p.Label, Final: p.Final,
	}
	info, err := p.composeInfo(ctx, j, compose)
	if err != nil {
		return err
	}
	rpms, err := p.rpms(ctx, j, compose)
	if err != nil {
		return err
	}
	modules, err := p.modules(ctx, j, compose)
	if err != nil {
		return err
	}
	documents := []document{
		{"composeinfo.json", info.Encode},
		{"rpms.json", rpms.Encode},
		{"modules.json", modules.Encode},
	}
	if len(p.ExtraFiles) > 0 {
		files, err := p.extraFiles(ctx, j, compose)
		if err != nil {
			return err
		}
		documents = append(documents, document{"extra_files.json", files.Encode})
	}
	if len(p.Images) > 0 {
		images, err := p.images(ctx, j, compose)
		if err != nil {
			return err
		}
		documents = append(documents, document{"images.json", images.Encode})
	}
	return write(ctx, j, p.Output, documents)
}

type document struct {
	name   string
	encode func(io.Writer) error
}

// write makes a folder of documents the output.
func write(ctx context.Context, j *rules.Job, output string, documents []document) error {
	b := j.Trees.Builder()
	for _, f := range documents {
		if err := b.Encode(ctx, f.name, 0, f.encode); err != nil {
			return err
		}
	}
	return j.OutputTree(ctx, output, b)
}

func (p *params) composeInfo(ctx context.Context, j *rules.Job, compose productmd.Compose) (*productmd.ComposeInfo, error) {
	info := &productmd.ComposeInfo{Compose: compose, Internal: p.Internal}
	if err := json.Unmarshal([]byte(p.Release), &info.Release); err != nil {
		return nil, fmt.Errorf("argument --release: %w", err)
	}
	if p.BaseProduct != "" {
		info.BaseProduct = new(productmd.Product)
		if err := json.Unmarshal([]byte(p.BaseProduct), info.BaseProduct); err != nil {
			return nil, fmt.Errorf("argument --base-product: %w", err)
		}
	}
	paths, err := p.paths(ctx, j)
	if err != nil {
		return nil, err
	}
	for _, text := range p.Variants {
		var v variant
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fmt.Errorf("argument --variant: %w", err)
		}
		info.Variants = append(info.Variants, productmd.Variant{
			ID: v.ID, UID: v.UID, Parent: v.Parent, Name: v.Name, Type: v.Type, Arches: v.Arches,
			Release: v.Release, Paths: paths.of(v),
		})
	}
	return info, nil
}

// pathTable holds the paths of composeinfo: variant to field to arch to path.
// The arch of what belongs to all arches of a variant is "".
type pathTable map[string]map[string]map[string]string

func (t pathTable) add(uid, field, arch, dir string) {
	if t[uid] == nil {
		t[uid] = map[string]map[string]string{}
	}
	if t[uid][field] == nil {
		t[uid][field] = map[string]string{}
	}
	t[uid][field][arch] = dir
}

// of returns the paths of a variant, those of sources under each of its arches.
func (t pathTable) of(v variant) map[string]map[string]string {
	fields := map[string]map[string]string{}
	for field, byArch := range t[v.UID] {
		fields[field] = map[string]string{}
		for _, arch := range v.Arches {
			if dir, ok := byArch[arch]; ok {
				fields[field][arch] = dir
			} else if dir, ok := byArch[""]; ok {
				fields[field][arch] = dir
			}
		}
	}
	return fields
}

// treeFields are the fields of composeinfo for a tree, its packages and its
// repository.
var treeFields = map[string][3]string{
	rules.OS:    {"os_tree", "packages", "repository"},
	rules.Debug: {"debug_tree", "debug_packages", "debug_repository"},
	rules.Src:   {"source_tree", "source_packages", "source_repository"},
}

// paths lists what the compose has. A folder of packages that is not there,
// since there are no packages, is not listed.
func (p *params) paths(ctx context.Context, j *rules.Job) (pathTable, error) {
	t := pathTable{}
	for _, r := range p.Repos {
		fields, ok := treeFields[r.Tree]
		if !ok {
			return nil, fmt.Errorf("repository of tree %q, want os, debug or src", r.Tree)
		}
		t.add(r.UID, fields[0], r.Arch, r.Within)
		t.add(r.UID, fields[2], r.Arch, r.Dir)
		switch _, err := j.Input(ctx, path.Join(r.Input, r.Packages)); {
		case err == nil:
			t.add(r.UID, fields[1], r.Arch, path.Join(r.Dir, r.Packages))
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err // the store's, not an answer
		}
	}
	return t, p.addPlaces(ctx, j, t)
}

// addPlaces adds folders of images and the like, unless they are empty.
func (p *params) addPlaces(ctx context.Context, j *rules.Job, t pathTable) error {
	for _, at := range p.Paths {
		n, err := j.Input(ctx, at.Input)
		if err != nil {
			return err
		}
		if n.Kind == cache.DirKind && n.Digest == j.Trees.Empty() {
			continue
		}
		if old, ok := t[at.UID][at.Field][at.Arch]; ok && old != at.Dir {
			return fmt.Errorf("variant %q, arch %q: %s is %s and %s, want one folder", at.UID, at.Arch, at.Field, old, at.Dir)
		}
		t.add(at.UID, at.Field, at.Arch, at.Dir)
	}
	return nil
}
