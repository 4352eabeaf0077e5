package productmd

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

const (
	sampleMD5    = "0c9e2f6b4d5a4b8f9a6f0e1d2c3b4a59"
	sampleSHA256 = "5d1f00000000000000000000000000000000000000000000000000000000abcd"
)

func sampleImage() Image {
	return Image{
		Variant: "Server", TreeArch: "x86_64",
		Path:  "Server/x86_64/iso/Acme-42-20260131.n.0-Server-x86_64-dvd1.iso",
		MTime: 1769860000, Size: 2411724800, VolumeID: "Acme-42 Server.x86_64", Type: "dvd", Format: "iso", Arch: "x86_64",
		DiscNumber: 1, DiscCount: 1, Checksums: map[string]string{"sha256": sampleSHA256, "md5": sampleMD5}, ImplantedMD5: sampleMD5,
		Bootable: true, Subvariant: "Server",
	}
}

func sampleImages() *Images {
	dvd, cloud, source, unified := sampleImage(), sampleImage(), sampleImage(), sampleImage()
	cloud.Path, cloud.Type, cloud.Format = "Server/x86_64/images/cloud.qcow2", "qcow2", "qcow2"
	cloud.VolumeID, cloud.ImplantedMD5, cloud.Bootable = "", "", false
	source.Path, source.Arch = "Server/source/iso/source.iso", "src"
	again := source
	again.TreeArch = "aarch64"
	unified.Path, unified.Unified, unified.AdditionalVariants = "Server/x86_64/iso/all.iso", true, []string{"Zoo", "Client"}
	return &Images{Compose: dummyIdentity().Compose(), Images: []Image{unified, dvd, source, cloud, again}}
}

func TestImagesGolden(t *testing.T) {
	golden(t, "testdata/images.json", encode(t, sampleImages()))
	golden(t, "testdata/images-none.json", encode(t, &Images{Compose: dummyIdentity().Compose()}))
}

// TestDummyImages makes the recorded images.json again, with values in the
// places that it leaves open.
func TestDummyImages(t *testing.T) {
	want := strings.NewReplacer(
		`"md5": "*"`, `"md5": "`+sampleMD5+`"`, `"sha1": "*"`, `"sha1": "abcd"`, `"sha256": "*"`, `"sha256": "`+sampleSHA256+`"`,
		`"implant_md5": "*"`, `"implant_md5": "`+sampleMD5+`"`, `"mtime": "*"`, `"mtime": 1`, `"size": "*"`, `"size": 2`,
	).Replace(readFile(t, "testdata/dummy/images.json"))
	type recorded struct {
		Path, Type, Format, Arch, Subvariant string
		MTime, Size                          int64
		VolumeID                             string `json:"volume_id"`
		DiscNumber                           int    `json:"disc_number"`
		DiscCount                            int    `json:"disc_count"`
		Checksums                            map[string]string
		ImplantedMD5                         string `json:"implant_md5"`
		Bootable, Unified                    bool
		AdditionalVariants                   []string `json:"additional_variants"`
	}
	var document struct {
		Payload struct {
			Compose composeJSON
			Images  map[string]map[string][]recorded
		}
	}
	if err := json.Unmarshal([]byte(want), &document); err != nil {
		t.Fatal(err)
	}
	images := &Images{Compose: Compose(document.Payload.Compose)}
	for variant, byArch := range document.Payload.Images {
		for arch, list := range byArch {
			for _, r := range list {
				images.Images = append(images.Images, Image{
					Variant: variant, TreeArch: arch,
					Path: r.Path, MTime: r.MTime, Size: r.Size, VolumeID: r.VolumeID, Type: r.Type, Format: r.Format, Arch: r.Arch,
					DiscNumber: r.DiscNumber, DiscCount: r.DiscCount, Checksums: r.Checksums, ImplantedMD5: r.ImplantedMD5,
					Bootable: r.Bootable, Subvariant: r.Subvariant, Unified: r.Unified, AdditionalVariants: r.AdditionalVariants,
				})
			}
		}
	}
	if len(images.Images) != 22 {
		t.Errorf("got %d images, want 22", len(images.Images))
	}
	sameText(t, "images.json", encode(t, images), strings.TrimSuffix(want, "\n"))
}

func TestImagesErrors(t *testing.T) {
	const dvd = `image "Server/x86_64/iso/Acme-42-20260131.n.0-Server-x86_64-dvd1.iso": `
	tests := []struct {
		name  string
		spoil func(i *Image)
		want  string
	}{
		{"variant", func(i *Image) { i.Variant = "" }, dvd + "no variant"},
		{"tree arch", func(i *Image) { i.TreeArch = "src" }, dvd + `arch "src", wanted the binary arch that the sources belong to`},
		{"path", func(i *Image) { i.Path = "a/../b" }, `image "a/../b": path "a/../b", wanted a clean relative path`},
		{"type", func(i *Image) { i.Type = "iso" }, dvd + `type "iso", wanted one of ` + strings.Join(ImageTypes(), ", ")},
		{"format", func(i *Image) { i.Format = "dvd" }, dvd + `format "dvd", wanted one of ` + strings.Join(ImageFormats(), ", ")},
		{"size", func(i *Image) { i.Size = 0 }, dvd + "size 0, wanted more than 0"},
		{"arch", func(i *Image) { i.Arch = "" }, dvd + "no arch"},
		{"disc number", func(i *Image) { i.DiscNumber = 0 }, dvd + "disc 0 of 1, wanted numbers from 1"},
		{"disc count", func(i *Image) { i.DiscNumber = 2 }, dvd + "disc 2 of 1, wanted numbers from 1"},
		{"implanted", func(i *Image) { i.ImplantedMD5 = "00" }, dvd + `implanted MD5 "00", wanted 32 lower-case hexadecimal digits`},
		{"not unified", func(i *Image) { i.AdditionalVariants = []string{"A", "B"} }, dvd + "additional variants A, B, wanted only with unified"},
		{"no checksums", func(i *Image) { i.Checksums = nil }, dvd + "no checksums, wanted at least one"},
		{"checksum", func(i *Image) { i.Checksums["md5"] = "X" }, dvd + `checksum md5 "X", wanted lower-case hexadecimal digits`},
		{
			"same identity", func(i *Image) { i.TreeArch, i.Checksums = "i386", map[string]string{"md5": "00"} },
			`images "Server/x86_64/iso/Acme-42-20260131.n.0-Server-x86_64-dvd1.iso" and "other.iso" differ, but have the same identity: ` +
				`subvariant "Server", type dvd, format iso, arch x86_64, disc 1, unified false, additional variants []`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			image := sampleImage()
			other := image
			other.Path = "other.iso"
			image.Checksums = maps.Clone(image.Checksums)
			tt.spoil(&image)
			wantError(t, &Images{Compose: dummyIdentity().Compose(), Images: []Image{image, other}}, tt.want)
		})
	}
	wantError(t, &Images{}, `compose date "", wanted YYYYMMDD`)
}

func TestImageIdentity(t *testing.T) {
	images := sampleImages()
	image := sampleImage()
	image.Checksums = map[string]string{"md5": "00"}
	for name, vary := range map[string]func(i *Image){
		"subvariant": func(i *Image) { i.Subvariant = "Server-KDE" },
		"type":       func(i *Image) { i.Type = "cd" },
		"format":     func(i *Image) { i.Format = "raw" },
		"arch":       func(i *Image) { i.Arch = "ppc64le" },
		"disc":       func(i *Image) { i.DiscNumber, i.DiscCount = 2, 2 },
		"unified":    func(i *Image) { i.Unified = true },
		"additional": func(i *Image) { i.Unified, i.AdditionalVariants = true, []string{"Client"} },
	} {
		varied := image
		vary(&varied)
		if err := (&Images{images.Compose, append(slices.Clone(images.Images), varied)}).Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The order of variants is not part of the identity.
	image.Unified, image.AdditionalVariants = true, []string{"Client", "Zoo"}
	if err := (&Images{images.Compose, append(images.Images, image)}).Validate(); err == nil {
		t.Error("got no error for variants in another order")
	}
}
