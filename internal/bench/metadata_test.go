package main

import (
	"maps"
	"slices"
	"testing"
)

func TestParseRepoclosure(t *testing.T) {
	const text = `Some warning
package: one-1:2-3.x86_64 from debian
  unresolved deps (2):
    gone
    (a or b >= 2)
package: two-1-1.noarch from debian
  unresolved deps (1):
    gone = 1-1
`
	found, err := parseRepoclosure(text)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(found))
	want := []string{"one-1:2-3.x86_64 requires (a or b >= 2)", "one-1:2-3.x86_64 requires gone", "two-0:1-1.noarch requires gone = 1-1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
