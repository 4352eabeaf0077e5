package productmd

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestReadComposeInfo: what is read is written as it was.
func TestReadComposeInfo(t *testing.T) {
	want := encode(t, layeredComposeInfo())
	c, err := ParseComposeInfo(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if got := encode(t, c); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if v := c.Variants[2]; v.UID != "Server-Extra" || v.Parent != "Server" || !v.Internal {
		t.Errorf("got %+v", v)
	}
}

func TestReadModules(t *testing.T) {
	want := encode(t, sampleModules())
	m, err := ParseModules(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if got := encode(t, m); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, err = ParseModules(strings.NewReader(strings.ReplaceAll(want, "editor:1:1:c", "editor:1")))
	if want := `module "editor:1" in Server.aarch64, wanted name:stream:version:context`; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

const imagesJSON = `{"header": {"type": "productmd.images", "version": "1.2"}, "payload": {"images": {"Server": {"x86_64": [
	{"arch": "x86_64", "bootable": true, "checksums": {"sha256": "5d1f"}, "disc_count": 1, "disc_number": 1, "format": "iso",
	 "implant_md5": null, "mtime": 1769860000, "path": "b.iso", "size": 7, "subvariant": "Server", "type": "dvd", "volume_id": "A-42"},
	{"path": "a.iso"}]}}}}`

func TestReadImages(t *testing.T) {
	got, err := ParseImages(strings.NewReader(imagesJSON))
	if err != nil {
		t.Fatal(err)
	}
	want := ListedImage{
		Variant: "Server", TreeArch: "x86_64", Path: "b.iso", Size: 7, MTime: 1769860000, VolumeID: "A-42", Type: "dvd", Format: "iso",
		Arch: "x86_64", Disc: 1, Discs: 1, Checksums: map[string]string{"sha256": "5d1f"}, Bootable: true, Subvariant: "Server",
	}
	if len(got) != 2 || got[0].Path != "a.iso" || !reflect.DeepEqual(got[1], want) {
		t.Errorf("got %+v", got)
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add(imagesJSON)
	f.Add(`{"header": {"type": "productmd.modules", "version": "1.2"}, "payload": {"modules": {"V": {"a": {"n:s:v:c": {"rpms": null}}}}}}`)
	f.Add(`{"header": {"type": "productmd.composeinfo", "version": "1.2"}, "payload": {"variants": {"V": {"variants": ["A"], "paths": null}}}}`)
	f.Fuzz(func(t *testing.T, input string) {
		if images, err := ParseImages(strings.NewReader(input)); err == nil {
			if !slices.IsSortedFunc(images, func(a, b ListedImage) int { return strings.Compare(a.Variant, b.Variant) }) {
				t.Error("not sorted")
			}
		}
		if c, err := ParseComposeInfo(strings.NewReader(input)); err == nil && c.Validate() == nil {
			encode(t, c)
		}
		ParseModules(strings.NewReader(input))
	})
}
