package starlark_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pungo-build/pungo/starlark"
)

// TestErrors evaluates the chunks of testdata/*.star. Chunks are separated by
// "---"; the first one of a file is put before every other. A line that must
// fail carries ### "regexp", which matches "<column>: <message>", with the stack
// and the hint on lines of their own.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.star")
	if err != nil || len(files) == 0 {
		t.Fatalf("no chunks: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range chunks(string(text)) {
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(file), c.line), func(t *testing.T) {
				testChunk(t, file, c)
			})
		}
	}
}

// chunk is a definition whose line numbers are those of the file it is from.
type chunk struct {
	line   int // of its first line
	source string
	wants  map[int]string // regexps by line
}

func chunks(text string) []chunk {
	parts := strings.Split(text, "\n---\n")
	prelude := parts[0] + "\n"
	line := strings.Count(prelude, "\n") + 2
	var out []chunk
	for _, p := range parts[1:] {
		c := chunk{line: line, wants: map[int]string{}}
		c.source = prelude + strings.Repeat("\n", line-1-strings.Count(prelude, "\n")) + p + "\n"
		for n, l := range strings.Split(p, "\n") {
			if _, want, ok := strings.Cut(l, "### "); ok {
				c.wants[line+n] = want
			}
		}
		line += strings.Count(p, "\n") + 2
		out = append(out, c)
	}
	return out
}

func testChunk(t *testing.T, file string, c chunk) {
	_, err := starlark.Evaluate(context.Background(), chunkFiles(c.source), starlark.Options{Phases: smallPhases, MaxSteps: 100_000})
	if err == nil {
		for line, want := range c.wants {
			t.Errorf("%s:%d: no error, want one that matches %s", file, line, want)
		}
		return
	}
	e := asError(t, err)
	got := strconv.Itoa(e.Pos.Col) + ": " + e.Msg
	for _, s := range e.Stack {
		got += "\nfrom " + s.String()
	}
	if e.Hint != "" {
		got += "\nhint: " + e.Hint
	}
	quoted, ok := c.wants[e.Pos.Line]
	if !ok || e.Pos.File != "compose.star" {
		t.Fatalf("%s:%d: unexpected error:\n%v", file, e.Pos.Line, err)
	}
	want, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatalf("%s:%d: %s is not quoted", file, e.Pos.Line, quoted)
	}
	if !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("%s:%d: got %q, want a match of %q", file, e.Pos.Line, got, want)
	}
}

// chunkFiles is the workspace of a chunk.
func chunkFiles(source string) fstest.MapFS {
	files := maps.Clone(workspace(`
-- rpms/a.rpm --
-- comps.xml --
-- lib/variants.star --
common = ["core"]
def broken():
    return 1 // 0
-- lib/unclosed.star --
x = (
-- lib/a.star --
load("//lib/b.star", "b")
a = 1
-- lib/b.star --
load(":a.star", "a")
b = 1
-- lib/declares.star --
package_dir(name = "x", path = "rpms")
`))
	files["compose.star"] = &fstest.MapFile{Data: []byte(source)}
	return files
}
