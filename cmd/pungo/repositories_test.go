package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// fromMirror composes from a repository.
const fromMirror = `
compose(name = "M", short = "M", version = "7", type = "test", arches = ["x86_64"])

variant(name = "V")

repo(name = "base", baseurl = [define("mirror", "http://127.0.0.1:1") + "/$releasever/$basearch/"])

pkgset(name = "packages", sources = [":base"])

gather(name = "gather", additional_packages = ["app"], packages = ":packages")

createrepo(name = "repo", packages = ":gather")

tree_metadata(name = "treeinfo", repo = ":repo")

metadata(name = "metadata")
`

// atMirror makes what the mirror has.
const atMirror = `
compose(name = "T", short = "T", version = "1", type = "test", arches = ["x86_64"])

variant(name = "V")

rpm(name = "app", version = VERSION, arch = "x86_64", requires = ["lib >= 1"], files = {"/usr/bin/app": "#!/bin/sh\n"})

rpm(name = "lib", version = "1", files = {"/usr/share/lib": "x\n"})

rpm(name = "unwanted", version = "1")

pkgset(name = "packages", sources = [":app", ":lib", ":unwanted"])

gather(name = "gather", additional_packages = ["*"], packages = ":packages")

createrepo(name = "repo", packages = ":gather", trees = ["os"])
`

// mirror serves a folder over HTTP, and keeps what was asked for.
type mirror struct {
	*httptest.Server
	dir string

	mu    sync.Mutex
	asked []string
}

func newMirror(t *testing.T) *mirror {
	m := &mirror{dir: t.TempDir()}
	files := http.FileServer(http.Dir(m.dir))
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.asked = append(m.asked, filepath.Base(r.URL.Path))
		m.mu.Unlock()
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(m.Close)
	return m
}

// take returns the packages that were asked for since it was last called, sorted.
func (m *mirror) take() (packages []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range m.asked {
		if strings.HasSuffix(name, ".rpm") {
			packages = append(packages, name)
		}
	}
	m.asked = nil
	slices.Sort(packages)
	return packages
}

// has makes the mirror have the repository of a version of app.
func (m *mirror) has(t *testing.T, version string) {
	t.Helper()
	ws := workspaceOf(t, strings.Replace(atMirror, "VERSION", `"`+version+`"`, 1))
	out, err := command(t, ws, t.TempDir(), "build", "--show-output", "//:repo").Output()
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(m.dir, "7", "x86_64")
	if err := errors.Join(os.RemoveAll(at), os.MkdirAll(filepath.Dir(at), 0o777), os.CopyFS(at, os.DirFS(firstLine(out)))); err != nil {
		t.Fatal(err)
	}
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// realMirror serves real software as a mirror of Fedora would: repositories of
// createrepo_c, one of binary and one of source packages.
func realMirror(t *testing.T) *mirror {
	t.Helper()
	made, err := realRPMs()
	if err != nil {
		t.Fatal(err)
	}
	m := newMirror(t)
	everything := filepath.Join(m.dir, "releases", "43", "Everything")
	binary, source := filepath.Join(everything, "x86_64", "os"), filepath.Join(everything, "source", "tree")
	err = made.link(func(name string) string {
		if strings.HasSuffix(name, ".src.rpm") {
			return filepath.Join(source, "Packages")
		}
		return filepath.Join(binary, "Packages")
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{binary, source} {
		if out, err := exec.CommandContext(t.Context(), "createrepo_c", "--quiet", dir).CombinedOutput(); err != nil {
			t.Fatalf("createrepo_c: %v: %s", err, out)
		}
	}
	return m
}

// realMirrorFlags are how the example is composed of what Debian has, by its names.
func realMirrorFlags(m *mirror) []string {
	const names = "bash coreutils systemd openssl perl libstdc++6 libgomp1 libatm1 curl openssh-server sudo nginx-light " +
		"gnupg man-db tmux rsync htop lsof libwww-perl libxml-libxml-perl python3-requests"
	return []string{"--define=mirror=" + m.URL, "--define=packages=" + names, "--define=python=python3-minimal"}
}

// TestRealMirror composes some hundred packages of real software from a mirror, and dnf
// installs from it.
func TestRealMirror(t *testing.T) {
	m := realMirror(t)
	ws := t.TempDir()
	if err := os.CopyFS(ws, os.DirFS("../../examples/mirror")); err != nil {
		t.Fatal(err)
	}
	composed(t, ws, t.TempDir(), realMirrorFlags(m)...)
	downloaded := m.take()
	if unique := slices.Compact(slices.Clone(downloaded)); len(unique) != len(downloaded) || len(unique) < 200 {
		t.Errorf("downloaded %d packages, %d different ones, want each of some hundred once", len(downloaded), len(unique))
	}
	trees := filepath.Join(ws, "pungo-out", "Mirrored-43-20261127.t.0", "compose")
	for _, tree := range []string{"Base/x86_64/os", "Base/source/tree", "Python/x86_64/os", "Python/source/tree"} {
		if got := newDNF(t, filepath.Join(trees, filepath.FromSlash(tree))).run(t, "repoclosure"); got != "" {
			t.Errorf("%s: repoclosure finds\n%s", tree, got)
		}
	}
	d := newDNF(t, filepath.Join(trees, "Python", "x86_64", "os"))
	d.run(t, "install", "python3-minimal", "bash", "coreutils", "openssl", "perl", "systemd")
	for script, want := range map[string]string{
		`python3 -c 'print(6 * 7)'`:            "42\n",
		`echo 'print 6 * 7' | perl`:            "42",
		`printf abc | openssl dgst -sha256 -r`: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad *stdin\n",
		`systemd-escape --path /usr/share/x`:   "usr-share-x\n",
	} {
		if got := d.runInRoot(t, script); got != want {
			t.Errorf("%s says %q, want %q", script, got, want)
		}
	}
}

// composed builds and returns the digest of the compose.
func composed(t *testing.T, ws, cache string, flags ...string) string {
	t.Helper()
	return composedBy(t, composing(t, ws, cache, flags...))
}

func composing(t *testing.T, ws, cache string, flags ...string) *exec.Cmd {
	t.Helper()
	return command(t, ws, cache, append([]string{"build", "--json", "--date=20261127", "--respin=0", "--new"}, flags...)...)
}

// withoutNetwork makes a command run in a network namespace of its own, where there is
// nothing but a loopback device that is down.
func withoutNetwork(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
	return cmd
}

func composedBy(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var b told
	if err := json.Unmarshal(out, &b); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return b.Digest.String()
}

// fails runs a command that ends with a code, and returns what it says.
func fails(t *testing.T, cmd *exec.Cmd, code int) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != code {
		t.Fatalf("%v, want exit status %d\n%s", err, code, out)
	}
	return string(out)
}

// TestMirror: a compose of a repository downloads metadata and the packages that it
// ships, each once, and is pinned; with the lock and the cache it needs no network, and
// nothing of what the repository has become since.
func TestMirror(t *testing.T) {
	m := newMirror(t)
	m.has(t, "1")
	ws, cache := workspaceOf(t, fromMirror), t.TempDir()
	define := "--define=mirror=" + m.URL

	if got := fails(t, command(t, ws, cache, "build", "--locked", define), exitLocked); !strings.Contains(got, "//:base@x86_64 is not pinned in compose.lock\n") {
		t.Errorf("--locked without a lock says\n%s", got)
	}
	first := composed(t, ws, cache, define)
	if got, want := m.take(), []string{"app-1-1.x86_64.rpm", "lib-1-1.noarch.rpm"}; !slices.Equal(got, want) {
		t.Errorf("downloaded %q, want %q", got, want)
	}
	lock, err := os.ReadFile(filepath.Join(ws, "compose.lock"))
	if err != nil || !strings.Contains(string(lock), "[x86_64]\n//:base@x86_64 repomd sha256:") {
		t.Errorf("the lock is %q, %v", lock, err)
	}

	m.has(t, "2")
	if err := os.RemoveAll(filepath.Join(ws, "pungo-out")); err != nil {
		t.Fatal(err)
	}
	if got := composed(t, ws, cache, define, "--locked", "--offline"); got != first {
		t.Errorf("offline: %s, want %s", got, first)
	}
	got := fails(t, command(t, ws, cache, "lock", "--check", "--update=base", define), exitLocked)
	for _, want := range []string{"//:base@x86_64: revision ", "V.x86_64: 1 up\n  up       app 1-1 -> 2-1 (app)\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("lock --check says\n%s, want %q", got, want)
		}
	}
	if again, err := os.ReadFile(filepath.Join(ws, "compose.lock")); err != nil || !bytes.Equal(again, lock) {
		t.Errorf("--check changed the lock: %s, %v", again, err)
	}
	if packages := m.take(); len(packages) > 0 {
		t.Errorf("lock downloaded %q", packages)
	}
	if out, err := command(t, ws, cache, "lock", "--update=*", define).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := composed(t, ws, cache, define, "--locked", "--respin=1"); got == first {
		t.Error("the newest state makes the old compose")
	}
	if got, want := m.take(), []string{"app-2-1.x86_64.rpm"}; !slices.Equal(got, want) {
		t.Errorf("downloaded %q, want %q", got, want)
	}
	if err := os.WriteFile(filepath.Join(ws, "compose.lock"), lock, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := composedBy(t, withoutNetwork(composing(t, ws, cache, define, "--locked"))); got != first {
		t.Errorf("the old lock makes %s, want %s", got, first)
	}
	got = fails(t, withoutNetwork(command(t, ws, t.TempDir(), "build", "--locked", define)), exitEnvironment)
	if !strings.Contains(got, "connect: network is unreachable") {
		t.Errorf("without network and cache it says\n%s", got)
	}
	if packages := m.take(); len(packages) > 0 {
		t.Errorf("who has no network downloaded %q", packages)
	}
}

// TestClosureOfMirror: whether a tree of somebody else's packages is closed can be told
// by metadata alone, and what its repository has is no finding if it is a lookaside.
func TestClosureOfMirror(t *testing.T) {
	m := newMirror(t)
	m.has(t, "1")
	ws := workspaceOf(t, strings.Replace(fromMirror, `packages = ":packages")`, `packages = ":packages", filter_packages = ["lib"], check_deps = False)`, 1)+`
repoclosure_test(name = "closure", repo = ":repo", strictness = "fatal")

repoclosure_test(name = "users", lookaside = [":base"], repo = ":repo", report = "users", strictness = "fatal")
`)
	cache, define := t.TempDir(), "--define=mirror="+m.URL
	got := fails(t, command(t, ws, cache, "build", define, ":closure"), exitTestFailed)
	if want := "nothing provides lib >= 1, needed by app-1-1.x86_64\n"; !strings.Contains(got, want) {
		t.Errorf("it says\n%s, want %s", got, want)
	}
	if out, err := command(t, ws, cache, "build", define, ":users").CombinedOutput(); err != nil {
		t.Errorf("with a lookaside: %v\n%s", err, out)
	}
	if packages := m.take(); len(packages) > 0 {
		t.Errorf("downloaded %q", packages)
	}
}

// TestDownloadsAtOnce: downloads wait for the mirror, not for cores: with one job there
// are several on the way.
func TestDownloadsAtOnce(t *testing.T) {
	m := newMirror(t)
	m.has(t, "1")
	var asked atomic.Int64
	both := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".rpm") {
			if asked.Add(1) == 2 {
				close(both)
			}
			select {
			case <-both:
			case <-r.Context().Done():
			case <-time.After(20 * time.Second):
				t.Errorf("nobody asks for another package while %s is on its way", r.URL.Path)
			}
		}
		m.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	if out, err := command(t, workspaceOf(t, fromMirror), t.TempDir(), "build", "--jobs=1", "--define=mirror="+slow.URL).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
