package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// manyPackages is a definition with enough to do to be killed in the middle of.
const manyPackages = `
compose(name = "T", short = "T", version = "1", type = "test", arches = ["x86_64", "aarch64"])

[variant(name = v) for v in ["A", "B", "C"]]

[
    rpm(name = "p%d" % i, version = "1", files = {"/usr/share/p%d" % i: "%d\n" % (i * 7919) * 3000}, requires = ["p%d" % (i // 2)])
    for i in range(60)
]

pkgset(name = "packages", sources = [":p%d" % i for i in range(60)])

gather(
    name = "gather",
    additional_packages = select({"A": ["p*"], "B": ["p4*"], "C": ["p5*"]}),
    packages = ":packages",
)

createrepo(name = "repo", packages = ":gather")

tree_metadata(name = "treeinfo", repo = ":repo")

metadata(name = "metadata")
`

// command returns pungo, this very binary, in a workspace with a cache.
func command(t *testing.T, workspace, cache string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// testscript.Main knows a program by its name.
	link := filepath.Join(t.TempDir(), "pungo")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(link, args...)
	cmd.Dir = workspace
	cmd.Env = append(os.Environ(), "PUNGO_CACHE="+cache, "NO_COLOR=1")
	return cmd
}

func workspaceOf(t *testing.T, definition string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compose.star"), []byte(definition), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// completed runs a build to its end and returns what it tells.
func completed(t *testing.T, cmd *exec.Cmd) told {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.Bytes())
	}
	var result told
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return result
}

// TestKilled kills a build at random moments, again and again. Whatever is to be
// seen in between is whole, and the build that is left alone ends as one that was
// never disturbed.
func TestKilled(t *testing.T) {
	want := completed(t, command(t, workspaceOf(t, manyPackages), t.TempDir(), "build", "--json", "--date=20261122", "--respin=0"))
	workspace, cache := workspaceOf(t, manyPackages), t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for range 25 {
		cmd := command(t, workspace, cache, "build", "--json", "--date=20261122", "--respin=0", fmt.Sprintf("--jobs=%d", 1+random.IntN(4)))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		cmd.Process.Kill()
		if err := cmd.Wait(); err != nil {
			kills++
		}
		composes, err := filepath.Glob(filepath.Join(workspace, "pungo-out", "T-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range composes {
			if status, err := os.ReadFile(filepath.Join(dir, "STATUS")); err != nil || string(status) != "FINISHED\n" {
				t.Errorf("%s is visible with status %q: %v", dir, status, err)
			}
		}
	}
	if kills == 0 {
		t.Error("no build was killed before its end")
	}
	got := completed(t, command(t, workspace, cache, "build", "--json", "--date=20261122", "--respin=0", "--check-output"))
	if got.Digest != want.Digest {
		t.Errorf("compose after %d kills: got %s, want %s", kills, got.Digest, want.Digest)
	}
}

// TestInterrupted: a signal ends a build within a second, its children too, with
// exit code 8; what had finished is not done again.
func TestInterrupted(t *testing.T) {
	const sleeper = `
compose(name = "T", short = "T", version = "1", type = "test", arches = ["x86_64"])

variant(name = "V")

def _sleeper_impl(ctx):
    out = ctx.actions.declare_file("never")
    args = ctx.actions.args()
    args.add("1234567.5")
    ctx.actions.run(program = "sleep", args = [args], outputs = [out])
    ctx.deliver("{variant}", out)
    return []

sleeper = rule(
    implementation = _sleeper_impl,
    doc = "Sleeps for two weeks.",
    per = "variant",
    toolchains = [toolchain(program = "sleep", packages = ["coreutils"], hint = "apt-get install coreutils")],
    attrs = {},
)

sleeper(name = "sleeper")
`
	workspace, cache := workspaceOf(t, sleeper), t.TempDir()
	cmd := command(t, workspace, cache, "build")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sleeping := func() bool { return exec.Command("pgrep", "-f", "^(/usr/bin/)?sleep 1234567.5$").Run() == nil }
	deadline := time.Now().Add(20 * time.Second)
	for !sleeping() {
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			t.Fatal("the program did not start")
		}
		time.Sleep(20 * time.Millisecond)
	}
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the build took %s to end, want a second at most", took)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("got %v, want exit code %d", err, exitInterrupted)
	}
	if sleeping() {
		t.Error("the program goes on")
	}
}
