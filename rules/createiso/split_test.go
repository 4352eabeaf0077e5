package createiso

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// block returns a file of so many blocks.
func block(path string, n int64) sized { return sized{path, n * sector} }

func TestSplit(t *testing.T) {
	tests := []struct {
		name     string
		sticky   []sized
		files    []sized
		capacity int64 // blocks
		want     string
	}{
		{"order is kept", nil, []sized{block("a", 25), block("b", 40), block("c", 80)}, 100, "[[a b] [c]]"},
		{"no bin packing", nil, []sized{block("a", 60), block("b", 60), block("c", 30)}, 100, "[[a] [b c]]"},
		{"sticky", []sized{block("s", 15)}, []sized{block("a", 25), block("b", 40), block("c", 80)}, 100, "[[s a b] [s c]]"},
		{"unlimited", nil, []sized{block("a", 1<<40), block("b", 40)}, 0, "[[a b]]"},
		{"whole blocks", nil, []sized{{"a", 123}, {"b", 123}, {"c", 123}}, 2, "[[a b] [c]]"},
		{"exactly", nil, []sized{block("a", 60), block("b", 40), block("c", 1)}, 100, "[[a b] [c]]"},
		{"nothing", nil, nil, 100, "[[]]"},
		{"too large", nil, []sized{block("a", 101)}, 100, "a: it has 206848 bytes, and a disc has room for 204800"},
		{"too large beside sticky", []sized{block("s", 15)}, []sized{block("a", 90)}, 100, "a: it has 184320 bytes, and a disc has room for 174080"},
		{"sticky too large", []sized{block("s", 101)}, nil, 100, "the files that are on each disc have 206848 bytes, and a disc has room for 204800"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			discs, err := split(test.sticky, test.files, test.capacity*sector)
			got := fmt.Sprint(discs)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestOrders(t *testing.T) {
	names := strings.Fields("z.rpm Packages/a/a.rpm images/boot.img n/media.repo EFI/BOOT/grub.cfg GPL repodata/repomd.xml n-x/file boot.img .treeinfo")
	walk := slices.SortedFunc(slices.Values(names), walkOrder)
	if got, want := strings.Join(walk, " "), ".treeinfo GPL boot.img z.rpm EFI/BOOT/grub.cfg Packages/a/a.rpm images/boot.img n/media.repo n-x/file repodata/repomd.xml"; got != want {
		t.Errorf("walk: got %s, want %s", got, want)
	}
	slices.SortFunc(names, onDisc)
	if got, want := strings.Join(names, " "), "EFI/BOOT/grub.cfg boot.img images/boot.img .treeinfo GPL n-x/file n/media.repo repodata/repomd.xml Packages/a/a.rpm z.rpm"; got != want {
		t.Errorf("on disc: got %s, want %s", got, want)
	}
}
