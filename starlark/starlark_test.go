package starlark_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/starlark"
)

var update = flag.Bool("update", false, "write golden files anew")

// workspace makes a file system of "-- name --" sections; what stands before the
// first one is compose.star.
func workspace(archive string) fstest.MapFS {
	files := fstest.MapFS{}
	name := "compose.star"
	var text strings.Builder
	flush := func() { files[name] = &fstest.MapFile{Data: []byte(text.String())} }
	for line := range strings.Lines(archive) {
		if rest, ok := strings.CutPrefix(line, "-- "); ok {
			flush()
			text.Reset()
			name = strings.TrimSuffix(strings.TrimSpace(rest), " --")
			continue
		}
		text.WriteString(line)
	}
	flush()
	return files
}

// TestGraphs evaluates the definitions testdata/*.txt and compares their graphs
// with testdata/*.graph.
func TestGraphs(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g, err := starlark.Evaluate(context.Background(), workspace(string(text)), starlark.Options{Phases: smallPhases})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".txt")+".graph", dump(g))
			checkGraph(t, g)
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update to accept):\n%s", file, got)
	}
}

// checkGraph checks what holds for every graph: producers come before
// consumers, each artifact has one, and owners know their actions.
func checkGraph(t *testing.T, g *rules.Graph) {
	t.Helper()
	made := map[*rules.Artifact]bool{}
	for _, a := range g.Actions {
		for _, f := range a.Inputs() {
			if f.Source == nil && !made[f] {
				t.Errorf("%s: %s reads %s before it is made", a, a.Mnemonic(), f.Name)
			}
		}
		for _, f := range a.Outputs {
			if f.Producer != a || made[f] {
				t.Errorf("%s: %s is made by another action too", a, f.Name)
			}
			made[f] = true
		}
	}
	for _, d := range g.Deliveries {
		if !made[d.Tree] && d.Tree.Source == nil {
			t.Errorf("%s delivers %s, which nothing makes", d.Owner.Instance, d.Tree.Name)
		}
	}
}

// asError returns the *rules.Error that every mistake in a definition is.
func asError(t *testing.T, err error) *rules.Error {
	t.Helper()
	var e *rules.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T: %v, want a *rules.Error", err, err)
	}
	return e
}

// smallPhases stand for the phases that ship with pungo.
var smallPhases = []starlark.Phase{{Name: "sources", Source: []byte(`
Packages = provider(doc = "Packages.", fields = {"os": "Folder.", "debug": "Folder.", "src": "Folder."})

def _package_dir_impl(ctx):
    out = ctx.actions.declare_directory("packages")
    args = ctx.actions.args()
    args.add("--rpms", ctx.attr.path)
    args.add("--output", out)
    ctx.actions.tool(tool = "package_index", args = [args], outputs = [out])
    return [Packages(os = out, debug = out, src = out)]

package_dir = rule(
    implementation = _package_dir_impl,
    doc = "Packages of a folder.",
    per = "compose",
    provides = [Packages],
    attrs = {"path": attr.file(mandatory = True, directory = True, suffix = ".rpm", sharded = True, doc = "The folder.")},
)
`)}, {Name: "trees", Source: []byte(`
load(":sources.star", "Packages")

Repo = provider(doc = "A repository.", fields = {"tree": "Folder."})

def _impl(ctx):
    tree = ctx.actions.declare_directory("repo")
    args = ctx.actions.args()
    for dep in ctx.attr.packages:
        args.add("--packages", getattr(dep[Packages], ctx.tree))
    args.add("--output", tree)
    ctx.actions.tool(tool = "createrepo", args = args, outputs = [tree])
    ctx.deliver("{variant}/{arch}/{tree}", tree)
    return [Repo(tree = tree)]

repository = rule(
    implementation = _impl,
    doc = "A repository.",
    per = "tree",
    provides = [Repo],
    attrs = {"packages": attr.label(mandatory = True, expand = True, providers = [Packages], doc = "Packages.")},
)
`)}}
