package executor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// printer is a Strategy whose programs print their input root's digest.
type printer struct {
	w       *world
	version string
	exit    int
	runs    int
}

func (p *printer) Fingerprint(context.Context, *rules.Toolchain, string) (string, error) {
	return p.version, nil
}

func (p *printer) Run(ctx context.Context, c *Command) (r cache.Result, err error) {
	p.runs++
	if r.Stderr, err = p.w.Put(ctx, []byte("it is broken\n")); err != nil {
		return r, err
	}
	r.ExitCode = p.exit
	_, err = io.WriteString(c.Stdout, strings.Join(c.Args, " ")+" of "+c.Root.Short()+" "+c.Env[0])
	return r, err
}

// streams is a graph of a tool that runs a program, on the file of the workspace "in".
func streams(w *world) (*graph, *rules.Action) {
	run := func(ctx context.Context, j *rules.Job, p params) error {
		in, err := j.Input(ctx, p.In[0])
		if err != nil {
			return err
		}
		in.Name = "below/in"
		var out bytes.Buffer
		if err := j.RunCommand(ctx, rules.Command{Args: p.Text, Inputs: []cache.Node{in}, Epoch: 1e9, Stdout: &out}); err != nil {
			return err
		}
		return j.Write(ctx, p.Output, out.Bytes())
	}
	w.add("stream", run)
	w.add("nest", func(ctx context.Context, j *rules.Job, p params) error {
		_, err := j.Call(ctx, rules.Call{Tool: "stream", Args: []string{"--output", "x", "--in", "in"}, Inputs: []cache.Node{{Name: "in", Kind: cache.FileKind, Digest: w.Function().Sum(nil)}}})
		return err
	})
	g := newGraph()
	a := text(g.action("a", "concat"), "content")
	s := text(g.action("s", "stream", out(a)), "print")
	s.Toolchain = &rules.Toolchain{Name: "print", Program: "print"}
	return g, s
}

// TestProgramOfTool: a tool runs the program that its action names, and both are in
// the key.
func TestProgramOfTool(t *testing.T) {
	w := newWorld()
	g, s := streams(w)
	p := &printer{w: w, version: "print 1"}
	content := func() string {
		t.Helper()
		b := w.build(&g.Graph, func(o *Options) { o.Strategies = []Strategy{p} })
		if err := errors.Join(b.Check(t.Context(), out(s)), b.Run(t.Context(), out(s))); err != nil {
			t.Fatal(err)
		}
		n, _ := b.Artifact(out(s))
		data, err := w.Get(t.Context(), n.Digest)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if got := content(); !strings.HasPrefix(got, "print of ") || !strings.HasSuffix(got, " SOURCE_DATE_EPOCH=1000000000") {
		t.Errorf("got %q", got)
	}
	for _, step := range []struct {
		name   string
		change func()
		runs   int
	}{
		{"nothing", func() {}, 1},
		{"program", func() { p.version = "print 2" }, 2},
		{"tool", func() { w.tools["stream"].Version = 2 }, 3},
	} {
		step.change()
		if content(); p.runs != step.runs {
			t.Errorf("%s changed: %d runs, want %d", step.name, p.runs, step.runs)
		}
	}
}

func TestProgramOfToolFails(t *testing.T) {
	tests := []struct {
		name string
		exit int
		tool string // of the action
		none bool   // the action names no program
		want string
		log  string
	}{
		{"exit status", 3, "stream", false, "//:s: print: exit status 3", "it is broken\n"},
		{"killed", 137, "stream", false, "//:s: print: exit status 137: killed by SIGKILL", "it is broken\n"},
		{"names none", 0, "stream", true, "//:s: a bug of pungo: a tool runs a program, and its action names none", ""},
		{"nested", 0, "nest", false, "//:s: a bug of pungo: a tool runs a program, and its action names none", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			g, s := streams(w)
			s.Tool = test.tool
			if test.none {
				s.Toolchain = nil
			}
			b := w.build(&g.Graph, func(o *Options) { o.Strategies = []Strategy{&printer{w: w, version: "1", exit: test.exit}} })
			err := b.Run(t.Context(), out(s))
			if err == nil || err.Error() != test.want {
				t.Fatalf("got error %v, want %s", err, test.want)
			}
			if failure := (*ActionError)(nil); errors.As(err, &failure) && failure.Log != test.log {
				t.Errorf("got log %q, want %q", failure.Log, test.log)
			}
		})
	}
}

// TestProgramOfToolMissing: that a tool's program is missing is known before anything runs.
func TestProgramOfToolMissing(t *testing.T) {
	w := newWorld()
	g, s := streams(w)
	b := w.build(&g.Graph)
	err := b.Check(t.Context(), out(s))
	if environment := (*EnvironmentError)(nil); !errors.As(err, &environment) {
		t.Errorf("got %v, want an EnvironmentError", err)
	}
}
