package productmd

import (
	"reflect"
	"strings"
	"testing"
)

const imagesJSON = `{"header": {"type": "productmd.images", "version": "1.2"}, "payload": {
	"compose": {"date": "20260131", "id": "A-1-20260131.0", "respin": 0, "type": "production"}, "images": {"Server": {"x86_64": [
	{"arch": "x86_64", "bootable": true, "checksums": {"md5": "0c9e2f6b4d5a4b8f9a6f0e1d2c3b4a59"}, "disc_count": 1, "disc_number": 1, "format": "iso",
	 "implant_md5": null, "mtime": 1769860000, "path": "b.iso", "size": 7, "subvariant": "Server", "type": "dvd", "volume_id": "A-42"},
	{"arch": "src", "bootable": false, "checksums": {"md5": "0c9e2f6b4d5a4b8f9a6f0e1d2c3b4a59"}, "disc_count": 1, "disc_number": 1, "format": "iso",
	 "implant_md5": null, "mtime": 1769860000, "path": "a.iso", "size": 7, "subvariant": "Server", "type": "dvd", "volume_id": null}]}}}}`

func TestReadImages(t *testing.T) {
	got, err := ParseImages(strings.NewReader(imagesJSON))
	if err != nil {
		t.Fatal(err)
	}
	want := ListedImage{"Server", "x86_64", Image{
		Path: "b.iso", Size: 7, MTime: 1769860000, VolumeID: "A-42", Type: "dvd", Format: "iso",
		Arch: "x86_64", DiscNumber: 1, DiscCount: 1, Bootable: true, Subvariant: "Server",
		Checksums: map[string]string{"md5": "0c9e2f6b4d5a4b8f9a6f0e1d2c3b4a59"},
	}}
	if len(got.Images) != 2 || got.Images[0].Path != "a.iso" || !reflect.DeepEqual(got.Images[1], want) {
		t.Errorf("got %+v", got)
	}
}

func FuzzParseImages(f *testing.F) {
	f.Add(imagesJSON)
	f.Fuzz(func(_ *testing.T, input string) { ParseImages(strings.NewReader(input)) })
}
