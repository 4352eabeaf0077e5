package solve

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// generate makes a universe of about n packages, always the same for a seed:
// builds of a few packages for two arches and noarch, with up to dense
// requirements each on names, versions, capabilities, files, and rich ones.
func generate(seed uint64, n, dense int) []Package {
	g := generator{Rand: rand.New(rand.NewPCG(seed, 0)), builds: max(1, n*4/25), dense: dense}
	for b := range g.builds {
		g.build(b)
	}
	return g.packages
}

type generator struct {
	*rand.Rand
	builds   int
	dense    int
	packages []Package
}

func (g *generator) build(b int) {
	version := fmt.Sprint(1 + g.IntN(3))
	name := fmt.Sprintf("p%d", b)
	for part := range 1 + g.IntN(3) {
		binary := name
		if part > 0 {
			binary += fmt.Sprintf("-sub%d", part)
		}
		arches := []string{"x86_64", "i686"}
		if g.IntN(4) == 0 {
			arches = []string{"noarch"}
		}
		for _, arch := range arches {
			g.add(g.binary(binary, version, arch, name))
			if arch != "noarch" && g.IntN(2) == 0 {
				g.add(g.pkg(binary+"-debuginfo", version, arch, name))
			}
		}
		if g.IntN(8) == 0 { // an older build of the same package
			g.add(g.binary(binary, "0", arches[0], name))
		}
	}
	source := g.pkg(name, version, "src", "")
	source.Requires = g.requires(1 + g.IntN(3))
	g.add(source)
}

func (g *generator) add(p *rpm.Package) {
	repo := g.IntN(10) / 9
	g.packages = append(g.packages, Package{Package: p, Repo: repo, Lookaside: repo == 1})
}

func (g *generator) pkg(name, version, arch, source string) *rpm.Package {
	p := &rpm.Package{NEVRA: rpm.NEVRA{Name: name, EVR: rpm.EVR{Version: version, Release: "1"}, Arch: arch}}
	if source != "" {
		p.SourceRPM = source + "-" + version + "-1.src.rpm"
	}
	p.Provides = []rpm.Dependency{{Name: name, Sense: rpm.Equal, EVR: p.EVR}}
	return p
}

func (g *generator) binary(name, version, arch, source string) *rpm.Package {
	p := g.pkg(name, version, arch, source)
	if arch == "x86_64" {
		p.Provides = append(p.Provides, rpm.Dependency{Name: name + "(64bit)", Sense: rpm.Equal, EVR: p.EVR})
	}
	for range g.IntN(g.dense / 2) {
		p.Provides = append(p.Provides, rpm.Dependency{
			Name: g.capability(), Sense: rpm.Equal, EVR: rpm.EVR{Version: fmt.Sprint(1 + g.IntN(3))},
		})
	}
	if g.IntN(3) == 0 {
		p.Files = []rpm.File{{Path: g.path()}}
	}
	p.Requires = g.requires(g.IntN(g.dense))
	return p
}

// requires makes n requirements, most of them satisfiable.
func (g *generator) requires(n int) []rpm.Dependency {
	var deps []rpm.Dependency
	for range n {
		if g.IntN(g.dense) > 0 {
			deps = append(deps, g.plain())
			continue
		}
		deps = append(deps, rpm.Dependency{Name: g.rich(2)})
	}
	return deps
}

func (g *generator) plain() rpm.Dependency {
	d := rpm.Dependency{Name: fmt.Sprintf("p%d", g.IntN(g.builds))}
	switch g.IntN(5) {
	case 0:
		d.Name += "(64bit)"
	case 1:
		d.Name = g.capability()
	case 2:
		d.Name = g.path()
		return d
	}
	if g.IntN(4) == 0 {
		d.Sense = []rpm.Sense{rpm.Equal, rpm.Less | rpm.Equal, rpm.Greater}[g.IntN(3)]
		d.EVR.Version = fmt.Sprint(1 + g.IntN(3))
	}
	return d
}

func (g *generator) rich(depth int) string {
	operand := func() string {
		if depth > 0 && g.IntN(4) == 0 {
			return g.rich(depth - 1)
		}
		return g.plain().String()
	}
	switch a, b := operand(), operand(); g.IntN(8) {
	case 0, 1:
		return "(" + a + " and " + b + ")"
	case 2, 3:
		return "(" + a + " or " + b + ")"
	case 4:
		return "(" + a + " if " + b + ")"
	case 5:
		return "(" + a + " if " + b + " else " + operand() + ")"
	case 6:
		return "(" + a + " unless " + b + " else " + operand() + ")"
	default:
		op := []string{"with", "without"}[g.IntN(2)]
		return "(" + g.plain().String() + " " + op + " " + g.plain().String() + ")"
	}
}

func (g *generator) capability() string { return fmt.Sprintf("cap%d", g.IntN(1+g.builds/3)) }
func (g *generator) path() string       { return fmt.Sprintf("/usr/bin/f%d", g.IntN(1+g.builds/2)) }

// randomRequest asks for some packages of a generated universe.
func randomRequest(seed uint64, builds int) Request {
	r := rand.New(rand.NewPCG(seed, 1))
	request := Request{
		TreeArch:    "x86_64",
		Greedy:      Greedy(r.IntN(3)),
		Fulltree:    r.IntN(2) == 0,
		Selfhosting: r.IntN(2) == 0,
		Multilib: func(p *rpm.Package) string {
			if strings.HasSuffix(p.Name, "1") {
				return "test"
			}
			return ""
		},
	}
	pattern := func() string {
		return fmt.Sprintf("p%d", r.IntN(builds)) + []string{"", "*", ".+", ".i686", "-sub1"}[r.IntN(5)]
	}
	for range 1 + r.IntN(6) {
		request.Inputs = append(request.Inputs, Input{Pattern: pattern(), Reason: "the test"})
	}
	for range r.IntN(4) {
		request.Excludes = append(request.Excludes, pattern())
		request.FulltreeExcludes = append(request.FulltreeExcludes, pattern())
		request.Conditionals = append(request.Conditionals, Conditional{pattern(), pattern(), "the test"})
	}
	return request
}

// universes are how many random universes the properties are tried on.
const universes = 300

// TestClosed checks with a naive second opinion that of what is shipped every
// requirement is satisfied or reported, and no plain one is both.
func TestClosed(t *testing.T) {
	followed, reported := 0, 0
	for seed := range uint64(universes) {
		packages := generate(seed, 20+int(seed), 6)
		r := randomRequest(seed, len(packages)/5)
		result := NewPool(packages, PoolOptions{}).Solve(r)
		missing := map[string]bool{}
		for _, u := range result.Unresolved {
			missing[packages[u.Requirer].String()+" "+u.Requirement] = true
		}
		reported += len(missing)
		var selected []*rpm.Package
		for _, s := range result.Binaries {
			selected = append(selected, packages[s.Index].Package)
		}
		check := slices.Clone(result.Binaries)
		if r.Selfhosting {
			check = append(check, result.Sources...)
		}
		for _, s := range check {
			p := packages[s.Index]
			if s.Flags.Has(FlagLookaside) {
				continue
			}
			for _, d := range p.Requires {
				followed++
				holds, reported := naivelySatisfied(t, d, selected), missing[p.String()+" "+d.String()]
				if !holds && !reported || holds && reported && !d.IsRich() {
					t.Errorf("seed %d: %s requires %s: satisfied is %v, reported is %v", seed, p.NEVRA, d, holds, reported)
				}
			}
		}
	}
	if followed < 10000 || reported > followed/2 {
		t.Errorf("%d requirements followed, %d reported: the universes are too simple", followed, reported)
	}
}

// naivelySatisfied decides a requirement over installed-like packages by the
// definition of the operators, without anything of the solver but its parser.
func naivelySatisfied(t *testing.T, d rpm.Dependency, packages []*rpm.Package) bool {
	if !d.IsRich() {
		return slices.ContainsFunc(packages, func(p *rpm.Package) bool { return naivelyProvides(p, d) })
	}
	e, err := parseRich(d.Name)
	if err != nil {
		t.Fatal(err)
	}
	var holds func(e *expr) bool
	var alone func(e *expr, p *rpm.Package) bool
	alone = func(e *expr, p *rpm.Package) bool {
		switch e.op {
		case opLeaf:
			return naivelyProvides(p, e.dep)
		case opWith:
			return alone(e.operands[0], p) && alone(e.operands[1], p)
		case opWithout:
			return alone(e.operands[0], p) && !alone(e.operands[1], p)
		}
		return alone(e.operands[0], p) || alone(e.operands[1], p)
	}
	holds = func(e *expr) bool {
		switch e.op {
		case opAnd:
			return holds(e.operands[0]) && holds(e.operands[1])
		case opOr:
			return holds(e.operands[0]) || holds(e.operands[1])
		case opIf:
			return holds(e.operands[1]) && holds(e.operands[0]) ||
				!holds(e.operands[1]) && (len(e.operands) == 2 || holds(e.operands[2]))
		case opUnless:
			return !holds(e.operands[1]) && holds(e.operands[0]) ||
				holds(e.operands[1]) && holds(e.operands[2])
		}
		return slices.ContainsFunc(packages, func(p *rpm.Package) bool { return alone(e, p) })
	}
	return holds(e)
}

func naivelyProvides(p *rpm.Package, d rpm.Dependency) bool {
	return slices.ContainsFunc(p.Provides, d.Overlaps) ||
		slices.ContainsFunc(p.Files, func(f rpm.File) bool { return f.Path == d.Name })
}

// TestOrder checks that the order in which packages are given does not matter.
func TestOrder(t *testing.T) {
	for seed := range uint64(universes) {
		packages := generate(seed, 20+int(seed), 6)
		r := randomRequest(seed, len(packages)/5)
		want := transcript(packages, r)
		for shuffle := range uint64(3) {
			shuffled := slices.Clone(packages)
			rand.New(rand.NewPCG(seed, shuffle)).Shuffle(len(shuffled), func(i, j int) {
				shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
			})
			if got := transcript(shuffled, r); got != want {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want)
			}
		}
	}
}

// transcript writes down everything in a result, without indexes.
func transcript(packages []Package, r Request) string {
	pool := NewPool(packages, PoolOptions{})
	result := pool.Solve(r)
	var b strings.Builder
	for _, s := range slices.Concat(result.Binaries, result.Debug, result.Sources) {
		fmt.Fprintln(&b, pool.Explain(s), s.Flags, packages[s.Index].Repo)
	}
	for _, u := range result.Unresolved {
		fmt.Fprintln(&b, packages[u.Requirer].NEVRA, u.Requirement, u.Why, len(u.Chain))
	}
	for _, u := range result.Unmatched {
		fmt.Fprintln(&b, u.Pattern, u.Why)
	}
	return b.String()
}

// realistic makes as many dependency entries as there are in distributions:
// some eight per package.
const realistic = 20

func BenchmarkPool(b *testing.B) {
	for _, n := range []int{6_000, 20_000, 60_000} {
		packages := generate(1, n, realistic)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				NewPool(packages, PoolOptions{})
			}
			perPackage(b, packages)
		})
	}
}

// BenchmarkSolve takes everything, and what belongs to it.
func BenchmarkSolve(b *testing.B) {
	for _, n := range []int{6_000, 20_000, 60_000} {
		packages := generate(1, n, realistic)
		pool := NewPool(packages, PoolOptions{})
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pool.Solve(Request{
					TreeArch: "x86_64", Inputs: []Input{{Pattern: "*", Reason: "the benchmark"}},
					Greedy: GreedyAll, Selfhosting: true, Fulltree: true,
				})
			}
			perPackage(b, packages)
		})
	}
}

func perPackage(b *testing.B, packages []Package) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(packages)), "ns/package")
}
