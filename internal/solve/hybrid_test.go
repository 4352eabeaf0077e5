package solve

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestHybrid: closures of packages and modules. Packages of release "mod" are of a
// module, those of release "old" of a stream that the tree does not have.
func TestHybrid(t *testing.T) {
	tests := []struct{ name, packages, inputs, want string }{
		{
			"a package of a module brings what it requires",
			"node-1-mod.x86_64; requires lib\n lib-1-1.x86_64\n node-1-old.x86_64",
			"node", "lib-1-1.x86_64 node-1-mod.x86_64",
		},
		{
			"a glob means no module",
			"node-1-mod.x86_64\n nob-1-1.x86_64",
			"no*", "nob-1-1.x86_64",
		},
		{
			"a glob means no foreign arch, unless it names one",
			"only-a-1-1.i686\n only-b-1-1.i686\n only-c-1-1.noarch\n only-d-1-1.x86_64\n only-d-1-1.i686",
			"only* only-b*.i686", "only-b-1-1.i686 only-c-1-1.noarch only-d-1-1.x86_64",
		},
		{
			"sources of all, debug packages of what is not modular",
			"node-1-mod.x86_64 from node\n node-debuginfo-1-mod.x86_64 from node\n node-1-mod.src\n" +
				"bash-1-1.x86_64 from bash\n bash-debuginfo-1-1.x86_64 from bash\n bash-debugsource-1-1.x86_64 from bash\n" +
				"other-debugsource-1-1.x86_64 from bash\n bash-1-1.src",
			"node bash",
			"bash-1-1.x86_64 node-1-mod.x86_64 bash-debuginfo-1-1.x86_64 bash-debugsource-1-1.x86_64 bash-1-1.src node-1-mod.src",
		},
		{
			"multilib for what is not modular, with what it requires",
			"node-devel-1-mod.x86_64\n node-devel-1-mod.i686\n a-devel-1-1.x86_64\n a-devel-1-1.i686; requires b(32)\n b-1-1.i686; provides b(32)",
			"node-devel a-devel", "a-devel-1-1.i686 a-devel-1-1.x86_64 b-1-1.i686 node-devel-1-mod.x86_64",
		},
		{
			"what a lookaside has is not shipped",
			"app-1-1.x86_64; requires lib\n lib-1-1.x86_64\n lookaside\n lib-1-1.x86_64",
			"app", "app-1-1.x86_64",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			packages := universe(t, test.packages)
			r := Request{TreeArch: "x86_64", Multilib: develOrRuntime, Absent: map[int]string{}, Fulltree: true, Greedy: GreedyAll}
			for word := range strings.FieldsSeq(test.inputs) {
				r.Inputs = append(r.Inputs, Input{Pattern: word, Reason: "the test"})
			}
			modular := map[int]bool{}
			for i, p := range packages {
				if modular[i] = p.Release == "mod"; p.Release == "old" {
					r.Absent[i] = "of a stream that is not there"
				}
			}
			maps.DeleteFunc(modular, func(_ int, is bool) bool { return !is })
			got := NewPool(packages, PoolOptions{}).Hybrid(r, modular)
			var list []string
			for _, s := range slices.Concat(got.Binaries, got.Debug, got.Sources) {
				if s.Flags == 0 {
					list = append(list, strings.TrimSuffix(packages[s.Index].FileName(), ".rpm"))
				}
			}
			if names := strings.Join(list, " "); names != test.want {
				t.Errorf("got  %s\nwant %s", names, test.want)
			}
			for _, d := range got.Dropped {
				if packages[d.Index].Release == "old" && d.Because != Absent {
					t.Errorf("%s was dropped for reason %d", packages[d.Index].NEVRA, d.Because)
				}
			}
		})
	}
}

// TestSelectTakesEveryAge: where older versions are as good as the newest, age is no reason
// why one is not there.
func TestSelectTakesEveryAge(t *testing.T) {
	packages := universe(t, "a-1-1.x86_64\n a-2-1.x86_64\n b-1-1.x86_64\n b-2-1.x86_64\n only-1-1.i686")
	got := NewPool(packages, PoolOptions{}).Select(Request{TreeArch: "x86_64", Inputs: []Input{{Pattern: "a"}, {Pattern: "only", Native: true}}})
	if len(got.Binaries) != 2 || len(got.Dropped) != 0 {
		t.Errorf("got %v, and dropped %v", got.Binaries, got.Dropped)
	}
	if len(got.Unmatched) != 1 || got.Unmatched[0].Why != onlyOthers {
		t.Errorf("got unmatched %v", got.Unmatched)
	}
}
