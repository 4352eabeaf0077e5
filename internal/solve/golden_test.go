package solve

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// dummyGroups are the group file of the dummy product, conditionals aside.
var dummyGroups = map[string][]string{
	"core":              {"dummy-bash"},
	"standard":          {"dummy-lvm2"},
	"text-internet":     nil, // by variant
	"firefox":           {"Dummy-firefox", "dummy-icedtea-web"},
	"skype":             {"dummy-skype"},
	"resilient-storage": {"dummy-gfs2-utils", "dummy-lvm2-cluster", "dummy-pacemaker", "dummy-resource-agents"},
	"gluster":           {"dummy-glusterfs-resource-agents"},
	"basic-desktop":     nil, // conditional only
	"client-internet":   {"dummy-tftp"},
	"server-internet":   {"dummy-elinks"},
}

// dummyTree is a tree of the dummy product, on one arch or more.
type dummyTree struct {
	names           string
	groups          string
	add, drop       string
	full, selfhost  bool
	except          string
	multilibMethods bool
}

// dummyTrees are the trees of the dummy product as the solver gets them.
var dummyTrees = []dummyTree{
	{names: "Bar-Tools.x86_64 Foo-Tools.x86_64", groups: "core"},
	{names: "Client.i386 Client.x86_64", groups: "core firefox skype standard client-internet", drop: "httpd"},
	{names: "Client-optional.i386 Client-optional.x86_64", groups: "core firefox skype standard client-internet",
		add: "httpd", full: true, selfhost: true},
	{names: "Everything.i386", groups: "basic-desktop core firefox gluster skype standard"},
	{names: "Everything.x86_64", groups: "basic-desktop core firefox gluster skype standard resilient-storage"},
	{names: "Server.s390x Server.x86_64", groups: "core standard server-internet", add: "libtool", multilibMethods: true},
	{names: "Server-Gluster.x86_64", groups: "core standard server-internet gluster", add: "libtool",
		full: true, except: serverSources, multilibMethods: true},
	{names: "Server-ResilientStorage.x86_64", groups: "core standard server-internet resilient-storage", add: "libtool",
		drop: "glusterfs-resource-agents", full: true, except: serverSources, multilibMethods: true},
	{names: "Server-optional.s390x", groups: "core standard server-internet firefox", add: "libtool",
		drop: "httpd.i686", full: true, selfhost: true, multilibMethods: true},
	{names: "Server-optional.x86_64", groups: "core standard server-internet firefox gluster resilient-storage", add: "libtool",
		drop: "httpd.i686", full: true, selfhost: true, multilibMethods: true},
}

const serverSources = "basesystem bash elinks filesystem glibc lvm2"

// TestGoldenDummy compares all trees of the dummy product with what Pungi
// selected. The flags that later phases act on have to agree; the others tell
// why Pungi thinks that a package is there, and we tell it better.
func TestGoldenDummy(t *testing.T) {
	packages := readDummies(t)
	pool := NewPool(packages, PoolOptions{})
	want := readGolden(t)
	solved := 0
	for _, tree := range dummyTrees {
		for name := range strings.FieldsSeq(tree.names) {
			solved++
			t.Run(name, func(t *testing.T) {
				t.Parallel() // a pool is shared
				_, arch, _ := strings.Cut(name, ".")
				got := pool.Solve(tree.request(arch))
				compareGolden(t, "rpm", flagsByName(packages, got.Binaries), want[name]["rpm"])
				compareGolden(t, "debuginfo", flagsByName(packages, got.Debug), want[name]["debuginfo"])
				compareGolden(t, "srpm", flagsByName(packages, got.Sources), want[name]["srpm"])
				if len(got.Unresolved) > 0 {
					t.Errorf("unresolved: %v", got.Unresolved)
				}
			})
		}
	}
	if solved != len(want) {
		t.Errorf("%d trees, want %d", solved, len(want))
	}
}

func (tree *dummyTree) request(arch string) Request {
	r := Request{
		TreeArch:          arch,
		Inputs:            tree.inputs(),
		Greedy:            GreedyBuild,
		Fulltree:          tree.full,
		Selfhosting:       tree.selfhost,
		FulltreeExcludes:  dummyNames(tree.except),
		Excludes:          dummyNames("pacemaker " + tree.drop),
		MultilibWhitelist: []string{"dummy-glibc"},
		MultilibBlacklist: []string{"kernel-devel", "httpd-devel"},
	}
	if strings.Contains(tree.groups, "basic-desktop") {
		r.Conditionals = []Conditional{{"dummy-imsettings", "dummy-imsettings-gnome", "group basic-desktop"}}
	}
	if tree.multilibMethods {
		r.Multilib = develOrRuntime
	}
	return r
}

func (tree *dummyTree) inputs() (list []Input) {
	for group := range strings.FieldsSeq(tree.groups) {
		for _, p := range dummyGroups[group] {
			list = append(list, Input{Pattern: p, Reason: "group " + group})
		}
	}
	for _, p := range dummyNames(tree.add) {
		list = append(list, Input{Pattern: p, Reason: "additional_packages"})
	}
	return list
}

// BenchmarkDummy solves the 14 trees of the dummy product: with the closure alone, and with
// the rules that it has, which take at most as long again for each package.
func BenchmarkDummy(b *testing.B) {
	pool := NewPool(readDummies(b), PoolOptions{})
	for name, narrow := range map[string]func(Request) Request{
		"closure": func(r Request) Request { return Request{TreeArch: r.TreeArch, Inputs: r.Inputs} },
		"rules":   func(r Request) Request { return r },
	} {
		b.Run(name, func(b *testing.B) {
			selected := 0
			for b.Loop() {
				selected = 0
				for _, tree := range dummyTrees {
					for name := range strings.FieldsSeq(tree.names) {
						_, arch, _ := strings.Cut(name, ".")
						got := pool.Solve(narrow(tree.request(arch)))
						selected += len(got.Binaries) + len(got.Debug) + len(got.Sources)
					}
				}
			}
			b.ReportMetric(float64(selected), "packages")
		})
	}
}

func dummyNames(words string) []string {
	names := strings.Fields(words)
	for i := range names {
		names[i] = "dummy-" + names[i]
	}
	return names
}

// develOrRuntime does for the dummy packages what the methods devel and runtime
// do: libraries and what is needed to link them.
func develOrRuntime(p *rpm.Package) string {
	if strings.HasSuffix(p.Name, "-devel") {
		return "devel"
	}
	for _, f := range p.Files {
		if strings.HasPrefix(f.Path, "/lib") && strings.Contains(f.Path, ".so.") {
			return "runtime"
		}
	}
	return ""
}

// readGolden reads tree, kind ("rpm", "debuginfo", "srpm"), file name to flags.
func readGolden(t *testing.T) map[string]map[string]map[string][]string {
	t.Helper()
	data, err := os.ReadFile("testdata/dummy-gather.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]map[string]map[string][]string
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	return golden
}

func flagsByName(packages []Package, selected []Selected) map[string][]string {
	flags := map[string][]string{}
	for _, s := range selected {
		flags[packages[s.Index].FileName()] = s.Flags.Names()
	}
	return flags
}

func compareGolden(t *testing.T, kind string, got, want map[string][]string) {
	t.Helper()
	for name, flags := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: got %s with flags %q, want it absent", kind, name, flags)
		}
	}
	for name, wantFlags := range want {
		gotFlags, ok := got[name]
		if !ok {
			t.Errorf("%s: %s is missing, want it with flags %q", kind, name, wantFlags)
			continue
		}
		for _, flag := range []string{"input", "fulltree-exclude", "fulltree", "multilib"} {
			if g, w := slices.Contains(gotFlags, flag), slices.Contains(wantFlags, flag); g != w {
				t.Errorf("%s: %s has flag %s: %v, want %v", kind, name, flag, g, w)
			}
		}
	}
}
