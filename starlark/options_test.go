package starlark_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/starlark"
)

// two is a definition with two variants, two arches and a package each.
const two = `
compose(name = "Tiny", short = "Tiny", version = "1.0", type = "nightly", arches = ["x86_64", "aarch64"], label = define("label", "Beta-1.0"))
variant(name = "Server")
variant(name = "optional", parent = "Server", type = "optional")
variant(name = "Desktop", arches = ["x86_64"])

def _impl(ctx):
    out = ctx.actions.declare_file("out")
    args = ctx.actions.args()
    args.add_all("--in", [str(dep.cell) for dep in ctx.attr.others])
    args.add("--parent", ctx.attr.parent and str(ctx.attr.parent.cell))
    args.add_all("--variant", [v.uid + "/" + "+".join(v.arches) for v in ctx.compose.variants])
    args.add_joined("--arches", ctx.compose.arches)
    ctx.actions.tool(tool = "look", args = [args, out], outputs = [out])

look = rule(implementation = _impl, per = "variant.arch", attrs = {"others": attr.label(expand = True), "parent": attr.label()})
sources = rule(implementation = _impl, per = "tree", trees = ["src"], attrs = {"others": attr.label(expand = True), "parent": attr.label()})

look(name = "a", parent = "@parent")
look(name = "desktop", variants = ["Desktop"])
sources(name = "src", others = ":a")
`

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options starlark.Options
		want    []string // in the dump, in that order
		not     []string
	}{
		{
			name: "whole",
			want: []string{"@Server.x86_64\n", "@Server-optional.aarch64 -> //:a@Server.aarch64\n", "//:desktop", "@Desktop.x86_64", "@Server.src -> //:a@Server.x86_64 //:a@Server.aarch64\n"},
		},
		{
			name:    "one arch",
			options: starlark.Options{Arches: []string{"aarch64"}},
			want:    []string{"--variant Server/aarch64 --variant Server-optional/aarch64 --arches aarch64", "//:desktop look per variant.arch\ntarget", "@Server.src -> //:a@Server.aarch64\n"},
			not:     []string{"x86_64", "@Desktop"},
		},
		{
			name:    "a child without its parent",
			options: starlark.Options{Variants: []string{"Server-optional"}},
			want:    []string{"  @Server-optional.x86_64\n    look --variant Server-optional/x86_64+aarch64 --arches x86_64,aarch64 >out\n"},
			not:     []string{"@Server.", "@Desktop"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := starlark.Evaluate(context.Background(), workspace(two), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			got := dump(g)
			rest := got
			for _, want := range tt.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("got no %q (in that order) in:\n%s", want, got)
				}
				rest = after
			}
			for _, not := range tt.not {
				if strings.Contains(got, not) {
					t.Errorf("got %q in:\n%s", not, got)
				}
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	for _, tt := range []struct {
		name      string
		options   starlark.Options
		wantType  string
		wantLabel string
		wantFinal bool
	}{
		{"from the definition", starlark.Options{}, "nightly", "Beta-1.0", false},
		{"overridden", starlark.Options{Type: "production", Label: "RC-2.0"}, "production", "RC-2.0", true},
		{"by define", starlark.Options{Defines: map[string]string{"label": "Update-1.1"}}, "nightly", "Update-1.1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, err := starlark.Evaluate(context.Background(), workspace(two), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if c := g.Compose; c.Type != tt.wantType || c.Label != tt.wantLabel || c.Final != tt.wantFinal {
				t.Errorf("got type %q, label %q, final %v, want %q, %q, %v", c.Type, c.Label, c.Final, tt.wantType, tt.wantLabel, tt.wantFinal)
			}
		})
	}
}

// minimal is the smallest definition.
const minimal = `compose(name = "T", short = "T", version = "1", arches = ["x86_64"])` + "\n"

// TestOtherErrors has the mistakes that are not on a line of compose.star.
func TestOtherErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		files   string
		options starlark.Options
		want    string // all of the error
	}{
		{
			name: "no compose.star", files: "-- other.star --\n",
			want: "compose.star: compose() is not called",
		},
		{
			name: "compose() is not called", files: `variant(name = "Server")`,
			want: "compose.star: compose() is not called",
		},
		{
			name: "unknown variant", files: two, options: starlark.Options{Variants: []string{"Sever"}},
			want: `--variant Sever: the compose has "Server", "Server-optional" or "Desktop"; did you mean "Server"?`,
		},
		{
			name: "unknown arch", files: two, options: starlark.Options{Arches: []string{"x86-64"}},
			want: `--arch x86-64: the compose has "x86_64" or "aarch64"; did you mean "x86_64"?`,
		},
		{
			name: "unknown type", files: two, options: starlark.Options{Type: "nightli"},
			want: `--type: "nightli" is not one of "production", "nightly", "test", "ci" or "development"; did you mean "nightly"?`,
		},
		{
			name: "bad label", files: two, options: starlark.Options{Label: "Beta"},
			want: `--label: label "Beta", want <milestone>-<major>.<minor>, for example "RC-1.0"`,
		},
		{
			name: "unknown define", files: two, options: starlark.Options{Defines: map[string]string{"lable": "x"}},
			want: `--define lable: no file of the definition asks for it; did you mean "label"?`,
		},
		{
			name: "define of another type", files: `x = define("n", 1)`, options: starlark.Options{Defines: map[string]string{"n": "1x"}},
			want: `compose.star:1:5: --define n=1x: want a number`,
		},
		{
			name: "define of a bool", files: `x = define("n", True)`, options: starlark.Options{Defines: map[string]string{"n": "yes"}},
			want: `compose.star:1:5: --define n=yes: want true or false`,
		},
		{
			name: "in a package", files: minimal + "-- sub/compose.star --\n\nx = 1 // 0\n",
			want: "sub/compose.star:2:7: floored division by zero",
		},
		{
			name: "compose() in a package", files: minimal + "-- sub/compose.star --\n" + minimal,
			want: "sub/compose.star:1:1: compose: called below the root, whose compose.star calls it\n  hint: the output of builds and folders that begin with a dot are not read",
		},
		{
			name: "in a loaded file", files: minimal + `load("//lib/a.star", "f")` + "\nf(0)\n-- lib/a.star --\ndef f(n):\n    return 1 // n\n",
			want: "lib/a.star:2:14: floored division by zero\n  called from compose.star:3:1",
		},
		{
			name: "syntax of a loaded file", files: minimal + `load("//lib/a.star", "f")` + "\n-- lib/a.star --\nx = (\n",
			want: "lib/a.star:2:1: got end of file, want primary expression",
		},
		{
			name: "cycle of loads", files: minimal + `load("//a.star", "a")` + "\n-- a.star --\nload(\":b.star\", \"b\")\na = 1\n-- b.star --\nload(\"//a.star\", \"a\")\nb = 1\n",
			want: "b.star:1:1: cycle of loads: a.star -> b.star -> a.star",
		},
		{
			name: "target in a loaded file", files: minimal + `load("//a.star", "a")` + "\n-- a.star --\npackage_dir(name = \"x\", path = \"y\")\na = 1\n", options: starlark.Options{Phases: smallPhases},
			want: "a.star:1:1: package_dir: declared by a loaded file, want compose.star or a function that it calls",
		},
		{
			name: "variant in a loaded file", files: minimal + `load("//a.star", "a")` + "\n-- a.star --\nvariant(name = \"x\")\na = 1\n",
			want: "a.star:1:1: variant: declared by a loaded file, want compose.star or a function that it calls",
		},
		{
			name: "large file", files: minimal + `load("//a.star", "a")` + "\n-- a.star --\n#" + strings.Repeat("x", 1<<20) + "\n",
			want: "a.star: 1048578 bytes, want at most 1048576",
		},
		{
			name: "dependency left out", files: two + `must = rule(implementation = _impl, per = "variant.arch", attrs = {"others": attr.label(mandatory = True, expand = True), "parent": attr.label()})
must(name = "must", variants = ["Server"], others = ":a@Desktop.x86_64")
`, options: starlark.Options{Variants: []string{"Server"}},
			want: "compose.star:23:53: //:must@Server.x86_64: attribute \"others\": asks for //:a@Desktop.x86_64, which does not exist\n  hint: --variant or --arch leaves it out",
		},
		{
			name: "phase with a mistake", files: minimal, options: starlark.Options{Phases: []starlark.Phase{{Name: "p", Source: []byte("x = y\n")}}},
			want: `@pungo//p.star:1:5: "y" is not defined`,
		},
		{
			name: "phase without docs", files: minimal, options: starlark.Options{Phases: []starlark.Phase{{Name: "p", Source: []byte("a = attr.string()\n")}}},
			want: "@pungo//p.star:1:5: attr.string: doc is missing",
		},
		{
			name: "phase that loads what is not there", files: minimal, options: starlark.Options{Phases: []starlark.Phase{{Name: "p", Source: []byte("load(\":q.star\", \"x\")\n")}}},
			want: `@pungo//p.star:1:1: load ":q.star": no such phase`,
		},
		{
			name: "two phases with one name", files: minimal, options: starlark.Options{Phases: []starlark.Phase{{Name: "p", Source: []byte("x = 1\n")}, {Name: "q", Source: []byte("x = 1\n")}}},
			want: `@pungo//q.star: "x" is defined already`,
		},
		{
			name: "macro of a phase", files: minimal + "m(name = \"x\")\n", options: starlark.Options{Phases: []starlark.Phase{{Name: "p", Source: []byte("def m(name):\n    return name.x\n")}}},
			want: `compose.star:2:1: string has no .x field or method (in @pungo//p.star:2:16)`,
		},
		{
			name: "phase that fails", files: minimal + "m(name = \"x\")\n", options: starlark.Options{Phases: []starlark.Phase{{Name: "p", Source: []byte("def m(name):\n    fail(name + \" is wrong\")\n")}}},
			want: `compose.star:2:1: x is wrong`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := starlark.Evaluate(context.Background(), workspace(tt.files), tt.options)
			if err == nil {
				t.Fatal("no error")
			}
			if e := asError(t, err); e.Error() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", e, tt.want)
			}
		})
	}
}

func TestNoDefinition(t *testing.T) {
	_, err := starlark.Evaluate(context.Background(), fstest.MapFS{}, starlark.Options{})
	if got, want := asError(t, err).Error(), "compose.star: no such file"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPackages: the root comes first, then folders in the order of their paths;
// hidden ones and outputs are not looked at.
func TestPackages(t *testing.T) {
	files := workspace(minimal + `t(name = "root")
-- b/compose.star --
t(name = "b", file = "x.txt", dep = ":c")
t(name = "c")
-- b/x.txt --
-- a/z/compose.star --
t(name = "z", dep = "//b", file = "//b:c")
-- a/compose.star --
t(name = "a", dep = "//:root")
-- .git/compose.star --
fail("hidden")
-- pungo-out/compose.star --
fail("output")
-- pungo-out/.pungo/lock --
-- a/elsewhere/.pungo/lock --
-- a/elsewhere/T-1-1.n.0/compose.star --
fail("output")
-- .pungo/lock --
`)
	phase := starlark.Phase{Name: "t", Source: []byte(`
def _impl(ctx):
    out = ctx.actions.declare_file("out")
    args = ctx.actions.args()
    args.add("--file", ctx.attr.file)
    args.add("--dep", ctx.attr.dep and str(ctx.attr.dep.label))
    ctx.actions.tool(tool = "t", args = [args, out], outputs = [out])

t = rule(implementation = _impl, per = "compose", doc = "A target.", attrs = {"file": attr.file(doc = "A file."), "dep": attr.label(doc = "A target.")})
`)}
	g, err := starlark.Evaluate(context.Background(), files, starlark.Options{Phases: []starlark.Phase{phase}})
	if err != nil {
		t.Fatal(err)
	}
	want := `target //:root t per compose
  @
    t >out
target //a:a t per compose
  @ -> //:root
    t --dep //:root >out
target //a/z:z t per compose
  @ -> //b:c //b:b
    t --file <//b:c out> --dep //b:b >out
target //b:b t per compose
  @ -> //b:c
    t --file <b/x.txt> --dep //b:c >out
target //b:c t per compose
  @
    t >out
`
	if got := dump(g); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if want := []string{"a/compose.star", "a/z/compose.star", "b/compose.star", "compose.star"}; !slices.Equal(g.Files, want) {
		t.Errorf("got files %q, want %q", g.Files, want)
	}
}

// listing is a file system that says what its files are called, and about nothing
// but folders and definitions anything more.
type listing struct {
	fstest.MapFS
	t *testing.T
}

func (l listing) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := l.MapFS.ReadDir(name)
	for i := range entries {
		entries[i] = listed{entries[i], l.t}
	}
	return entries, err
}

type listed struct {
	fs.DirEntry
	t *testing.T
}

func (e listed) Info() (fs.FileInfo, error) {
	e.t.Errorf("%s: its status was asked for", e.Name())
	return e.DirEntry.Info()
}

// TestPackagesByName: a workspace with 60,000 RPMs is listed, not looked at.
func TestPackagesByName(t *testing.T) {
	files := workspace(minimal + "-- rpms/a.rpm --\n-- rpms/b/c.rpm --\n-- lib/compose.star --\n")
	if _, err := starlark.Evaluate(context.Background(), listing{files, t}, starlark.Options{}); err != nil {
		t.Fatal(err)
	}
}

// TestFileNames: dots in names are no folders, and the root has a name of its own.
func TestFileNames(t *testing.T) {
	files := workspace(minimal + `
load(":..odd.star", "odd")
load("//lib/a..b.star", "even")

def _impl(ctx):
    out = ctx.actions.declare_file("out")
    ctx.actions.tool(tool = "t", args = [ctx.attr.dir, ctx.attr.file, out], outputs = [out])

t = rule(implementation = _impl, per = "compose", attrs = {"file": attr.file(), "dir": attr.file(directory = True)})
t(name = "x", file = "..x", dir = ".")
-- ..odd.star --
odd = 1
-- lib/a..b.star --
even = 2
-- ..x --
`)
	g, err := starlark.Evaluate(context.Background(), files, starlark.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range g.Actions[0].Inputs() {
		got = append(got, f.Name+" "+f.Source.Path)
	}
	if want := []string{"workspace .", "..x ..x"}; !slices.Equal(got, want) {
		t.Errorf("got inputs %q, want %q", got, want)
	}
}

// TestDigest: the digest of a definition depends on its files, on the values of
// define() and on the phases, and on nothing else.
func TestDigest(t *testing.T) {
	digest := func(files string, options starlark.Options) cache.Digest {
		t.Helper()
		g, err := starlark.Evaluate(context.Background(), workspace(files), options)
		if err != nil {
			t.Fatal(err)
		}
		return g.Digest
	}
	plain := digest(two, starlark.Options{})
	for _, tt := range []struct {
		name    string
		files   string
		options starlark.Options
		same    bool
	}{
		{"again", two, starlark.Options{}, true},
		{"other files", two + "-- unused.star --\nx = 1\n", starlark.Options{}, true},
		{"restricted", two, starlark.Options{Arches: []string{"x86_64"}, Type: "test"}, true},
		{"comment", two + "#\n", starlark.Options{}, false},
		{"define", two, starlark.Options{Defines: map[string]string{"label": "Beta-1.1"}}, false},
		{"package", two + "-- sub/compose.star --\n", starlark.Options{}, false},
		{"phases", two, starlark.Options{Phases: smallPhases}, false},
		{"function", two, starlark.Options{Function: cache.SHA256}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := digest(tt.files, tt.options) == plain; got != tt.same {
				t.Errorf("equal: got %v, want %v", got, tt.same)
			}
		})
	}
}

// TestDeterministic: equal definitions give equal graphs.
func TestDeterministic(t *testing.T) {
	text, err := os.ReadFile("testdata/depend.txt")
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for range 10 {
		g, err := starlark.Evaluate(context.Background(), workspace(string(text)), starlark.Options{Phases: smallPhases})
		if err != nil {
			t.Fatal(err)
		}
		if got := dump(g); first == "" {
			first = got
		} else if got != first {
			t.Fatal("graphs differ")
		}
	}
}

func TestPrint(t *testing.T) {
	var got []string
	files := minimal + "def f(x):\n    print(\"f\", x)\nf(1)\nprint(select({}))\n"
	_, err := starlark.Evaluate(context.Background(), workspace(files), starlark.Options{Print: func(at rules.Position, text string) {
		got = append(got, at.String()+" "+text)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"compose.star:3:5 f 1", "compose.star:5:1 select(...)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	files := minimal + "def f():\n    for i in range(1 << 30):\n        pass\nprint(\"ready\")\nf()\n"
	options := starlark.Options{MaxSteps: 1 << 40, Print: func(rules.Position, string) { cancel() }}
	start := time.Now()
	_, err := starlark.Evaluate(ctx, workspace(files), options)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v, want less than a second", took)
	}
}

// panickyFS is a workspace with a bug.
type panickyFS struct{}

func (panickyFS) Open(string) (fs.File, error) { panic(fmt.Errorf("open: %w", fs.ErrInvalid)) }

func TestBug(t *testing.T) {
	_, err := starlark.Evaluate(context.Background(), panickyFS{}, starlark.Options{})
	var bug *starlark.Bug
	if !errors.As(err, &bug) || len(bug.Stack) == 0 || !errors.Is(err, fs.ErrInvalid) {
		t.Fatalf("got %v, want a *starlark.Bug with a stack", err)
	}
	if want := "a bug of pungo in evaluation: open: invalid argument"; bug.Error() != want {
		t.Errorf("got %q, want %q", bug, want)
	}
}

// TestConfined: what a file system confines, nobody reads: links that leave the
// root are errors, links inside it are followed.
func TestConfined(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.star")
	for name, text := range map[string]string{
		outside:                         "secret = 1\n",
		filepath.Join(dir, "real.star"): "x = 1\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("real.star", filepath.Join(dir, "inside.star")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "outside.star")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, tt := range []struct{ name, load, want string }{
		{"inside", "//inside.star", ""},
		{"outside", "//outside.star", "a symbolic link leads out of the workspace"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := minimal + fmt.Sprintf("load(%q, x = %q)\n", tt.load, map[bool]string{true: "x", false: "secret"}[tt.want == ""])
			if err := os.WriteFile(filepath.Join(dir, "compose.star"), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := starlark.Evaluate(context.Background(), root.FS(), starlark.Options{})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
