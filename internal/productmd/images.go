package productmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Images is the content of images.json: every image of a compose.
type Images struct {
	Compose Compose
	Images  []Image // in any order
}

// Image is one image as it is listed under one variant and architecture. An
// image of sources is listed under each architecture of its variant.
type Image struct {
	Variant  string // uid under which it is listed
	TreeArch string // binary arch under which it is listed, never src

	Path               string
	MTime              int64  // Unix seconds
	Size               int64  // bytes
	VolumeID           string // "" if it has none
	Type               string // one of ImageTypes
	Format             string // one of ImageFormats
	Arch               string // of the content, "src" for sources
	DiscNumber         int    // from 1
	DiscCount          int
	Checksums          map[string]string // algorithm to lower-case hex, at least one
	ImplantedMD5       string            // 32 digits, "" if none is implanted
	Bootable           bool
	Subvariant         string   // flavour of the content, as a rule the variant's uid
	Unified            bool     // content of several variants
	AdditionalVariants []string // uids of those beside Variant; only if unified
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

// ImageFormats are the formats of an image that productmd accepts: the ends of
// file names.
func ImageFormats() []string {
	return []string{
		"appx", "erofs", "erofs.gz", "erofs.xz", "iso", "liveimg.squashfs", "oci", "ociarchive", "qcow", "qcow2", "raw",
		"raw.xz", "rhevm.ova", "squashfs", "squashfs.gz", "squashfs.xz", "tar", "tar.gz", "tar.xz", "vagrant-hyperv.box",
		"vagrant-libvirt.box", "vagrant-virtualbox.box", "vagrant-vmware-fusion.box", "vdi", "vhd", "vhd.gz", "vhd.xz",
		"vhdfixed.xz", "vmdk", "vsphere.ova", "wsl",
	}
}

// md5Pattern matches an implanted sum.
var md5Pattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Validate reports what productmd would not accept of the image by itself.
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
	if err := ValidateArch(i.TreeArch); err != nil {
		return err
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
	switch {
	case i.Size <= 0:
		return fmt.Errorf("size %d, wanted more than 0", i.Size)
	case i.Arch == "":
		return errors.New("no arch")
	case i.DiscNumber < 1 || i.DiscCount < i.DiscNumber:
		return fmt.Errorf("disc %d of %d, wanted numbers from 1", i.DiscNumber, i.DiscCount)
	case i.ImplantedMD5 != "" && !md5Pattern.MatchString(i.ImplantedMD5):
		return fmt.Errorf("implanted MD5 %q, wanted 32 lower-case hexadecimal digits", i.ImplantedMD5)
	case len(i.AdditionalVariants) > 0 && !i.Unified:
		return fmt.Errorf("additional variants %s, wanted only with unified", strings.Join(i.AdditionalVariants, ", "))
	}
	return validateChecksums(i.Checksums)
}

// validateChecksums wants at least one pair of algorithm and lower-case hex.
func validateChecksums(sums map[string]string) error {
	if len(sums) == 0 {
		return errors.New("no checksums, wanted at least one")
	}
	for _, algorithm := range slices.Sorted(maps.Keys(sums)) {
		if sum := sums[algorithm]; algorithm == "" || sum == "" || strings.Trim(sum, "0123456789abcdef") != "" {
			return fmt.Errorf("checksum %s %q, wanted lower-case hexadecimal digits", algorithm, sum)
		}
	}
	return nil
}

// identity is what tells images of one compose apart, as text.
func (i *Image) identity() string {
	return fmt.Sprintf("subvariant %q, type %s, format %s, arch %s, disc %d, unified %t, additional variants %q",
		i.Subvariant, i.Type, i.Format, i.Arch, i.DiscNumber, i.Unified, slices.Sorted(slices.Values(i.AdditionalVariants)))
}

// Validate reports what productmd would not accept: different images of equal
// identity above all. One image may be listed several times.
func (i *Images) Validate() error {
	if err := i.Compose.Validate(); err != nil {
		return err
	}
	seen := make(map[string]*Image, len(i.Images))
	for n := range i.Images {
		image := &i.Images[n]
		if err := image.Validate(); err != nil {
			return err
		}
		id := image.identity()
		if other := seen[id]; other != nil && !maps.Equal(other.Checksums, image.Checksums) {
			return fmt.Errorf("images %q and %q differ, but have the same identity: %s", other.Path, image.Path, id)
		}
		seen[id] = image
	}
	return nil
}

// Encode writes images.json.
func (i *Images) Encode(w io.Writer) error {
	if err := i.Validate(); err != nil {
		return err
	}
	sorted := slices.SortedStableFunc(slices.Values(i.Images), func(a, b Image) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.TreeArch, b.TreeArch), cmp.Compare(a.Path, b.Path))
	})
	return writeDocument(w, "images", func(e *encoder) {
		i.Compose.encode(e, false)
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

// imageLevels are the keys on the way to a list of images.
var imageLevels = []func(*Image) string{
	func(i *Image) string { return i.Variant },
	func(i *Image) string { return i.TreeArch },
}

func (i *Image) encode(e *encoder) {
	e.object(func() {
		if i.Unified {
			e.listField("additional_variants", slices.Sorted(slices.Values(i.AdditionalVariants)))
		}
		e.stringField("arch", i.Arch)
		e.boolField("bootable", i.Bootable)
		e.mapField("checksums", i.Checksums)
		e.intField("disc_count", int64(i.DiscCount))
		e.intField("disc_number", int64(i.DiscNumber))
		e.stringField("format", i.Format)
		e.nullableField("implant_md5", i.ImplantedMD5)
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
