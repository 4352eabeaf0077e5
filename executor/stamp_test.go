package executor

import (
	"slices"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// stamped is a graph of content, an image whose volume id is the compose id, and
// a layout that holds both.
func stamped(w *world, t *testing.T) (*rules.Graph, *rules.Action) {
	w.file(t, "f", "content")
	g := newGraph()
	content := g.action("content", "concat", source("f", cache.FileKind))
	image := text(g.action("image", "concat", out(content)), "{compose_id}")
	broken := g.action("broken", "fail", out(content))
	broken.Optional = true
	layout := text(g.action("layout", "concat", out(image), out(content), out(broken)), "{compose_id}")
	g.Layout = layout
	return &g.Graph, layout
}

func TestStampWaits(t *testing.T) {
	w := newWorld()
	g, layout := stamped(w, t)
	b := w.build(g)
	if _, err := b.Unstamped(t.Context(), layout); err == nil {
		t.Error("content that was not made can be compared")
	}
	if err := b.Run(t.Context(), out(layout)); err != nil {
		t.Fatal(err)
	}
	if got, want := statuses(b), []string{"content run", "broken absent"}; !slices.Equal(got, want) {
		t.Errorf("before the stamp: got %q, want %q", got, want)
	}
	b.Stamp(rules.Stamp{ID: "Tiny-1.0-1"})
	if err := b.Run(t.Context(), out(layout)); err != nil {
		t.Fatal(err)
	}
	if got, want := statuses(b), []string{"content run", "image run", "broken absent", "layout run"}; !slices.Equal(got, want) {
		t.Errorf("after the stamp: got %q, want %q", got, want)
	}
	started := slices.DeleteFunc(w.events, func(e rules.Event) bool { return e.Kind != rules.BuildStarted })
	if len(started) != 1 || started[0].Total != 4 {
		t.Errorf("started with %v, want once with 4 actions", started)
	}
	if got, want := w.content(t, b, layout), "Tiny-1.0-1Tiny-1.0-1contentcontent"; got != want {
		t.Errorf("layout is %q, want %q", got, want)
	}
}

func TestUnstamped(t *testing.T) {
	w := newWorld()
	digest := func(change func(g *rules.Graph), id string) cache.Digest {
		t.Helper()
		g, layout := stamped(w, t)
		change(g)
		b := w.build(g)
		if err := b.Run(t.Context(), out(layout)); err != nil {
			t.Fatal(err)
		}
		if id != "" {
			b.Stamp(rules.Stamp{ID: id, Date: "20261122", Respin: 3, Type: "nightly", Label: "Beta-1.0"})
			if err := b.Run(t.Context(), out(layout)); err != nil {
				t.Fatal(err)
			}
		}
		d, err := b.Unstamped(t.Context(), layout)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	nothing := func(*rules.Graph) {}
	first := digest(nothing, "")
	tests := []struct {
		name   string
		change func(*rules.Graph)
		id     string
		same   bool
	}{
		{"again", nothing, "", true},
		{"stamped", nothing, "Tiny-1.0-1", true},
		{"stamped otherwise", nothing, "Tiny-1.0-2", true},
		{"other content", func(*rules.Graph) { w.file(t, "f", "other") }, "", false},
		{"other argument before", func(g *rules.Graph) { text(g.Actions[1], "more") }, "", false},
		{"other argument", func(g *rules.Graph) { text(g.Layout, "more") }, "", false},
		{"other compose type", func(g *rules.Graph) { g.Compose.Type = "production" }, "", true},
		{"other label", func(g *rules.Graph) { g.Compose.Label = "RC-1.0" }, "", true},
		{"other name", func(g *rules.Graph) { g.Compose.Name = "Tiny" }, "", false},
		{"other short name", func(g *rules.Graph) { g.Compose.Short = "Tinier" }, "", false},
		{"other version", func(g *rules.Graph) { g.Compose.Version = "1.1" }, "", false},
		{"other release type", func(g *rules.Graph) { g.Compose.Release.Type = "updates" }, "", false},
		{"base product", func(g *rules.Graph) { g.Compose.BaseProduct = &rules.Release{Short: "Base", Version: "9"} }, "", false},
		{"layered product", func(g *rules.Graph) { g.Actions[1].Product = &rules.Release{Short: "Layer", Version: "2"} }, "", false},
		{"no longer absent", func(g *rules.Graph) { g.Actions[2].Tool = "concat" }, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := digest(test.change, test.id); (got == first) != test.same {
				t.Errorf("equal is %v, want %v", got == first, test.same)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	w := newWorld()
	g, layout := stamped(w, t)
	missing := &rules.Action{Owner: layout.Owner, Toolchain: &rules.Toolchain{Program: "mkfs.odd", Hint: "install odd-tools"}}
	missing.Outputs = []*rules.Artifact{{Name: "x", Kind: cache.FileKind, Producer: missing}}
	g.Actions = append(g.Actions[:3:3], missing, layout)
	layout.Extra = missing.Outputs

	outlooks := func(b *Build) []string {
		t.Helper()
		steps, err := b.Plan(t.Context(), out(layout))
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, s := range steps {
			all = append(all, string(s.Outlook)+": "+s.Reason)
		}
		return all
	}
	b := w.build(g)
	want := []string{
		"run: no result is recorded for these inputs",
		"after: //:content runs first",
		"after: //:content runs first",
		`blocked: program "mkfs.odd" is not installed; install odd-tools`,
		"after: //:image runs first",
	}
	if got := outlooks(b); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(w.ran) > 0 {
		t.Errorf("planning ran %q", w.ran)
	}
	missing.Optional = true
	b.Stamp(rules.Stamp{ID: "Tiny-1.0-1"})
	if err := b.Run(t.Context(), out(layout)); err != nil {
		t.Fatal(err)
	}
	b = w.build(g)
	b.Stamp(rules.Stamp{ID: "Tiny-1.0-2"})
	want = []string{
		"hit: ",
		"run: no result is recorded for these inputs",
		"run: no result is recorded for these inputs",
		`absent: program "mkfs.odd" is not installed; install odd-tools`,
		"after: //:image runs first",
	}
	if got := outlooks(b); !slices.Equal(got, want) {
		t.Errorf("with another stamp: got %q, want %q", got, want)
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(g *graph, a *rules.Action)
		want   string
	}{
		{"fine", func(*graph, *rules.Action) {}, ""},
		{"placeholder", func(_ *graph, a *rules.Action) { text(a, "{respin}") }, ""},
		{"tool", func(_ *graph, a *rules.Action) { a.Tool = "odd" }, `compose.star:7:1: //:two: tool "odd" is not known`},
		{
			"argument", func(_ *graph, a *rules.Action) { a.Args = append(a.Args, rules.Arg{{Text: "--odd"}}) },
			`compose.star:7:1: //:two: concat: argument "--odd" is not known`,
		},
		{
			"two producers", func(g *graph, a *rules.Action) { a.Outputs = append(a.Outputs, out(g.Actions[0])) },
			`compose.star:7:1: //:two: output "one.txt" is made by //:one too`,
		},
		{
			"same name", func(_ *graph, a *rules.Action) {
				a.Outputs = append(a.Outputs, &rules.Artifact{Name: "two.txt", Producer: a})
			},
			`compose.star:7:1: //:two: output "two.txt" is declared twice`,
		},
		{
			"order", func(g *graph, _ *rules.Action) { slices.Reverse(g.Actions) },
			`compose.star:7:1: //:two: input "one.txt" is not made before it is needed`,
		},
		{
			"nothing", func(_ *graph, a *rules.Action) { a.Extra = []*rules.Artifact{{Name: "void"}} },
			`compose.star:7:1: //:two: input "void" has no producer`,
		},
		{
			"program", func(_ *graph, a *rules.Action) {
				a.Tool, a.Toolchain = "", &rules.Toolchain{Program: "mkfs.odd", Hint: "install odd-tools"}
			},
			"//:two: program \"mkfs.odd\" is not installed\n  hint: install odd-tools",
		},
		{
			"optional program", func(_ *graph, a *rules.Action) {
				a.Tool, a.Toolchain, a.Optional = "", &rules.Toolchain{Program: "mkfs.odd"}, true
			}, "",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld()
			g := newGraph()
			one := g.action("one", "concat")
			two := g.action("two", "concat", out(one))
			two.Owner.Target = &rules.Target{Pos: rules.Position{File: "compose.star", Line: 7, Col: 1}}
			test.change(g, two)
			err := w.build(&g.Graph).Check(t.Context(), out(two))
			if got := errorText(err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
