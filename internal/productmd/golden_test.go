package productmd

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the files in testdata that tests compare with")

// The files below testdata/dummy were recorded from a compose that Pungi made
// of its test product, and are never rewritten. "*" stands in them for what
// depends on the run.

// file is what writes itself.
type file interface{ Encode(w io.Writer) error }

func encode(t *testing.T, f file) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// golden compares with a file in testdata.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	sameText(t, path, got, readFile(t, path))
}

// sameText reports the first line that differs.
func sameText(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Errorf("%s: line %d: got %q, want %q", what, i+1, gotLines[i], wantLines[i])
			return
		}
	}
	t.Errorf("%s: got %d lines, want %d", what, len(gotLines), len(wantLines))
}

func TestDummyRPMs(t *testing.T) {
	want := strings.TrimSuffix(readFile(t, "testdata/dummy/rpms.json"), "\n")
	r, err := ParseRPMs(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(r.RPMs); got != 267 {
		t.Errorf("got %d packages, want 267", got)
	}
	sameText(t, "rpms.json", encode(t, r), want)
}

func TestDummyModules(t *testing.T) {
	want := strings.TrimSuffix(readFile(t, "testdata/dummy/modules.json"), "\n")
	sameText(t, "modules.json", encode(t, &Modules{Compose: dummyIdentity().Compose()}), want)
}

func dummyIdentity() Identity {
	return Identity{Release: ReleaseID{Short: "DP", Version: "1.0"}, Date: "20261122", Type: Test}
}

// dummyTimestamp replaces the time that the recorded files leave open.
const dummyTimestamp = "1795305600"

func TestDummyTreeInfo(t *testing.T) {
	paths, err := filepath.Glob("testdata/dummy/treeinfo/*.treeinfo")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := strings.ReplaceAll(readFile(t, path), "= *", "= "+dummyTimestamp)
			parsed, err := ParseTreeInfo(strings.NewReader(want))
			if err != nil {
				t.Fatal(err)
			}
			// The recorded files are without the notices of [general].
			var got []string
			for line := range strings.Lines(encode(t, parsed)) {
				if !strings.HasPrefix(line, noticePrefix) {
					got = append(got, line)
				}
			}
			sameText(t, path, strings.TrimSpace(strings.Join(got, "")), strings.TrimSpace(want))
		})
	}
}
