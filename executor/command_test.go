package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// scripted is a Strategy that runs nothing.
type scripted struct {
	w     *world
	runs  int
	exit  int  // the status of every program
	makes bool // it makes its outputs
}

func (*scripted) Fingerprint(_ context.Context, t *rules.Toolchain, _ string) (string, error) {
	return t.Program + " 1", nil
}

func (s *scripted) Run(ctx context.Context, c *Command) (r cache.Result, err error) {
	s.runs++
	r.ExitCode = s.exit
	if r.Stdout, err = s.w.Put(ctx, []byte(strings.Repeat("a line\n", 10000))); err != nil {
		return r, err
	}
	if r.Stderr, err = s.w.Put(ctx, []byte("it is broken\n")); err != nil {
		return r, err
	}
	for _, n := range c.Outputs {
		if s.makes {
			n.Digest = r.Stderr
			r.Outputs = append(r.Outputs, n)
		}
	}
	return r, nil
}

// checked is a graph of a program that checks something, and of an action that
// collects what that makes and something else.
func checked(w *world) (g *graph, check, collect *rules.Action, s *scripted) {
	g = newGraph()
	check = g.action("check", "")
	check.Toolchain = &rules.Toolchain{Name: "check", Program: "check"}
	other := text(g.action("other", "concat"), "other")
	collect = g.action("collect", "concat", out(check), out(other))
	return g, check, collect, &scripted{w: w}
}

// TestVerdicts: what the exit status of a program means.
func TestVerdicts(t *testing.T) {
	tests := []struct {
		name       string
		test       bool
		exit       int
		makes      bool
		strictness rules.Strictness
		want       []string // of the first build; in the second "run" is "hit"
		err        string   // of the check
		collected  string
	}{
		{
			name: "fine", test: true, makes: true,
			want: []string{"check run", "other run", "collect run"}, collected: "it is broken\nother",
		},
		{
			name: "nothing made", test: true,
			want: []string{"check failed", "other run", "collect blocked"},
			err:  `output "check.txt" was not made`,
		},
		{
			name: "bad", test: true, exit: 3, makes: true,
			want: []string{"check test_failed", "other run", "collect run"}, err: "exit status 3", collected: "it is broken\nother",
		},
		{
			name: "bad before it made anything", test: true, exit: 127, strictness: rules.Lenient,
			want: []string{"check test_failed", "other run", "collect run"}, err: "exit status 127", collected: "other",
		},
		{
			name: "killed", test: true, exit: 137, makes: true,
			want: []string{"check failed", "other run", "collect blocked"}, err: "exit status 137: killed by SIGKILL",
		},
		{
			name: "gave up", test: true, exit: 255, makes: true,
			want: []string{"check failed", "other run", "collect blocked"}, err: "exit status 255",
		},
		{
			name: "no test", exit: 3, makes: true,
			want: []string{"check failed", "other run", "collect blocked"}, err: "exit status 3",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			g, check, collect, s := checked(w)
			check.Test, check.Strictness = test.test, test.strictness
			s.exit, s.makes = test.exit, test.makes
			for round := range 2 {
				b := w.build(&g.Graph, keepGoing, func(o *Options) { o.Strategies = []Strategy{s} })
				err := b.Run(t.Context(), out(collect))
				want := test.want
				if round == 1 {
					want = nil
					for _, status := range test.want {
						want = append(want, strings.Replace(status, " run", " hit", 1))
					}
				}
				if got := statuses(b); !slices.Equal(got, want) {
					t.Errorf("round %d: got %q, want %q", round, got, want)
				}
				if failed := slices.Contains(want, "check failed"); failed != (err != nil) {
					t.Errorf("round %d: error %v", round, err)
				}
				if got := errorText(b.Report().Actions[0].Err); strings.TrimPrefix(got, "//:check: ") != test.err {
					t.Errorf("round %d: error is %q, want %q", round, got, test.err)
				}
				if i := slices.IndexFunc(w.events, func(e rules.Event) bool { return e.Kind == rules.ActionFinished && e.Label == "//:check" }); !strings.HasSuffix(w.events[i].Text, test.err) {
					t.Errorf("round %d: the event says %q, want %q", round, w.events[i].Text, test.err)
				}
				if got := w.content(t, b, collect); test.collected != "" && got != test.collected {
					t.Errorf("round %d: collected %q, want %q", round, got, test.collected)
				}
			}
			wantRuns := 1
			if slices.Contains(test.want, "check failed") {
				wantRuns = 2 // what is no verdict is not recorded
			}
			if s.runs != wantRuns {
				t.Errorf("%d runs, want %d", s.runs, wantRuns)
			}
		})
	}
}

// TestVerdictWithoutOutput: what a failed test has not made is absent to whoever
// reads it.
func TestVerdictWithoutOutput(t *testing.T) {
	for _, optional := range []bool{false, true} {
		w := newWorld()
		g, check, _, s := checked(w)
		check.Test, s.exit = true, 1
		read := g.action("read", "concat", out(check))
		read.Optional = optional
		b := w.build(&g.Graph, func(o *Options) { o.Strategies = []Strategy{s} })
		if err := b.Run(t.Context(), out(read)); err != nil {
			t.Fatal(err)
		}
		if n, status := b.Artifact(out(check)); n.Kind != 0 || status != rules.TestFailed {
			t.Errorf("artifact is %v, %s", n, status)
		}
		want := []string{"check test_failed", "read run"}
		if optional {
			want[1] = "read absent"
		}
		if got := statuses(b); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestPrintedIsKept: of a program that failed everything it printed is at hand.
func TestPrintedIsKept(t *testing.T) {
	tests := []struct {
		name   string
		change func(*rules.Action)
		status rules.Status
	}{
		{"failure", func(*rules.Action) {}, rules.Failed},
		{"verdict", func(a *rules.Action) { a.Test = true }, rules.TestFailed},
		{"recorded verdict", func(a *rules.Action) { a.Test = true }, rules.TestFailed},
		{"absent", func(a *rules.Action) { a.Optional = true }, rules.Absent},
	}
	w := newWorld()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, check, _, s := checked(w)
			s.exit = 1
			test.change(check)
			b := w.build(&g.Graph, func(o *Options) { o.Strategies = []Strategy{s} })
			err := b.Run(t.Context(), out(check))
			entry := b.Report().Actions[0]
			if entry.Status != test.status {
				t.Fatalf("got %s, want %s", entry.Status, test.status)
			}
			said := []cache.Digest{entry.Stdout, entry.Stderr}
			var failure *ActionError
			if errors.As(err, &failure) {
				said = append(said, failure.Stdout, failure.Stderr)
			}
			for i, d := range said {
				data, err := w.Get(t.Context(), d)
				if want := []int{70000, 13}[i%2]; err != nil || len(data) != want {
					t.Errorf("stream %d has %d bytes, error %v, want %d", i, len(data), err, want)
				}
			}
			if !strings.HasSuffix(entry.Log, "a line\nit is broken\n") || len(entry.Log) > tailBytes {
				t.Errorf("log of %d bytes is %q", len(entry.Log), entry.Log)
			}
		})
	}
}

// TestMemoryIsThatOfTheMachine: actions that ask for more than half of it each do
// not run at a time.
func TestMemoryIsThatOfTheMachine(t *testing.T) {
	machine := physicalMemory()
	if machine <= 0 {
		t.Fatalf("the machine has %d MiB", machine)
	}
	tests := []struct {
		memory int
		want   int64 // at a time
	}{{machine * 2 / 3, 1}, {machine * 5, 1}, {machine / 3, 3}, {0, 4}}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			var busy, most atomic.Int64
			w := newWorld()
			w.add("large", func(ctx context.Context, j *rules.Job, p params) error {
				most.Store(max(most.Load(), busy.Add(1)))
				defer busy.Add(-1)
				time.Sleep(time.Second)
				return j.Write(ctx, p.Output, nil)
			})
			g := newGraph()
			var want []*rules.Artifact
			for i := range 4 {
				a := g.action(fmt.Sprint("a", i), "large")
				a.Resources.Memory = test.memory
				want = append(want, out(a))
			}
			if err := w.build(&g.Graph).Run(t.Context(), want...); err != nil {
				t.Fatal(err)
			}
			if most.Load() != test.want {
				t.Errorf("with %d MiB of %d each: %d at a time, want %d", test.memory, machine, most.Load(), test.want)
			}
		})
	}
}
