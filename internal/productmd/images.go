package productmd

import (
	"cmp"
	"io"
	"slices"
)

// Images is the content of images.json: every image of a compose.
type Images struct {
	Compose Compose
	Images  []Image // in any order
}

// Image is one image in one variant and architecture. An image of sources has an
// entry for each architecture of its variant, with the same path.
type Image struct {
	Variant    string // uid
	Arch       string // binary arch under which it is listed
	Path       string // below compose/
	Type       string // "dvd", "boot" …
	Format     string // the suffix: "iso", "qcow2" …
	ImageArch  string // arch of what is in it: Arch, or "src"
	Subvariant string // flavour of the content, the variant's uid if there is none
	DiscNumber int    // from 1
	DiscCount  int
	Bootable   bool
	VolumeID   string            // "" if there is none
	ImplantMD5 string            // 32 hex digits in the image itself, "" if there are none
	Size       int64             // bytes
	MTime      int64             // Unix seconds
	Checksums  map[string]string // by algorithm
}

// ParseImages reads images.json. The images come sorted by variant, arch and
// path. Types and formats, of which there are more every year, are not checked.
func ParseImages(r io.Reader) (*Images, error) {
	type entry struct {
		Path       string            `json:"path"`
		Type       string            `json:"type"`
		Format     string            `json:"format"`
		Arch       string            `json:"arch"`
		Subvariant string            `json:"subvariant"`
		DiscNumber int               `json:"disc_number"`
		DiscCount  int               `json:"disc_count"`
		Bootable   bool              `json:"bootable"`
		VolumeID   string            `json:"volume_id"`   // null leaves it empty
		ImplantMD5 string            `json:"implant_md5"` // as above
		Size       int64             `json:"size"`
		MTime      int64             `json:"mtime"`
		Checksums  map[string]string `json:"checksums"`
	}
	var payload struct {
		Compose composeJSON                   `json:"compose"`
		Images  map[string]map[string][]entry `json:"images"`
	}
	if err := readDocument(r, "images", &payload); err != nil {
		return nil, err
	}
	x := &Images{Compose: Compose(payload.Compose)}
	for variant, arches := range payload.Images {
		for arch, images := range arches {
			for _, i := range images {
				x.Images = append(x.Images, Image{
					Variant: variant, Arch: arch, Path: i.Path, Type: i.Type, Format: i.Format, ImageArch: i.Arch, Subvariant: i.Subvariant,
					DiscNumber: i.DiscNumber, DiscCount: i.DiscCount, Bootable: i.Bootable, VolumeID: i.VolumeID, ImplantMD5: i.ImplantMD5,
					Size: i.Size, MTime: i.MTime, Checksums: i.Checksums,
				})
			}
		}
	}
	slices.SortStableFunc(x.Images, func(a, b Image) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Path, b.Path))
	})
	return x, nil
}
