package productmd

import (
	"slices"
	"strings"
	"testing"
)

// layeredComposeInfo has what the recorded compose lacks: a label, a base
// product, text that is not ASCII.
func layeredComposeInfo() *ComposeInfo {
	id := Identity{
		Release: ReleaseID{"Widget", "1.0", "updates"}, Base: ReleaseID{"Acme", "42", "ga"},
		Date: "20260131", Type: Production,
	}
	compose := id.Compose()
	compose.Label, compose.Final = "RC-1.0", true
	return &ComposeInfo{
		Compose:     compose,
		Release:     Product{Name: "Widget für alle", Short: "Widget", Version: "1.0", Type: "updates"},
		Internal:    true,
		BaseProduct: &Product{Name: "Acme OS", Short: "Acme", Version: "42"},
		Variants: []Variant{
			{
				ID: "optional", UID: "Server-optional", Parent: "Server", Name: "optional", Type: "optional", Arches: []string{"x86_64"},
			}, {
				ID: "Server", UID: "Server", Name: "Widget Server", Type: "variant", Arches: []string{"x86_64", "aarch64"},
				Paths: map[string]map[string]string{
					"os_tree": {"x86_64": "Server/x86_64/os", "aarch64": "Server/aarch64/os"},
					"isos":    {},
				},
			}, {
				ID: "Extra", UID: "Server-Extra", Parent: "Server", Name: "Extra", Type: "layered-product", Arches: []string{"aarch64"},
				Release: &Product{Name: "Extra", Short: "Extra", Version: "3"}, Internal: true,
			}, {
				ID: "FooTools", UID: "Foo-Tools", Name: "Tools", Type: "variant", Arches: []string{"x86_64"},
			},
		},
	}
}

func TestComposeInfoGolden(t *testing.T) {
	c := layeredComposeInfo()
	got := encode(t, c)
	golden(t, "testdata/composeinfo.json", got)
	if want := "Server-optional"; c.Variants[0].UID != want || c.Variants[1].Arches[0] != "x86_64" {
		t.Error("Encode sorted its argument")
	}
}

func TestComposeInfoErrors(t *testing.T) {
	const shortForm = ", want letters and digits, in words separated by dashes"
	tests := []struct {
		name  string
		spoil func(*ComposeInfo)
		want  string
	}{
		{"id without date", func(c *ComposeInfo) { c.Compose.ID = "Widget" }, `compose id "Widget", want one with the date 20260131`},
		{"label", func(c *ComposeInfo) { c.Compose.Label = "RC" }, `label "RC", want <milestone>-<major>.<minor>, for example "RC-1.0"`},
		{"release name", func(c *ComposeInfo) { c.Release.Name = " " }, `release name " ", want some text`},
		{"release short", func(c *ComposeInfo) { c.Release.Short = "" }, `release short name ""` + shortForm},
		{"base product", func(c *ComposeInfo) { c.BaseProduct.Short = "-" }, `base product: release short name "-"` + shortForm},
		{"listed twice", func(c *ComposeInfo) { c.Variants[3] = c.Variants[1] }, `variant "Server" is listed twice`},
		{"id", func(c *ComposeInfo) { c.Variants[3].ID = "Foo-Tools" }, `variant "Foo-Tools": variant id "Foo-Tools", want letters and digits`},
		{"id of another", func(c *ComposeInfo) { c.Variants[3].ID = "Tools" }, `variant "Foo-Tools": id "Tools", want the uid without dashes`},
		{
			"type", func(c *ComposeInfo) { c.Variants[3].Type = "spin" },
			`variant "Foo-Tools": variant type "spin", want one of variant, optional, addon, layered-product`,
		},
		{"name", func(c *ComposeInfo) { c.Variants[3].Name = "" }, `variant "Foo-Tools": variant name "", want some text`},
		{"no release", func(c *ComposeInfo) { c.Variants[2].Release = nil }, `variant "Server-Extra": a layered product without a release`},
		{"bad release", func(c *ComposeInfo) { c.Variants[2].Release.Short = "" }, `variant "Server-Extra": release short name ""` + shortForm},
		{
			"release of a plain variant", func(c *ComposeInfo) { c.Variants[3].Release = &Product{} },
			`variant "Foo-Tools": a release of its own, want only with the type layered-product`,
		},
		{"no arches", func(c *ComposeInfo) { c.Variants[3].Arches = nil }, `variant "Foo-Tools": no arches, want at least one`},
		{
			"src", func(c *ComposeInfo) { c.Variants[3].Arches = []string{"src"} },
			`variant "Foo-Tools": arch "src", want the binary arch that the sources belong to`,
		},
		{"unknown arch", func(c *ComposeInfo) { c.Variants[3].Arches = []string{"x86-64"} }, `variant "Foo-Tools": arch "x86-64" is not known; did you mean "x86_64"?`},
		{"parent", func(c *ComposeInfo) { c.Variants[0].Parent = "Client" }, `variant "Server-optional": parent "Client" is not listed`},
		{"uid", func(c *ComposeInfo) { c.Variants[0].UID = "optional" }, `variant "optional": uid "optional", want "Server-optional"`},
		{
			"arch of the parent", func(c *ComposeInfo) { c.Variants[0].Arches = []string{"s390x"} },
			`variant "Server-optional": arch "s390x" is not one of its parent, which has x86_64, aarch64`,
		},
		{
			"path field", func(c *ComposeInfo) { c.Variants[1].Paths["iso"] = nil },
			`variant "Server": path field "iso", want one of ` + strings.Join(PathFields(), ", "),
		},
		{
			"path arch", func(c *ComposeInfo) { c.Variants[1].Paths["isos"]["s390x"] = "Server/s390x/iso" },
			`variant "Server": isos: arch "s390x" is not one of the variant, which has x86_64, aarch64`,
		},
		{
			"absolute path", func(c *ComposeInfo) { c.Variants[1].Paths["isos"]["x86_64"] = "/Server" },
			`variant "Server": isos: path "/Server", want a clean relative path`,
		},
		{
			"path to the outside", func(c *ComposeInfo) { c.Variants[1].Paths["isos"]["x86_64"] = "../Server" },
			`variant "Server": isos: path "../Server", want a clean relative path`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := layeredComposeInfo()
			tt.spoil(c)
			wantError(t, c, tt.want)
		})
	}
}

// wantError encodes a file that is not valid.
func wantError(t *testing.T, f file, want string) {
	t.Helper()
	var b strings.Builder
	err := f.Encode(&b)
	if err == nil || err.Error() != want {
		t.Errorf("got error\n%v\nwant\n%s", err, want)
	}
	if b.Len() > 0 {
		t.Errorf("got %d bytes, want none", b.Len())
	}
}

func TestPathFieldsAreSorted(t *testing.T) {
	if list := PathFields(); !slices.IsSorted(list) {
		t.Errorf("not sorted: %q", list)
	}
}
