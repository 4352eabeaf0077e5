package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// world is a store, a workspace and the tools of the tests; builds come and go.
type world struct {
	*cache.Memory
	files map[string]cache.Node // of the workspace
	// again stores a file or folder of the workspace anew, once it was forgotten.
	again     map[string]func()
	forgotten map[string]bool
	tools     map[string]*rules.Tool

	mu       sync.Mutex
	ran      []string // first arguments of runs, in order
	events   []rules.Event
	resolved int
}

func newWorld() *world {
	w := &world{Memory: cache.NewMemory(cache.BLAKE3), files: map[string]cache.Node{}, again: map[string]func(){}, forgotten: map[string]bool{}, tools: map[string]*rules.Tool{}}
	w.add("concat", w.concat)
	w.add("fail", func(context.Context, *rules.Job, params) error { return errors.New("it is broken") })
	w.add("panic", func(context.Context, *rules.Job, params) error { panic("no such thing") })
	w.add("verdict", func(ctx context.Context, j *rules.Job, p params) error {
		j.Fail()
		return j.Write(ctx, p.Output, []byte("bad"))
	})
	w.add("wait", func(ctx context.Context, j *rules.Job, p params) error {
		<-ctx.Done()
		return ctx.Err()
	})
	w.add("fan", w.fan)
	w.add("read", w.read)
	return w
}

// params of every tool of the tests.
type params struct {
	Output string   `arg:"output"`
	In     []string `arg:"in"`
	Text   []string `arg:"text"`
	Fatal  string   `arg:"fatal"`
}

func (w *world) add(name string, run func(context.Context, *rules.Job, params) error) {
	w.tools[name] = &rules.Tool{Name: name, Version: 1, Params: params{}, Run: func(ctx context.Context, j *rules.Job) error {
		var p params
		if err := rules.Parse(j.Args, &p); err != nil {
			return err
		}
		w.mu.Lock()
		w.ran = append(w.ran, name+" "+strings.Join(j.Args, " "))
		w.mu.Unlock()
		return run(ctx, j, p)
	}}
}

// concat writes its texts and the content of its inputs, in order.
func (w *world) concat(ctx context.Context, j *rules.Job, p params) error {
	out := []byte(strings.Join(p.Text, ""))
	for _, path := range p.In {
		b, err := j.Read(ctx, path)
		if err != nil {
			return err
		}
		out = append(out, b...)
	}
	return j.Write(ctx, p.Output, out)
}

// read writes the content of all files below a folder.
func (w *world) read(ctx context.Context, j *rules.Job, p params) error {
	var out []byte
	for _, path := range p.In {
		n, err := j.Input(ctx, path)
		if err != nil {
			return err
		}
		err = j.Trees.Walk(ctx, n.Digest, func(_ string, n cache.Node) error {
			if n.Kind != cache.FileKind {
				return nil
			}
			b, err := j.Trees.Store().Get(ctx, n.Digest)
			out = append(out, b...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return j.Write(ctx, p.Output, out)
}

// fan makes a folder with what a nested concat makes of each file of its input.
func (w *world) fan(ctx context.Context, j *rules.Job, p params) error {
	in, err := j.Input(ctx, p.In[0])
	if err != nil {
		return err
	}
	dir, err := j.Trees.Read(ctx, in.Digest)
	if err != nil {
		return err
	}
	nodes := make([]cache.Node, len(dir))
	err = j.Each(ctx, len(dir), func(ctx context.Context, i int) error {
		n := dir[i]
		n.Name = "file"
		r, err := j.Call(ctx, rules.Call{Tool: "concat", Args: []string{"--output", "made", "--text", "<", "--in", "file"}, Inputs: []cache.Node{n}})
		if err != nil {
			return err
		}
		nodes[i], _ = r.Output("made")
		nodes[i].Name = dir[i].Name
		return nil
	})
	if err != nil {
		return err
	}
	d, err := j.Trees.Write(ctx, nodes)
	j.Output(p.Output, cache.Node{Kind: cache.DirKind, Digest: d})
	return err
}

// Resolve implements Sources.
func (w *world) Resolve(_ context.Context, s *rules.Source) (cache.Node, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resolved++
	if w.forgotten[s.Path] {
		w.again[s.Path]()
	}
	n, ok := w.files[s.Path]
	if !ok {
		return cache.Node{}, fmt.Errorf("%q: no such file", s.Path)
	}
	return n, nil
}

// Forget implements Forgetter.
func (w *world) Forget(s *rules.Source) { w.forgotten[s.Path] = true }

// Event implements rules.Sink.
func (w *world) Event(e rules.Event) { w.events = append(w.events, e) }

func (w *world) file(t *testing.T, path, content string) {
	d, err := w.Put(t.Context(), []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	w.files[path] = cache.Node{Kind: cache.FileKind, Digest: d}
}

// folder makes n files in a folder of the workspace.
func (w *world) folder(t *testing.T, path string, n int, content func(i int) string) {
	var dir cache.Directory
	for i := range n {
		d, err := w.Put(t.Context(), []byte(content(i)))
		if err != nil {
			t.Fatal(err)
		}
		dir = append(dir, cache.Node{Name: fmt.Sprintf("f%05d", i), Kind: cache.FileKind, Digest: d})
	}
	d, err := cache.NewTrees(w.Memory).Write(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	w.files[path] = cache.Node{Kind: cache.DirKind, Digest: d}
	w.again[path] = func() { w.folder(t, path, n, content) }
}

func (w *world) build(g *rules.Graph, change ...func(*Options)) *Build {
	o := Options{Tools: w.tools, Store: w.Memory, Actions: w.Memory, Sources: w, Sink: w, Jobs: 4}
	for _, c := range change {
		c(&o)
	}
	w.ran, w.events, w.resolved = nil, nil, 0
	return New(g, o)
}

func keepGoing(o *Options) { o.KeepGoing = true }

// graph is a graph in the making.
type graph struct{ rules.Graph }

func newGraph() *graph {
	return &graph{rules.Graph{Compose: &rules.Compose{Release: rules.Release{Short: "Tiny", Version: "1.0"}}}}
}

// action adds an action "//:name" with one output, a file; its inputs are named by
// arguments --in.
func (g *graph) action(name, tool string, inputs ...*rules.Artifact) *rules.Action {
	a := &rules.Action{Owner: &rules.Analysed{Instance: rules.Instance{Label: rules.Label{Name: name}}}, Tool: tool}
	out := &rules.Artifact{Name: name + ".txt", Kind: cache.FileKind, Producer: a}
	a.Outputs = []*rules.Artifact{out}
	a.Args = []rules.Arg{{{Text: "--output"}, {Artifact: out}}}
	for _, in := range inputs {
		a.Args = append(a.Args, rules.Arg{{Text: "--in"}, {Artifact: in}})
	}
	g.Actions = append(g.Actions, a)
	return a
}

// text adds an argument --text.
func text(a *rules.Action, s string) *rules.Action {
	a.Args = append(a.Args, rules.Arg{{Text: "--text"}, {Text: s}})
	return a
}

func out(a *rules.Action) *rules.Artifact { return a.Outputs[0] }

func source(path string, kind cache.Kind) *rules.Artifact {
	return &rules.Artifact{Name: path, Kind: kind, Source: &rules.Source{Path: path}}
}

// content returns what a build made of an action.
func (w *world) content(t *testing.T, b *Build, a *rules.Action) string {
	t.Helper()
	n, status := b.Artifact(out(a))
	if n.Kind == 0 {
		return "(" + string(status) + ")"
	}
	data, err := w.Get(t.Context(), n.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// statuses returns "name status" of every action that was wanted.
func statuses(b *Build) []string {
	var all []string
	for _, e := range b.Report().Actions {
		all = append(all, strings.TrimPrefix(e.Instance, "//:")+" "+string(e.Status))
	}
	return all
}
