package productmd

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// bootableTree has every section.
func bootableTree() *TreeInfo {
	return &TreeInfo{
		Release:     Product{Name: "Widget", Short: "Widget", Version: "1.0"},
		BaseProduct: &Product{Name: "Acme OS", Short: "Acme", Version: "42"},
		Arch:        "x86_64",
		Timestamp:   1769860000,
		Platforms:   []string{"xen", "x86_64"},
		Variants: []TreeVariant{
			{ID: "Server", UID: "Server", Name: "Widget Server", Type: "variant", Packages: "Packages", Repository: "."},
			{ID: "HA", UID: "Server-HA", Name: "High Availability", Type: "addon", Parent: "Server", Packages: "addons/HA", Repository: "addons/HA"},
			{ID: "GFS", UID: "Server-GFS", Name: "GFS", Type: "addon", Parent: "Server", Packages: "addons/GFS", Repository: "addons/GFS"},
			{ID: "AppTools", UID: "App-Tools", Name: "Tools", Type: "variant", Packages: "App-Tools/Packages", Repository: "App-Tools"},
		},
		Images: map[string]map[string]string{
			"x86_64": {"boot.iso": "images/boot.iso", "kernel": "images/pxeboot/vmlinuz"},
			"xen":    {"kernel": "images/pxeboot/vmlinuz"},
		},
		Stage2: Stage2{MainImage: "images/install.img", InstImage: "images/minstg2.img"},
		Checksums: map[string]Checksum{
			"repodata/repomd.xml": {"sha256", "77bc"},
			"images/boot.iso":     {"sha256", "0f3a"},
		},
		Media: &Media{Disc: 1, Total: 2},
	}
}

func TestTreeInfoGolden(t *testing.T) {
	tree := bootableTree()
	got := encode(t, tree)
	golden(t, "testdata/treeinfo", got)
	parsed, err := ParseTreeInfo(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	sameText(t, "again", encode(t, parsed), got)
	if !reflect.DeepEqual(parsed.Images, tree.Images) || !reflect.DeepEqual(parsed.Checksums, tree.Checksums) || *parsed.Media != *tree.Media {
		t.Errorf("got %+v, want %+v", parsed, tree)
	}
}

// TestTreeInfoPython reads a file with the class that productmd is built on.
func TestTreeInfoPython(t *testing.T) {
	const program = `import configparser, json, sys
p = configparser.ConfigParser()
p.optionxform = str
p.read_file(sys.stdin)
json.dump({s: dict(p.items(s)) for s in p.sections()}, sys.stdout)`
	text := encode(t, bootableTree())
	var got ini
	if err := json.Unmarshal([]byte(python(t, program, text)), &got); err != nil {
		t.Fatal(err)
	}
	want, err := parseINI(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("python reads\n%v\nwe read\n%v", got, want)
	}
	if got := got["general"]["variant"]; got != "AppTools" {
		t.Errorf("variant in general: %q, want AppTools", got)
	}
}

func TestTreeInfoErrors(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*TreeInfo)
		want  string
	}{
		{"release", func(i *TreeInfo) { i.Release.Name = "" }, `release name "", want some text`},
		{
			"base product", func(i *TreeInfo) { i.BaseProduct.Version = "" },
			`base product: release version "", want dotted numbers or a word that begins with a letter`,
		},
		{"arch", func(i *TreeInfo) { i.Arch = "source" }, `arch "source" is that of no tree`},
		{"timestamp", func(i *TreeInfo) { i.Timestamp = 0 }, `timestamp 0, want seconds since 1970`},
		{"media", func(i *TreeInfo) { i.Media.Disc = 3 }, `disc 3 of 2, want numbers from 1`},
		{"no variant", func(i *TreeInfo) { i.Variants = i.Variants[1:2] }, `no variant, want at least one`},
		{"variant id", func(i *TreeInfo) { i.Variants[3].ID = "App-Tools" }, `variant "App-Tools": variant id "App-Tools", want letters and digits`},
		{"twice", func(i *TreeInfo) { i.Variants[3] = i.Variants[0] }, `variant "Server" is listed twice`},
		{"variant name", func(i *TreeInfo) { i.Variants[0].Name = "" }, `variant "Server": variant name "", want some text`},
		{
			"addon alone", func(i *TreeInfo) { i.Variants[1].Parent = "" },
			`variant "Server-HA": type "addon" with parent "", want a parent for addons and no others`,
		},
		{
			"variant with parent", func(i *TreeInfo) { i.Variants[1].Type = "optional" },
			`variant "Server-HA": type "optional" with parent "Server", want a parent for addons and no others`,
		},
		{"addon uid", func(i *TreeInfo) { i.Variants[1].ID = "XA" }, `variant "Server-HA": id "XA", want the uid to be "Server-XA"`},
		{
			"variant type", func(i *TreeInfo) { i.Variants[0].Type = "layered-product" },
			`variant "Server": type "layered-product", want one of variant, optional, addon`,
		},
		{
			"parent", func(i *TreeInfo) { i.Variants[1].Parent, i.Variants[1].UID = "Client", "Client-HA" },
			`variant "Client-HA": parent "Client" is not in the tree`,
		},
		{"packages", func(i *TreeInfo) { i.Variants[0].Packages = "" }, `variant "Server": path "", want a clean relative path`},
		{"repository", func(i *TreeInfo) { i.Variants[0].Repository = "/" }, `variant "Server": path "/", want a clean relative path`},
		{
			"platform", func(i *TreeInfo) { i.Platforms = nil },
			`images of platform "xen", which is not one of the tree: x86_64`,
		},
		{"image path", func(i *TreeInfo) { i.Images["xen"]["kernel"] = "" }, `image "kernel": path "", want a clean relative path`},
		{"stage2", func(i *TreeInfo) { i.Stage2.MainImage = "/x" }, `stage2: path "/x", want a clean relative path`},
		{"checksum path", func(i *TreeInfo) { i.Checksums["/x"] = Checksum{} }, `checksums: path "/x", want a clean relative path`},
		{
			"checksum", func(i *TreeInfo) { i.Checksums["repodata/repomd.xml"] = Checksum{"sha256", ""} },
			`repodata/repomd.xml: checksum sha256 "", want lower-case hexadecimal digits`,
		},
		{"key", func(i *TreeInfo) { i.Checksums["a=b"] = Checksum{"md5", "00"} }, `section "checksums": key "a=b", want one without any of "=:;[]#%"`},
		{"comment", func(i *TreeInfo) { i.Images["xen"]["; x"] = "y" }, `section "images-xen": key "; x", want one without any of "=:;[]#%"`},
		{
			"line break", func(i *TreeInfo) { i.Variants[0].Name = "a\nb" },
			`section "variant-Server": value "a\nb" of "name", want one line without "%" and surrounding whitespace`,
		},
		{
			"interpolation", func(i *TreeInfo) { i.Variants[0].Name = "100%" },
			`section "variant-Server": value "100%" of "name", want one line without "%" and surrounding whitespace`,
		},
		{
			"section", func(i *TreeInfo) {
				i.Platforms = append(i.Platforms, "a]")
				i.Images["a]"] = map[string]string{"a": "b"}
			},
			`section "images-a]", want a name without brackets and line ends`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := bootableTree()
			tt.spoil(tree)
			wantError(t, tree, tt.want)
		})
	}
}

// TestParseOldTreeInfo reads a file such as installers wrote before productmd.
func TestParseOldTreeInfo(t *testing.T) {
	const old = `[general]
name = Acme-6
family = Acme
Timestamp = ignored, keys have case
timestamp = 1298588590.117532
variant =
version = 6.1
packagedir =
arch = x86_64

[stage2]
mainimage = images/install.img
[images-x86_64]
kernel: images/pxeboot/vmlinuz
efidisk.img =
[images-xen]
kernel = images/pxeboot/vmlinuz
  continued
# a comment
[checksums]
images/install.img = sha256:c0fe
old = 0123456789abcdef0123456789abcdef
`
	got, err := ParseTreeInfo(strings.NewReader(old))
	if err != nil {
		t.Fatal(err)
	}
	want := &TreeInfo{
		Release:   Product{Name: "Acme", Version: "6.1"},
		Arch:      "x86_64",
		Timestamp: 1298588590,
		Images: map[string]map[string]string{
			"x86_64": {"kernel": "images/pxeboot/vmlinuz", "efidisk.img": ""},
			"xen":    {"kernel": "images/pxeboot/vmlinuz\ncontinued"},
		},
		Stage2: Stage2{MainImage: "images/install.img"},
		Checksums: map[string]Checksum{
			"images/install.img": {"sha256", "c0fe"},
			"old":                {"md5", "0123456789abcdef0123456789abcdef"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestParseTreeInfoErrors(t *testing.T) {
	tests := []struct{ name, input, want string }{
		{"another kind", "[header]\ntype = productmd.discinfo\n", `header type "productmd.discinfo", want "productmd.treeinfo"`},
		{"no section", "a = b", `line 1: "a = b" comes before any [section]`},
		{"no value", "[a]\nkey\n", `line 2: "key", want key = value`},
		{"no key", "[a]\n= value\n", `line 2: "= value", want key = value`},
		{"no end", "\n[a\n", `line 2: "[a", want [section]`},
		{"no name", "[]\n", `line 1: "[]", want [section]`},
		{"continues nothing", "[a]\n  key\n", `line 2: "key", want key = value`},
		{"timestamp", "[tree]\nbuild_timestamp = soon\n", `timestamp "soon", want seconds since 1970`},
		{"discnum", "[media]\n", `media: discnum "", want a number`},
		{"totaldiscs", "[media]\ndiscnum = 1\ntotaldiscs = all\n", `media: totaldiscs "all", want a number`},
		{"too long", strings.Repeat("#", maxINI+1), "file exceeds 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i, err := ParseTreeInfo(strings.NewReader(tt.input))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %+v, error %v, want %s", i, err, tt.want)
			}
		})
	}
}

func FuzzParseTreeInfo(f *testing.F) {
	f.Add("[header]\ntype = productmd.treeinfo\nversion = 1.2\n[release]\nname = A\nshort = A\nversion = 1\n[tree]\narch = x86_64\n" +
		"build_timestamp = 1.5\nplatforms = x86_64,xen\n[variant-A]\nid = A\nuid = A\nname = A\ntype = variant\npackages = p\nrepository = .\n" +
		"[images-xen]\nkernel = k\n[checksums]\nk = md5:00\n[media]\ndiscnum = 1\ntotaldiscs = 1\n")
	f.Add("[general]\nfamily = A\n key\n = \n[addon-x]\n")
	f.Fuzz(func(t *testing.T, input string) {
		parsed, err := ParseTreeInfo(strings.NewReader(input))
		if err != nil {
			return
		}
		var b strings.Builder
		if parsed.Encode(&b) != nil {
			return // not complete
		}
		again, err := ParseTreeInfo(strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("%v, in\n%s", err, b.String())
		}
		sameText(t, "again", encode(t, again), b.String())
	})
}
