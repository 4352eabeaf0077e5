package rules_test

import (
	"testing"

	"github.com/pungo-build/pungo/rules"
)

func TestParseLabel(t *testing.T) {
	tests := []struct {
		name string
		text string
		pkg  string
		want string // of String, "" for an error
		err  string
	}{
		{name: "absolute", text: "//dir/sub:name", pkg: "other", want: "//dir/sub:name"},
		{name: "of the root", text: "//:name", pkg: "other", want: "//:name"},
		{name: "short", text: "//dir/sub", want: "//dir/sub:sub"},
		{name: "relative", text: ":name", pkg: "dir", want: "//dir:name"},
		{name: "bare", text: "name", pkg: "", want: "//:name"},
		{name: "all characters", text: "//A_z-9+.~:a.b_c-d+e~f", want: "//A_z-9+.~:a.b_c-d+e~f"},
		{name: "empty", text: "", err: `"" is not a label, want "//dir:name" or ":name"`},
		{name: "no name", text: "//", err: `"//" is not a label, want "//dir:name" or ":name"`},
		{name: "no name after colon", text: "//dir:", err: `"//dir:" is not a label, want "//dir:name" or ":name"`},
		{name: "relative folder", text: "dir:name", err: `"dir:name" is not a label, want "//dir:name" or ":name"`},
		{name: "two colons", text: "//dir:a:b", err: `"//dir:a:b" is not a label, want "//dir:name" or ":name"`},
		{name: "space", text: ":a b", err: `":a b" is not a label, want "//dir:name" or ":name"`},
		{name: "slash in name", text: "//dir:a/b", err: `"//dir:a/b" is not a label, want "//dir:name" or ":name"`},
		{name: "dots", text: ":..", err: `":.." is not a label, want "//dir:name" or ":name"`},
		{name: "upwards", text: "//dir/../x:name", err: `"//dir/../x:name" is not a label: folder "dir/../x"`},
		{name: "empty folder", text: "//a//b:name", err: `"//a//b:name" is not a label: folder "a//b"`},
		{name: "slash at the end", text: "//a/:name", err: `"//a/:name" is not a label: folder "a/"`},
		{name: "cell", text: ":name@x86_64", err: `":name@x86_64" is not a label, want "//dir:name" or ":name"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := rules.ParseLabel(test.text, test.pkg)
			if text(err) != test.err {
				t.Fatalf("error: got %q, want %q", text(err), test.err)
			}
			if err != nil {
				return
			}
			if got.String() != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			again, err := rules.ParseLabel(got.String(), "elsewhere")
			if err != nil || again != got {
				t.Errorf("read again: got %v and error %v, want %v", again, err, got)
			}
		})
	}
}

func TestInstanceString(t *testing.T) {
	label := rules.Label{Package: "dir", Name: "repo"}
	tests := []struct {
		name string
		cell rules.Cell
		want string
	}{
		{"compose", rules.Cell{}, "//dir:repo"},
		{"arch", rules.Cell{Arch: "x86_64"}, "//dir:repo@x86_64"},
		{"variant", rules.Cell{Variant: "Server-optional"}, "//dir:repo@Server-optional"},
		{"variant.arch", rules.Cell{Variant: "Server", Arch: "x86_64"}, "//dir:repo@Server.x86_64"},
		{"os", rules.Cell{Variant: "Server", Arch: "x86_64", Tree: rules.OS}, "//dir:repo@Server.x86_64"},
		{"debug", rules.Cell{Variant: "Server", Arch: "x86_64", Tree: rules.Debug}, "//dir:repo@Server.x86_64.debug"},
		{"src", rules.Cell{Variant: "Server", Tree: rules.Src}, "//dir:repo@Server.src"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := (rules.Instance{Label: label, Cell: test.cell}).String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
