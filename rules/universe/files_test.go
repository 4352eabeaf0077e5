package universe

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/cache"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/rules/rulestest"
)

// host returns one that runs file_owners, or says that it made answer.
func host(trees *cache.Trees, answer string) *rulestest.Host {
	run := runOwners
	if answer != "" {
		run = func(ctx context.Context, j *rules.Job) error { return j.Write(ctx, "owners.json", []byte(answer)) }
	}
	return &rulestest.Host{Trees: trees, Tools: []*rules.Tool{{Name: "file_owners", Run: run}}}
}

// newSet stores a set of packages, name to paths, and returns its root and its
// entries in the order of names.
func newSet(t *testing.T, trees *cache.Trees, files map[string][]string) (cache.Digest, []*packages.Entry) {
	t.Helper()
	var listings []*packages.Listing
	for _, name := range slices.Sorted(maps.Keys(files)) {
		p := &format.Package{NEVRA: format.NEVRA{Name: name, EVR: format.EVR{Version: "1", Release: "1"}, Arch: "noarch"}}
		for _, path := range files[name] {
			p.Files = append(p.Files, format.File{Path: path})
		}
		record := packages.EncodeHeader(p, [32]byte{})
		header, err := trees.Store().Put(t.Context(), record)
		if err != nil {
			t.Fatal(err)
		}
		l, err := packages.ListFile(record, cache.BLAKE3.Sum([]byte(name)), header)
		if err != nil {
			t.Fatal(err)
		}
		listings = append(listings, l)
	}
	j := host(trees, "").Job(nil)
	set, err := packages.Write(t.Context(), j, listings)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := packages.LoadEntries(t.Context(), j, set.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return set.Digest, entries
}

func TestFileOwners(t *testing.T) {
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	set, entries := newSet(t, trees, map[string][]string{
		"a": {"/usr/bin/a", "/usr/share/a", "/usr/share/ab"},
		"b": {"/usr/share/a", "/usr/share/\xff"},
		"c": {"/usr/share/c"},
	})
	tests := []struct {
		name  string
		paths []string
		want  map[string][]int
		calls bool
	}{
		{"none", nil, nil, false},
		{"in primary", []string{"/etc/a", "/usr/bin/a"}, nil, false},
		{"owned", []string{"/usr/bin/a", "/usr/share/ab"}, map[string][]int{"/usr/share/ab": {0}}, true},
		{"owned by two", []string{"/usr/share/a"}, map[string][]int{"/usr/share/a": {0, 1}}, true},
		{"no UTF-8", []string{"/usr/share/\xfe", "/usr/share/\xff"}, map[string][]int{"/usr/share/\xff": {1}}, true},
		{"not owned", []string{"/usr/share"}, nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := host(trees, "")
			got, err := fileOwners(t.Context(), h.Job(nil), set, entries, test.paths)
			for _, list := range got {
				slices.Sort(list) // shards have an order of their own
			}
			if err != nil || !maps.EqualFunc(got, test.want, slices.Equal) {
				t.Errorf("got %v and error %v, want %v", got, err, test.want)
			}
			if h.Calls > 0 != test.calls {
				t.Errorf("%d calls, want any: %t", h.Calls, test.calls)
			}
		})
	}
}

func TestFileOwnersDamaged(t *testing.T) {
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	set, entries := newSet(t, trees, map[string][]string{"a": {"/usr/share/a"}})
	for _, answer := range []string{"{", "[[1,0]]", "[[0,1]]", "[[-1,0]]", "[[0,-1]]"} {
		h := host(trees, answer)
		got, err := fileOwners(t.Context(), h.Job(nil), set, entries, []string{"/usr/share/a"})
		if err == nil {
			t.Errorf("answer %s: got %v, want an error", answer, got)
		}
	}
	h := host(trees, "")
	got, err := fileOwners(t.Context(), h.Job(nil), set, nil, []string{"/usr/share/a"})
	if want := "package set: it has a header of a-1-1.noarch.rpm, and no entry"; err == nil || err.Error() != want {
		t.Errorf("without entries: got %v and error %v, want %s", got, err, want)
	}
}
