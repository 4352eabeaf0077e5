package productmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Images is the content of images.json: every image of a compose.
type Images struct {
	Compose Compose
	Images  []Image // in any order
}

// Image is one image in one variant and architecture. An image of sources has an
// entry for each architecture of its variant, with the same path.
type Image struct {
	Variant            string // uid
	Arch               string // binary arch under which it is listed
	Path               string // below compose/
	Type               string // one of ImageTypes
	Format             string // the suffix, see ImageFormats
	ImageArch          string // arch of what is in it: Arch, or "src"
	Subvariant         string // flavour of the content, the variant's uid if there is none
	DiscNumber         int    // from 1
	DiscCount          int
	Bootable           bool
	VolumeID           string // "" if there is none
	ImplantMD5         string // 32 hex digits in the image itself, "" if there are none
	Unified            bool   // several variants are on it
	AdditionalVariants []string
	Size               int64 // bytes
	MTime              int64 // Unix seconds
	Checksums          Checksums
}

// ImageTypes are the types of an image that productmd accepts.
func ImageTypes() []string {
	return []string{
		"appx", "boot", "bootable-container", "cd", "container", "docker", "dvd", "dvd-debuginfo", "dvd-ostree",
		"dvd-ostree-osbuild", "ec2", "fex", "kvm", "live", "live-osbuild", "liveimg-squashfs", "netinst", "ociarchive",
		"p2v", "qcow", "qcow2", "raw", "raw-xz", "rescue", "rhevm-ova", "tar-gz", "vagrant-hyperv", "vagrant-libvirt",
		"vagrant-virtualbox", "vagrant-vmware-fusion", "vdi", "vhd-compressed", "vmdk", "vpc", "vsphere-ova", "wsl2",
	}
}

// ImageFormats are the formats of an image that productmd accepts.
func ImageFormats() []string {
	return []string{
		"appx", "erofs", "erofs.gz", "erofs.xz", "iso", "liveimg.squashfs", "oci", "ociarchive", "qcow", "qcow2", "raw",
		"raw.xz", "rhevm.ova", "squashfs", "squashfs.gz", "squashfs.xz", "tar", "tar.gz", "tar.xz", "vagrant-hyperv.box",
		"vagrant-libvirt.box", "vagrant-virtualbox.box", "vagrant-vmware-fusion.box", "vdi", "vhd", "vhd.gz", "vhd.xz",
		"vhdfixed.xz", "vmdk", "vsphere.ova", "wsl",
	}
}

// Validate reports what productmd would not accept.
func (i *Image) Validate() error {
	if err := i.validate(); err != nil {
		return fmt.Errorf("image %q: %w", i.Path, err)
	}
	return nil
}

func (i *Image) validate() error {
	if i.Variant == "" {
		return errors.New("no variant")
	}
	if err := ValidateArch(i.Arch); err != nil {
		return err
	}
	if i.ImageArch != "src" && i.ImageArch != i.Arch {
		return fmt.Errorf("arch %q is listed under %q, wanted the same or src", i.ImageArch, i.Arch)
	}
	if err := validatePath(i.Path); err != nil {
		return err
	}
	if err := validateOneOf("type", i.Type, ImageTypes()); err != nil {
		return err
	}
	if err := validateOneOf("format", i.Format, ImageFormats()); err != nil {
		return err
	}
	if i.DiscNumber < 1 || i.DiscCount < i.DiscNumber {
		return fmt.Errorf("disc %d of %d, wanted numbers from 1", i.DiscNumber, i.DiscCount)
	}
	if i.ImplantMD5 != "" && (len(i.ImplantMD5) != 32 || strings.Trim(i.ImplantMD5, "0123456789abcdef") != "") {
		return fmt.Errorf("implanted md5 %q, wanted 32 lower-case hexadecimal digits", i.ImplantMD5)
	}
	if i.Subvariant == "" {
		return errors.New("no subvariant")
	}
	if len(i.AdditionalVariants) > 0 && !i.Unified {
		return errors.New("additional variants, wanted only on a unified image")
	}
	if i.Size < 0 || i.MTime < 0 {
		return fmt.Errorf("size %d and mtime %d, wanted bytes and seconds since 1970", i.Size, i.MTime)
	}
	return i.Checksums.Validate()
}

// identity is what no two different images of a compose share.
func (i *Image) identity() string {
	return fmt.Sprintf("subvariant %q, type %q, format %q, arch %q, disc %d, unified %t, additional variants %q",
		i.Subvariant, i.Type, i.Format, i.ImageArch, i.DiscNumber, i.Unified, slices.Sorted(slices.Values(i.AdditionalVariants)))
}

// Validate reports what productmd would not accept, of each image and of all.
func (x *Images) Validate() error {
	if err := x.Compose.Validate(); err != nil {
		return err
	}
	byIdentity := map[string]*Image{}
	seen := map[[3]string]bool{}
	for n := range x.Images {
		i := &x.Images[n]
		if err := i.Validate(); err != nil {
			return err
		}
		at := [3]string{i.Variant, i.Arch, i.Path}
		if seen[at] {
			return fmt.Errorf("image %q is listed twice in %s.%s", i.Path, i.Variant, i.Arch)
		}
		seen[at] = true
		id := i.identity()
		if old := byIdentity[id]; old != nil && !maps.Equal(old.Checksums, i.Checksums) {
			return fmt.Errorf("images %q and %q have one identity: %s", old.Path, i.Path, id)
		}
		byIdentity[id] = i
	}
	return nil
}

func compareImages(a, b Image) int {
	return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Path, b.Path))
}

// imageLevels are the keys on the way to a list of images.
var imageLevels = []func(*Image) string{
	func(i *Image) string { return i.Variant },
	func(i *Image) string { return i.Arch },
}

// Encode writes images.json: variant to arch to images in the order of their paths.
func (x *Images) Encode(w io.Writer) error {
	if err := x.Validate(); err != nil {
		return err
	}
	sorted := slices.SortedFunc(slices.Values(x.Images), compareImages)
	return writeDocument(w, "images", func(e *encoder) {
		x.Compose.encode(e, false)
		e.key("images")
		encodeNested(e, sorted, imageLevels, func(e *encoder, images []Image) {
			e.list(func() {
				for n := range images {
					e.item()
					images[n].encode(e)
				}
			})
		})
	})
}

func (i *Image) encode(e *encoder) {
	e.object(func() {
		if i.Unified {
			e.listField("additional_variants", slices.Sorted(slices.Values(i.AdditionalVariants)))
		}
		e.stringField("arch", i.ImageArch)
		e.boolField("bootable", i.Bootable)
		e.mapField("checksums", i.Checksums)
		e.intField("disc_count", int64(i.DiscCount))
		e.intField("disc_number", int64(i.DiscNumber))
		e.stringField("format", i.Format)
		e.nullableField("implant_md5", i.ImplantMD5)
		e.intField("mtime", i.MTime)
		e.stringField("path", i.Path)
		e.intField("size", i.Size)
		e.stringField("subvariant", i.Subvariant)
		e.stringField("type", i.Type)
		if i.Unified {
			e.boolField("unified", true)
		}
		e.nullableField("volume_id", i.VolumeID)
	})
}

// imageJSON is an image in a document that is read.
type imageJSON struct {
	Path               string    `json:"path"`
	Type               string    `json:"type"`
	Format             string    `json:"format"`
	Arch               string    `json:"arch"`
	Subvariant         string    `json:"subvariant"`
	DiscNumber         int       `json:"disc_number"`
	DiscCount          int       `json:"disc_count"`
	Bootable           bool      `json:"bootable"`
	VolumeID           string    `json:"volume_id"`   // null leaves it empty
	ImplantMD5         string    `json:"implant_md5"` // as above
	Unified            bool      `json:"unified"`
	AdditionalVariants []string  `json:"additional_variants"`
	Size               int64     `json:"size"`
	MTime              int64     `json:"mtime"`
	Checksums          Checksums `json:"checksums"`
}

func (i imageJSON) image(variant, arch string) Image {
	return Image{
		Variant: variant, Arch: arch, Path: i.Path, Type: i.Type, Format: i.Format, ImageArch: i.Arch, Subvariant: i.Subvariant,
		DiscNumber: i.DiscNumber, DiscCount: i.DiscCount, Bootable: i.Bootable, VolumeID: i.VolumeID, ImplantMD5: i.ImplantMD5,
		Unified: i.Unified, AdditionalVariants: i.AdditionalVariants, Size: i.Size, MTime: i.MTime, Checksums: i.Checksums,
	}
}

// ParseImages reads images.json. The images come sorted by variant, arch and path.
func ParseImages(r io.Reader) (*Images, error) {
	var payload struct {
		Compose composeJSON                       `json:"compose"`
		Images  map[string]map[string][]imageJSON `json:"images"`
	}
	if err := readDocument(r, "images", &payload); err != nil {
		return nil, err
	}
	x := &Images{Compose: Compose(payload.Compose)}
	for variant, arches := range payload.Images {
		for arch, images := range arches {
			for _, i := range images {
				x.Images = append(x.Images, i.image(variant, arch))
			}
		}
	}
	slices.SortFunc(x.Images, compareImages)
	return x, x.Validate()
}
