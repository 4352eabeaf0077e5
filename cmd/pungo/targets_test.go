package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/rules"
)

func TestCallsCompose(t *testing.T) {
	tests := []struct {
		name, source string
		want         bool
	}{
		{"empty", "", false},
		{"called", "load('//x.star', 'y')\ncompose(name = 'T')\n", true},
		{"in a string", `"""` + "\ncompose(name = 'T')\n" + `"""`, false},
		{"in a function", "def f():\n    compose(name = 'T')\n", false},
		{"in a comment", "# compose()\n", false},
		{"another name", "compose_all()\n", false},
		{"an attribute", "x.compose()\n", false},
		{"its value", "x = compose\n", false},
		{"with a mistake below", "compose(name = 'T')\nx y\n", true},
		{"only a mistake", "x y\n# compose()\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := callsCompose("compose.star", []byte(tt.source)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestFindRoot(t *testing.T) {
	const call = "compose(name = 'T')\n"
	top := t.TempDir()
	for name, text := range map[string]string{
		"compose.star": call, "a/compose.star": "", "a/b/c/file": "", "a/b/compose.star/file": "",
		"inner/compose.star": call, "inner/x/compose.star": "x y", "inner/x/y/file": "",
	} {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ dir, root, pkg, err string }{
		{dir: "", root: ""},
		{dir: "a", root: "", pkg: "a"},
		{dir: "inner", root: "inner"},
		{dir: "inner/x", root: "inner", pkg: "x"},
		{dir: "inner/x/y", root: "inner", pkg: "x"},
		{dir: "a/b/c", err: "definition: read TOP/a/b/compose.star: is a directory"},
		{dir: "compose.star", err: `"TOP/compose.star" is not a folder`},
	}
	for _, tt := range tests {
		t.Run(tt.dir, func(t *testing.T) {
			root, pkg, err := findRoot(filepath.Join(top, tt.dir))
			if err != nil {
				if got := strings.ReplaceAll(err.Error(), top, "TOP"); got != tt.err {
					t.Errorf("got error %s, want %s", got, tt.err)
				}
				return
			}
			if want := filepath.Join(top, tt.root); tt.err != "" || root != want || pkg != tt.pkg {
				t.Errorf("got %q, %q, want %q, %q, error %q", root, pkg, want, tt.pkg, tt.err)
			}
		})
	}
}

func TestParseCells(t *testing.T) {
	c := &rules.Compose{
		Arches:   []string{"x86_64", "aarch64"},
		Variants: []*rules.Variant{{UID: "Server"}, {UID: "Server-optional"}},
	}
	cells := []rules.Cell{
		{}, {Arch: "x86_64"}, {Variant: "Server"},
		{Variant: "Server", Arch: "x86_64"}, {Variant: "Server-optional", Arch: "x86_64"},
		{Variant: "Server", Arch: "aarch64", Tree: rules.OS}, {Variant: "Server", Arch: "aarch64", Tree: rules.Debug},
		{Variant: "Server", Tree: rules.Src},
	}
	tests := []struct{ text, want string }{
		{"Server", "Server Server.x86_64 Server.aarch64 Server.aarch64.debug Server.src"},
		{"Server.x86_64", "Server.x86_64"},
		{"x86_64", "x86_64 Server.x86_64 Server-optional.x86_64"},
		{"*.x86_64", "x86_64 Server.x86_64 Server-optional.x86_64"},
		{"Server.*", "Server.x86_64 Server.aarch64 Server.aarch64.debug"},
		{"Server.*.debug", "Server.aarch64.debug"},
		{"*.src", "Server.src"},
		{"src", "Server.src"},
		{"aarch64.os", "Server.aarch64"},
		{"*", " x86_64 Server Server.x86_64 Server-optional.x86_64 Server.aarch64 Server.aarch64.debug Server.src"},
		{"", `error: "" is no variant, arch or tree in this place`},
		{"Server.", `error: "" is no variant, arch or tree in this place`},
		{"debug.Server", `error: "Server" is no variant, arch or tree in this place`},
		{"Server.x86_64.os.*", `error: "*" is no variant, arch or tree in this place`},
		{"server", `error: "server" is no variant, arch or tree in this place; did you mean "Server"?`},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			p, err := parseCells(c, tt.text)
			var covered []string
			for _, cell := range cells {
				if p.covers(cell) {
					covered = append(covered, cell.String())
				}
			}
			got := strings.Join(covered, " ")
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
