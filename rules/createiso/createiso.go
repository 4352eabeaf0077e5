// Package createiso makes ISO images of whole trees: what an installer, or somebody
// without a network, reads instead of a repository.
//
// A tree that fits is one disc, as it is; what boots is one disc in any case. A larger
// one is dealt out to several, each with a repository of its own packages. Every disc
// says which it is (.treeinfo, .discinfo).
//
// The image is written once and read once. xorriso prints it, and what it prints is
// written while the MD5 sum is computed that the image is to carry; then one reading
// yields all checksums and the digest of the cache.
package createiso

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed createiso.star
var Star []byte

// BootStar is the source of the provider of what makes media bootable.
//
//go:embed boot.star
var BootStar []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "createiso", Version: 1, Params: params{}, Run: run},
		{Name: "pick_image", Version: 1, Params: pickParams{}, Run: pickImage},
	}
}

type params struct {
	// Tree is what is on the disc, as the compose has it.
	Tree string `arg:"tree,required"`
	// Sticky is the part of it that is on every disc of several.
	Sticky string `arg:"sticky"`
	Arch   string `arg:"arch,required"` // src for sources
	// VolumeID is a file.
	VolumeID string `arg:"volume-id,required"`

	// Type of the image: dvd, dvd-debuginfo, or boot for one that has no packages.
	Type     string `arg:"type"`
	Bootable bool   `arg:"bootable"`
	// BootVolumeID is a file with the volume id that the boot configuration looks for.
	BootVolumeID string `arg:"boot-volume-id"`
	MBR          string `arg:"mbr"` // file of boot code

	Size     string `arg:"iso-size"` // of a disc, see parseSize; 0 for no end
	Reserve  string `arg:"split-iso-reserve"`
	ISOLevel int    `arg:"iso-level,required"`
	Joliet   bool   `arg:"joliet"`
	// MaxSize is the limit of an image; beyond is a warning, or an error if it is strict.
	MaxSize       string `arg:"max-size"`
	MaxSizeStrict bool   `arg:"max-size-is-strict"`

	Checksums []string `arg:"image-checksum"` // see productmd.ChecksumTypes
	Supported bool     `arg:"supported"`
	// AllDiscs leaves .discinfo as it is, for an image that is none of a set.
	AllDiscs           bool     `arg:"all-discs"`
	Subvariant         string   `arg:"subvariant,required"`
	Unified            bool     `arg:"unified"`
	AdditionalVariants []string `arg:"additional-variant"`

	// PackagesDir is where the repository at the top has its packages, and Recipe what it
	// was made of, as the tool createrepo takes it: a disc of several has one of its own
	// packages.
	PackagesDir string   `arg:"packages-dir"`
	Recipe      []string `arg:"--"`

	// Output is a folder of disc<n>.iso, each with its manifest; Images describes them.
	Output string `arg:"output,required"`
	Images string `arg:"images,required"`
}

// Types of images: with a whole tree, and with what boots only.
const (
	dvdType  = "dvd"
	bootType = "boot"
)

// maker makes the images of one tree.
type maker struct {
	*rules.Job
	params
	volumeID               string
	size, reserve, maxSize int64
	boot                   *boot // nil if the images are not to be bootable
	content                *content
}

func run(ctx context.Context, j *rules.Job) error {
	m := &maker{Job: j}
	if err := rules.Parse(j.Args, &m.params); err != nil {
		return err
	}
	if err := m.prepare(ctx); err != nil {
		return err
	}
	if m.Type = cmp.Or(m.Type, dvdType); !m.content.hasPackages && m.Type != bootType {
		j.Warnf("there are no packages in the tree: no image is made")
		return m.output(ctx, nil)
	}
	discs, err := m.discs(ctx)
	if err != nil {
		return err
	}
	made := make([]*image, len(discs))
	err = j.Each(ctx, len(discs), func(ctx context.Context, i int) (err error) {
		if made[i], err = m.write(ctx, discs[i]); err != nil && len(discs) > 1 {
			err = fmt.Errorf("disc %d of %d: %w", i+1, len(discs), err)
		}
		return err
	})
	if err != nil {
		return err
	}
	return m.output(ctx, made)
}

// prepare reads what decides on the images.
func (m *maker) prepare(ctx context.Context) error {
	id, err := m.Read(ctx, m.params.VolumeID)
	if err != nil {
		return err
	}
	m.volumeID = string(id)
	for _, s := range []struct {
		name, text string
		to         *int64
	}{{"iso_size", m.Size, &m.size}, {"split_iso_reserve", m.Reserve, &m.reserve}, {"max_size", m.MaxSize, &m.maxSize}} {
		if *s.to, err = parseSize(s.text); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if m.content, err = m.read(ctx); err != nil {
		return err
	}
	if !m.Bootable {
		return nil
	}
	mbr := ""
	if m.MBR != "" {
		mbr = mbrPath
	}
	if m.boot, err = bootOf(m.Arch, m.content.has, mbr); err != nil {
		return err
	}
	return m.checkBootVolumeID(ctx)
}

// checkBootVolumeID compares the volume id with the one that the boot configuration
// looks for: an installer that looks for another disc finds none.
func (m *maker) checkBootVolumeID(ctx context.Context) error {
	if m.BootVolumeID == "" {
		return nil
	}
	id, err := m.Read(ctx, m.BootVolumeID)
	if err == nil && string(id) != m.volumeID {
		err = fmt.Errorf("the image has the volume id %q, and its boot configuration looks for %q\n  hint: give both targets the same formats of volume ids", m.volumeID, id)
	}
	return err
}

// parseSize reads bytes, with b, k, M or G behind them for powers of 1024; "" is 0.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	digits, shift := text, 0
	if i := strings.IndexByte("bkMG", text[len(text)-1]); i >= 0 {
		digits, shift = text[:len(text)-1], 10*i
	}
	n, err := strconv.ParseInt(digits, 10, 64-shift)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("size %q is more than %d bytes", text, math.MaxInt64)
	}
	if err != nil || n < 0 {
		return 0, fmt.Errorf("size %q, want bytes, or a number with k, M or G", text)
	}
	return n << shift, nil
}

// image is an image that was made.
type image struct {
	disc     *disc
	node     cache.Node
	manifest cache.Digest
	implant  string
	sums     productmd.Checksums
}

// output makes images, their manifests and their description the outputs.
func (m *maker) output(ctx context.Context, images []*image) error {
	var dir cache.Directory
	list := []productmd.Image{}
	for _, i := range images {
		name := fmt.Sprintf("disc%d.iso", i.disc.number)
		i.node.Name = name
		dir = append(dir, i.node, cache.Node{
			Name: name + ".manifest", Kind: cache.FileKind, Digest: i.manifest, ModTime: i.node.ModTime,
		})
		list = append(list, productmd.Image{
			Path: name, MTime: i.node.ModTime, Size: i.node.Digest.Size(), VolumeID: m.volumeID, Type: m.Type, Format: "iso",
			Arch: m.Arch, DiscNumber: i.disc.number, DiscCount: i.disc.total, Checksums: i.sums, ImplantMD5: i.implant,
			Bootable: m.boot != nil, Subvariant: m.Subvariant, Unified: m.Unified, AdditionalVariants: m.AdditionalVariants,
			MaxSize: m.maxSize,
		})
	}
	root, err := m.Trees.Write(ctx, dir)
	if err != nil {
		return err
	}
	m.Job.Output(m.params.Output, cache.Node{Kind: cache.DirKind, Digest: root})
	var text bytes.Buffer
	if err := productmd.EncodeImageList(&text, list); err != nil {
		return err
	}
	return m.Write(ctx, m.params.Images, text.Bytes())
}
