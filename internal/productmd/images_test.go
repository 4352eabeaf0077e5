package productmd

import (
	"reflect"
	"strings"
	"testing"
)

func dvd(path, arch string) Image {
	return Image{
		Path: path, MTime: 1769860000, Size: 2411724800, VolumeID: "Acme-42 Server." + arch, Type: "dvd", Format: "iso",
		Arch: arch, DiscNumber: 1, DiscCount: 1, Checksums: Checksums{"sha256": strings.Repeat("5d1f", 16), "md5": strings.Repeat("00ff", 8)},
		ImplantMD5: "0c9e2f6b4d5a4b8f9a6f0e1d2c3b4a59", Bootable: arch != "src", Subvariant: "Server",
	}
}

func images() *Images {
	src := dvd("Server/source/iso/src.iso", "src")
	extra := dvd("Server/x86_64/iso/extra.iso", "x86_64")
	extra.Unified, extra.AdditionalVariants, extra.ImplantMD5, extra.VolumeID = true, []string{"Client"}, "", ""
	return &Images{
		Compose: Compose{ID: "Acme-42-20260131.n.0", Date: "20260131", Type: Nightly},
		Images: []ListedImage{
			{"Server", "x86_64", extra},
			{"Server", "x86_64", dvd("Server/x86_64/iso/dvd.iso", "x86_64")},
			{"Server", "x86_64", src}, {"Server", "s390x", src},
		},
	}
}

func TestImages(t *testing.T) {
	text := encode(t, images())
	golden(t, "testdata/images.json", text)
	again, err := ParseImages(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	sameText(t, "read and written", encode(t, again), text)
}

func TestImageList(t *testing.T) {
	want := []Image{dvd("a.iso", "x86_64"), images().Images[0].Image}
	want[0].MaxSize = 1 << 40
	var b strings.Builder
	if err := EncodeImageList(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := ParseImageList(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	var c strings.Builder
	if err := EncodeImageList(&c, got); err != nil || b.String() != c.String() {
		t.Errorf("got %s and error %v, want %s", c.String(), err, b.String())
	}
	for text, want := range map[string]string{
		`[{"pfad": "a"}]`:                 `images: json: unknown field "pfad"`,
		`[{"path": "a", "size": "7"}]`:    `images: field "size": found string, want whole number`,
		`[{"path": "a", "size": 7.5}]`:    `images: field "size": found number 7.5, want whole number`,
		`[{"path": ["a"]}]`:               `images: field "path": found array, want string`,
		`[{"path": "a", "unified": 1}]`:   `images: field "unified": found number, want bool`,
		`[{"path": "a", "checksums": 1}]`: `images: field "checksums": found number, want object`,
		`{"path": "a"}`:                   `images: found object, want list`,
	} {
		if _, err := ParseImageList(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%s: got error %v, want %s", text, err, want)
		}
	}
}

func TestImageErrors(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Images)
		want   string
	}{
		{"path", func(m *Images) { m.Images[1].Path = "/x.iso" }, `image: path "/x.iso", want a clean relative path`},
		{"type", func(m *Images) { m.Images[1].Type = "disc" }, `image "Server/x86_64/iso/dvd.iso": type "disc", want one of appx, `},
		{"format", func(m *Images) { m.Images[1].Format = "img" }, `image "Server/x86_64/iso/dvd.iso": format "img", want one of appx, `},
		{"arch", func(m *Images) { m.Images[1].Arch = "x86" }, `image "Server/x86_64/iso/dvd.iso": arch "x86" is not known`},
		{"under src", func(m *Images) { m.Images[2].Under = "src" }, `image "Server/source/iso/src.iso": arch "src", want the binary arch that the sources belong to`},
		{"disc", func(m *Images) { m.Images[1].DiscNumber = 2 }, `image "Server/x86_64/iso/dvd.iso": disc 2 of 1, want a number from 1 on`},
		{"checksums", func(m *Images) { m.Images[1].Checksums = nil }, `image "Server/x86_64/iso/dvd.iso": no checksums`},
		{"checksum", func(m *Images) { m.Images[1].Checksums = Checksums{"md5": "XY"} }, `image "Server/x86_64/iso/dvd.iso": checksum md5 "XY", want 32 lower-case hexadecimal digits`},
		{"implanted", func(m *Images) { m.Images[1].ImplantMD5 = "ff" }, `image "Server/x86_64/iso/dvd.iso": implant_md5 "ff", want 32 hexadecimal digits`},
		{"unified", func(m *Images) { m.Images[0].Unified = false }, `image "Server/x86_64/iso/extra.iso": additional variants, which only unified images have`},
		{"subvariant", func(m *Images) { m.Images[1].Subvariant = "" }, `image "Server/x86_64/iso/dvd.iso": no subvariant`},
		{"identity", func(m *Images) {
			m.Images[0].Unified, m.Images[0].AdditionalVariants = false, nil
			m.Images[0].Checksums = Checksums{"md5": strings.Repeat("aa", 16)}
		}, `images "Server/x86_64/iso/extra.iso" and "Server/x86_64/iso/dvd.iso": other content, and the same subvariant, type, format, arch, disc number and variants`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := images()
			test.change(m)
			err := m.Validate()
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got error %v, want %s", err, test.want)
			}
		})
	}
}

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
