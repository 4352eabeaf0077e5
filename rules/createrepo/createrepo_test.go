package createrepo

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules/packages"
)

// named makes entries of packages p0000 …
func named(n int) []*packages.Head {
	entries := make([]*packages.Head, n)
	for i := range entries {
		p := rpm.Package{NEVRA: rpm.NEVRA{Name: fmt.Sprintf("p%04d", i), EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}}
		entries[i] = &packages.Head{Name: p.Name, Ident: packages.Ident{File: p.NEVRA.FileName()}}
	}
	return entries
}

func TestSplit(t *testing.T) {
	entries := named(5000)
	groups := split(entries)
	if !slices.Equal(slices.Concat(groups...), entries) {
		t.Fatal("groups do not make up the list")
	}
	if len(groups) < 40 || len(groups) > 160 {
		t.Errorf("%d groups of 5000 packages, want about 78", len(groups))
	}
	known := map[string]bool{}
	for _, g := range groups {
		known[key(g)] = true
	}
	// One package goes, one comes, one has a new version.
	changed := slices.Delete(slices.Clone(entries), 1000, 1001)
	changed = slices.Insert(changed, 2000, named(1)...)
	updated := *changed[3000]
	updated.File = "p-2-1.noarch.rpm"
	changed[3000] = &updated
	fresh := 0
	for _, g := range split(changed) {
		if !known[key(g)] {
			fresh++
		}
	}
	if fresh > 5 {
		t.Errorf("three changes make %d new groups, want at most 5", fresh)
	}
	if got := split(nil); len(got) != 0 {
		t.Errorf("of nothing: got %d groups, want 0", len(got))
	}
}

func key(group []*packages.Head) string {
	var b bytes.Buffer
	for _, e := range group {
		b.WriteString(e.File + "\n")
	}
	return b.String()
}

// TestSplitLimit: names that never cut do not make a group of everything.
func TestSplitLimit(t *testing.T) {
	all := named(1)
	e := all[0]
	for i := 0; len(split([]*packages.Head{e, e})) > 1; i++ {
		other := *e
		other.Name = fmt.Sprint("q", i)
		e = &other
	}
	entries := slices.Repeat([]*packages.Head{e}, 2000)
	for _, g := range split(entries) {
		if len(g) > 512 {
			t.Errorf("a group of %d, want at most 512", len(g))
		}
	}
}

func TestFragment(t *testing.T) {
	want := [...]string{"<primary/>", "", "<other/>"}
	var b []byte
	for _, e := range want {
		b = appendElement(b, func(b []byte) []byte { return append(b, e...) })
	}
	got, err := splitFragment(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if string(got[i]) != want[i] {
			t.Errorf("element %d: got %q, want %q", i, got[i], want[i])
		}
	}
	for n := range b {
		if _, err := splitFragment(b[:n]); err == nil {
			t.Errorf("cut off after %d bytes: no error", n)
		}
	}
	if _, err := splitFragment(append(b, 0)); err == nil {
		t.Error("with a byte more: no error")
	}
}

func FuzzSplitFragment(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00a\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		elements, err := splitFragment(b)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range elements {
			again = appendElement(again, func(b []byte) []byte { return append(b, e...) })
		}
		if !bytes.Equal(again, b) {
			t.Errorf("got %q, want %q", again, b)
		}
	})
}
