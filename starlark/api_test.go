package starlark

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pungo-build/pungo/rules"
)

// TestAPIDocs: what rules are written with has docs, all of it and nothing else.
func TestAPIDocs(t *testing.T) {
	docs := map[string]RuleDoc{}
	for _, d := range describeAPI() {
		docs[d.Name] = d
	}
	for name := range apiNames(imageProvider()) {
		if _, ok := docs[name]; !ok && name != "Image" {
			t.Errorf("%s: no docs", name)
		}
	}
	fields := fieldsOf(t)
	for _, d := range docs {
		got, known := fields[d.Name]
		if d.Kind == "function" {
			continue
		}
		var want []string
		for _, a := range d.Attrs {
			want = append(want, a.Name)
		}
		slices.Sort(want)
		if text := strings.Join(want, " "); !known || got != text {
			t.Errorf("%s: got fields %s, docs have %s", d.Name, got, text)
		}
	}
	for _, owner := range []string{"ctx.actions", "args"} {
		for _, name := range strings.Fields(fields[owner]) {
			if name = owner + "." + name; docs[name].Doc == "" {
				t.Errorf("%s: no docs", name)
			}
		}
	}
}

// fieldsOf returns the names of fields of values, by what the docs call these.
func fieldsOf(t *testing.T) map[string]string {
	files := fstest.MapFS{"compose.star": {Data: []byte(`
compose(
    name = "T", short = "T", version = "1", arches = ["x86_64"],
    base_product = {"name": "B", "short": "B", "version": "1"},
)
variant(name = "Server", comps_groups = ["core"], comps_environments = ["minimal"])

def _impl(ctx):
    out = ctx.actions.declare_file("out")
    ctx.actions.write(output = out, content = "")
    if not ctx.attr.dep:
        return
    values = {
        "ctx": ctx, "ctx.actions": ctx.actions, "args": ctx.actions.args(), "compose": ctx.compose,
        "variant": ctx.variant, "cell": ctx.cell, "label": ctx.label, "file": out,
        "group": ctx.variant.comps_groups[0], "environment": ctx.variant.comps_environments[0],
        "release": ctx.compose.base_product, "dependency": ctx.attr.dep, "attr": attr, "json": json,
    }
    for name, value in values.items():
        print(name, *dir(value))

t = rule(implementation = _impl, per = "variant", attrs = {"dep": attr.label()})
t(name = "a")
t(name = "b", dep = ":a")
`)}}
	fields := map[string]string{}
	_, err := Evaluate(context.Background(), files, Options{Print: func(_ rules.Position, text string) {
		name, names, _ := strings.Cut(text, " ")
		fields[name] = names
	}})
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

// TestOptionDocs: every option of attr.X has docs, and every kind takes options.
func TestOptionDocs(t *testing.T) {
	known := map[string]bool{"doc": true}
	for _, k := range kindDocs {
		if attrOptions[k.kind] == nil {
			t.Errorf("attr.%s: docs of what is not there", k.kind)
		}
		for _, o := range attrOptions[k.kind] {
			known[o] = true
		}
	}
	for _, o := range optionDocs {
		if !known[o.Name] || o.Doc == "" {
			t.Errorf("option %s: known %v, docs %q", o.Name, known[o.Name], o.Doc)
		}
		delete(known, o.Name)
	}
	if len(known) > 0 || len(kindDocs) != len(attrOptions) {
		t.Errorf("%d kinds with docs, want %d; options without docs: %v", len(kindDocs), len(attrOptions), known)
	}
}
