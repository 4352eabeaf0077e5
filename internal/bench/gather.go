package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing/fstest"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/catalogue"
	"github.com/pungo-build/pungo/starlark"
)

// gathering shows what each rule of gather costs beside the closure: a package that is
// selected with the rule may take twice the time of one that is selected without any, that
// is, no rule costs more than the closure itself. Time for a package, since who selects more
// has more to follow; where a rule selects fewer, all of its time counts. It is processor
// time, user and system: targets run one after the other, so what else the machine does
// would fall on one of them. Sizes shrink with the scale.
//
// A part generates the packages, stores their metadata in memory, and has solve and trim
// work on it, once for each rule, all in one process: so the rules share the decoded package
// set, which would hide what they cost, and the same neighbours on the machine. Last come
// all rules together, on four arches, two of which have foreign packages, against the
// closure alone; these include reading the sets, and tell the memory of the process.
func gathering(ctx context.Context, l *lab) error {
	n := l.size(60_000)
	single, err := l.gatherings(ctx, n, gatherings, "x86_64")
	if err != nil {
		return err
	}
	for _, g := range single[1:] {
		if g.Name != "filters" && g.Selected <= single[0].Selected {
			return fmt.Errorf("%s selects %d packages, no more than the closure alone", g.Name, g.Selected)
		}
		l.costs(single[0], g, "")
	}
	arches := []string{"x86_64", "aarch64", "ppc64le", "s390x"}
	var sides []gathered
	for _, g := range []ruleset{gatherings[0], gatherings[len(gatherings)-1]} {
		four, err := l.gatherings(ctx, n, []ruleset{g}, arches...)
		if err != nil {
			return err
		}
		sides = append(sides, four...)
	}
	l.costs(sides[0], sides[1], ", four arches")
	return nil
}

// ruleset is a target of gather: the rules that are switched on, in Starlark.
type ruleset struct{ name, attributes string }

// multilibRules take a package set with foreign packages.
const (
	multilibRules = `multilib = ["devel", "runtime"], multilib_whitelist = ["package00?00*", "*-nothing"]`
	filterRules   = `filter_packages = FILTERS, multilib_blacklist = FILTERS`
)

// gatherings are the closure alone, each rule alone, and all together.
var gatherings = []ruleset{
	{"closure", ""},
	{"fulltree", "fulltree = True"},
	{"selfhosting", "selfhosting = True"},
	{"multilib", multilibRules},
	{"greedy-build", `greedy = "build"`},
	{"greedy-all", `greedy = "all"`},
	{"conditionals-langpacks", `comps = ":comps", langpacks = True`},
	{"filters", filterRules},
	{"prepopulate", `prepopulate = "prepopulate.json"`},
	{"source-mapping", `source_mapping = "mapping.json"`},
	{"together", strings.Join([]string{
		"fulltree = True, selfhosting = True", multilibRules, `greedy = "build", comps = ":comps", langpacks = True`,
		filterRules, `prepopulate = "prepopulate.json", source_mapping = "mapping.json"`,
	}, ", ")},
}

// gatherDefinition asks for the main packages of one build in ten: all others of which
// packages are wanted are found by following requirements. The closures of warm-up decode the package sets, and
// are first to need memory.
func gatherDefinition(c crowd, filters int, arches []string, rulesets []ruleset) string {
	var b strings.Builder
	b.WriteString(composeHead(arches) + "variant(name = \"Everything\")\n" + givenRule)
	b.WriteString("WANTED = [\"package*0\"]\n")
	fmt.Fprintf(&b, "FILTERS = [\"%s\"]\n", strings.Join(c.filters(filters), "\", \""))
	var sources []string
	for _, arch := range arches {
		fmt.Fprintf(&b, "given(name = %q, path = %q)\n", arch, "packages-"+arch)
		sources = append(sources, fmt.Sprintf("\"*.%s\": [\":%s\"]", arch, arch))
	}
	fmt.Fprintf(&b, `
comps(name = "comps", src = "comps.xml")
SOURCES = select({%s})
pkgset(name = "native", sources = SOURCES)
pkgset(name = "all", sources = SOURCES, multilib = True)
gather(name = "warm-native", packages = ":native", additional_packages = WANTED)
gather(name = "warm-all", packages = ":all", additional_packages = WANTED)
`, strings.Join(sources, ", "))
	for _, r := range rulesets {
		set, rules := "native", r.attributes
		if strings.Contains(rules, multilibRules) {
			set = "all"
		}
		if !strings.Contains(rules, "langpacks") {
			rules = "langpacks = False, " + rules
		}
		fmt.Fprintf(&b, "gather(name = %q, packages = \":%s\", additional_packages = WANTED, %s)\n", r.name, set, rules)
	}
	return b.String()
}

// gathered is what the part tells of a target.
type gathered struct {
	Name      string
	Took, CPU time.Duration // CPU is user and system time, that of collecting garbage too
	Selected  int

	usage usage
}

// costs adds the row of a rule.
func (l *lab) costs(alone, rule gathered, where string) {
	got := rule.usage.CPU.Seconds() / alone.usage.CPU.Seconds() / max(float64(rule.Selected)/float64(alone.Selected), 1)
	l.table.add(row{
		claim: fmt.Sprintf("gather%s: %s selects %d packages, time of one against one of %d of the closure alone",
			where, rule.Name, rule.Selected, alone.Selected),
		ratio: fmt.Sprintf("%.2fx", got), target: "<= 2.00x", missed: got > 2, ours: rule.usage, peer: alone.usage,
	})
}

// gatherings returns the medians of the runs for n packages an arch.
func (l *lab) gatherings(ctx context.Context, n int, rulesets []ruleset, arches ...string) ([]gathered, error) {
	var names []string
	for _, r := range rulesets {
		names = append(names, r.name)
	}
	command, err := l.part(gatherPart, strconv.Itoa(n), strconv.Itoa(l.size(3000)), strings.Join(names, ","), strings.Join(arches, ","))
	if err != nil {
		return nil, err
	}
	var told []gathered
	taken := make([][]usage, len(rulesets))
	for run := range l.runs + 1 {
		u, stdout, err := measure(ctx, "", command)
		if err == nil {
			err = json.Unmarshal(stdout, &told)
		}
		if err != nil || len(told) != len(rulesets) {
			return nil, errors.Join(fmt.Errorf("%d of %d targets", len(told), len(rulesets)), err)
		}
		for i := range told {
			if run == 0 {
				continue
			}
			u.Wall, u.CPU = told[i].Took, told[i].CPU
			if len(told) > 1 {
				u.Peak = 0 // it is not of one target
			}
			taken[i] = append(taken[i], u)
		}
	}
	for i := range told {
		told[i].usage = medians(taken[i])
	}
	return told, nil
}

const gatherPart = "gather"

// gatherAll runs targets of gather one after the other. Arguments are the number of packages
// of an arch and of filters, the names of the targets and the arches, with commas.
func gatherAll(ctx context.Context, args []string) error {
	n, err := strconv.Atoi(args[0])
	filters, err2 := strconv.Atoi(args[1])
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	names, arches := strings.Split(args[2], ","), strings.Split(args[3], ",")
	g, err := newGatherBuild(ctx, n, filters, names, arches)
	if err != nil {
		return err
	}
	// Whoever reads sets alone is not who is measured, if there are several.
	first := slices.Concat(g.outputs("pkgset", "native"), g.outputs("pkgset", "all"))
	if len(names) > 1 {
		first = slices.Concat(first, g.outputs("trim", "warm-native"), g.outputs("trim", "warm-all"))
	}
	if err := g.Run(ctx, first...); err != nil {
		return err
	}
	var told []gathered
	for _, name := range names {
		one, err := g.target(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		told = append(told, one)
	}
	return tell(told)
}

// gatherBuild is the build of a part.
type gatherBuild struct {
	*executor.Build
	graph *rules.Graph
	store cache.Store
}

func newGatherBuild(ctx context.Context, n, filters int, names, arches []string) (*gatherBuild, error) {
	store := cache.NewMemory(cache.BLAKE3)
	first := newCrowd(arches[0], n)
	mapping, err := first.mapping(arches)
	prepopulate, err2 := first.prepopulated(arches)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(slices.Clone(gatherings), func(r ruleset) bool { return !slices.Contains(names, r.name) })
	workspace := fstest.MapFS{
		"compose.star":     {Data: []byte(gatherDefinition(first, filters, arches, chosen))},
		"comps.xml":        {Data: []byte(first.comps())},
		"mapping.json":     {Data: mapping},
		"prepopulate.json": {Data: prepopulate},
	}
	sources := placed{}
	for path, file := range workspace {
		d, err := store.Put(ctx, file.Data)
		if err != nil {
			return nil, err
		}
		sources[path] = cache.Node{Kind: cache.FileKind, Digest: d}
	}
	for _, arch := range arches {
		path := "packages-" + arch
		if sources[path], err = newCrowd(arch, n).store(ctx, store); err != nil {
			return nil, err
		}
		workspace[path+"/meta"] = &fstest.MapFile{}
	}
	graph, err := starlark.Evaluate(ctx, workspace, starlark.Options{Phases: phases()})
	if err != nil {
		return nil, err
	}
	b := executor.New(graph, executor.Options{Tools: catalogue.Tools(), Store: store, Actions: store, Sources: sources})
	return &gatherBuild{b, graph, store}, nil
}

// placed is a workspace of nodes by path.
type placed map[string]cache.Node

// Resolve implements executor.Sources.
func (p placed) Resolve(_ context.Context, s *rules.Source) (cache.Node, error) {
	n, ok := p[s.Path]
	if !ok {
		return n, fmt.Errorf("%s is not in the workspace", s.Path)
	}
	n.Name = s.Path
	return n, nil
}

// outputs are those of the actions of a tool, of a target.
func (g *gatherBuild) outputs(tool, target string) []*rules.Artifact {
	var outputs []*rules.Artifact
	for _, a := range g.graph.Actions {
		if a.Tool == tool && strings.TrimSuffix(a.Owner.Instance.Label.Name, ".solve") == target {
			outputs = append(outputs, a.Outputs...)
		}
	}
	return outputs
}

// target solves and trims one target, on all arches.
func (g *gatherBuild) target(ctx context.Context, name string) (gathered, error) {
	told := gathered{Name: name}
	start, before := time.Now(), cpuTime()
	if err := g.Run(ctx, g.outputs("trim", name)...); err != nil {
		return told, err
	}
	told.Took, told.CPU = time.Since(start), cpuTime()-before
	for _, list := range g.outputs("solve", name) {
		if !strings.HasSuffix(list.Name, ".list") {
			continue
		}
		n, _ := g.Artifact(list)
		data, err := g.store.Get(ctx, n.Digest)
		if err != nil {
			return told, err
		}
		told.Selected += bytes.Count(data, []byte("\n"))
	}
	return told, nil
}

// cpuTime is the user and system time of this process so far.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
