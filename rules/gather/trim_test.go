package gather

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/rules/rulestest"
)

// parseLines reads "os bash.x86_64 input,fulltree; src bash.src".
func parseLines(text string) []packages.Listed {
	var list []packages.Listed
	for entry := range strings.SplitSeq(text, ";") {
		words := strings.Fields(entry)
		if len(words) == 0 {
			continue
		}
		name, arch, _ := strings.Cut(words[1], ".")
		l := packages.Listed{Tree: words[0], NEVRA: name + "-0:1-1." + arch, File: name + "-1-1." + arch + ".rpm"}
		if len(words) > 2 {
			l.Flags = strings.Split(words[2], ",")
		}
		list = append(list, l)
	}
	return list
}

func printLines(list []packages.Listed) string {
	var words []string
	for _, l := range list {
		words = append(words, l.Tree+" "+strings.Replace(l.NEVRA, "-0:1-1", "", 1))
	}
	return strings.Join(words, "; ")
}

// newJob returns a job with lists as inputs.
func newJob(t *testing.T, lists map[string]string) *rules.Job {
	t.Helper()
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	var root cache.Directory
	for name, text := range lists {
		d, err := trees.Store().Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		root = append(root, cache.Node{Name: name, Kind: cache.FileKind, Digest: d})
	}
	slices.SortFunc(root, func(a, b cache.Node) int { return strings.Compare(a.Name, b.Name) })
	return (&rulestest.Host{Trees: trees}).Job(root)
}

func TestSplit(t *testing.T) {
	const (
		bash  = "os bash.x86_64 input; debug bash-debuginfo.x86_64; src bash.src"
		devel = "os lvm-devel.x86_64 fulltree-exclude; src lvm.src fulltree-exclude"
	)
	tests := []struct {
		name        string
		variantType string
		solution    string
		parent      []string
		children    []string
		remove      []string
		kept, moved string
	}{
		{
			name: "alone", variantType: "variant", solution: bash,
			kept: "os bash.x86_64; debug bash-debuginfo.x86_64; src bash.src",
		},
		{
			name: "sorted, once", variantType: "variant", solution: "src b.src; os z.noarch; debug y.x86_64; os a.noarch; os a.noarch",
			kept: "os a.noarch; os z.noarch; debug y.x86_64; src b.src",
		},
		{
			name: "children leave packages", variantType: "variant", solution: bash, children: []string{devel, devel},
			kept: "os bash.x86_64; os lvm-devel.x86_64; debug bash-debuginfo.x86_64; src bash.src; src lvm.src",
		},
		{
			name: "exempt ones stay in a variant", variantType: "variant", solution: devel,
			kept: "os lvm-devel.x86_64; src lvm.src",
		},
		{
			name: "the parent has it", variantType: "addon", solution: bash + "; os ha.x86_64 input", parent: []string{bash},
			kept: "os ha.x86_64",
		},
		{
			name: "the parent has another arch", variantType: "addon", solution: "os glibc.i686", parent: []string{"os glibc.x86_64; debug glibc.i686"},
			kept: "os glibc.i686",
		},
		{
			name: "exempt ones move", variantType: "addon", solution: devel,
			moved: "os lvm-devel.x86_64; src lvm.src",
		},
		{
			name: "exempt ones asked for by name stay", variantType: "layered-product", solution: "os a.noarch fulltree-exclude,input",
			kept: "os a.noarch",
		},
		{
			name: "exempt ones that the parent has go", variantType: "addon", solution: devel, parent: []string{"os lvm-devel.x86_64"},
			moved: "src lvm.src",
		},
		{
			name: "exempt ones stay in an optional variant", variantType: "optional", solution: devel,
			kept: "os lvm-devel.x86_64; src lvm.src",
		},
		{
			name: "a sibling left it to the parent", variantType: "optional", solution: devel, parent: []string{bash, "os lvm-devel.x86_64"},
			kept: "src lvm.src",
		},
		{
			name: "an addon of any arch has it", variantType: "layered-product", solution: bash, remove: []string{"os bash.s390x; debug bash-debuginfo.s390x; src bash.src"},
			kept: "debug bash-debuginfo.x86_64; src bash.src",
		},
		{
			name: "a sibling has it", variantType: "optional", solution: bash, remove: []string{"os bash.s390x; debug bash-debuginfo.s390x; src bash.src"},
		},
		{
			name: "names count within trees", variantType: "optional", solution: "src bash.src", remove: []string{"os bash.x86_64"},
			kept: "src bash.src",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lists := map[string]string{}
			p := trimParams{Type: test.variantType}
			add := func(prefix string, texts ...string) (paths []string) {
				for i, text := range texts {
					data := packages.EncodeList(parseLines(text))
					path := fmt.Sprint(prefix, i)
					lists[path] = string(data)
					paths = append(paths, path)
				}
				return paths
			}
			p.Solution = add("solution", test.solution)[0]
			of := func(uid string, paths []string) (pairs [][2]string) {
				for _, path := range paths {
					pairs = append(pairs, [2]string{uid, path})
				}
				return pairs
			}
			p.Parent = of("P", add("parent", test.parent...))
			for _, path := range add("child", test.children...) {
				p.Children = append(p.Children, [3]string{"C", path, "packages"})
			}
			p.Remove = of("S", add("remove", test.remove...))
			trimmer, err := p.load(t.Context(), newJob(t, lists))
			if err != nil {
				t.Fatal(err)
			}
			kept, moved := trimmer.split()
			if got := printLines(kept); got != test.kept {
				t.Errorf("kept: got %s, want %s", got, test.kept)
			}
			if got := printLines(moved); got != test.moved {
				t.Errorf("moved: got %s, want %s", got, test.moved)
			}
		})
	}
}

// TestForeignLists: rules of others write lists too.
func TestForeignLists(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no JSON", "x", "package list, entry 1: invalid character 'x' looking for beginning of value"},
		{"no NEVRA", `{"tree":"os","nevra":"bash"}`, `list: entry 1: `},
		{"no tree", `{"nevra":"bash-0:1-1.noarch"}`, `list: bash-0:1-1.noarch: tree "", want os, debug or src`},
		{"other tree", `{"tree":"boot","nevra":"bash-0:1-1.noarch"}`, `list: bash-0:1-1.noarch: tree "boot", want os, debug or src`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := trimParams{Solution: "list"}
			_, err := p.load(t.Context(), newJob(t, map[string]string{"list": test.text}))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestStrangerInSolution: a solution that has what the set has not.
func TestStrangerInSolution(t *testing.T) {
	j := newJob(t, nil)
	j.Inputs = []cache.Node{{Name: "packages", Kind: cache.DirKind, Digest: j.Trees.Empty()}}
	p := trimParams{Packages: "packages"}
	err := p.writeSets(t.Context(), j, parseLines("os bash.x86_64"))
	const want = "bash-1-1.x86_64.rpm is in the solution, and not in the package set"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
