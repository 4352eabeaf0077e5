package productmd

import (
	"fmt"
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
	if want := `module "editor:1" in Server.aarch64, want name:stream:version:context`; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add(`{"header": {"type": "productmd.modules", "version": "1.2"}, "payload": {"modules": {"V": {"a": {"n:s:v:c": {"rpms": null}}}}}}`)
	f.Add(`{"header": {"type": "productmd.composeinfo", "version": "1.2"}, "payload": {"variants": {"V": {"variants": ["A"], "paths": null}}}}`)
	f.Fuzz(func(t *testing.T, input string) {
		if c, err := ParseComposeInfo(strings.NewReader(input)); err == nil && c.Validate() == nil {
			encode(t, c)
		}
		ParseModules(strings.NewReader(input))
	})
}
