package catalogue_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/executor/remote"
	"github.com/pungo-build/pungo/executor/workspace"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/catalogue"
	"github.com/pungo-build/pungo/starlark"
)

var update = flag.Bool("update", false, "rewrite golden files")

func phases() []starlark.Phase {
	var list []starlark.Phase
	for _, p := range catalogue.Phases() {
		list = append(list, starlark.Phase{Name: p.Name, Source: p.Star})
	}
	return list
}

// recorder notes which tool each action ran.
type recorder struct {
	mu    sync.Mutex
	tools map[string]string // key to tool
}

func (r *recorder) Event(e rules.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Kind == rules.ActionFinished {
		r.tools[e.Key] = e.Mnemonic
	}
}

// results is an action cache that can list what it was given.
type results struct {
	*cache.Memory
	mu       sync.Mutex
	recorded map[string]cache.Result // by key
}

func (r *results) Record(ctx context.Context, key cache.Digest, result cache.Result) error {
	r.mu.Lock()
	r.recorded[key.String()] = result
	r.mu.Unlock()
	return r.Memory.Record(ctx, key, result)
}

// composed is what came of a whole compose.
type composed struct {
	tree     cache.Digest
	trees    *cache.Trees
	keys     map[string]cache.Digest // of top-level actions, by instance and tool
	tools    map[string]string       // by key, nested actions too
	results  map[string]cache.Result // by key
	warnings []string                // of tools, "instance: text", in the order of the graph
}

// compose evaluates and builds a definition with everything in memory, and
// fails the test if that fails. Sources come from the folder dir.
func compose(t *testing.T, definition fs.FS, dir string, phases []starlark.Phase) composed {
	t.Helper()
	c, err := tryCompose(t, definition, dir, executor.Options{}, phases)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// tryCompose is compose for definitions that may be wrong. Only the jobs of the
// options count. Programs are run by what strategies return; nobody runs any, and
// images are what pretended makes of them, without it.
func tryCompose(t *testing.T, definition fs.FS, dir string, opts executor.Options, phases []starlark.Phase, strategies ...func(*cache.Trees) executor.Strategy) (composed, error) {
	t.Helper()
	ctx := t.Context()
	graph, err := starlark.Evaluate(ctx, definition, starlark.Options{Phases: phases})
	if err != nil {
		return composed{}, err
	}
	memory := cache.NewMemory(cache.BLAKE3)
	actions := &results{Memory: memory, recorded: map[string]cache.Result{}}
	trees := cache.NewTrees(memory)
	sources, err := workspace.Open(dir, t.TempDir()+"/index", trees, workspace.Options{})
	if err != nil {
		return composed{}, err
	}
	repositories := remote.Open(graph.Repositories, remote.Options{
		Store: memory, Actions: memory, Client: fetch.New(fetch.Options{}), Lock: new(remote.Lock), Root: dir,
	})
	opts.Strategies = []executor.Strategy{pretended{trees}}
	for _, s := range strategies {
		opts.Strategies = []executor.Strategy{s(trees)}
	}
	sink := &recorder{tools: map[string]string{}}
	opts.Tools, opts.Store, opts.Actions, opts.Sink = catalogue.Tools(), memory, actions, sink
	opts.Sources, opts.Downloads = remote.Sources{Workspace: sources, Repositories: repositories}, repositories
	b := executor.New(graph, opts)
	if err := b.Check(ctx, graph.Layout.Outputs...); err != nil {
		return composed{}, err
	}
	b.Stamp(stampOf(graph.Compose))
	if err := b.Run(ctx, graph.Layout.Outputs...); err != nil {
		return composed{}, err
	}
	root, _ := b.Artifact(graph.Layout.Outputs[0])
	c := composed{
		tree: root.Digest, trees: trees, keys: map[string]cache.Digest{},
		tools: sink.tools, results: actions.recorded,
	}
	for i, e := range b.Report().Actions {
		c.keys[fmt.Sprint(e.Instance, " ", e.Mnemonic, " ", i)] = e.Key
		for _, text := range e.Warnings {
			c.warnings = append(c.warnings, e.Instance+": "+text)
		}
	}
	return c, nil
}

// stampOf is the identity under which tests compose.
func stampOf(c *rules.Compose) rules.Stamp {
	s := rules.Stamp{
		Release: c.Release, BaseProduct: c.BaseProduct, Date: "20261122", Type: c.Type, Label: c.Label,
	}
	s.ID = s.DefaultID()
	return s
}

const tiny = "../../examples/tiny"

// samples are composes in which, taken together, every tool does everything that
// makes a difference: each type of variant, each compression.
func samples(t *testing.T) []composed {
	t.Helper()
	made := []composed{compose(t, os.DirFS(tiny), tiny, phases())}
	for _, name := range []string{"testdata/compose/plain.txtar", "testdata/compose/layered.txtar", "testdata/compose/folders.txtar", "testdata/compose/requirements.txtar", "testdata/compose/images.txtar", "testdata/compose/records.txtar", "testdata/compose/extra-files.txtar", "testdata/compose/installer.txtar", "testdata/compose/paths.txtar", "testdata/compose/boot.txtar", "testdata/compose/modules.txtar"} {
		dir := unpack(t, parseArchive(readFile(t, name)))
		made = append(made, compose(t, os.DirFS(dir), dir, phases()))
	}
	modular := made[len(made)-1]
	product := dummyWorkspace(t)
	made = append(made, compose(t, os.DirFS(product), product, phases()))
	signed := newSignedWorkspace(t, made[0]).dir
	return append(made, mirrored(t, "testdata/mirrored.txtar", made[0]), mirrored(t, "testdata/mirrored-modules.txtar", modular), compose(t, os.DirFS(signed), signed, phases()), versioned(t, "testdata/git.txtar"))
}

// versioned composes with files out of a git repository.
func versioned(t *testing.T, name string) composed {
	t.Helper()
	dir := unpack(t, parseArchive(readFile(t, name)))
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch", "main"}, {"add", "."}, {"commit", "--quiet", "--message", "all"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir + "/origin"
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	return compose(t, os.DirFS(dir), dir, phases())
}

// mirrored composes of a repository that another compose has shipped.
func mirrored(t *testing.T, name string, c composed) composed {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := unpack(t, parseArchive(text))
	repo, err := c.trees.Lookup(t.Context(), c.tree, "compose/Server/x86_64/os")
	if err != nil {
		t.Fatal(err)
	}
	if err := materialize.Tree(t.Context(), c.trees, repo.Digest, dir+"/mirror", materialize.Options{}); err != nil {
		t.Fatal(err)
	}
	return compose(t, os.DirFS(dir), dir, phases())
}

// TestToolVersions holds the bytes that every tool makes of the samples against
// a golden. Other bytes under the same version would be taken from caches for
// years.
func TestToolVersions(t *testing.T) {
	outputs := map[string][]string{}
	for _, c := range samples(t) {
		for key, tool := range c.tools {
			for _, n := range c.results[key].Outputs {
				outputs[tool] = append(outputs[tool], n.Name+" "+n.Digest.String())
			}
			outputs[tool] = append(outputs[tool], c.results[key].Warnings...)
		}
	}
	var got strings.Builder
	tools := catalogue.Tools()
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		if outputs[name] == nil {
			t.Errorf("no sample uses tool %s", name)
		}
		slices.Sort(outputs[name])
		all := cache.BLAKE3.Sum([]byte(strings.Join(outputs[name], "\n")))
		fmt.Fprintf(&got, "%s %d %s\n", name, tools[name].Version, all.Short())
	}
	const golden = "testdata/tools.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("tools made other bytes of the samples than before: raise the version of those that changed, then run with -update\ngot:\n%swant:\n%s", got.String(), want)
	}
}

// TestNoPrivateDoors copies the rules that ship with pungo into a workspace,
// under other names, and hides the predeclared ones. A definition that loads the
// copies must come to the same actions, keys and compose: so whatever our rules
// can do, a user's rules can do.
func TestNoPrivateDoors(t *testing.T) {
	ours := compose(t, os.DirFS(tiny), tiny, phases())
	theirs := compose(t, withOwnRules(t, tiny), tiny, nil)
	if ours.tree != theirs.tree {
		t.Errorf("compose tree: got %s, want %s", theirs.tree, ours.tree)
	}
	if !maps.Equal(ours.keys, theirs.keys) {
		t.Errorf("keys differ: got %v, want %v", theirs.keys, ours.keys)
	}
}

// TestNoPrivateDoorsPlanned does the same for the example that uses every feature
// of the language, as far as a plan goes: the same actions in the same order, with
// the same arguments, and the same keys where they are known before a run.
func TestNoPrivateDoorsPlanned(t *testing.T) {
	const dir = "../../examples/fedora-like"
	ours := plan(t, os.DirFS(dir), dir, phases())
	theirs := plan(t, withOwnRules(t, dir), dir, nil)
	if len(ours) < 300 {
		t.Errorf("%d actions, want those of %s", len(ours), dir)
	}
	keyed := 0
	for i := range min(len(ours), len(theirs)) {
		if ours[i] != theirs[i] {
			t.Fatalf("action %d differs:\n%s\n%s", i, theirs[i], ours[i])
		}
		if strings.Contains(ours[i], "blake3:") {
			keyed++
		}
	}
	if len(ours) != len(theirs) || keyed < 50 {
		t.Errorf("%d actions with their rules, %d with ours, %d with keys", len(theirs), len(ours), keyed)
	}
}

// plan evaluates a definition and describes each action of its plan in a line.
func plan(t *testing.T, definition fs.FS, dir string, phases []starlark.Phase) []string {
	t.Helper()
	graph, err := starlark.Evaluate(t.Context(), definition, starlark.Options{Phases: phases})
	if err != nil {
		t.Fatal(err)
	}
	memory := cache.NewMemory(cache.BLAKE3)
	trees := cache.NewTrees(memory)
	sources, err := workspace.Open(dir, t.TempDir()+"/index", trees, workspace.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := executor.New(graph, executor.Options{Tools: catalogue.Tools(), Store: memory, Actions: memory, Sources: sources})
	var want []*rules.Artifact
	for _, a := range graph.Actions {
		want = append(want, a.Outputs...)
	}
	steps, err := b.Plan(t.Context(), append(want, graph.Layout.Outputs...)...)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, s := range steps {
		var args []string
		for _, arg := range s.Action.Args {
			for _, w := range arg {
				text := w.Text + w.Suffix
				if w.Artifact != nil {
					text += w.Artifact.Name
					if w.Artifact.Producer != nil {
						text += " of " + w.Artifact.Producer.String()
					}
				}
				args = append(args, text)
			}
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %q", s.Action, s.Action.Mnemonic(), s.Key, args))
	}
	return lines
}

// public finds what a .star file declares at its top level for others.
var public = regexp.MustCompile(`(?m)^(?:def )?([A-Za-z][A-Za-z0-9_]*)(?: = |\()`)

// rule finds the rules among them.
var rule = regexp.MustCompile(`(?m)^([a-z][a-z0-9_]*) = rule\(`)

// ownName is a name that a phase declares, and what its copy calls it.
type ownName struct{ phase, name, copy string }

// loadAll returns the load() of every name but those that a file has of its own.
func loadAll(names []ownName, text string) string {
	var b strings.Builder
	for _, n := range names {
		own := regexp.MustCompile(`(?m)^` + n.name + ` = |^def ` + n.name + `\(|^load\(.*"` + n.name + `"`)
		if !own.MatchString(text) {
			fmt.Fprintf(&b, "load(\"//phases/%s.star\", %s = %q)\n", n.phase, n.name, n.copy)
		}
	}
	return b.String()
}

// withOwnRules is the workspace dir with copies of all phases in phases/, whose
// rules are called copy_of_NAME there. Its .star files load what they need.
func withOwnRules(t *testing.T, dir string) fs.FS {
	t.Helper()
	workspace := fstest.MapFS{}
	var loads []ownName
	for _, p := range catalogue.Phases() {
		text := string(p.Star)
		renamed := map[string]string{}
		for _, m := range rule.FindAllStringSubmatch(text, -1) {
			renamed[m[1]] = "copy_of_" + m[1]
			call := regexp.MustCompile(`\b` + m[1] + `( = rule)?\(`)
			text = call.ReplaceAllString(text, "copy_of_"+m[1]+"$1(")
		}
		workspace["phases/"+p.Name+".star"] = &fstest.MapFile{Data: []byte(text)}
		for _, m := range public.FindAllStringSubmatch(string(p.Star), -1) {
			if m[1] == "load" {
				continue
			}
			name := m[1]
			if other := renamed[name]; other != "" {
				name = other
			}
			loads = append(loads, ownName{p.Name, m[1], name})
		}
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name == "pungo-out" {
			return fs.SkipDir // somebody composed it
		}
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path.Join(dir, name))
		if strings.HasSuffix(name, ".star") {
			data = append([]byte(loadAll(loads, string(data))), data...)
		}
		workspace[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return workspace
}
