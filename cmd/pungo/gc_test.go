package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCollectedWhileBuilt builds in several workspaces with one cache, again and again,
// while others remove all they can from it, some of whom are killed at random. No build
// fails, and every compose is what it is without anybody about.
func TestCollectedWhileBuilt(t *testing.T) {
	args := []string{"build", "--json", "--date=20261122", "--respin=0"}
	want := completed(t, command(t, workspaceOf(t, manyPackages), t.TempDir(), args...))
	const builders, rounds = 3, 6
	cache := t.TempDir()
	if err := os.MkdirAll(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	var building atomic.Int64
	var group sync.WaitGroup
	for range builders {
		workspace := workspaceOf(t, manyPackages)
		building.Add(1)
		group.Go(func() {
			defer building.Add(-1)
			for range rounds {
				buildAlone(t, command(t, workspace, cache, args...), want.Digest.String())
				if err := os.RemoveAll(filepath.Join(workspace, "pungo-out")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range 2 {
		random := rand.New(rand.NewPCG(3, uint64(n)))
		group.Go(func() {
			for building.Load() > 0 {
				collectAtOnce(t, cache, random)
			}
		})
	}
	group.Wait()
	if out, err := command(t, workspaceOf(t, ""), cache, "cache", "verify").CombinedOutput(); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
	// What is left is enough for nobody to notice.
	got := completed(t, command(t, workspaceOf(t, manyPackages), cache, args...))
	if got.Digest != want.Digest {
		t.Errorf("compose in the end: got %s, want %s", got.Digest, want.Digest)
	}
}

func buildAlone(t *testing.T, cmd *exec.Cmd, want string) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("build: %v\n%s", err, stderr.Bytes())
	} else if !bytes.Contains(stdout.Bytes(), []byte(fmt.Sprintf("%q", want))) {
		t.Errorf("build: got %s, want %s", stdout.Bytes(), want)
	}
}

// collectAtOnce removes everything from a cache, or is killed before.
func collectAtOnce(t *testing.T, cache string, random *rand.Rand) {
	if _, err := os.Stat(filepath.Join(cache, "FORMAT")); err != nil {
		time.Sleep(time.Millisecond) // nobody has built yet
		return
	}
	cmd := command(t, cache, cache, "cache", "gc", "--size=0", "--keep-composes=0")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	killed := random.IntN(3) == 0
	if killed {
		time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
		cmd.Process.Kill()
	}
	if err := cmd.Wait(); err != nil && !killed {
		t.Errorf("gc: %v\n%s", err, output.Bytes())
	}
}
