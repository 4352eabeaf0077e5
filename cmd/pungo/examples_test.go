package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pungo-build/pungo/rules"
)

// TestExamples builds every example twice: in two folders, with one job and with
// eight, from one cache. Both are the same compose, and the second run executes
// nothing. Then a third time without a cache, which must not show either.
func TestExamples(t *testing.T) {
	examples, err := filepath.Glob("../../examples/*/compose.star")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, definition := range examples {
		dir := filepath.Dir(definition)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cache := t.TempDir()
			var flags []string
			switch filepath.Base(dir) {
			case "mirror":
				flags = realMirrorFlags(realMirror(t))
			case "bootable":
				dir = bootableExample(t)
			}
			first := buildExample(t, dir, cache, append(flags, "--jobs=1")...)
			second := buildExample(t, dir, cache, append(flags, "--jobs=8")...)
			fresh := buildExample(t, dir, t.TempDir(), append(flags, "--jobs=3")...)
			if first.told.Digest != second.told.Digest || first.told.Digest != fresh.told.Digest {
				t.Errorf("composes differ: %s, %s, %s", first.told.Digest, second.told.Digest, fresh.told.Digest)
			}
			if first.ran == 0 {
				t.Error("the first run executed nothing")
			}
			if second.ran != 0 {
				t.Errorf("the second run executed %d actions", second.ran)
			}
		})
	}
}

type builtExample struct {
	told told
	ran  int // actions executed, nested ones too
}

// copyExample returns a copy of an example, without what somebody built in it.
func copyExample(t *testing.T, dir string) (workspace string) {
	t.Helper()
	workspace = filepath.Join(t.TempDir(), "workspace")
	if err := os.CopyFS(workspace, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(workspace, "pungo-out")); err != nil {
		t.Fatal(err)
	}
	return workspace
}

// buildExample builds a copy of an example.
func buildExample(t *testing.T, dir, cache string, flags ...string) builtExample {
	t.Helper()
	workspace := copyExample(t, dir)
	events := filepath.Join(t.TempDir(), "events")
	args := append([]string{"build", "--json", "--date=20261122", "--respin=0", "--events=" + events}, flags...)
	cmd := command(t, workspace, cache, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == exitIncomplete) {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var b builtExample
	if err := json.Unmarshal(out, &b.told); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines, err := os.ReadFile(events)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(lines) {
		var e rules.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("event %s: %v", line, err)
		}
		if e.Kind == rules.ActionFinished && (e.Status == rules.Ran || e.Status == rules.TestFailed) {
			b.ran++
		}
	}
	return b
}
