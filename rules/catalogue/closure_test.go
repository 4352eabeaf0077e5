package catalogue_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/dnf"
	"github.com/pungo-build/pungo/internal/rpm"
)

// dummyParents are the parents of variants of the dummy product that have any, with
// the variant's own repository. An addon's is in its parent's tree.
var dummyParents = map[string]struct{ parent, dir string }{
	"Client-optional":         {"Client", "Client-optional/ARCH/os"},
	"Server-optional":         {"Server", "Server-optional/ARCH/os"},
	"Server-Gluster":          {"Server", "Server-Gluster/ARCH/os"},
	"Server-ResilientStorage": {"Server", "Server/ARCH/os/addons/ResilientStorage"},
}

// TestDummyClosure: each report on the trees of the dummy product, of three arches,
// has what dnf finds as Pungi asks it.
func TestDummyClosure(t *testing.T) {
	t.Parallel()
	c, err := tryComposeDir(t, dummyWorkspace(t))
	if err != nil {
		t.Fatal(err)
	}
	tree, compose := readTree(t, c), onDisk(t, c)
	reports, findings := 0, 0
	for name := range tree {
		cell, isReport := strings.CutPrefix(filepath.Base(name), "repoclosure-")
		cell, isLog := strings.CutSuffix(cell, ".log")
		if !isReport || !isLog {
			continue
		}
		variant, arch, _ := strings.Cut(cell, ".")
		reports++
		t.Run(cell, func(t *testing.T) {
			at := func(dir string) string {
				return filepath.Join(compose, "compose", strings.ReplaceAll(dir, "ARCH", arch))
			}
			arches := rpm.ValidArches(arch, true)
			question := dnf.Closure{Arch: arches[0], Arches: arches, Repository: at(variant + "/ARCH/os")}
			if of, ok := dummyParents[variant]; ok {
				question.Repository, question.Lookasides = at(of.dir), []string{at(of.parent + "/ARCH/os")}
			}
			want, err := question.Ask(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			got, err := dnf.Findings(tree.read(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("found\n  %s\ndnf finds\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
			}
			findings += len(got)
		})
	}
	if reports < 10 || findings == 0 {
		t.Errorf("%d reports with %d findings: too few to compare", reports, findings)
	}
	t.Logf("%d reports, %d findings", reports, findings)
}
