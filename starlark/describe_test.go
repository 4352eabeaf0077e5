package starlark_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/starlark"
)

// TestDescribe compares what phases say of themselves with testdata/describe.golden.
func TestDescribe(t *testing.T) {
	phases := append([]starlark.Phase{{Name: "macros", Source: []byte(`
load(":trees.star", "repository")

xorriso = toolchain(program = "xorriso", packages = ["xorriso"], hint = "install xorriso")

def _iso_impl(ctx):
    pass

iso = rule(
    implementation = _iso_impl,
    doc = "An image.",
    per = "tree",
    trees = ["os", "src"],
    types = ["variant"],
    empty = True,
    provides = [Image],
    toolchains = [xorriso],
    test = True,
    attrs = {
        "content": attr.labels(mandatory = True, doc = "What is in it."),
        "size": attr.int(default = 4700000000 // 1024, doc = "Size in KiB."),
        "format": attr.string(default = "iso", values = ["iso", "raw"], doc = "Format."),
    },
)

def plain(name, repo = None, *rest, flag = True, **kwargs):
    """Declares an image
    of a repository.

    Args:
      name: name of the
        target
      repo: a repository: its label
      *rest: the rest
      **kwargs: attributes of iso

    Returns:
      nothing
    """
    pass

def bare(x):
    pass
`)}}, smallPhases...)
	docs, err := starlark.Describe(phases)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	common := map[string]bool{} // described already: every rule has them
	for _, d := range docs {
		fmt.Fprintf(&b, "%s %s (%s): %q\n", d.Kind, d.Name, d.Phase, d.Doc)
		if d.Kind == "rule" {
			fmt.Fprintf(&b, "  per %s trees %q types %q empty %v test %v provides %q toolchains %q\n", d.Per, d.Trees, d.Types, d.Empty, d.Test, d.Provides, d.Toolchains)
		}
		for _, a := range d.Attrs {
			if a.Common && common[a.Name] {
				continue
			}
			common[a.Name] = a.Common
			fmt.Fprintf(&b, "    %s %s default %s mandatory %v values %q common %v: %q\n", a.Name, a.Type, a.Default, a.Mandatory, a.Values, a.Common, a.Doc)
		}
	}
	golden(t, "testdata/describe.golden", b.String())
	for _, d := range docs {
		for _, a := range d.Attrs {
			if a.Doc == "" && d.Kind != "macro" {
				t.Errorf("%s %s: %s has no doc", d.Kind, d.Name, a.Name)
			}
		}
	}
}
