package comps

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the files in testdata that tests compare with")

// golden compares bytes with a file in testdata.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func parseFile(t *testing.T, path string) *Comps {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return c
}

func write(t *testing.T, c *Comps) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDummyProduct makes the group files of two trees of an optional variant,
// which names no groups, and compares them byte for byte with those of a
// compose that Pungi made.
func TestDummyProduct(t *testing.T) {
	source := parseFile(t, "testdata/dummy.xml")
	before := write(t, source)
	for _, arch := range []string{"i386", "x86_64"} {
		t.Run(arch, func(t *testing.T) {
			filtered := Filter(source, FilterOptions{
				Arch: arch, Variant: "Client-optional",
				KeepEmpty:       []string{"conflicts", "conflicts-client-optional"},
				LookasideGroups: []string{"core", "standard", "text-internet", "firefox", "skype"}, // the parent's
			})
			selected, unmatched := Select(filtered, Selection{LimitGroups: true})
			if len(unmatched) > 0 {
				t.Errorf("unmatched %v, want none", unmatched)
			}
			golden(t, "testdata/Client-optional."+arch+".xml", write(t, selected))
		})
	}
	if after := write(t, source); !bytes.Equal(before, after) {
		t.Error("Filter or Select changed its argument")
	}
}
