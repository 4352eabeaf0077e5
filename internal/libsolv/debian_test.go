package libsolv_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/internal/debrpm"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
)

// readDebian reads packages of Debian's main archive, in rpm's terms: of the release, and
// all that were updated since. They have no files, and no sources. Conflicts with versions
// are left out: those versions are older than the release, but rpm would take them to be
// what a Provides without version has, and does not know that 12-1 is older than 12.0.
//
// Of 63,000 packages some are drawn, and with them comes what any of them may need, and
// what can be taken instead. A lookaside has what a minimal system has as of the release.
func readDebian(t *testing.T, draw int) []solve.Package {
	t.Helper()
	lists, err := debrpm.FindAptLists(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release, minimal := readLists(t, lists.Release, nil)
	all, _ := readLists(t, lists.Updates, release)
	request := solve.Request{TreeArch: "x86_64", Inputs: minimal}
	base := solve.NewPool(release, solve.PoolOptions{}).Solve(request)

	request.Greedy = solve.GreedyAll
	r := rand.New(rand.NewPCG(1, 1))
	for range draw {
		request.Inputs = append(request.Inputs, solve.Input{Pattern: all[r.IntN(len(all))].Name})
	}
	names := map[string]bool{}
	for _, s := range solve.NewPool(all, solve.PoolOptions{}).Solve(request).Binaries {
		names[all[s.Index].Name] = true
	}
	packages := slices.DeleteFunc(slices.Clone(all), func(p solve.Package) bool { return !names[p.Name] })
	for _, s := range base.Binaries {
		packages = append(packages, solve.Package{Package: release[s.Index].Package, Repo: 1, Lookaside: true})
	}
	return packages
}

// readLists adds the packages of lists, and tells which of them a minimal system has.
func readLists(t *testing.T, files []string, packages []solve.Package) ([]solve.Package, []solve.Input) {
	t.Helper()
	var minimal []solve.Input
	seen := map[rpm.NEVRA]bool{}
	for _, p := range packages {
		seen[p.NEVRA] = true
	}
	for _, file := range files {
		controls, err := debrpm.ReadAptList(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range controls {
			if seen[c.NEVRA] {
				continue
			}
			seen[c.NEVRA] = true
			p, err := c.Describe()
			if err != nil {
				t.Fatal(err)
			}
			p.Text, p.BuildTime = rpm.Text{Summary: p.Text.Summary}, 1e9 // nobody reads the prose
			p.Conflicts = slices.DeleteFunc(p.Conflicts, func(d rpm.Dependency) bool { return d.Sense != 0 })
			packages = append(packages, solve.Package{Package: &p})
			if c.Priority() == "required" || c.Priority() == "important" {
				minimal = append(minimal, solve.Input{Pattern: p.Name})
			}
		}
	}
	return packages, minimal
}

// TestDebian compares requests to Debian.
func TestDebian(t *testing.T) {
	t.Parallel()
	packages := readDebian(t, 250)
	newComparison(t, packages, newRequester(packages, 3, 9)).run(t, "libsolv-debian")
}

// readSoftware reads Debian's packages that the tests have as files, and which have
// what rpm's generators find in these: sonames with versions, interpreters, paths. A
// shell and what it needs are in a lookaside, too.
func readSoftware(t *testing.T) []solve.Package {
	t.Helper()
	debs, dir := filepath.Join("..", "..", ".testdata", "software"), t.TempDir()
	names, err := debrpm.ConvertDir(debs, dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatalf("%s has no packages\n  hint: `make debs` downloads Debian's packages", debs)
	}
	var packages []solve.Package
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		p, err := rpm.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		p.Text = rpm.Text{}
		packages = append(packages, solve.Package{Package: p})
	}
	shell := solve.Request{TreeArch: "x86_64", Inputs: []solve.Input{{Pattern: "bash"}}}
	for _, s := range solve.NewPool(packages, solve.PoolOptions{}).Solve(shell).Binaries {
		packages = append(packages, solve.Package{Package: packages[s.Index].Package, Repo: 1, Lookaside: true})
	}
	return packages
}

// TestSoftware compares requests to some hundred packages of Debian, file by file.
func TestSoftware(t *testing.T) {
	t.Parallel()
	packages := readSoftware(t)
	newComparison(t, packages, newRequester(packages, 3, 4)).run(t, "libsolv-debian")
}
