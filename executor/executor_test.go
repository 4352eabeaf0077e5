package executor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

func TestRunsAndHits(t *testing.T) {
	w := newWorld()
	w.file(t, "greeting", "hello ")
	g := newGraph()
	first := text(g.action("first", "concat", source("greeting", cache.FileKind)), "[")
	second := g.action("second", "concat", out(first))
	g.action("unwanted", "concat", out(second))

	b := w.build(&g.Graph)
	if err := b.Run(t.Context(), out(second)); err != nil {
		t.Fatal(err)
	}
	if got, want := w.content(t, b, second), "[hello "; got != want {
		t.Errorf("content is %q, want %q", got, want)
	}
	if got, want := statuses(b), []string{"first run", "second run"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	b = w.build(&g.Graph)
	if err := b.Run(t.Context(), out(second)); err != nil {
		t.Fatal(err)
	}
	if got, want := statuses(b), []string{"first hit", "second hit"}; !slices.Equal(got, want) {
		t.Errorf("again: got %q, want %q", got, want)
	}
	if len(w.ran) > 0 {
		t.Errorf("again: ran %q", w.ran)
	}
}

// A changed input whose consumer yields the same bytes is cut off there.
func TestEarlyCutOff(t *testing.T) {
	w := newWorld()
	w.add("length", func(ctx context.Context, j *rules.Job, p params) error {
		b, err := j.Read(ctx, p.In[0])
		if err != nil {
			return err
		}
		return j.Write(ctx, p.Output, []byte(strings.Repeat("x", len(b))))
	})
	g := newGraph()
	length := g.action("length", "length", source("f", cache.FileKind))
	last := g.action("last", "concat", out(length))
	var got []string
	for _, content := range []string{"one", "two", "three"} {
		w.file(t, "f", content)
		b := w.build(&g.Graph)
		if err := b.Run(t.Context(), out(last)); err != nil {
			t.Fatal(err)
		}
		got = append(got, statuses(b)...)
	}
	want := []string{"length run", "last run", "length run", "last hit", "length run", "last run"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name    string
		tool    string // of the middle of three
		change  func(*rules.Action)
		options []func(*Options)
		want    []string
		err     string
	}{
		{
			name: "stops", tool: "fail",
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  "//:two: it is broken",
		},
		{
			name: "optional", tool: "fail", change: func(a *rules.Action) { a.Optional = true },
			want: []string{"one run", "two absent", "three run", "other run"},
		},
		{
			name: "panic", tool: "panic", options: []func(*Options){keepGoing},
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  "//:two: a bug of pungo: no such thing",
		},
		{
			name: "optional panic", tool: "panic", change: func(a *rules.Action) { a.Optional = true },
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  "//:two: a bug of pungo: no such thing",
		},
		{
			name: "test", tool: "verdict", change: func(a *rules.Action) { a.Test = true },
			want: []string{"one run", "two test_failed", "three run", "other run"},
		},
		{
			name: "no test", tool: "verdict",
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  "//:two: exit status 1",
		},
		{
			name: "test off", tool: "verdict",
			change: func(a *rules.Action) { a.Test, a.Strictness = true, rules.Off },
			want:   []string{"one run", "two absent", "three run", "other run"},
		},
		{
			name: "unknown tool", tool: "nothing",
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  `//:two: tool "nothing" is not known`,
		},
		{
			name: "too slow", tool: "wait", change: func(a *rules.Action) { a.Timeout = 10 * time.Millisecond },
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  "//:two: took more than 10ms",
		},
		{
			name: "undeclared output", tool: "concat",
			change: func(a *rules.Action) {
				a.Args[0] = rules.Arg{{Text: "--output"}, {Text: "out/two.txt"}}
				a.Outputs = nil
			},
			want: []string{"one run", "two failed", "other run"},
			err:  `//:two: output "two.txt" was made, and is not declared`,
		},
		{
			name: "missing output", tool: "concat",
			change: func(a *rules.Action) {
				a.Outputs = append(a.Outputs, &rules.Artifact{Name: "more", Kind: cache.FileKind, Producer: a})
			},
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  `//:two: output "more" was not made`,
		},
		{
			name: "wrong kind of output", tool: "concat", change: func(a *rules.Action) { a.Outputs[0].Kind = cache.DirKind },
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  `//:two: output "two.txt" is a file, want a folder`,
		},
		{
			name: "missing program", tool: "",
			change: func(a *rules.Action) {
				a.Toolchain = &rules.Toolchain{Name: "mkfs", Program: "mkfs.odd", Hint: "install odd-tools"}
			},
			want: []string{"one run", "two failed", "three blocked", "other run"},
			err:  "//:two: program \"mkfs.odd\" is not installed\n  hint: install odd-tools",
		},
		{
			name: "optional missing program", tool: "",
			change: func(a *rules.Action) { a.Toolchain, a.Optional = &rules.Toolchain{Program: "mkfs.odd"}, true },
			want:   []string{"one run", "two absent", "three run", "other run"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			g := newGraph()
			one := text(g.action("one", "concat"), "1")
			two := g.action("two", test.tool, out(one))
			three := text(g.action("three", "concat", two.Outputs...), "3")
			if test.change != nil {
				test.change(two)
			}
			if len(two.Outputs) == 0 {
				g.Actions = slices.DeleteFunc(g.Actions, func(a *rules.Action) bool { return a == three })
			}
			other := text(g.action("other", "concat"), "x")
			b := w.build(&g.Graph, test.options...)
			if err := b.Run(t.Context(), out(other)); err != nil {
				t.Errorf("other: %v", err)
			}
			want := []*rules.Artifact{{Producer: two}}
			if len(two.Outputs) > 0 {
				want = append(want, out(three))
			}
			err := b.Run(t.Context(), want...)
			if got := statuses(b); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if text := errorText(err); text != test.err {
				t.Errorf("error is %q, want %q", text, test.err)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestErrorClasses(t *testing.T) {
	var action *ActionError
	var environment *EnvironmentError
	var bug *BugError
	tests := []struct {
		name string
		err  error
		as   any
	}{
		{"any", errors.New("x"), &action},
		{"full", &cache.BlobError{Err: cache.ErrFull}, &environment},
		{"read-only", cache.ErrReadOnly, &environment},
		{"program", &UnavailableError{Program: "x"}, &environment},
		{"panic", &BugError{Value: "x"}, &bug},
	}
	g := newGraph()
	a := g.action("a", "concat")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := blame(a, test.err); !errors.As(err, test.as) {
				t.Errorf("got %T", err)
			}
		})
	}
}

func TestAbsentArgumentsVanish(t *testing.T) {
	w := newWorld()
	g := newGraph()
	broken := g.action("broken", "fail")
	broken.Optional = true
	fine := text(g.action("fine", "concat"), "fine")
	collector := text(g.action("collector", "concat", out(broken), out(fine)), "+")
	only := g.action("only", "concat", out(broken))
	only.Optional = true
	b := w.build(&g.Graph)
	if err := b.Run(t.Context(), out(collector), out(only)); err != nil {
		t.Fatal(err)
	}
	if got, want := w.content(t, b, collector), "+fine"; got != want {
		t.Errorf("content is %q, want %q", got, want)
	}
	want := []string{"broken absent", "fine run", "collector run", "only absent"}
	if got := statuses(b); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := w.ran[len(w.ran)-1], "concat --output out/collector.txt --in in/0/fine.txt --text +"; got != want {
		t.Errorf("ran %q, want %q", got, want)
	}
}

func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		deaf := make(chan struct{})
		w.add("deaf", func(context.Context, *rules.Job, params) error {
			<-deaf
			return nil
		})
		g := newGraph()
		before := text(g.action("before", "concat"), "x")
		wait := g.action("wait", "wait", out(before))
		heedless := g.action("heedless", "deaf")
		after := g.action("after", "concat", out(wait))
		b := w.build(&g.Graph)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		err := b.Run(ctx, out(after), out(heedless))
		if !errors.Is(err, ErrInterrupted) {
			t.Errorf("error is %v, want %v", err, ErrInterrupted)
		}
		if took := time.Since(begin) - time.Minute; took > time.Second {
			t.Errorf("stopped after %s", took)
		}
		want := []string{"before run", "wait interrupted", "heedless interrupted", "after interrupted"}
		if got := statuses(b); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		close(deaf)
		synctest.Wait()
		b = w.build(&g.Graph)
		if err := b.Run(t.Context(), out(before)); err != nil {
			t.Fatal(err)
		}
		if got, want := statuses(b), []string{"before hit"}; !slices.Equal(got, want) {
			t.Errorf("rerun: got %q, want %q", got, want)
		}
	})
}

// fullCache is an action cache that takes nothing.
type fullCache struct {
	cache.ActionCache
	err error
}

func (f fullCache) Record(context.Context, cache.Digest, cache.Result) error { return f.err }

// That the cache is full is no fault of an action, and nothing goes on after it.
func TestFullCache(t *testing.T) {
	for _, full := range []error{cache.ErrFull, cache.ErrReadOnly} {
		w := newWorld()
		g := newGraph()
		a := text(g.action("a", "concat"), "x")
		a.Optional = true
		b := w.build(&g.Graph, keepGoing, func(o *Options) { o.Actions = fullCache{w.Memory, full} })
		err := b.Run(t.Context(), out(a))
		var environment *EnvironmentError
		if !errors.As(err, &environment) || !errors.Is(err, full) {
			t.Errorf("got %v, want an environment error of %v", err, full)
		}
	}
}

// brokenCache is an action cache that does not answer.
type brokenCache struct{ cache.ActionCache }

func (brokenCache) Lookup(context.Context, cache.Digest) (cache.Result, error) {
	return cache.Result{}, errors.New("connection refused")
}

func TestBrokenCacheIsSaidOnce(t *testing.T) {
	w := newWorld()
	g := newGraph()
	a := text(g.action("a", "concat"), "x")
	b := g.action("b", "concat", out(a))
	if err := w.build(&g.Graph, func(o *Options) { o.Actions = brokenCache{w.Memory} }).Run(t.Context(), out(b)); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, e := range w.events {
		if e.Kind == rules.Warned {
			said = append(said, e.Text)
		}
	}
	if want := []string{"the action cache cannot be read: connection refused"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

// The stack of a panic is kept for a log and not shown.
func TestBugKeepsItsStack(t *testing.T) {
	w := newWorld()
	g := newGraph()
	a := g.action("a", "panic")
	err := w.build(&g.Graph).Run(t.Context(), out(a))
	var bug *BugError
	if !errors.As(err, &bug) || bug.Action != a {
		t.Fatalf("got %v, want a bug of %s", err, a)
	}
	if !strings.Contains(string(bug.Stack), "graph_test.go") {
		t.Errorf("stack is %s", bug.Stack)
	}
	for _, e := range w.events {
		if strings.Contains(e.Text+e.Log, "goroutine") {
			t.Errorf("an event shows the stack: %q", e.Text+e.Log)
		}
	}
}

func TestStopsAtTheFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("slow", func(ctx context.Context, j *rules.Job, p params) error {
			time.Sleep(time.Minute)
			return j.Write(ctx, p.Output, nil)
		})
		w.add("break", func(context.Context, *rules.Job, params) error {
			time.Sleep(time.Second)
			return errors.New("it is broken")
		})
		g := newGraph()
		first := g.action("first", "slow")
		broken := g.action("broken", "break")
		later := g.action("later", "slow", out(first))
		err := w.build(&g.Graph).Run(t.Context(), out(later), out(broken))
		if got, want := errorText(err), "//:broken: it is broken"; got != want {
			t.Errorf("error is %q, want %q", got, want)
		}
		b := w.build(&g.Graph)
		if err := b.Run(t.Context(), out(first)); err != nil {
			t.Fatal(err)
		}
		if got, want := statuses(b), []string{"first hit"}; !slices.Equal(got, want) {
			t.Errorf("what ran beside the failure: got %q, want %q", got, want)
		}
	})
}
