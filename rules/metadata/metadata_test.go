package metadata

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

func TestSourceOf(t *testing.T) {
	sources := map[string]string{"app-1-1.src.rpm": "app-7:1-1.src"}
	tests := []struct {
		name  string
		l     packages.Listed
		want  string
		known bool
	}{
		{"in the compose", packages.Listed{Tree: rules.OS, NEVRA: "lib-2:1-1.x86_64", Source: "app-1-1.src.rpm"}, "app-7:1-1.src", true},
		{"not in the compose", packages.Listed{Tree: rules.Debug, NEVRA: "lib-2:1-1.x86_64", Source: "a-b-3.0-1.fc1.src.rpm"}, "a-b-2:3.0-1.fc1.src", true},
		{"without its sources", packages.Listed{Tree: rules.OS, NEVRA: "lib-0:1-1.x86_64", Source: "closed-1-1.nosrc.rpm"}, "closed-0:1-1.nosrc", true},
		{"a source package", packages.Listed{Tree: rules.Src, NEVRA: "app-7:1-1.src"}, "app-7:1-1.src", true},
		{"named by nobody", packages.Listed{Tree: rules.OS, NEVRA: "lib-2:1-1.x86_64"}, "lib-2:1-1.src", false},
		{"no file name", packages.Listed{Tree: rules.OS, NEVRA: "lib-2:1-1.x86_64", Source: "(none)"}, "lib-2:1-1.src", false},
		{"a binary package", packages.Listed{Tree: rules.OS, NEVRA: "lib-2:1-1.x86_64", Source: "app-1-1.x86_64.rpm"}, "lib-2:1-1.src", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, known := sourceOf(test.l, sources)
			if got != test.want || known != test.known {
				t.Errorf("got %s, %t, want %s, %t", got, known, test.want, test.known)
			}
		})
	}
}

// TestPaths: a folder of packages that is not there is not listed, and one that
// the store lost is an error, so that it can be made again.
func TestPaths(t *testing.T) {
	memory := cache.NewMemory(cache.BLAKE3)
	trees := cache.NewTrees(memory)
	d, err := memory.Put(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(nodes ...cache.Node) cache.Node {
		t.Helper()
		d, err := trees.Write(t.Context(), nodes)
		if err != nil {
			t.Fatal(err)
		}
		return cache.Node{Kind: cache.DirKind, Digest: d}
	}
	as := func(name string, n cache.Node) cache.Node {
		n.Name = name
		return n
	}
	rpms := write(cache.Node{Name: "a.rpm", Kind: cache.FileKind, Digest: d})
	full := write(as("Packages", rpms))
	p := params{Repos: []repo{
		{"Server", "x86_64", rules.OS, "Server/x86_64/os", "Server/x86_64/os", "Packages", true, "full"},
		{"Server", "", rules.Src, "Server/source/tree", "Server/source/tree", "Packages", true, "bare"},
		{"Server-HA", "x86_64", rules.OS, "Server/x86_64/os", "Server/x86_64/os/addons/HA", "", true, "bare"},
	}}
	j := &rules.Job{Trees: trees, Inputs: []cache.Node{as("bare", write()), as("full", full)}}
	got, err := p.paths(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	want := pathTable{
		"Server": {
			"os_tree": {"x86_64": "Server/x86_64/os"}, "repository": {"x86_64": "Server/x86_64/os"},
			"packages":    {"x86_64": "Server/x86_64/os/Packages"},
			"source_tree": {"": "Server/source/tree"}, "source_repository": {"": "Server/source/tree"},
		},
		"Server-HA": {
			"os_tree": {"x86_64": "Server/x86_64/os"}, "repository": {"x86_64": "Server/x86_64/os/addons/HA"},
			"packages": {"x86_64": "Server/x86_64/os/addons/HA"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	sources := map[string]map[string]string{
		"source_tree":       {"x86_64": "Server/source/tree", "s390x": "Server/source/tree"},
		"source_repository": {"x86_64": "Server/source/tree", "s390x": "Server/source/tree"},
	}
	fields := got.of(variant{UID: "Server", Arches: []string{"x86_64", "s390x"}})
	for field, want := range sources {
		if !reflect.DeepEqual(fields[field], want) {
			t.Errorf("%s: got %v, want %v", field, fields[field], want)
		}
	}

	if err := memory.Discard(t.Context(), full.Digest); err != nil {
		t.Fatal(err)
	}
	j.Trees = cache.NewTrees(memory) // has read nothing yet
	if _, err := p.paths(t.Context(), j); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("a lost folder: got %v, want an error that wraps %v", err, cache.ErrNotFound)
	}
	p.Repos[0].Tree = "boot"
	if _, err := p.paths(t.Context(), j); err == nil || err.Error() != `repository of tree "boot", want os, debug or src` {
		t.Errorf("another tree: got %v", err)
	}
}

// TestShipped: packages are listed where a repository has them, those of its own
// tree only.
func TestShipped(t *testing.T) {
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	data := packages.EncodeList([]packages.Listed{
		{Tree: rules.OS, NEVRA: "lib-2:1-1.noarch", File: "lib-1-1.noarch.rpm", Source: "lib-1-1.src.rpm"},
		{Tree: rules.Src, NEVRA: "lib-2:1-1.src", File: "lib-1-1.src.rpm"},
		{Tree: rules.Debug, NEVRA: "lib-debuginfo-2:1-1.noarch", File: "lib-debuginfo-1-1.noarch.rpm", Source: "lib-1-1.src.rpm"},
	})
	d, err := trees.Store().Put(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	j := &rules.Job{Trees: trees, Inputs: []cache.Node{{Name: "list", Kind: cache.FileKind, Digest: d}}}
	p := params{
		Repos: []repo{
			{"Server", "x86_64", rules.OS, "tree", "tree", "Packages", true, "-"},
			{"Server", "", rules.Src, "source", "source", "", false, "-"},
		},
		Packages: []shipment{
			{"Server", "x86_64", rules.OS, "x86_64", "list"},
			{"Server", "", rules.Src, "x86_64", "list"},
		},
	}
	got, err := p.rpms(t.Context(), j, productmd.Compose{})
	if err != nil {
		t.Fatal(err)
	}
	want := []productmd.RPM{
		{Variant: "Server", Arch: "x86_64", Source: "lib-2:1-1.src", NEVRA: "lib-2:1-1.noarch", Path: "tree/Packages/l/lib-1-1.noarch.rpm", Category: "binary"},
		{Variant: "Server", Arch: "x86_64", Source: "lib-2:1-1.src", NEVRA: "lib-2:1-1.src", Path: "source/lib-1-1.src.rpm", Category: "source"},
	}
	if !slices.Equal(got.RPMs, want) {
		t.Errorf("got %+v, want %+v", got.RPMs, want)
	}
	p.Repos = p.Repos[:1]
	const unknown = `packages of a repository that no argument describes: variant "Server", arch "", tree "src"`
	if _, err := p.rpms(t.Context(), j, productmd.Compose{}); err == nil || err.Error() != unknown {
		t.Errorf("a repository that is not described: got %v, want %s", err, unknown)
	}
}
