package images

import (
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
)

func TestName(t *testing.T) {
	values := [][2]string{{"compose_id", "Acme-42-20260131.0"}, {"variant", "Server"}, {"arch", "source"}, {"disc_type", "DVD"}}
	const standard = "{compose_id}-{variant}-{arch}-{disc_type}{disc_num}{suffix}"
	tests := []struct {
		name string
		p    nameParams
		want string // the name or the error
	}{
		{"disc of several", nameParams{Format: standard, Numbered: true}, "Acme-42-20260131.0-Server-source-DVD2.iso"},
		{"without a number", nameParams{Format: standard}, "Acme-42-20260131.0-Server-source-DVD.iso"},
		{"own", nameParams{Format: standard, OwnFormat: "extra-{filename}"}, "extra-Acme-42-20260131.0-Server-source-DVD.iso"},
		{"percents", nameParams{Format: "%(variant)s%(suffix)s"}, "Server.iso"},
		{"type and label", nameParams{Format: "x{type_suffix}-{type}-{label}-{label_major_version}", Type: "nightly", Label: "Beta-1.2"}, "x.n-nightly-Beta-1.2-Beta-1"},
		{"no file name", nameParams{Format: "{variant}/{arch}"}, `name of an image: "Server/source" is not a plain file name`},
		{"hidden", nameParams{Format: "{suffix}"}, `name of an image: ".iso" is not a plain file name`},
		{"unknown key", nameParams{Format: "{disc}"}, `name of an image: template "{disc}": key "disc" is not known; `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.p.Values = values
			got, err := test.p.name(&productmd.Image{Format: "iso", DiscNumber: 2, DiscCount: 2})
			if err != nil {
				got = err.Error()
			}
			if got != test.want && !(err != nil && strings.HasPrefix(got, test.want)) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestRenamed(t *testing.T) {
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	d, err := trees.Store().Put(t.Context(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	var dir cache.Directory
	for _, name := range []string{"disc1.iso", "disc1.iso.manifest", "disc10.iso", "README"} {
		dir = append(dir, cache.Node{Name: name, Kind: cache.FileKind, Digest: d})
	}
	root, err := trees.Write(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	made, err := renamed(t.Context(), trees, root, map[string]string{"disc1.iso": "a1.iso", "disc10.iso": "a10.iso"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	nodes, err := trees.Read(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	if got, want := strings.Join(names, " "), "README a1.iso a1.iso.manifest a10.iso"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = renamed(t.Context(), trees, root, map[string]string{"disc1.iso": "a.iso", "disc10.iso": "a.iso"})
	if err == nil || !strings.HasSuffix(err.Error(), `are both called "a.iso"; the template wants {disc_num}`) {
		t.Errorf("got error %v", err)
	}
}
