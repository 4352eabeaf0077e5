// Package treemetadata writes what a tree says of itself to installers and to
// dnf: .treeinfo, .discinfo and media.repo.
package treemetadata

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"path"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed tree_metadata.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "tree_metadata", Version: 3, Params: params{}, Run: run}}
}

type params struct {
	Arch        string      `arg:"arch,required"`
	Repo        string      `arg:"repo,required"`
	Checksum    string      `arg:"checksum,required"` // of repomd.xml: the repository's
	Release     string      `arg:"release,required"`  // JSON, see productmd.Product
	BaseProduct string      `arg:"base-product"`
	Product     string      `arg:"product"` // of a layered product
	Variant     []variant   `arg:"variant,required"`
	Addons      []addon     `arg:"addon"`
	Installers  []installer `arg:"installer"` // one at most
	Output      string      `arg:"output,required"`

	TreeInfoVersion string `arg:"treeinfo-version"` // instead of the release's
	Description     string `arg:"description"`      // in .discinfo and media.repo; if not given, of the release
}

// repomd is the file of a repository that installers verify.
const repomd = "repodata/repomd.xml"

// variant is what an argument says of the variant of the tree.
type variant struct {
	ID, UID, Name, Type string
	Packages, RepoDir   string // folders of the tree
}

// addon is what an argument says of an addon in the tree.
type addon struct {
	ID, UID, Name, Parent string
	Packages, RepoDir     string // folders of the tree
	Repo                  string
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	info, err := p.treeInfo(ctx, j)
	if err != nil {
		return err
	}
	disc := productmd.DiscInfo{Timestamp: info.Timestamp, Description: cmp.Or(p.Description, describe(info)), Arch: p.Arch}
	info.Release.Version = cmp.Or(p.TreeInfoVersion, info.Release.Version)
	b := j.Trees.Builder()
	for _, f := range []struct {
		name   string
		encode func(io.Writer) error
	}{{".treeinfo", info.Encode}, {".discinfo", disc.Encode}, {"media.repo", disc.EncodeMediaRepo}} {
		if err := b.Encode(ctx, f.name, info.Timestamp, f.encode); err != nil {
			return err
		}
	}
	return j.OutputTree(ctx, p.Output, b)
}

// describe is the text of .discinfo. What is based on something else says so.
func describe(t *productmd.TreeInfo) string {
	s := t.Release.Name + " " + t.Release.Version
	if t.BaseProduct != nil {
		s += " for " + t.BaseProduct.Name + " " + t.BaseProduct.Version
	}
	return s
}

func (p *params) treeInfo(ctx context.Context, j *rules.Job) (*productmd.TreeInfo, error) {
	t := &productmd.TreeInfo{Arch: p.Arch, Checksums: map[string]productmd.Checksum{}}
	if err := p.identify(t); err != nil {
		return nil, err
	}
	if err := p.addChecksum(ctx, j, t, path.Join(p.Repo, repomd), repomd); err != nil {
		return nil, err
	}
	var err error
	if t.Timestamp, err = p.timestamp(ctx, j); err != nil {
		return nil, err
	}
	for _, v := range p.Variant {
		t.Variants = append(t.Variants, productmd.TreeVariant{
			ID: v.ID, UID: v.UID, Name: v.Name, Type: v.Type, Packages: cmp.Or(v.Packages, "."), Repository: v.RepoDir,
		})
	}
	for _, a := range p.Addons {
		t.Variants = append(t.Variants, productmd.TreeVariant{
			ID: a.ID, UID: a.UID, Name: a.Name, Type: "addon", Parent: a.Parent, Packages: a.Packages, Repository: a.RepoDir,
		})
		if err := p.addChecksum(ctx, j, t, path.Join(a.Repo, repomd), path.Join(a.RepoDir, repomd)); err != nil {
			return nil, err
		}
	}
	for _, in := range p.Installers {
		if err := p.addInstaller(ctx, j, t, in); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// timestamp returns the time of the newest package of the tree. createrepo gives
// it to repodata; what others make may have no time, and is searched. A tree
// without packages has that of rules.Oldest.
func (p *params) timestamp(ctx context.Context, j *rules.Job) (int64, error) {
	index, err := j.Input(ctx, path.Join(p.Repo, repomd))
	if err != nil {
		return 0, err
	}
	if index.ModTime != 0 {
		return index.ModTime, nil
	}
	in, err := j.Input(ctx, p.Repo)
	if err != nil {
		return 0, err
	}
	newest := int64(rules.Oldest)
	err = j.Trees.Walk(ctx, in.Digest, func(_ string, n cache.Node) error {
		newest = max(newest, n.ModTime)
		return nil
	})
	return newest, err
}

// identify fills in the release. A layered product's tree is a release of its
// own, for the major version of the compose's.
func (p *params) identify(t *productmd.TreeInfo) error {
	release, err := product("--release", p.Release)
	if err != nil {
		return err
	}
	if p.Product != "" {
		release.Version = productmd.Major(release.Version)
		t.BaseProduct = release
		release, err = product("--product", p.Product)
	} else if p.BaseProduct != "" {
		t.BaseProduct, err = product("--base-product", p.BaseProduct)
	}
	if err != nil {
		return err
	}
	t.Release = *release
	return nil
}

func product(argument, text string) (*productmd.Product, error) {
	p := new(productmd.Product)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		return nil, fmt.Errorf("argument %s: %w", argument, err)
	}
	return p, nil
}

// addChecksum notes the checksum of an input under its path in this tree.
func (p *params) addChecksum(ctx context.Context, j *rules.Job, t *productmd.TreeInfo, input, at string) error {
	f, err := j.Open(ctx, input)
	if err != nil {
		return err
	}
	defer f.Close()
	sums, _, err := productmd.Sum(f, []string{p.Checksum})
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	t.Checksums[at] = productmd.Checksum{Algorithm: p.Checksum, Hex: sums[p.Checksum]}
	return nil
}
