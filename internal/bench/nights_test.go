package main

import (
	"path/filepath"
	"testing"

	"github.com/pungo-build/pungo/internal/comps"
)

// TestVariants sees that both sides are told of the same variants, without the groups
// that a small distribution lacks, and that ours is a definition.
func TestVariants(t *testing.T) {
	list := variantsOf(&comps.Comps{Groups: []comps.Group{{ID: "core"}, {ID: "mail"}, {ID: "xfce"}}})
	const want = "Everything\nServer core mail\nDesktop core xfce\nDevelopment core\n"
	if got := variantLines(list); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	ws := filepath.Join(t.TempDir(), "workspace")
	text := mirrorDefinition("/mirror", []string{"x86_64", "aarch64"}, list)
	if err := writeWorkspace(ws, text, map[string]string{"comps.xml": emptyComps}); err != nil {
		t.Fatal(err)
	}
	graph, err := evaluate(t.Context(), ws)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(outputsOf(graph, "createrepo")); got != 2*4+4 {
		t.Errorf("got %d repositories, want one of each arch and variant, and one of sources of each variant", got)
	}
}
