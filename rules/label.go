package rules

import (
	"fmt"
	"strings"
)

// Label names a target: "//dir:name". Package is the folder below the root, ""
// for the root itself.
type Label struct {
	Package string
	Name    string
}

// ParseLabel reads "//dir:name", "//dir" (short for "//dir:dir"), ":name" or
// "name"; the last two are relative to the package pkg.
func ParseLabel(s, pkg string) (Label, error) {
	l := Label{Package: pkg, Name: s}
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		var found bool
		if l.Package, l.Name, found = strings.Cut(rest, ":"); !found {
			l.Name = rest[strings.LastIndex(rest, "/")+1:]
		}
	} else {
		l.Name = strings.TrimPrefix(s, ":")
	}
	if !validName(l.Name) {
		return Label{}, fmt.Errorf("%q is not a label, want \"//dir:name\" or \":name\"", s)
	}
	for _, part := range strings.Split(l.Package, "/") {
		if l.Package != "" && !validName(part) {
			return Label{}, fmt.Errorf("%q is not a label: folder %q", s, l.Package)
		}
	}
	return l, nil
}

// validName reports whether s can name a target or a folder of the workspace.
func validName(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	for _, c := range s {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-+.~", c)
		if !ok {
			return false
		}
	}
	return true
}

func (l Label) String() string { return "//" + l.Package + ":" + l.Name }

// The trees of a variant.arch, and the source tree of a variant.
const (
	OS    = "os"
	Debug = "debug"
	Src   = "src"
)

// Cell is one place of the matrix. A coordinate that the grain lacks is "":
//
//	compose       {}                        ""
//	arch          {Arch}                    "x86_64"
//	variant       {Variant}                 "Server"
//	variant.arch  {Variant, Arch}           "Server.x86_64"
//	tree          {Variant, Arch, os}       "Server.x86_64"
//	              {Variant, Arch, debug}    "Server.x86_64.debug"
//	              {Variant, src}            "Server.src": a src cell has no arch
type Cell struct {
	Variant string // uid
	Arch    string // tree arch
	Tree    string // OS, Debug, Src
}

func (c Cell) String() string {
	parts := make([]string, 0, 3)
	for _, p := range []string{c.Variant, c.Arch, c.Tree} {
		if p != "" && p != OS {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ".")
}

// Instance is a target in one cell: the unit of analysis and of blame.
type Instance struct {
	Label Label
	Cell  Cell
}

func (i Instance) String() string {
	if c := i.Cell.String(); c != "" {
		return i.Label.String() + "@" + c
	}
	return i.Label.String()
}
