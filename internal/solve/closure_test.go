package solve

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// found lists findings as "NEVRA: REQUIREMENT".
func found(packages []Package, findings []Finding) []string {
	list := []string{}
	for _, f := range findings {
		for _, r := range f.Requirements {
			list = append(list, packages[f.Index].NEVRA.String()+": "+r)
		}
	}
	return list
}

// TestClosure: what dnf makes of every kind of requirement is tested against dnf, in
// rules/repoclosure. Here is what a Pool makes of its packages.
func TestClosure(t *testing.T) {
	tests := []struct {
		name, universe string
		options        PoolOptions
		want           []string
		checked        int
	}{
		{
			name: "nothing", universe: "", want: []string{},
		},
		{
			name:     "each requirement once, sorted",
			universe: "a-1-1.noarch; requires z, b, z, (x or (y or z)), ((x or y) or z), b >= 1, rpmlib(X)",
			want:     []string{"a-0:1-1.noarch: (x or y or z)", "a-0:1-1.noarch: b", "a-0:1-1.noarch: b >= 1", "a-0:1-1.noarch: z"},
			checked:  1,
		},
		{
			name: "packages by NEVRA, all versions and kinds",
			universe: `b-1-1.noarch; requires x
				a-10-1.noarch; requires x
				a-9-1.noarch; requires x
				a-9-1.i686; requires x
				a-debuginfo-1-1.x86_64; requires x
				a-9-1.src; requires x, b`,
			want: []string{"a-0:9-1.i686: x", "a-0:9-1.noarch: x", "a-0:9-1.src: x", "a-0:10-1.noarch: x",
				"a-debuginfo-0:1-1.x86_64: x", "b-0:1-1.noarch: x"},
			checked: 6,
		},
		{
			name: "a lookaside satisfies, and is not checked",
			universe: `a-1-1.noarch; requires b, c, /b
				lookaside
				b-1-1.noarch; requires x; files /b`,
			want: []string{"a-0:1-1.noarch: c"}, checked: 1,
		},
		{
			name: "one copy for all",
			universe: `a-1-1.noarch; requires x, here, there; provides here = 1
				lookaside
				a-1-1.noarch; provides there`,
			want: []string{"a-0:1-1.noarch: here", "a-0:1-1.noarch: x"}, checked: 1,
		},
		{
			name: "one package in two sets",
			universe: `a-1-1.src; requires x
				b-1-1.noarch
				repo
				a-1-1.src; requires x
				lookaside
				a-1-1.src; requires x`,
			options: PoolOptions{Copies: true},
			want:    []string{"a-0:1-1.src: x"}, checked: 2,
		},
		{
			name: "copies",
			universe: `a-1-1.noarch; requires x, here, there, /here, /there; provides here = 1; files /here
				lookaside
				a-1-1.noarch; provides there; files /there`,
			options: PoolOptions{Copies: true},
			want:    []string{"a-0:1-1.noarch: x"}, checked: 1,
		},
		{
			name: "arches",
			universe: `a-1-1.aarch64; requires b, c, d, /b, a
				b-1-1.x86_64; files /b
				c-1-1.aarch64
				d-1-1.noarch; requires b`,
			options: PoolOptions{Arches: []string{"aarch64", "noarch"}},
			want:    []string{"a-0:1-1.aarch64: /b", "a-0:1-1.aarch64: b", "d-0:1-1.noarch: b"}, checked: 4,
		},
		{
			name:     "files that are given",
			universe: "a-1-1.noarch; requires /given, (/given with a), (/given with b)\n b-1-1.noarch",
			options:  PoolOptions{FileProvides: map[string][]int{"/given": {0}}},
			want:     []string{"a-0:1-1.noarch: (/given with b)"}, checked: 2,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			packages := universe(t, test.universe)
			p := NewPool(packages, test.options)
			if got := found(packages, p.Closure()); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if got := p.Checked(); got != test.checked {
				t.Errorf("%d packages were checked, want %d", got, test.checked)
			}
		})
	}
}

// TestClosureUnreadable: a rich dependency that cannot be read is none.
func TestClosureUnreadable(t *testing.T) {
	packages := universe(t, "a-1-1.noarch")
	packages[0].Requires = []rpm.Dependency{{Name: "(x y)"}, {Name: "(x"}, {Name: "x"}}
	got := found(packages, NewPool(packages, PoolOptions{}).Closure())
	if want := []string{"a-0:1-1.noarch: x"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestClosureOrder: the order of the packages means nothing.
func TestClosureOrder(t *testing.T) {
	packages := generate(1, 300, 8)
	want := found(packages, NewPool(packages, PoolOptions{Copies: true}).Closure())
	if len(want) == 0 {
		t.Fatal("nothing is found: too little to compare")
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(packages), func(i, j int) { packages[i], packages[j] = packages[j], packages[i] })
	if got := found(packages, NewPool(packages, PoolOptions{Copies: true}).Closure()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
