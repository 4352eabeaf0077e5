package packages_test

import (
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules/packages"
)

// TestLoadHeads: heads say what entries say, in the same order.
func TestLoadHeads(t *testing.T) {
	trees := newTrees()
	var all []*packages.Listing
	for _, release := range []string{"1", "2", "3"} {
		p := bash()
		p.Release = release
		all = append(all, listing(t, trees, p, release))
	}
	set, err := packages.Write(t.Context(), newJob(t, trees, nil), all)
	if err != nil {
		t.Fatal(err)
	}
	j := newJob(t, trees, map[string]cache.Digest{"set": set.Digest, "again": set.Digest})
	entries, err := packages.LoadEntries(t.Context(), j, set.Digest)
	if err != nil {
		t.Fatal(err)
	}
	heads, err := packages.LoadAllHeads(t.Context(), j, []string{"set", "again"})
	if err != nil || len(heads) != len(all) {
		t.Fatalf("%d heads, %v, want %d", len(heads), err, len(all))
	}
	for i, e := range entries {
		want := packages.Head{Ident: e.Ident, Name: e.Name, Epoch: e.Epoch, BuildTime: e.BuildTime}
		if *heads[i] != want {
			t.Errorf("head %+v, want %+v", *heads[i], want)
		}
		inSet, err := trees.Lookup(t.Context(), set.Digest, e.Shard()+"/rpm/"+e.File)
		inSet.Name = e.File // it was called by its path
		if err != nil || heads[i].Node() != inSet || inSet.ModTime != 1769860000 {
			t.Errorf("node %+v, the set has %+v, %v", heads[i].Node(), inSet, err)
		}
	}
}
