package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestXorrisoKilled: an image whose program is killed is an error that says so, leaves
// nothing behind, and is made by the next build.
func TestXorrisoKilled(t *testing.T) {
	workspace, cache := workspaceOf(t, `
compose(name = "T", short = "T", version = "1", type = "test", arches = ["x86_64"])
variant(name = "V")
rpm(name = "a", version = "1")
pkgset(name = "packages", sources = [":a"])
gather(name = "gather", additional_packages = ["a"], packages = ":packages")
createrepo(name = "repo", packages = ":gather")
extra_files(name = "extras", files = {"large": "large"}, trees = ["os"])
createiso(name = "dvd", content = [":repo", ":extras"], trees = ["os"])
metadata(name = "metadata")
`), t.TempDir()
	large := filepath.Join(workspace, "large")
	if err := errors.Join(os.WriteFile(large, nil, 0o666), os.Truncate(large, 300_000_000)); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := command(t, workspace, cache, "build")
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := make(chan bool)
	go func() { killed <- killBelow(cmd.Process.Pid, "xorriso", time.Minute) }()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
	if !<-killed {
		t.Fatal("there was no xorriso to kill")
	}
	if !strings.Contains(stderr.String(), "\n  xorriso: exit status 137: killed by SIGKILL\n") {
		t.Errorf("got %s", &stderr)
	}
	for _, pattern := range []string{cache + "/tmp/*", cache + "/*/pungo-run-*", workspace + "/pungo-out/T-1-*"} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("left behind: %q, error %v", left, err)
		}
	}
	completed(t, command(t, workspace, cache, "build", "--json"))
	if out, err := command(t, workspace, cache, "cache", "verify").CombinedOutput(); err != nil {
		t.Errorf("cache verify: %v\n%s", err, out)
	}
}

// killBelow kills the first process of a name that another one has started, however
// far below, once it is there.
func killBelow(pid int, name string, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return false
		}
		for _, e := range entries {
			p, err := strconv.Atoi(e.Name())
			if err != nil {
				continue
			}
			if comm, parent := statusOf(p); comm == name && isBelow(parent, pid) {
				return syscall.Kill(p, syscall.SIGKILL) == nil
			}
		}
		if syscall.Kill(pid, 0) != nil {
			return false
		}
	}
	return false
}

// statusOf returns the name and the parent of a process, "" if there is none.
func statusOf(pid int) (name string, parent int) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return "", 0
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		switch key {
		case "Name":
			name = value
		case "PPid":
			parent, _ = strconv.Atoi(value)
		}
	}
	return name, parent
}

func isBelow(pid, ancestor int) bool {
	for pid > 1 {
		if pid == ancestor {
			return true
		}
		_, pid = statusOf(pid)
	}
	return false
}
