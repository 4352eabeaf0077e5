package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pungo-build/pungo/internal/debrpm"
	"github.com/pungo-build/pungo/internal/rpm"
)

// realDebs is where `make debs` puts Debian's packages.
var realDebs = filepath.Join("..", "..", ".testdata", "software")

// realRPMs makes RPMs of them, once for all tests: binary packages, and a source
// package for each source. It returns the folder and the names.
var realRPMs = sync.OnceValues(func() (made converted, err error) {
	if _, err := os.Stat(realDebs); err != nil {
		return made, fmt.Errorf("%w\n  hint: `make debs` downloads Debian's packages", err)
	}
	if made.dir, err = os.MkdirTemp("", "pungo-real-rpms-"); err != nil {
		return made, err
	}
	afterTests = append(afterTests, func() { os.RemoveAll(made.dir) })
	made.names, err = debrpm.ConvertDir(realDebs, made.dir, runtime.GOMAXPROCS(0))
	return made, err
})

type converted struct {
	dir   string
	names []string
}

// link makes the RPMs appear in folders too, each in the one that into names for it.
func (c converted) link(into func(name string) (dir string)) error {
	for _, name := range c.names {
		dir := into(name)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		if err := os.Link(filepath.Join(c.dir, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// TestRealRPMs composes real software and has the real client judge: dnf
// installs a system from the composed repository alone, and its python3 runs.
func TestRealRPMs(t *testing.T) {
	trees, written := composeReal(t)

	t.Run("install", func(t *testing.T) {
		d := newDNF(t, filepath.Join(trees, "Python", "x86_64", "os"))
		d.run(t, "install", "python3-minimal", "bash", "coreutils")
		got := d.runInRoot(t, `python3 -c 'import sys; print(sys.version)' | head -n 1`)
		if want := versionOf(t, written, "python3-minimal") + " "; !strings.HasPrefix(got, want) {
			t.Errorf("the installed python3 says it is %q, want %q", got, want)
		}
		// rpm finds every file as the package describes it.
		asRoot(t, "rpm", "--root", d.root, "--verify", "--all")
		installed := strings.Fields(asRoot(t, "rpm", "--root", d.root, "--query", "--all"))
		if len(installed) != len(rpmsBelow(t, d.repo)) {
			t.Errorf("dnf installed %d packages, want all %d of the closure", len(installed), len(rpmsBelow(t, d.repo)))
		}
	})

	for _, tree := range []string{
		"Base/x86_64/os", "Base/x86_64/debug/tree", "Base/source/tree",
		"Python/x86_64/os", "Python/x86_64/debug/tree", "Python/source/tree",
	} {
		t.Run("closure/"+tree, func(t *testing.T) {
			d := newDNF(t, filepath.Join(trees, filepath.FromSlash(tree)))
			if got := d.run(t, "repoclosure"); got != "" {
				t.Errorf("repoclosure finds\n%s", got)
			}
		})
	}

	for variant, want := range map[string][]string{
		"Base":   {"Base System (base)"},
		"Python": {"Python Machine (python-product)", "Base System (base)", "Python Language (python)"},
	} {
		t.Run("groups/"+variant, func(t *testing.T) {
			repo := filepath.Join(trees, variant, "x86_64", "os")
			if got := newDNF(t, repo).groups(t); !slices.Equal(got, want) {
				t.Errorf("dnf lists groups %q, want %q", got, want)
			}
			compareGroupFile(t, repo, "comps-"+variant+".x86_64.xml")
		})
	}
}

// composeReal makes RPMs of Debian's packages and composes testdata/realrpms of
// them. It returns the folder with the trees, and the names of the RPMs.
func composeReal(t *testing.T) (trees string, written []string) {
	t.Helper()
	made, err := realRPMs()
	if err != nil {
		t.Fatal(err)
	}
	workspace := t.TempDir()
	if err := os.CopyFS(workspace, os.DirFS(filepath.Join("testdata", "realrpms"))); err != nil {
		t.Fatal(err)
	}
	if err := made.link(func(string) string { return filepath.Join(workspace, "rpms") }); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), process{
		args: []string{
			"build", "--dir", workspace, "--cache", filepath.Join(workspace, "cache"),
			"--output", filepath.Join(workspace, "out"), "--date", "20260102",
		},
		env: []string{"HOME=" + workspace}, stdout: &stdout, stderr: &stderr,
	})
	if code != exitDone {
		t.Fatalf("build ended with exit code %d, want %d\n%s", code, exitDone, stderr.Bytes())
	}
	return filepath.Join(workspace, "out", "Real-12-20260102.t.0", "compose"), made.names
}

// dnf runs dnf on one repository and an empty system. It reads and writes
// nothing else of the host.
type dnf struct {
	repo, root, config string
}

func newDNF(t *testing.T, repo string) *dnf {
	t.Helper()
	dir := t.TempDir()
	d := &dnf{repo: repo, root: filepath.Join(dir, "root"), config: filepath.Join(dir, "dnf.conf")}
	settings := "[main]\nreposdir=" + dir + "/none\ncachedir=" + dir + "/cache\npersistdir=" + dir + "/persist\nlogdir=" + dir + "\n"
	if err := os.WriteFile(d.config, []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs a command of dnf and returns what it says on standard output.
func (d *dnf) run(t *testing.T, args ...string) string {
	t.Helper()
	return asRoot(t, "dnf", append([]string{
		"--config", d.config, "--installroot", d.root, "--repofrompath=t,file://" + d.repo, "--repo=t", "--nogpgcheck",
		"--releasever=12", "--forcearch=x86_64", "--setopt=install_weak_deps=0", "--assumeyes", "--quiet",
	}, args...)...)
}

// groups lists the environments and groups, as "NAME (ID)".
func (d *dnf) groups(t *testing.T) []string {
	t.Helper()
	var list []string
	for line := range strings.Lines(d.run(t, "group", "list", "--ids")) {
		if entry, ok := strings.CutPrefix(line, "   "); ok {
			list = append(list, strings.TrimSpace(entry))
		}
	}
	return list
}

// runInRoot runs a line of bash in the installed system.
func (d *dnf) runInRoot(t *testing.T, line string) string {
	t.Helper()
	return asRoot(t, "chroot", d.root, "/usr/bin/bash", "-c", "PATH=/usr/bin; "+line)
}

// compareGroupFile has createrepo_c's tools read the repository, and wants the
// group file that they understood to be the one that is there.
func compareGroupFile(t *testing.T, repo, name string) {
	t.Helper()
	merged := filepath.Join(t.TempDir(), "merged")
	// Without a second repository there is nothing to merge.
	asRoot(t, "mergerepo_c", "--no-database", "--repo", "file://"+repo, "--repo", "file://"+repo, "--outputdir", merged)
	got, want := groupFile(t, merged, name), groupFile(t, repo, name)
	if !bytes.Equal(got, want) {
		t.Errorf("createrepo_c reads groups\n%s\nwant\n%s", got, want)
	}
}

// groupFile reads CHECKSUM-name of a repository.
func groupFile(t *testing.T, repo, name string) []byte {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repo, "repodata", "*-"+name))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s has group files %q, want one %q (%v)", repo, found, name, err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rpmsBelow lists the packages of a repository.
func rpmsBelow(t *testing.T, repo string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repo, "Packages", "*", "*.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// versionOf is the version of a package among files.
func versionOf(t *testing.T, files []string, name string) string {
	t.Helper()
	for _, f := range files {
		if n, err := rpm.ParseFileName(f); err == nil && n.Name == name && !n.IsSource() {
			return n.Version
		}
	}
	t.Fatalf("no package %q among %q", name, files)
	return ""
}

// asRoot runs a program that wants to be root: as it is, or in a namespace where
// the user is root. It returns what the program says on standard output.
func asRoot(t *testing.T, program string, args ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		program, args = "unshare", append([]string{"--map-root-user", program}, args...)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w\n%s%s", cmd, err, stdout.Bytes(), stderr.Bytes()))
	}
	return stdout.String()
}
