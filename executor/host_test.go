package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/rules"
)

// fanGraph is a folder of packages and an action that calls one per package.
func fanGraph() (*graph, *rules.Action) {
	g := newGraph()
	a := g.action("fan", "fan", source("packages", cache.DirKind))
	a.Outputs[0].Kind = cache.DirKind
	return g, a
}

func nested(events []rules.Event) []string {
	var all []string
	for _, e := range events {
		if e.Nested {
			all = append(all, e.Label+" "+e.Mnemonic+" "+string(e.Status))
		}
	}
	return all
}

func TestOneNewPackageCostsOnePackage(t *testing.T) {
	const n = 10000
	w := newWorld()
	w.folder(t, "packages", n, strconv.Itoa)
	g, fan := fanGraph()
	b := w.build(&g.Graph)
	if err := b.Run(t.Context(), out(fan)); err != nil {
		t.Fatal(err)
	}
	if r := b.Report(); r.NestedRuns != n || r.NestedHits != 0 {
		t.Errorf("%d runs and %d hits, want %d and 0", r.NestedRuns, r.NestedHits, n)
	}
	w.folder(t, "packages", n, func(i int) string {
		if i == n/2 {
			return "new"
		}
		return strconv.Itoa(i)
	})
	b = w.build(&g.Graph)
	if err := b.Run(t.Context(), out(fan)); err != nil {
		t.Fatal(err)
	}
	if r := b.Report(); r.NestedRuns != 1 || r.NestedHits != n-1 {
		t.Errorf("%d runs and %d hits, want 1 and %d", r.NestedRuns, r.NestedHits, n-1)
	}
	if got, want := nested(w.events), []string{"//:fan concat run"}; !slices.Equal(got, want) {
		t.Errorf("nested events are %q, want %q", got, want)
	}
}

// Forty actions with one key are one run, and so are the nested ones in them.
func TestEqualKeysRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		slow := w.tools["concat"].Run
		w.tools["concat"].Run = func(ctx context.Context, j *rules.Job) error {
			time.Sleep(time.Second)
			return slow(ctx, j)
		}
		w.folder(t, "packages", 3, strconv.Itoa)
		g := newGraph()
		var want []*rules.Artifact
		for i := range 40 {
			a := g.action("a"+strconv.Itoa(i), "fan", source("packages", cache.DirKind))
			a.Outputs[0].Name, a.Outputs[0].Kind = "made", cache.DirKind
			if i%2 == 0 {
				text(a, "other")
			}
			want = append(want, out(a))
		}
		b := w.build(&g.Graph)
		if err := b.Run(t.Context(), want...); err != nil {
			t.Fatal(err)
		}
		if len(w.ran) != 2+3 {
			t.Errorf("%d runs, want 5: %q", len(w.ran), w.ran)
		}
		if r := b.Report(); r.Counts[rules.Ran] != 2 || r.Counts[rules.Hit] != 38 {
			t.Errorf("counts are %v, want 2 runs and 38 hits", r.Counts)
		}
	})
}

func TestNestedFailures(t *testing.T) {
	call := func(tool string, args ...string) func(context.Context, *rules.Job, params) error {
		return func(ctx context.Context, j *rules.Job, p params) error {
			_, err := j.Call(ctx, rules.Call{Tool: tool, Args: args})
			return err
		}
	}
	tests := []struct {
		name string
		run  func(context.Context, *rules.Job, params) error
		want string
	}{
		{"failure", call("fail"), "//:a: it is broken"},
		{"panic", call("panic"), "//:a: a bug of pungo: no such thing"},
		{"unknown", call("nothing"), `//:a: a bug of pungo: tool "nothing" is not known`},
		{"arguments", call("concat", "--odd"), `//:a: argument "--odd" is not known`},
		{"itself", call("top"), "//:a: a bug of pungo: tool top waits for itself"},
		{
			"panic in each", func(ctx context.Context, j *rules.Job, p params) error {
				return j.Each(ctx, 5, func(_ context.Context, i int) error {
					if i == 2 {
						panic("two")
					}
					return nil
				})
			}, "//:a: a bug of pungo: two",
		},
		{
			"bad path", func(ctx context.Context, j *rules.Job, p params) error {
				return j.Write(ctx, "/etc/passwd", nil)
			}, `//:a: a bug of pungo: tool top: output: path "/etc/passwd": name of 0 bytes, want 1 to 255`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			w.add("top", test.run)
			g := newGraph()
			a := g.action("a", "top")
			if err := w.build(&g.Graph).Run(t.Context(), out(a)); errorText(err) != test.want {
				t.Errorf("got %q, want %q", errorText(err), test.want)
			}
		})
	}
}

func TestWarningsComeAgain(t *testing.T) {
	w := newWorld()
	w.add("warn", func(ctx context.Context, j *rules.Job, p params) error {
		for _, text := range p.Text {
			if text != "own" {
				if _, err := j.Call(ctx, rules.Call{Tool: "warn", Args: []string{"--text", "own", "--output", text}}); err != nil {
					return err
				}
				continue
			}
			j.Warnf("own warning of %s", p.Output)
		}
		return j.Write(ctx, p.Output, nil)
	})
	g := newGraph()
	a := text(text(text(g.action("a", "warn"), "z"), "own"), "b")
	want := []string{"own warning of out/a.txt", "own warning of b", "own warning of z"}
	for _, round := range []string{"run", "hit"} {
		b := w.build(&g.Graph)
		if err := b.Run(t.Context(), out(a)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range w.events {
			if e.Kind == rules.Warned {
				got = append(got, e.Text)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", round, got, want)
		}
	}
}

// Two calls that wait for each other are an error, not a hang.
func TestCircleOfCalls(t *testing.T) {
	w := newWorld()
	var both sync.WaitGroup
	both.Add(2)
	meet := func(other string) func(context.Context, *rules.Job, params) error {
		return func(ctx context.Context, j *rules.Job, p params) error {
			both.Done()
			both.Wait()
			_, err := j.Call(ctx, rules.Call{Tool: other})
			return err
		}
	}
	w.add("left", meet("right"))
	w.add("right", meet("left"))
	w.add("top", func(ctx context.Context, j *rules.Job, p params) error {
		return j.Each(ctx, 2, func(ctx context.Context, i int) error {
			_, err := j.Call(ctx, rules.Call{Tool: []string{"left", "right"}[i]})
			return err
		})
	})
	g := newGraph()
	a := g.action("a", "top")
	err := w.build(&g.Graph).Run(t.Context(), out(a))
	if text := errorText(err); !strings.Contains(text, "waits for itself") {
		t.Errorf("got %q", text)
	}
}

func TestEach(t *testing.T) {
	for _, cpus := range []int{1, 2, 8} {
		t.Run(strconv.Itoa(cpus), func(t *testing.T) {
			s := newSlots(cpus, 0)
			s.acquire(rules.Resources{CPU: 2})
			h := newShare(s, rules.Resources{CPU: 2})
			var busy, most, sum atomic.Int64
			var deep func(ctx context.Context, level int) error
			deep = func(ctx context.Context, level int) error {
				return h.each(ctx, 7, func(ctx context.Context, i int) error {
					if level > 0 {
						return deep(ctx, level-1)
					}
					most.Store(max(most.Load(), busy.Add(1)))
					defer busy.Add(-1)
					sum.Add(int64(i))
					time.Sleep(time.Microsecond)
					return nil
				})
			}
			if err := deep(t.Context(), 2); err != nil {
				t.Fatal(err)
			}
			if got, want := sum.Load(), int64(7*7*21); got != want {
				t.Errorf("sum is %d, want %d", got, want)
			}
			if most.Load() > int64(cpus) {
				t.Errorf("%d at a time, want at most %d", most.Load(), cpus)
			}
			if want := cpus - min(cpus, 2); s.freeCPUs != want {
				t.Errorf("%d slots are free, want %d", s.freeCPUs, want)
			}
			if want := int64(min(cpus, 2) - 1); h.spare.Load() != want {
				t.Errorf("%d cores are spare, want %d", h.spare.Load(), want)
			}
		})
	}
}

func TestEachReturnsTheFirstError(t *testing.T) {
	for range 50 {
		s := newSlots(8, 0)
		s.acquire(rules.Resources{})
		err := newShare(s, rules.Resources{}).each(t.Context(), 100, func(ctx context.Context, i int) error {
			if i >= 10 && i%2 == 0 {
				return fmt.Errorf("error %d", i)
			}
			return nil
		})
		if got, want := errorText(err), "error 10"; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// Parts of an action give way to an action that wants their slots.
func TestPartsGiveWay(t *testing.T) {
	s := newSlots(2, 0)
	s.acquire(rules.Resources{})
	if !s.borrow() {
		t.Fatal("a free slot was not lent")
	}
	if s.acquire(rules.Resources{CPU: 1}) {
		t.Fatal("a slot was given that is not free")
	}
	if !s.giveWay() || s.borrow() {
		t.Error("parts do not give way")
	}
	s.give(1, 0)
	select {
	case <-s.freed:
	default:
		t.Error("nobody was told that a slot is free")
	}
	if !s.acquire(rules.Resources{CPU: 1}) || s.giveWay() {
		t.Error("the slot was not given to the action")
	}
}

// More than there is means all there is.
func TestSlotsClamp(t *testing.T) {
	s := newSlots(4, 1000)
	if !s.acquire(rules.Resources{CPU: 64, Memory: 1 << 20}) {
		t.Fatal("an action that wants more than there is never runs")
	}
	if s.acquire(rules.Resources{}) {
		t.Error("it does not run alone")
	}
	s.release(rules.Resources{CPU: 64, Memory: 1 << 20})
	if s.freeCPUs != 4 || s.freeMemory != 1000 {
		t.Errorf("free are %d and %d, want 4 and 1000", s.freeCPUs, s.freeMemory)
	}
}

func TestDecoded(t *testing.T) {
	m := cache.NewMemory(cache.BLAKE3)
	put := func(text string) cache.Digest {
		d, err := m.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	c := newDecodedBlobs(m, 10)
	decoded := 0
	get := func(text, kind string) string {
		v, err := c.get(t.Context(), decodedKey{put(text), kind}, func(_ context.Context, b []byte) (any, int64, error) {
			decoded++
			if kind == "bad" {
				return nil, 4, errors.New("bad")
			}
			cost, _, _ := strings.Cut(kind, " ")
			n, err := strconv.ParseInt(cost, 10, 64)
			return kind + " " + string(b), n, err
		})
		if err != nil {
			return err.Error()
		}
		return v.(string)
	}
	steps := []struct {
		text, kind, want string // a kind begins with its cost
		decoded          int    // so far
	}{
		{"blob", "4 a", "4 a blob", 1},
		{"blob", "4 a", "4 a blob", 1},
		{"blob", "4 b", "4 b blob", 2},
		{"blob", "bad", "bad", 3},
		{"blob", "bad", "bad", 4},
		{"blob", "4 a", "4 a blob", 4},
		{"other", "4 a", "4 a other", 5}, // 4 b has to go
		{"blob", "4 a", "4 a blob", 5},
		{"blob", "4 b", "4 b blob", 6},
		{"x", "11 small blob", "11 small blob x", 7}, // too dear to be kept
		{"x", "11 small blob", "11 small blob x", 8},
		{"blob", "4 b", "4 b blob", 8},
		{"a blob that is much larger than its value", "1 c", "1 c a blob that is much larger than its value", 9},
		{"a blob that is much larger than its value", "1 c", "1 c a blob that is much larger than its value", 9},
		{"x", "10 all", "10 all x", 10}, // takes everybody's place
		{"blob", "4 b", "4 b blob", 11},
		{"nothing", "0", "0 nothing", 12},
		{"nothing", "0", "0 nothing", 12},
	}
	for i, step := range steps {
		if got := get(step.text, step.kind); got != step.want || decoded != step.decoded {
			t.Errorf("step %d: got %q after %d, want %q after %d", i, got, decoded, step.want, step.decoded)
		}
	}
}

func TestFlightsRetryForTheLiving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g flights[string, int]
		first, cancel := context.WithCancel(t.Context())
		works := 0
		work := func(ctx context.Context) (int, error) {
			works++
			select {
			case <-ctx.Done():
				return 0, ctx.Err()
			case <-time.After(time.Second):
				return works, nil
			}
		}
		go g.do(first, "k", work)
		synctest.Wait()
		go func() {
			if v, err := g.do(t.Context(), "k", work); v != 2 || err != nil {
				t.Errorf("got %d, %v, want 2", v, err)
			}
		}()
		synctest.Wait()
		cancel()
		time.Sleep(2 * time.Second)
	})
}

// BenchmarkCallHit is what a nested action costs whose result is recorded: it has
// to stay below 10 µs, since a large compose has 60,000.
func BenchmarkCallHit(b *testing.B) {
	b.Run("memory", func(b *testing.B) { benchmarkCallHit(b, cache.NewMemory(cache.BLAKE3)) })
	b.Run("disk", func(b *testing.B) {
		store, err := disk.Open(b.TempDir(), disk.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer store.Close()
		benchmarkCallHit(b, store)
	})
}

func benchmarkCallHit(b *testing.B, store interface {
	cache.Store
	cache.ActionCache
}) {
	const n = 60000
	tool := &rules.Tool{Name: "header", Version: 1, Params: params{}, Run: func(ctx context.Context, j *rules.Job) error {
		return j.Write(ctx, "made", []byte(j.Inputs[0].Digest.Hex()))
	}}
	build := New(&rules.Graph{}, Options{Tools: map[string]*rules.Tool{tool.Name: tool}, Store: store, Actions: store})
	h := &host{b: build, share: newShare(newSlots(1, 0), rules.Resources{}), parts: &parts{}, action: &rules.Action{}}
	calls := make([]rules.Call, n)
	for i := range calls {
		d := store.Function().Sum([]byte(strconv.Itoa(i)))
		calls[i] = rules.Call{
			Tool: tool.Name, Args: []string{"--in", "package.rpm", "--output", "made"},
			Inputs: []cache.Node{{Name: "package.rpm", Kind: cache.FileKind, Digest: d}},
		}
		if _, err := h.Call(b.Context(), calls[i]); err != nil {
			b.Fatal(err)
		}
	}
	h.parts = &parts{}
	i, begin := 0, cpuTime(b)
	for b.Loop() {
		if _, err := h.Call(b.Context(), calls[i%n]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64((cpuTime(b)-begin).Nanoseconds())/float64(i), "cpu-ns/op")
	if hits, _ := h.parts.counts(); hits != i {
		b.Errorf("%d hits of %d", hits, i)
	}
}

// cpuTime is what the process has used so far; unlike the time that passed it does
// not depend on what else the machine does.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
