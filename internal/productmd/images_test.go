package productmd

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestDummyImages: the recorded images.json, with values for what depends on the
// run. An image that is listed under several arches has them everywhere.
func TestDummyImages(t *testing.T) {
	recorded := strings.TrimSuffix(readFile(t, "testdata/dummy/images.json"), "\n")
	path := regexp.MustCompile(`"path": "([^"]*)"`)
	// The checksums of an entry stand before its path.
	blocks := strings.SplitAfter(recorded, `"volume_id"`)
	for n, block := range blocks {
		sum := sumMD5
		if m := path.FindStringSubmatch(block); m != nil {
			sums, _, err := Sum(strings.NewReader(m[1]), []string{"md5", "sha1", "sha256"})
			if err != nil {
				t.Fatal(err)
			}
			for kind, hex := range sums {
				block = strings.Replace(block, fmt.Sprintf(`"%s": "*"`, kind), fmt.Sprintf(`"%s": "%s"`, kind, hex), 1)
			}
		}
		block = strings.ReplaceAll(block, `"implant_md5": "*"`, `"implant_md5": "`+sum+`"`)
		blocks[n] = regexp.MustCompile(`"(mtime|size)": "\*"`).ReplaceAllString(block, `"$1": 7`)
	}
	want := strings.Join(blocks, "")
	x, err := ParseImages(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Images) != 22 {
		t.Errorf("got %d images, want 22", len(x.Images))
	}
	sameText(t, "images.json", encode(t, x), want)
}

func sampleImage() Image {
	return Image{
		Variant: "Server", Arch: "x86_64", Path: "Server/x86_64/iso/a.iso", Type: "dvd", Format: "iso", ImageArch: "x86_64",
		Subvariant: "Server", DiscNumber: 1, DiscCount: 2, Checksums: Checksums{"md5": sumMD5},
	}
}

func TestImagesErrors(t *testing.T) {
	const image = `image "Server/x86_64/iso/a.iso": `
	tests := []struct {
		name  string
		spoil func(*Image)
		want  string
	}{
		{"variant", func(i *Image) { i.Variant = "" }, image + "no variant"},
		{"listed under src", func(i *Image) { i.Arch = "src" }, image + `arch "src", wanted the binary arch that the sources belong to`},
		{"other arch", func(i *Image) { i.ImageArch = "s390x" }, image + `arch "s390x" is listed under "x86_64", wanted the same or src`},
		{"path", func(i *Image) { i.Path = "../a" }, `image "../a": path "../a", wanted a clean relative path`},
		{"disc", func(i *Image) { i.DiscNumber = 3 }, image + "disc 3 of 2, wanted numbers from 1"},
		{"md5", func(i *Image) { i.ImplantMD5 = "x" }, image + `implanted md5 "x", wanted 32 lower-case hexadecimal digits`},
		{"subvariant", func(i *Image) { i.Subvariant = "" }, image + "no subvariant"},
		{"additional variants", func(i *Image) { i.AdditionalVariants = []string{"A"} }, image + "additional variants, wanted only on a unified image"},
		{"size", func(i *Image) { i.Size = -1 }, image + "size -1 and mtime 0, wanted bytes and seconds since 1970"},
		{"no checksums", func(i *Image) { i.Checksums = nil }, image + "no checksums, wanted at least one"},
		{"twice", func(i *Image) {}, `image "Server/x86_64/iso/a.iso" is listed twice in Server.x86_64`},
		{
			"one identity", func(i *Image) { i.Path, i.Checksums = "b.iso", Checksums{"md5": strings.Repeat("0", 32)} },
			`images "Server/x86_64/iso/a.iso" and "b.iso" have one identity: subvariant "Server", type "dvd", format "iso", arch "x86_64", disc 1, unified false, additional variants []`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			other := sampleImage()
			tt.spoil(&other)
			x := &Images{Compose: dummyIdentity().Compose(), Images: []Image{sampleImage(), other}}
			if err := x.Encode(new(bytes.Buffer)); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
	for _, spoil := range []func(*Image){func(i *Image) { i.Type = "disk" }, func(i *Image) { i.Format = "zip" }} {
		i := sampleImage()
		spoil(&i)
		if err := i.Validate(); err == nil || !strings.Contains(err.Error(), ", wanted one of ") {
			t.Errorf("got error %v, want one that lists what there is", err)
		}
	}
}

// TestUnified: what only a unified image has is written for it alone.
func TestUnified(t *testing.T) {
	plain, unified := sampleImage(), sampleImage()
	unified.Path, unified.Unified, unified.AdditionalVariants = "b.iso", true, []string{"Z", "A"}
	text := encode(t, &Images{Compose: dummyIdentity().Compose(), Images: []Image{unified, plain}})
	sameText(t, "Python's form", text, python(t, rewriteJSON, text))
	for _, key := range []string{"unified", "additional_variants"} {
		if got := strings.Count(text, key); got != 1 {
			t.Errorf("%s: got it %d times in\n%s", key, got, text)
		}
	}
}

func FuzzParseImages(f *testing.F) {
	f.Add(`{"header": {"type": "productmd.images", "version": "1.2"}, "payload": {"compose": {"date": "20260131",
		"id": "A-1-20260131.0", "respin": 0, "type": "production"}, "images": {"A": {"x86_64": [{"path": "a.iso", "type": "dvd",
		"format": "iso", "arch": "src", "subvariant": "A", "disc_number": 1, "disc_count": 1, "bootable": true, "volume_id": null,
		"implant_md5": null, "unified": true, "additional_variants": ["B"], "size": 1, "mtime": 2,
		"checksums": {"md5": "` + sumMD5 + `"}}]}}}}`)
	f.Fuzz(func(t *testing.T, input string) {
		x, err := ParseImages(strings.NewReader(input))
		if err != nil {
			return
		}
		first := encode(t, x)
		again, err := ParseImages(strings.NewReader(first))
		if err != nil {
			t.Fatalf("%v, in\n%s", err, first)
		}
		sameText(t, "again", encode(t, again), first)
	})
}
