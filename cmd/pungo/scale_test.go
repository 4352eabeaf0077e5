package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"golang.org/x/sync/errgroup"
)

// onlyRepository is a definition of nothing but the repository of a folder.
const onlyRepository = `
compose(name = "T", short = "T", version = "1", type = "test", arches = ["x86_64"])

variant(name = "V")

rpm_dir(name = "rpms", path = "rpms")

pkgset(name = "packages", sources = [":rpms"])

gather(name = "gather", additional_packages = ["*"], packages = ":packages")

createrepo(name = "repo", packages = ":gather")
`

// writePackage writes package i of a folder in a release.
func writePackage(dir string, i, release int) error {
	s := &rpm.Spec{Package: rpm.Package{
		NEVRA:     rpm.NEVRA{Name: fmt.Sprintf("p%05d", i), EVR: rpm.EVR{Version: "1", Release: fmt.Sprint(release)}, Arch: "noarch"},
		BuildTime: 1767614400,
		Text:      rpm.Text{Summary: "a package", License: "Apache-2.0"},
	}}
	var b bytes.Buffer
	if err := rpm.Write(&b, s); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, s.FileName()), b.Bytes(), 0o666)
}

// TestOneOfTenThousand: another process, in another folder, has one package in another
// release than the first, with which it shares the cache. It reads one header and
// makes one fragment.
func TestOneOfTenThousand(t *testing.T) {
	const n = 10_000
	first, second, cache := workspaceOf(t, onlyRepository), workspaceOf(t, onlyRepository), t.TempDir()
	for _, ws := range []string{first, second} {
		if err := os.Mkdir(filepath.Join(ws, "rpms"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		group.Go(func() error {
			if err := writePackage(filepath.Join(first, "rpms"), i, 1); err != nil {
				return err
			}
			release := 1
			if i == n/2 {
				release = 2
			}
			return writePackage(filepath.Join(second, "rpms"), i, release)
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		workspace string
		want      int
	}{{first, n}, {second, 1}} {
		ran := ranTools(t, command(t, test.workspace, cache, "build", "--events=events", "//:repo"), filepath.Join(test.workspace, "events"))
		for _, tool := range []string{"rpm_header", "repodata_fragment"} {
			if ran[tool] != test.want {
				t.Errorf("%s ran %d times, want %d", tool, ran[tool], test.want)
			}
		}
	}
}

// ranTools runs a build and returns from its events how often each tool ran.
func ranTools(t *testing.T, build *exec.Cmd, events string) map[string]int {
	t.Helper()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	data, err := os.ReadFile(events)
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for line := range bytes.Lines(data) {
		var e rules.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Kind == rules.ActionFinished && e.Status == rules.Ran {
			ran[e.Mnemonic]++
		}
	}
	return ran
}
