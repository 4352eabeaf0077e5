package libsolv_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
)

// TestCentOS compares requests to an invented distribution.
func TestCentOS(t *testing.T) {
	t.Parallel()
	packages := newCentOS(1, 400)
	newComparison(t, packages, newRequester(packages, 6, 5)).run(t, "libsolv-centos")
}

// centos is an invented distribution in the manner of CentOS, always the same for a
// seed: sources that each became a handful of packages, of two arches or noarch, which
// depend on one another in every way that rpm knows. Four in five dependencies are on
// what another package really has; a few in a hundred on what nobody has.
type centos struct {
	*rand.Rand
	builds   int
	sound    bool   // what is added now is the ground that all else stands on
	known    []fact // what there is to depend on so far
	packages []solve.Package
}

// fact is something that a package has, to depend on.
type fact struct {
	name string
	evr  rpm.EVR // empty for files and sonames
	arch string  // of the package; "" if any package serves any
	old  bool    // there is a newer version
}

func newCentOS(seed uint64, builds int) []solve.Package {
	c := &centos{Rand: rand.New(rand.NewPCG(seed, 0)), builds: builds}
	for b := range builds {
		c.sound = b < builds/8
		c.addBuild(b)
	}
	return c.packages
}

// one tells, once in n times, that something is so.
func (c *centos) one(n int) bool { return c.IntN(n) == 0 }

// build is a source, and what its packages have in common.
type build struct {
	name   string
	number int
	evr    rpm.EVR
	places []solve.Package // repositories that have it
}

// addBuild adds the packages of a source. Some are there in an old version, too; some
// in a lookaside, in the same version, in an old one, or only there.
func (c *centos) addBuild(number int) {
	b := build{name: fmt.Sprintf("%s%d", words[c.IntN(len(words))], number), number: number}
	b.evr = rpm.EVR{Epoch: uint32(c.IntN(12) / 11), Version: fmt.Sprintf("%d.%d", 1+c.IntN(3), c.IntN(12)), Release: fmt.Sprintf("%d.el10", 1+c.IntN(30))}
	old := b
	old.evr.Version, old.evr.Release = "0."+old.evr.Version, "1.el10"
	main, aside := solve.Package{}, solve.Package{Repo: 1, Lookaside: true}
	b.places = []solve.Package{main}
	switch kind := c.IntN(16); {
	case c.sound && kind != 3:
	case kind == 0:
		b.places = []solve.Package{main, aside}
	case kind == 1:
		b.places = []solve.Package{aside}
	case kind == 2:
		old.places = []solve.Package{aside}
	case kind == 3 || kind == 4:
		old.places = []solve.Package{main}
	}
	state := c.Uint64() // both have the same packages
	c.addPackages(b, rand.New(rand.NewPCG(state, 0)), true)
	if len(old.places) > 0 {
		c.addPackages(old, rand.New(rand.NewPCG(state, 0)), false)
	}
}

// words are what names begin with, short and long ones.
var words = strings.Fields("a lib perl python3 gnome kernel rust golang texlive x java-openjdk")

// shape is what kinds of packages a build has.
type shape struct {
	name, arch string
	suffix     string
}

// shapes draws the packages of a build.
func shapes(b build, r *rand.Rand) []shape {
	if r.IntN(6) == 0 {
		list := []shape{{b.name, "noarch", ""}}
		if r.IntN(2) == 0 {
			list = append(list, shape{b.name + "-doc", "noarch", "-doc"})
		}
		return list
	}
	arches := []string{"x86_64", "i686"}
	if r.IntN(5) == 0 {
		arches = arches[:1+r.IntN(8)/7]
		if r.IntN(12) == 0 {
			arches = []string{"i686"}
		}
	}
	var list []shape
	for _, suffix := range []string{"", "-libs", "-devel", "-common", "-langpack-cs", "-langpack-fr", "-minimal", "-debuginfo", "-debugsource"} {
		rare := map[string]int{"-langpack-cs": 4, "-langpack-fr": 5, "-minimal": 5, "-common": 3, "-libs": 2, "-devel": 2}[suffix]
		if rare > 0 && r.IntN(rare) > 0 {
			continue
		}
		if suffix == "-common" || strings.HasPrefix(suffix, "-langpack") {
			list = append(list, shape{b.name + suffix, "noarch", suffix})
			continue
		}
		for _, arch := range arches {
			list = append(list, shape{b.name + suffix, arch, suffix})
		}
	}
	return list
}

func (c *centos) addPackages(b build, r *rand.Rand, current bool) {
	list := shapes(b, r)
	var facts []fact
	for _, s := range list {
		p := c.newPackage(b, s, list)
		c.add(b, p)
		if s.suffix != "-debuginfo" && s.suffix != "-debugsource" {
			facts = append(facts, factsOf(p)...)
		}
	}
	source := c.bare(b, b.name, "src")
	source.SourceRPM = ""
	for range 1 + c.IntN(5) {
		source.Requires = append(source.Requires, c.requirement("x86_64"))
	}
	c.add(b, source)
	for _, f := range facts {
		f.old = !current
		if current || c.one(3) {
			c.known = append(c.known, f)
		}
	}
}

func (c *centos) add(b build, p *rpm.Package) {
	for _, place := range b.places {
		place.Package = p
		c.packages = append(c.packages, place)
	}
}

func (c *centos) bare(b build, name, arch string) *rpm.Package {
	p := &rpm.Package{NEVRA: rpm.NEVRA{Name: name, EVR: b.evr, Arch: arch}, BuildTime: 1e9}
	p.SourceRPM = rpm.NEVRA{Name: b.name, EVR: b.evr, Arch: "src"}.FileName()
	if arch != "src" && !c.one(20) {
		p.Provides = append(p.Provides, exactly(name, b.evr))
		if arch != "noarch" {
			p.Provides = append(p.Provides, exactly(name+isa(arch), b.evr))
		}
	}
	return p
}

func exactly(name string, evr rpm.EVR) rpm.Dependency {
	return rpm.Dependency{Name: name, Sense: rpm.Equal, EVR: evr}
}

func isa(arch string) string {
	return map[string]string{"x86_64": "(x86-64)", "i686": "(x86-32)"}[arch]
}

func soname(b build, n int, arch string) string {
	return fmt.Sprintf("lib%s-%d.so.1()%s", b.name, n, map[string]string{"x86_64": "(64bit)"}[arch])
}

// newPackage makes a binary package of a build.
func (c *centos) newPackage(b build, s shape, siblings []shape) *rpm.Package {
	p := c.bare(b, s.name, s.arch)
	has := func(suffix string) bool {
		return slices.ContainsFunc(siblings, func(o shape) bool { return o.suffix == suffix && (o.arch == s.arch || o.arch == "noarch") })
	}
	sibling := func(suffix string) {
		if has(suffix) {
			name := b.name + suffix
			if s.arch != "noarch" && suffix != "-common" && !c.one(4) {
				name += isa(s.arch)
			}
			p.Requires = append(p.Requires, exactly(name, b.evr))
		}
	}
	switch s.suffix {
	case "-debuginfo":
		sibling("-debugsource")
		return p
	case "-debugsource":
		return p
	case "":
		sibling("-libs")
		sibling("-common")
		p.Files = append(p.Files, rpm.File{Path: "/usr/bin/" + b.name}, rpm.File{Path: "/usr/share/" + b.name + "/data"})
		for range c.IntN(3) {
			p.Requires = append(p.Requires, c.requirement(s.arch))
		}
	case "-libs":
		for n := range 1 + c.IntN(2) {
			p.Provides = append(p.Provides, rpm.Dependency{Name: soname(b, n, s.arch)})
		}
		for range c.IntN(2) {
			p.Requires = append(p.Requires, c.requirement(s.arch))
		}
	case "-devel":
		sibling("-libs")
		p.Requires = append(p.Requires, c.requirement(s.arch))
	case "-minimal":
		p.Provides = append(p.Provides, exactly(b.name, b.evr))
		if c.one(2) {
			p.Conflicts = append(p.Conflicts, rpm.Dependency{Name: "virtual-" + b.name})
		}
	case "-common":
		p.Files = append(p.Files, rpm.File{Path: "/etc/" + b.name, Dir: true})
	default:
		sibling("")
	}
	c.addVirtual(b, p)
	c.addOthers(p, s.arch)
	return p
}

// addVirtual adds what several packages provide, in versions and without.
func (c *centos) addVirtual(b build, p *rpm.Package) {
	if c.one(6) {
		d := rpm.Dependency{Name: fmt.Sprintf("virtual(%d)", c.IntN(1+c.builds/8))}
		if c.one(2) {
			d = exactly(d.Name, rpm.EVR{Version: fmt.Sprint(1 + c.IntN(3))})
		}
		p.Provides = append(p.Provides, d)
	}
	if c.one(12) {
		p.Files = append(p.Files, rpm.File{Path: fmt.Sprintf("/usr/libexec/shared%d", c.IntN(1+c.builds/12))})
	}
	if c.one(40) {
		p.Provides = append(p.Provides, rpm.Dependency{Name: "virtual-" + b.name})
	}
}

// addOthers adds what a package neither requires nor provides.
func (c *centos) addOthers(p *rpm.Package, arch string) {
	for _, list := range []*[]rpm.Dependency{&p.Recommends, &p.Suggests, &p.Supplements, &p.Enhances} {
		if c.one(6) {
			*list = append(*list, c.requirement(arch))
		}
	}
	if c.sound {
		return
	}
	if c.one(30) {
		p.Conflicts = append(p.Conflicts, c.older())
	}
	if c.one(12) {
		p.Conflicts = append(p.Conflicts, c.plain(arch))
	}
	if c.one(40) {
		p.Obsoletes = append(p.Obsoletes, rpm.Dependency{Name: p.Name + "-classic", Sense: rpm.Less, EVR: p.EVR})
	}
	if c.one(60) {
		p.Obsoletes = append(p.Obsoletes, c.older())
	}
}

// older is a dependency on an old version of something, which may not be there.
func (c *centos) older() rpm.Dependency {
	if len(c.known) == 0 {
		return rpm.Dependency{Name: "nothing"}
	}
	f := c.known[c.IntN(len(c.known))]
	for f.evr == (rpm.EVR{}) || strings.HasPrefix(f.name, "virtual") {
		f = c.known[c.IntN(len(c.known))]
	}
	if c.one(8) { // the one that is there as well
		return rpm.Dependency{Name: f.name, Sense: rpm.Less | rpm.Equal, EVR: f.evr}
	}
	return rpm.Dependency{Name: f.name, Sense: rpm.Less, EVR: f.evr}
}

func factsOf(p *rpm.Package) []fact {
	arch := p.Arch
	if arch == "noarch" {
		arch = ""
	}
	facts := []fact{{name: p.Name, evr: p.EVR}, {name: p.Name, evr: p.EVR}}
	for _, d := range p.Provides {
		switch {
		case strings.HasPrefix(d.Name, "virtual"):
			facts = append(facts, fact{name: d.Name, evr: d.EVR})
		case d.Name != p.Name:
			facts = append(facts, fact{name: d.Name, evr: d.EVR, arch: arch})
		}
	}
	for _, f := range p.Files {
		facts = append(facts, fact{name: f.Path})
	}
	return facts
}

// requirement is what packages require, recommend and so on.
func (c *centos) requirement(arch string) rpm.Dependency {
	if c.one(6) && len(c.known) > 0 {
		return rpm.Dependency{Name: c.rich(2, arch)}
	}
	return c.plain(arch)
}

// plain is a dependency on a fact, of which the latest are asked for the least: what
// much depends on comes first.
func (c *centos) plain(arch string) rpm.Dependency {
	if len(c.known) == 0 || !c.sound && c.one(120) {
		return rpm.Dependency{Name: fmt.Sprintf("missing%d", c.IntN(20))}
	}
	f := c.fact(arch)
	d := rpm.Dependency{Name: f.name}
	if f.evr == (rpm.EVR{}) || f.old && c.sound || !c.one(3) {
		return d
	}
	d.EVR = f.evr
	switch c.IntN(12) {
	case 0:
		d.Sense = rpm.Less | rpm.Equal
	case 1:
		d.Sense = rpm.Equal
	case 2:
		d.Sense, d.EVR.Release = rpm.Equal, ""
	case 3:
		d.Sense, d.EVR = rpm.Less, rpm.EVR{Epoch: 2, Version: "9"}
	case 4:
		d.Sense, d.EVR = rpm.Greater, rpm.EVR{Version: "0.5"}
	case 5: // often too much to ask
		d.Sense = rpm.Greater
		if c.sound {
			d.Sense |= rpm.Equal
		}
	default:
		d.Sense, d.EVR.Release = rpm.Greater|rpm.Equal, ""
	}
	return d
}

func (c *centos) fact(arch string) fact {
	for {
		i := min(c.IntN(len(c.known)), c.IntN(len(c.known)), c.IntN(len(c.known)))
		if f := c.known[i]; f.arch == "" || f.arch == arch || c.one(30) {
			return f
		}
	}
}

// rich is a rich dependency, nested up to a depth, as rpmbuild lets one write it.
func (c *centos) rich(depth int, arch string) string {
	operand := func() string {
		if depth > 0 && c.one(4) {
			return c.rich(depth-1, arch)
		}
		return c.plain(arch).String()
	}
	one := func() string { // what a single package may provide
		if depth > 0 && c.one(4) {
			return "(" + c.plain(arch).String() + " or " + c.plain(arch).String() + ")"
		}
		return c.plain(arch).String()
	}
	a, b := operand(), operand()
	switch n := c.IntN(40); {
	case n < 6:
		return "(" + a + " and " + b + ")"
	case n < 12:
		return "(" + a + " or " + b + ")"
	case n < 16:
		return "(" + a + " or " + b + " or " + operand() + ")"
	case n < 24:
		return "(" + a + " if " + b + ")"
	case n < 28:
		return "(" + a + " if " + b + " else " + operand() + ")"
	case n < 32:
		return "(" + c.between(arch) + ")"
	case n < 35 || c.sound:
		return "(" + one() + " without " + one() + ")"
	case n < 38:
		return "(" + a + " unless " + b + ")"
	}
	return "(" + a + " unless " + b + " else " + operand() + ")"
}

// between is a dependency on two things that one package has: a range of versions, mostly.
func (c *centos) between(arch string) string {
	f := c.fact(arch)
	for f.evr == (rpm.EVR{}) {
		f = c.fact(arch)
	}
	low := rpm.Dependency{Name: f.name, Sense: rpm.Greater | rpm.Equal, EVR: rpm.EVR{Version: "0.5"}}
	high := rpm.Dependency{Name: f.name, Sense: rpm.Less | rpm.Equal, EVR: f.evr}
	if c.one(6) {
		high = c.plain(arch)
	}
	return low.String() + " with " + high.String()
}
