package productmd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Image is one image, as images.json has it and as whoever makes it describes it.
type Image struct {
	Path      string `json:"path"`
	MTime     int64  `json:"mtime"` // seconds since 1970
	Size      int64  `json:"size"`  // bytes
	VolumeID  string `json:"volume_id,omitempty"`
	Type      string `json:"type"`       // one of ImageTypes
	Format    string `json:"format"`     // one of ImageFormats
	Arch      string `json:"arch"`       // of what is on it, src of sources
	DiscCount int    `json:"disc_count"` // from 1
	// DiscNumber counts from 1.
	DiscNumber int       `json:"disc_number"`
	Checksums  Checksums `json:"checksums,omitempty"`
	// ImplantMD5 is the MD5 sum that the image carries within itself, "" if it has none.
	ImplantMD5 string `json:"implant_md5,omitempty"`
	Bootable   bool   `json:"bootable"`
	Subvariant string `json:"subvariant"`
	// Unified images have the content of AdditionalVariants (uids), too.
	Unified            bool     `json:"unified,omitempty"`
	AdditionalVariants []string `json:"additional_variants,omitempty"`
	// MaxSize is the limit that tests hold the image against, in bytes; 0 for none. It
	// is no part of images.json.
	MaxSize int64 `json:"max_size,omitempty"`
}

// ImageTypes are the types of an image that productmd accepts.
func ImageTypes() []string {
	return []string{
		"appx", "boot", "bootable-container", "cd", "container", "docker", "dvd", "dvd-debuginfo", "dvd-ostree",
		"dvd-ostree-osbuild", "ec2", "fex", "kvm", "live", "live-osbuild", "liveimg-squashfs", "netinst", "ociarchive",
		"p2v", "qcow", "qcow2", "raw", "raw-xz", "rescue", "rhevm-ova", "tar-gz", "vagrant-hyperv", "vagrant-libvirt",
		"vagrant-virtualbox", "vagrant-vmware-fusion", "vdi", "vmdk", "vpc", "vhd-compressed", "vsphere-ova", "wsl2",
	}
}

// ImageFormats are the formats of an image that productmd accepts: suffixes of file
// names.
func ImageFormats() []string {
	return []string{
		"appx", "erofs", "erofs.gz", "erofs.xz", "iso", "liveimg.squashfs", "oci", "ociarchive", "qcow", "qcow2", "raw",
		"raw.xz", "rhevm.ova", "squashfs", "squashfs.gz", "squashfs.xz", "tar", "tar.gz", "tar.xz", "vagrant-hyperv.box",
		"vagrant-libvirt.box", "vagrant-virtualbox.box", "vagrant-vmware-fusion.box", "vdi", "vhd", "vhd.gz", "vhd.xz",
		"vhdfixed.xz", "vmdk", "vsphere.ova", "wsl",
	}
}

// Validate reports what productmd would not accept, but for checksums: these may
// come later.
func (i *Image) Validate() error {
	if err := validatePath(i.Path); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	return in(i.Path, cmp.Or(
		validateOneOf("type", i.Type, ImageTypes()),
		validateOneOf("format", i.Format, ImageFormats()),
		i.validateArch(),
		i.validateNumbers(),
		i.validateSums(),
		i.validateUnified(),
	))
}

func in(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("image %q: %w", path, err)
}

func (i *Image) validateArch() error {
	if i.Subvariant == "" {
		return errors.New("no subvariant")
	}
	if i.Arch == "src" {
		return nil
	}
	return ValidateArch(i.Arch)
}

func (i *Image) validateNumbers() error {
	switch {
	case i.MTime < 0:
		return fmt.Errorf("mtime %d, want 0 or more", i.MTime)
	case i.Size < 0:
		return fmt.Errorf("size %d, want 0 or more", i.Size)
	case i.DiscNumber < 1 || i.DiscNumber > i.DiscCount:
		return fmt.Errorf("disc %d of %d, want a number from 1 on", i.DiscNumber, i.DiscCount)
	}
	return nil
}

func (i *Image) validateSums() error {
	if s := i.ImplantMD5; s != "" && (len(s) != 32 || strings.Trim(s, "0123456789abcdef") != "") {
		return fmt.Errorf("implant_md5 %q, want 32 hexadecimal digits", i.ImplantMD5)
	}
	if len(i.Checksums) == 0 {
		return nil
	}
	return i.Checksums.Validate()
}

func (i *Image) validateUnified() error {
	if len(i.AdditionalVariants) > 0 && !i.Unified {
		return errors.New("additional variants, which only unified images have")
	}
	return nil
}

// encode writes the image as images.json has it.
func (i *Image) encode(e *encoder) {
	e.object(func() {
		if i.Unified {
			e.listField("additional_variants", i.AdditionalVariants)
		}
		e.stringField("arch", i.Arch)
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

// ParseImageList reads the description that goes with images from one action to
// another: a JSON list. Paths are relative to the folder that it describes. Of what
// nobody says which disc of a set it is, it is the only one; other fields may be
// missing, too, for the reader to fill in before it validates them.
func ParseImageList(r io.Reader) ([]Image, error) {
	var list []Image
	d := json.NewDecoder(io.LimitReader(r, maxDocument))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("images: %w", wrongType(err))
	}
	for k := range list {
		i := &list[k]
		i.DiscNumber, i.DiscCount = cmp.Or(i.DiscNumber, 1), cmp.Or(i.DiscCount, 1)
		if err := validatePath(i.Path); err != nil {
			return nil, fmt.Errorf("images: %w", err)
		}
	}
	return list, nil
}

// wrongType says in words of JSON which field has a value of another type.
func wrongType(err error) error {
	var e *json.UnmarshalTypeError
	if !errors.As(err, &e) {
		return err
	}
	want := "object"
	switch e.Type.Kind() {
	case reflect.Int, reflect.Int64:
		want = "whole number"
	case reflect.String:
		want = "string"
	case reflect.Bool:
		want = "bool"
	case reflect.Slice:
		want = "list"
	}
	if e.Field == "" {
		return fmt.Errorf("found %s, want %s", e.Value, want)
	}
	return fmt.Errorf("field %q: found %s, want %s", e.Field, e.Value, want)
}

// EncodeImageList writes such a description.
func EncodeImageList(w io.Writer, list []Image) error {
	for k := range list {
		if err := list[k].Validate(); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(list, "", "    ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// Images is the content of images.json: every image of a compose.
type Images struct {
	Compose Compose
	Images  []ListedImage // in any order
}

// ListedImage is an image in one variant and architecture. An image of sources is
// listed under each architecture of its variant.
type ListedImage struct {
	Variant string // uid
	Under   string // arch of the variant, never src
	Image
}

// identity is what no two different images of a compose have in common.
func (i *Image) identity() string {
	return fmt.Sprint(i.Subvariant, " ", i.Type, " ", i.Format, " ", i.Arch, " disc ", i.DiscNumber, " unified ", i.Unified, i.AdditionalVariants)
}

// Validate reports what productmd would not accept: an image without checksums,
// and two images that cannot be told apart.
func (m *Images) Validate() error {
	if err := m.Compose.Validate(); err != nil {
		return err
	}
	known := map[string]*Image{}
	for k := range m.Images {
		i := &m.Images[k]
		if i.Variant == "" {
			return in(i.Path, errors.New("no variant"))
		}
		if err := ValidateArch(i.Under); err != nil {
			return in(i.Path, err)
		}
		if err := i.Image.Validate(); err != nil {
			return err
		}
		if len(i.Checksums) == 0 {
			return in(i.Path, errors.New("no checksums"))
		}
		other := known[i.identity()]
		if other != nil && !maps.Equal(other.Checksums, i.Checksums) {
			return fmt.Errorf("images %q and %q: other content, and the same subvariant, type, format, arch, disc number and variants", other.Path, i.Path)
		}
		known[i.identity()] = &i.Image
	}
	return nil
}

// Encode writes images.json.
func (m *Images) Encode(w io.Writer) error {
	if err := m.Validate(); err != nil {
		return err
	}
	sorted := slices.Clone(m.Images)
	slices.SortStableFunc(sorted, compareImages)
	levels := []func(*ListedImage) string{
		func(i *ListedImage) string { return i.Variant },
		func(i *ListedImage) string { return i.Under },
	}
	return writeDocument(w, "images", func(e *encoder) {
		m.Compose.encode(e, false)
		e.key("images")
		encodeNested(e, sorted, levels, func(e *encoder, list []ListedImage) {
			e.list(func() {
				for k := range list {
					e.item()
					list[k].encode(e)
				}
			})
		})
	})
}

// ParseImages reads images.json. The images come sorted by variant, arch and path.
// Types and formats, of which there are more every year, are not checked.
func ParseImages(r io.Reader) (*Images, error) {
	var payload struct {
		Compose composeJSON                   `json:"compose"`
		Images  map[string]map[string][]Image `json:"images"`
	}
	if err := readDocument(r, "images", &payload); err != nil {
		return nil, err
	}
	m := &Images{Compose: Compose(payload.Compose)}
	for _, variant := range slices.Sorted(maps.Keys(payload.Images)) {
		for _, arch := range slices.Sorted(maps.Keys(payload.Images[variant])) {
			for _, i := range payload.Images[variant][arch] {
				m.Images = append(m.Images, ListedImage{variant, arch, i})
			}
		}
	}
	slices.SortStableFunc(m.Images, compareImages)
	return m, nil
}

func compareImages(a, b ListedImage) int {
	return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Under, b.Under), cmp.Compare(a.Path, b.Path))
}
