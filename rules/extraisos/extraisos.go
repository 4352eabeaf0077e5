// Package extraisos makes ISO images with the content of several variants: createiso
// writes them, and here is what such an image says of itself.
package extraisos

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed extra_isos.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "extra_iso_metadata", Version: 1, Params: params{}, Run: run}}
}

type params struct {
	// TreeMetadata is the folder with .treeinfo and media.repo of the variant's own tree.
	TreeMetadata string `arg:"tree-metadata,required"`
	// Variants on the image. All are of type variant: none is inside another.
	Variants []variant `arg:"variant"`
	Bootable bool      `arg:"bootable"`
	Output   string    `arg:"output,required"`
}

// variant is what an argument says of a variant on the image.
type variant struct {
	ID, UID, Name string
	Packages      string // folder of the image
	RepoDir       string // folder of the image that has repodata
	Repo          string
}

const repomd = "repodata/repomd.xml"

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	text, err := j.Read(ctx, p.TreeMetadata+"/.treeinfo")
	if err != nil {
		return err
	}
	info, err := productmd.ParseTreeInfo(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf(".treeinfo: %w", err)
	}
	if err := p.change(ctx, j, info); err != nil {
		return err
	}
	disc := productmd.DiscInfo{Timestamp: info.Timestamp, Arch: info.Arch}
	if disc.Description, err = p.description(ctx, j); err != nil {
		return err
	}
	b := j.Trees.Builder()
	for _, f := range []struct {
		name   string
		encode func(io.Writer) error
	}{{".discinfo", disc.Encode}, {".treeinfo", info.Encode}, {"media.repo", disc.EncodeMediaRepo}} {
		if err := b.Encode(ctx, f.name, info.Timestamp, f.encode); err != nil {
			return err
		}
	}
	return j.OutputTree(ctx, p.Output, b)
}

// change makes the .treeinfo of the variant's tree that of the image: its variants are
// in folders, and addons are not there.
func (p *params) change(ctx context.Context, j *rules.Job, info *productmd.TreeInfo) error {
	kind := repodata.ChecksumType(info.Checksums[repomd].Algorithm)
	kept := map[string]productmd.Checksum{}
	if p.Bootable {
		for at, sum := range info.Checksums {
			if !strings.HasSuffix(at, repomd) {
				kept[at] = sum
			}
		}
	} else {
		info.Images, info.Stage2, info.Platforms = nil, productmd.Stage2{}, nil
	}
	info.Checksums, info.Variants = kept, nil
	for _, v := range p.Variants {
		info.Variants = append(info.Variants, productmd.TreeVariant{
			ID: v.ID, UID: v.UID, Name: v.Name, Type: "variant", Packages: v.Packages, Repository: v.RepoDir,
		})
		if kind == "" {
			continue
		}
		data, err := j.Read(ctx, path.Join(v.Repo, repomd))
		if err != nil {
			return err
		}
		h := kind.New()
		h.Write(data)
		kept[path.Join(v.RepoDir, repomd)] = productmd.Checksum{Algorithm: string(kind), Hex: hex.EncodeToString(h.Sum(nil))}
	}
	return nil
}

// description is what the tree is called in its .discinfo.
func (p *params) description(ctx context.Context, j *rules.Job) (string, error) {
	data, err := j.Read(ctx, p.TreeMetadata+"/.discinfo")
	if err != nil {
		return "", err
	}
	disc, err := productmd.ParseDiscInfo(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf(".discinfo: %w", err)
	}
	return disc.Description, nil
}
