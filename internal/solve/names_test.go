package solve

import (
	"slices"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// TestEachNamed: whichever way a glob is looked up, it visits the packages that it matches,
// in order.
func TestEachNamed(t *testing.T) {
	var packages []Package
	for _, name := range []string{"a", "ab", "ab-doc", "ab-doc-b", "abc", "b-doc", "b[c", "doc", "doc-doc", "é-doc", "zz"} {
		for _, arch := range []string{"i686", "x86_64"} {
			packages = append(packages, Package{Package: &rpm.Package{NEVRA: rpm.NEVRA{Name: name, Arch: arch}}})
		}
	}
	v := newView(NewPool(packages, PoolOptions{}), &Request{TreeArch: "x86_64"})
	for _, glob := range []string{
		"", "ab", "doc", "aa", "*", "?", "??", "ab*", "a?", "*-doc", "*doc", "*doc*", "*c-d*", "?b*", "[ab]*", "[!a]*-doc", "*[c]", "*-d[no]c*",
		`b\[c`, `*\[c`, "*b[[]c", "*[", "[]a]*", "*zz", "*zz*", "z*z", "?-doc", "*a*b*", "*-doc-?", "zz*", "zzz*", "*nothing",
	} {
		p := parsePattern(glob)
		var got, want []int32
		v.eachNamed(p, func(id int32) { got = append(got, id) })
		for id := range v.pool.packages {
			if p.matchName(v.pool.packages[id].Name) {
				want = append(want, int32(id))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", glob, got, want)
		}
	}
}
