package productmd

import (
	"cmp"
	"io"
	"maps"
	"slices"
)

// Image is one image, as images.json has it.
type Image struct {
	Path       string            `json:"path"`
	MTime      int64             `json:"mtime"`       // seconds since 1970
	Size       int64             `json:"size"`        // bytes
	VolumeID   string            `json:"volume_id"`   // "" if it has none
	Type       string            `json:"type"`        // "dvd", "boot" …
	Format     string            `json:"format"`      // suffix of its name: "iso", "qcow2" …
	Arch       string            `json:"arch"`        // of what is on it, src of sources
	DiscCount  int               `json:"disc_count"`  // from 1
	DiscNumber int               `json:"disc_number"` // from 1
	Checksums  map[string]string `json:"checksums"`   // kind to lower-case hexadecimal digits
	ImplantMD5 string            `json:"implant_md5"` // that the image carries within itself, "" if it has none
	Bootable   bool              `json:"bootable"`
	Subvariant string            `json:"subvariant"`
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

// ParseImages reads images.json. The images come sorted by variant, arch and
// path. Types and formats, of which there are more every year, are not checked.
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
	slices.SortStableFunc(m.Images, func(a, b ListedImage) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Under, b.Under), cmp.Compare(a.Path, b.Path))
	})
	return m, nil
}
