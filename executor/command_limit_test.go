package executor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// sleeper is a Strategy whose programs end when they have to.
type sleeper struct{ made []cache.Node }

func (*sleeper) Fingerprint(context.Context, *rules.Toolchain, string) (string, error) {
	return "sleeper", nil
}

func (s *sleeper) Run(ctx context.Context, c *Command) (r cache.Result, err error) {
	if len(c.Outputs) > 0 {
		r.Outputs = s.made
		return r, nil
	}
	<-ctx.Done()
	return r, ctx.Err()
}

// TestProgramLimit: a program that has reached its limit is told from one that was
// interrupted, and from one that lacks an output.
func TestProgramLimit(t *testing.T) {
	w := newWorld()
	made := cache.Node{Name: "made", Kind: cache.FileKind, Digest: w.Function().Sum([]byte("x"))}
	var limit, outputs, lacking error
	var got cache.Node
	w.add("watch", func(ctx context.Context, j *rules.Job, p params) error {
		limit = j.RunCommand(ctx, rules.Command{Limit: time.Millisecond})
		wanted := []cache.Node{{Name: "made", Kind: cache.FileKind}}
		outputs = j.RunCommand(ctx, rules.Command{Outputs: wanted})
		got = wanted[0]
		lacking = j.RunCommand(ctx, rules.Command{Outputs: []cache.Node{{Name: "other", Kind: cache.FileKind}}})
		return j.Write(ctx, p.Output, nil)
	})
	g := newGraph()
	s := text(g.action("s", "watch"), "x")
	s.Toolchain = &rules.Toolchain{Name: "sleep", Program: "sleep"}
	b := w.build(&g.Graph, func(o *Options) { o.Strategies = []Strategy{&sleeper{made: []cache.Node{made}}} })
	if err := errors.Join(b.Check(t.Context(), out(s)), b.Run(t.Context(), out(s))); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(limit, rules.ErrLimit) {
		t.Errorf("limit: got %v, want %v", limit, rules.ErrLimit)
	}
	if outputs != nil || got != made {
		t.Errorf("outputs: got %v, error %v, want %v", got, outputs, made)
	}
	if lacking == nil || lacking.Error() != `it has not made "other"` {
		t.Errorf("an output that is not there: got %v", lacking)
	}
}
