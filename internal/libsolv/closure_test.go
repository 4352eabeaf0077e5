package libsolv_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/solve"
)

// TestClosure compares what packages require and none provides, in some invented
// distributions: nothing may differ.
func TestClosure(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newComparison(t, newCentOS(seed+10, 150), requester{})
			pool := solve.NewPool(c.packages, solve.PoolOptions{Copies: true, Arches: []string{"x86_64", "i686", "noarch"}})
			var got, want []string
			for _, f := range pool.Closure() {
				got = append(got, c.packages[f.Index].NEVRA.String()+": "+strings.Join(f.Requirements, "; "))
			}
			all := make([]int, c.aside)
			for i := range all {
				all[i] = i
			}
			found, err := c.peer.Closure(all)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range found.Refused {
				want = append(want, c.packages[r.Package].NEVRA.String()+": "+strings.Join(r.Problems, "; "))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) || len(got) < 10 {
				t.Errorf("found\n  %s\nlibsolv finds\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			t.Logf("%d packages with findings among %d", len(got), c.aside)
		})
	}
}
