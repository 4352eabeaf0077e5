package imagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

func TestCompareContent(t *testing.T) {
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("/%02d", i))
	}
	for _, tt := range []struct {
		there, listed, want string
	}{
		{"/b /a /a/c", "/a /a/c /b", ""},
		{"/b /a /TRANS.TBL /a/TRANS.TBL", "/b /a", ""},
		{"", "", ""},
		{"/a /b", "/a", "it does not list /b, which is on the image"},
		{"/a /a/b /c", "/a /b /c /c", "it does not list /a/b, which is on the image; it lists /b, which is not on the image"},
		{"", "/a", "it lists /a, which is not on the image"},
	} {
		got := strings.Join(compareContent(strings.Fields(tt.there), strings.Fields(tt.listed)), "; ")
		if got != tt.want {
			t.Errorf("%s and %s: got %q, want %q", tt.there, tt.listed, got, tt.want)
		}
	}
	if got := compareContent(many, nil); len(got) != mostPaths+1 || got[mostPaths] != "and 10 more paths" {
		t.Errorf("got %q", got)
	}
}

// TestContentAbsent has an image of ours and one of others, neither with a manifest, and
// one that is no image.
func TestContentAbsent(t *testing.T) {
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	b := trees.Builder()
	for _, name := range []string{"ours.iso", "others.iso", "none.iso", "none.iso.manifest"} {
		if err := b.Put(t.Context(), name, []byte("no image"), 0); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := &host{trees: trees}
	test := &tester{Job: &rules.Job{Host: h, Trees: trees, Inputs: []cache.Node{{Name: "compose", Kind: cache.DirKind, Digest: root}}}}
	test.Compose, test.Listed = "compose", []string{"ours"}
	for _, name := range []string{"ours", "others", "none"} {
		n, err := test.Input(t.Context(), "compose/"+name+".iso")
		if err != nil {
			t.Fatal(err)
		}
		test.images = append(test.images, images.Image{
			Folder: &images.Folder{Tree: name}, Image: productmd.Image{Path: name + ".iso", Format: "iso"}, Node: n,
		})
	}
	if err := test.checkContents(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []finding{
		{"ours.iso.manifest", failure, "it is not there, and its image is"},
		{"none.iso.manifest", failure, "what is on the image cannot be read: 2048 bytes from byte 32768 on are behind the end"},
	}
	if !slices.Equal(test.report.Findings, want) || h.calls != 1 {
		t.Errorf("got %v after %d calls", test.report.Findings, h.calls)
	}
}
