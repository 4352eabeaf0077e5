package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// flawed is a store some of whose blobs read as something else.
type flawed struct {
	*cache.Memory
	corrupt map[cache.Digest]bool
}

func (f *flawed) Get(ctx context.Context, d cache.Digest) ([]byte, error) {
	b, err := f.Memory.Get(ctx, d)
	if err == nil && f.corrupt[d] {
		return []byte("corrupt"), nil
	}
	return b, err
}

func (f *flawed) Discard(ctx context.Context, d cache.Digest) error {
	delete(f.corrupt, d)
	return f.Memory.Discard(ctx, d)
}

// healGraph is: packages → fan → merged (folders), merged → read (a file), and a
// bystander.
func healGraph() (g *graph, fan, merged, read, bystander *rules.Action) {
	g, fan = fanGraph()
	merged = g.action("merged", "shelve", out(fan))
	merged.Outputs[0].Kind = cache.DirKind
	read = g.action("read", "read", out(merged))
	bystander = text(g.action("bystander", "concat"), "b")
	return
}

func healWorld(t *testing.T) *world {
	w := newWorld()
	// shelve puts a folder below another.
	w.add("shelve", func(ctx context.Context, j *rules.Job, p params) error {
		n, err := j.Input(ctx, p.In[0])
		if err != nil {
			return err
		}
		n.Name = "shelf"
		d, err := j.Trees.Write(ctx, cache.Directory{n})
		j.Output(p.Output, cache.Node{Kind: cache.DirKind, Digest: d})
		return err
	})
	w.folder(t, "packages", 5, strconv.Itoa)
	return w
}

func warnings(events []rules.Event) []string {
	var all []string
	for _, e := range events {
		if e.Kind == rules.Warned {
			_, rest, _ := strings.Cut(e.Text, " is ")
			all = append(all, e.Label+" "+rest)
		}
	}
	return all
}

func TestHeal(t *testing.T) {
	again := []string{"fan run", "merged run", "read run", "bystander hit"}
	tests := []struct {
		name string
		// lost are the contents of the blobs that are lost before the second build.
		lost    []string
		corrupt bool // and not missing
		// reads: the reader has something new to do with its input.
		reads  bool
		want   []string
		ran    int // tools, nested ones too
		warned []string
	}{
		{
			name: "nothing", reads: true,
			want: []string{"fan hit", "merged hit", "read run", "bystander hit"}, ran: 1,
		},
		{
			name: "nested output", lost: []string{"<3"}, reads: true,
			want: again, ran: 1 + 1 + 1 + 2, // the reader begins twice
			warned: []string{"//:fan missing in the cache; what made it runs again"},
		},
		{
			name: "corrupt nested output", lost: []string{"<3"}, corrupt: true, reads: true,
			want: again, ran: 1 + 1 + 1 + 2,
			warned: []string{"//:fan corrupt in the cache; what made it runs again"},
		},
		{
			name: "several", lost: []string{"<1", "<3"}, corrupt: true, reads: true,
			want: again, ran: 2*(1+1+1) + 3,
			warned: []string{"//:fan corrupt in the cache; what made it runs again", "//:fan corrupt in the cache; what made it runs again"},
		},
		{
			name: "own result", lost: []string{"<0<1<2<3<4"},
			want: []string{"fan hit", "merged hit", "read run", "bystander hit"}, ran: 1,
		},
		{
			name: "nobody minds", lost: []string{"3"},
			want: []string{"fan hit", "merged hit", "read hit", "bystander hit"},
		},
		{
			name: "source and what is made of it", lost: []string{"3", "<3"}, reads: true,
			want: again, ran: 2 + 2 + 1 + 2,
			warned: []string{"//:fan missing in the cache; what made it runs again", " missing in the cache"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := healWorld(t)
			g, _, _, read, bystander := healGraph()
			store := &flawed{w.Memory, map[cache.Digest]bool{}}
			flaw := func(o *Options) { o.Store = cache.Verified(store) }
			if err := w.build(&g.Graph, flaw).Run(t.Context(), out(read), out(bystander)); err != nil {
				t.Fatal(err)
			}
			store.lose(test.corrupt, test.lost...)
			if test.reads {
				text(read, "!")
			}
			b := w.build(&g.Graph, flaw)
			if err := b.Run(t.Context(), out(read), out(bystander)); err != nil {
				t.Fatal(err)
			}
			if got := statuses(b); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if len(w.ran) != test.ran {
				t.Errorf("%d runs, want %d: %q", len(w.ran), test.ran, w.ran)
			}
			if got := warnings(w.events); !slices.Equal(got, test.warned) {
				t.Errorf("warnings are %q, want %q", got, test.warned)
			}
			if got, want := w.content(t, b, read), "<0<1<2<3<4"; got != want {
				t.Errorf("content is %q, want %q", got, want)
			}
		})
	}
}

// lose makes blobs corrupt or missing.
func (f *flawed) lose(corrupt bool, contents ...string) {
	for _, text := range contents {
		d := f.Function().Sum([]byte(text))
		f.corrupt[d] = corrupt
		if !corrupt {
			f.Discard(context.Background(), d)
		}
	}
}

// Whoever materializes a tree and misses a blob has it made again.
func TestHealForTheCaller(t *testing.T) {
	w := healWorld(t)
	g, _, merged, read, bystander := healGraph()
	if err := w.build(&g.Graph).Run(t.Context(), out(read), out(bystander)); err != nil {
		t.Fatal(err)
	}
	b := w.build(&g.Graph)
	if err := b.Run(t.Context(), out(merged), out(bystander)); err != nil {
		t.Fatal(err)
	}
	lost := w.Function().Sum([]byte("<2"))
	w.Discard(t.Context(), lost)
	missed := fmt.Errorf("layout: %w", &cache.BlobError{Digest: lost, Err: cache.ErrNotFound})
	if err := b.Heal(t.Context(), missed); err != nil {
		t.Fatal(err)
	}
	if missing, err := w.Missing(t.Context(), []cache.Digest{lost}); err != nil || len(missing) > 0 {
		t.Errorf("still missing: %v, %v", missing, err)
	}
	if got, want := statuses(b), []string{"fan run", "merged run", "bystander hit"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := b.Heal(t.Context(), missed); err != nil {
		t.Errorf("healed already: %v", err)
	}
	other := errors.New("other")
	if err := b.Heal(t.Context(), other); err != other {
		t.Errorf("got %v, want the error itself", err)
	}
	nobody := &cache.BlobError{Digest: w.Function().Sum([]byte("nobody's")), Err: cache.ErrNotFound}
	if err := b.Heal(t.Context(), nobody); err != nobody {
		t.Errorf("got %v, want the error itself", err)
	}
}

// A blob that comes back bad every time ends the build instead of repeating it.
func TestHealGivesUp(t *testing.T) {
	for _, corrupt := range []bool{false, true} {
		w := healWorld(t)
		w.add("read", func(context.Context, *rules.Job, params) error {
			d := w.Function().Sum([]byte("<3"))
			w.Discard(context.Background(), d)
			if corrupt {
				return &cache.BlobError{Digest: d, Err: cache.ErrCorrupt}
			}
			return &cache.BlobError{Digest: d, Err: cache.ErrNotFound}
		})
		g, _, _, read, _ := healGraph()
		b := w.build(&g.Graph)
		err := b.Run(t.Context(), out(read))
		var lost *cache.BlobError
		if !errors.As(err, &lost) {
			t.Errorf("got %v, want a blob error", err)
		}
		if got, want := statuses(b), []string{"fan run", "merged run", "read failed"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := len(w.ran); n > 5+10 {
			t.Errorf("%d runs: %q", n, w.ran)
		}
	}
}
