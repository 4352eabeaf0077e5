package starlark_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/starlark"
)

// BenchmarkEvaluate evaluates a definition of 400 instances: two arches, ten
// variants, eight targets per tree, with selects, labels and a collector.
func BenchmarkEvaluate(b *testing.B) {
	files := workspace(largeDefinition())
	files["rpms/a.rpm"] = files["compose.star"]
	instances := 0
	b.ReportAllocs()
	for b.Loop() {
		g, err := starlark.Evaluate(context.Background(), files, starlark.Options{Phases: smallPhases})
		if err != nil {
			b.Fatal(err)
		}
		instances = 0
		for _, t := range g.Targets {
			instances += len(t.Instances)
		}
	}
	b.ReportMetric(float64(instances), "instances")
}

func largeDefinition() string {
	var text strings.Builder
	text.WriteString(`
compose(name = "Large", short = "Large", version = "1", arches = ["x86_64", "aarch64"])

def _impl(ctx):
    tree = ctx.actions.declare_directory("tree")
    log = ctx.actions.declare_file("%s-%s.log" % (ctx.label.name, ctx.cell))
    args = ctx.actions.args()
    for dep in ctx.attr.content:
        args.add("--in", dep[Repo].tree)
    args.add_all("--word", ctx.attr.words)
    args.add("--out", tree)
    ctx.actions.tool(tool = "join", args = [args], outputs = [tree, log])
    ctx.deliver("{logs}/{variant}", log)
    return [Repo(tree = tree)]

join = rule(
    implementation = _impl,
    per = "tree",
    provides = [Repo],
    attrs = {"content": attr.labels(), "words": attr.string_list()},
)

def _all_impl(ctx):
    out = ctx.actions.declare_file("all")
    args = ctx.actions.args()
    args.add_all("--in", [dep[Repo].tree for dep in ctx.attr.repos])
    ctx.actions.tool(tool = "all", args = [args, out], outputs = [out])

everything = rule(implementation = _all_impl, per = "compose", attrs = {"repos": attr.collect(Repo)})

package_dir(name = "packages", path = "rpms")
repository(name = "t0", packages = ":packages")
everything(name = "all")
`)
	for v := range 10 {
		fmt.Fprintf(&text, "variant(name = \"V%d\")\n", v)
	}
	for n := 1; n < 8; n++ {
		fmt.Fprintf(&text, "join(name = \"t%d\", content = [\":t%d\", \":t0\"], words = [\"a\"] + select({\"*.x86_64\": [\"b\"], \"V3\": [\"c\"], \"V3.x86_64\": [\"d\"]}))\n", n, n-1)
	}
	return text.String()
}
