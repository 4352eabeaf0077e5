package productmd

import (
	"reflect"
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
	parsed, err := ParseComposeInfo(strings.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, parsed); again != got {
		t.Errorf("got\n%s\nafter\n%s", again, got)
	}
	if parsed.Compose != c.Compose {
		t.Errorf("got compose %+v, want %+v", parsed.Compose, c.Compose)
	}
	if want := *c.Variants[2].Release; parsed.Variants[2].Release.Short != want.Short || !parsed.Variants[2].Internal {
		t.Errorf("got %+v, want %+v", parsed.Variants[2].Release, want)
	}
}

func TestComposeInfoErrors(t *testing.T) {
	const shortForm = ", wanted letters and digits, in words separated by dashes"
	tests := []struct {
		name  string
		spoil func(*ComposeInfo)
		want  string
	}{
		{"id without date", func(c *ComposeInfo) { c.Compose.ID = "Widget" }, `compose id "Widget", wanted one with the date 20260131`},
		{"label", func(c *ComposeInfo) { c.Compose.Label = "RC" }, `label "RC", wanted <milestone>-<major>.<minor>, for example "RC-1.0"`},
		{"release name", func(c *ComposeInfo) { c.Release.Name = " " }, `release name " ", wanted some text`},
		{"release short", func(c *ComposeInfo) { c.Release.Short = "" }, `release short name ""` + shortForm},
		{"base product", func(c *ComposeInfo) { c.BaseProduct.Short = "-" }, `base product: release short name "-"` + shortForm},
		{"listed twice", func(c *ComposeInfo) { c.Variants[3] = c.Variants[1] }, `variant "Server" is listed twice`},
		{"id", func(c *ComposeInfo) { c.Variants[3].ID = "Foo-Tools" }, `variant "Foo-Tools": variant id "Foo-Tools", wanted letters and digits`},
		{"id of another", func(c *ComposeInfo) { c.Variants[3].ID = "Tools" }, `variant "Foo-Tools": id "Tools", wanted the uid without dashes`},
		{
			"type", func(c *ComposeInfo) { c.Variants[3].Type = "spin" },
			`variant "Foo-Tools": variant type "spin", wanted one of variant, optional, addon, layered-product`,
		},
		{"name", func(c *ComposeInfo) { c.Variants[3].Name = "" }, `variant "Foo-Tools": variant name "", wanted some text`},
		{"no release", func(c *ComposeInfo) { c.Variants[2].Release = nil }, `variant "Server-Extra": a layered product without a release`},
		{"bad release", func(c *ComposeInfo) { c.Variants[2].Release.Short = "" }, `variant "Server-Extra": release short name ""` + shortForm},
		{
			"release of a plain variant", func(c *ComposeInfo) { c.Variants[3].Release = &Product{} },
			`variant "Foo-Tools": a release of its own, wanted only with the type layered-product`,
		},
		{"no arches", func(c *ComposeInfo) { c.Variants[3].Arches = nil }, `variant "Foo-Tools": no arches, wanted at least one`},
		{
			"src", func(c *ComposeInfo) { c.Variants[3].Arches = []string{"src"} },
			`variant "Foo-Tools": arch "src", wanted the binary arch that the sources belong to`,
		},
		{"unknown arch", func(c *ComposeInfo) { c.Variants[3].Arches = []string{"x86-64"} }, `variant "Foo-Tools": arch "x86-64" is not known to productmd`},
		{"parent", func(c *ComposeInfo) { c.Variants[0].Parent = "Client" }, `variant "Server-optional": parent "Client" is not listed`},
		{"uid", func(c *ComposeInfo) { c.Variants[0].UID = "optional" }, `variant "optional": uid "optional", wanted "Server-optional"`},
		{
			"arch of the parent", func(c *ComposeInfo) { c.Variants[0].Arches = []string{"s390x"} },
			`variant "Server-optional": arch "s390x" is not one of its parent, which has x86_64, aarch64`,
		},
		{
			"path field", func(c *ComposeInfo) { c.Variants[1].Paths["iso"] = nil },
			`variant "Server": path field "iso", wanted one of ` + strings.Join(PathFields(), ", "),
		},
		{
			"path arch", func(c *ComposeInfo) { c.Variants[1].Paths["isos"]["s390x"] = "Server/s390x/iso" },
			`variant "Server": isos: arch "s390x" is not one of the variant, which has x86_64, aarch64`,
		},
		{
			"absolute path", func(c *ComposeInfo) { c.Variants[1].Paths["isos"]["x86_64"] = "/Server" },
			`variant "Server": isos: path "/Server", wanted a clean relative path`,
		},
		{
			"path to the outside", func(c *ComposeInfo) { c.Variants[1].Paths["isos"]["x86_64"] = "../Server" },
			`variant "Server": isos: path "../Server", wanted a clean relative path`,
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

func TestParseComposeInfoErrors(t *testing.T) {
	const head = `{"header": {"type": "productmd.composeinfo", "version": "1.2"}, "payload": {
		"compose": {"date": "20260131", "id": "A-1-20260131.0", "respin": 0, "type": "production"},
		"release": {"name": "A", "short": "A", "version": "1"`
	tests := []struct{ name, input, want string }{
		{"layered without base", head + `, "is_layered": true}}}`, "a layered release without base_product"},
		{"key is not uid", head + `}, "variants": {"A": {"uid": "B"}}}}`, `variant "A" has the uid "B"`},
		{"not valid", head + `}, "variants": {"A": {"uid": "A"}}}}`, `variant "A": variant id "", wanted letters and digits`},
		{"wrong shape", head + `}, "variants": []}}`, "json: cannot unmarshal array into Go struct field .variants of type map[string]productmd.variantJSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := ParseComposeInfo(strings.NewReader(tt.input))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %+v, error %v, want %s", c, err, tt.want)
			}
		})
	}
}

// TestDummyFacts looks at what the recorded compose says, as the compose it
// describes is documented.
func TestDummyFacts(t *testing.T) {
	c, err := ParseComposeInfo(strings.NewReader(readFile(t, "testdata/dummy/composeinfo.json")))
	if err != nil {
		t.Fatal(err)
	}
	if want := dummyIdentity().Compose(); c.Compose != want {
		t.Errorf("got %+v, want %+v", c.Compose, want)
	}
	parents := make(map[string]string)
	for _, v := range c.Variants {
		parents[v.UID] = v.Parent
	}
	want := map[string]string{
		"Bar-Tools": "", "Client": "", "Client-optional": "Client", "Everything": "", "Foo-Tools": "", "Live": "", "Server": "",
		"Server-Gluster": "Server", "Server-ResilientStorage": "Server", "Server-optional": "Server",
	}
	if !reflect.DeepEqual(parents, want) {
		t.Errorf("got %v, want %v", parents, want)
	}
}

func TestListsAreSorted(t *testing.T) {
	for name, list := range map[string][]string{"paths": PathFields(), "types": ImageTypes(), "formats": ImageFormats()} {
		if !slices.IsSorted(list) {
			t.Errorf("%s are not sorted: %q", name, list)
		}
	}
}

func FuzzParseComposeInfo(f *testing.F) {
	f.Add(`{"header": {"type": "productmd.composeinfo", "version": "1.2"}, "payload": {"compose": {"date": "20260131",
		"id": "A-1-20260131.0", "respin": 0, "type": "production", "label": "RC-1.0"}, "release": {"name": "A", "short": "A",
		"version": "1", "is_layered": true}, "base_product": {"name": "B", "short": "B", "version": "2"}, "variants": {"A":
		{"id": "A", "uid": "A", "name": "a", "type": "variant", "arches": ["x86_64"], "paths": {"os_tree": {"x86_64": "A"}}}}}}`)
	f.Add(`{"header": {"version": "1.0"}, "payload": {"variants": {"": {"variants": [""]}}}}`)
	f.Fuzz(func(t *testing.T, input string) {
		c, err := ParseComposeInfo(strings.NewReader(input))
		if err != nil {
			return
		}
		first := encode(t, c)
		again, err := ParseComposeInfo(strings.NewReader(first))
		if err != nil {
			t.Fatalf("%v, in\n%s", err, first)
		}
		if second := encode(t, again); first != second {
			t.Fatalf("got\n%s\nafter\n%s", second, first)
		}
	})
}
