package executor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// randomBuild is a graph whose tools fail, call and take their time; the times
// are drawn from seed, all else from the graph's number.
func randomBuild(t *testing.T, number, seed uint64) (*world, *graph) {
	w := newWorld()
	w.folder(t, "packages", 20, func(i int) string { return fmt.Sprint(i) })
	times := rand.New(rand.NewPCG(seed, 2))
	for _, tool := range w.tools {
		run := tool.Run
		tool.Run = func(ctx context.Context, j *rules.Job) error {
			w.mu.Lock()
			d := time.Duration(times.IntN(1000)) * time.Millisecond
			w.mu.Unlock()
			time.Sleep(d)
			return run(ctx, j)
		}
	}
	g := newGraph()
	rnd := rand.New(rand.NewPCG(number, 3))
	var files []*rules.Artifact
	for i := range 10 + rnd.IntN(20) {
		tool := []string{"concat", "concat", "concat", "concat", "fail", "fan", "verdict"}[rnd.IntN(7)]
		var inputs []*rules.Artifact
		for _, f := range files {
			if tool != "fan" && rnd.IntN(4) == 0 {
				inputs = append(inputs, f)
			}
		}
		if tool == "fan" {
			inputs = append(inputs, source("packages", cache.DirKind))
		}
		a := text(g.action(fmt.Sprintf("a%02d", i), tool, inputs...), fmt.Sprint(i%7))
		a.Optional = rnd.IntN(3) > 0
		a.Test = tool == "verdict"
		a.Resources = rules.Resources{CPU: rnd.IntN(4), Memory: rnd.IntN(1000)}
		if tool == "fan" {
			a.Outputs[0].Kind = cache.DirKind
		} else {
			files = append(files, out(a))
		}
	}
	return w, g
}

// outcomes tells everything that must not depend on time.
func outcomes(b *Build) []string {
	var all []string
	for _, e := range b.Report().Actions {
		all = append(all, fmt.Sprint(e.Instance, " ", e.Status, " ", e.Key.Short(), " ", e.Outputs, " ", e.Err))
	}
	return all
}

func TestOutcomeDoesNotDependOnScheduling(t *testing.T) {
	for number := range uint64(15) {
		var want []string
		for seed := range uint64(5) {
			synctest.Test(t, func(t *testing.T) {
				w, g := randomBuild(t, number, seed)
				b := w.build(&g.Graph, keepGoing, func(o *Options) { o.Jobs, o.Memory = int(seed)+1, 1500 })
				var all []*rules.Artifact
				for _, a := range g.Actions {
					all = append(all, a.Outputs...)
				}
				err := b.Run(t.Context(), all...)
				got := append(outcomes(b), errorText(err))
				if seed == 0 {
					want = got
				} else if !slices.Equal(got, want) {
					t.Errorf("graph %d, schedule %d:\n%s\nwant\n%s", number, seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				checkEvents(t, w.events, b.Report())
			})
		}
	}
}

// checkEvents holds the events against the report: each action that is over ended
// once, and began before if it ran.
func checkEvents(t *testing.T, events []rules.Event, r Report) {
	t.Helper()
	started, finished := map[string]int{}, map[string]int{}
	runs := 0
	for _, e := range events {
		switch {
		case e.Nested:
			runs++
		case e.Kind == rules.ActionStarted:
			started[e.Label]++
		case e.Kind == rules.ActionFinished:
			finished[e.Label]++
			if e.Status == rules.Ran && started[e.Label] != 1 {
				t.Errorf("%s ran and began %d times", e.Label, started[e.Label])
			}
		}
	}
	for _, e := range r.Actions {
		if finished[e.Instance] != 1 {
			t.Errorf("%s ended %d times", e.Instance, finished[e.Instance])
		}
	}
	if runs != r.NestedRuns {
		t.Errorf("%d nested events, want %d", runs, r.NestedRuns)
	}
}

func TestCriticalPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for name, d := range map[string]time.Duration{"long": 10 * time.Second, "short": time.Second} {
			w.add(name, func(ctx context.Context, j *rules.Job, p params) error {
				time.Sleep(d)
				return j.Write(ctx, p.Output, nil)
			})
		}
		g := newGraph()
		a := g.action("a", "short")
		b := g.action("b", "long")
		c := g.action("c", "short", out(a), out(b))
		d := g.action("d", "short", out(a))
		build := w.build(&g.Graph)
		if err := build.Run(t.Context(), out(c), out(d)); err != nil {
			t.Fatal(err)
		}
		r := build.Report()
		if want := []*rules.Action{b, c}; !slices.Equal(r.CriticalPath, want) || r.Longest != 11*time.Second {
			t.Errorf("got %v and %s, want %v and 11s", r.CriticalPath, r.Longest, want)
		}
	})
}
