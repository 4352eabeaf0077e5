package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/rpm"
)

// crowd is the invented packages of one arch that have work for each rule of gather. Eight
// packages in a row are built from one source, and three more of them for the foreign arch,
// if there is one. What brings them in, if the main packages of some builds are wanted:
//
//	main, -libs            requirements
//	source, -debuginfo     what is selected
//	-devel                 build requirements, of sources
//	-minimal               provides what main does: greedy takes both
//	-doc                   fulltree alone
//	-langpack-de           comps, for some
//	foreign -libs, -devel  methods of multilib, by files and by name
type crowd struct {
	arch, foreign string // foreign is "" where there is none
	packages      int    // without foreign ones
}

// inCrowd are what the names of the packages of a build end in.
var inCrowd = [...]string{"", "", "-libs", "-devel", "-minimal", "-doc", "-langpack-de", "-debuginfo"}

// inForeign are those of its foreign packages.
var inForeign = [...]string{"", "-libs", "-devel"}

// foreignOf are the arches with foreign ones, of those that the benchmark has.
var foreignOf = map[string]string{"x86_64": "i686", "s390x": "s390"}

func newCrowd(arch string, packages int) crowd {
	return crowd{arch: arch, foreign: foreignOf[arch], packages: packages}
}

func (c crowd) builds() int { return max(c.packages/len(inCrowd), 1) }

func (c crowd) natives() int { return c.builds() * len(inCrowd) }

// size counts the foreign packages, too.
func (c crowd) size() int {
	if c.foreign == "" {
		return c.natives()
	}
	return c.natives() + c.builds()*len(inForeign)
}

func crowdName(build int) string { return fmt.Sprintf("package%05d", build) }

// pkg returns package i; foreign ones come last.
func (c crowd) pkg(i int) *rpm.Package {
	if i < c.natives() {
		return c.member(i, i/len(inCrowd), inCrowd[i%len(inCrowd)], c.arch)
	}
	n := i - c.natives()
	return c.member(i, n/len(inForeign), inForeign[n%len(inForeign)], c.foreign)
}

func (c crowd) member(i, build int, suffix, arch string) *rpm.Package {
	name := crowdName(build)
	evr := rpm.EVR{Version: fmt.Sprintf("%d.%d", 1+build%7, build%13), Release: "1"}
	p := &rpm.Package{
		NEVRA:     rpm.NEVRA{Name: name + suffix, EVR: evr, Arch: arch},
		BuildTime: built + int64(i),
		Text:      prose(rand.New(rand.NewPCG(uint64(i), 0))),
	}
	if i < c.natives() && i%len(inCrowd) == 0 {
		p.Arch = "src"
		p.Requires = buildRequires(build)
		return p
	}
	p.SourceRPM = rpm.NEVRA{Name: name, EVR: evr, Arch: "src"}.FileName()
	p.Provides = []rpm.Dependency{
		{Name: p.Name, Sense: rpm.Equal, EVR: evr},
		{Name: p.Name + "(" + arch + ")", Sense: rpm.Equal, EVR: evr},
	}
	c.fill(p, build, suffix)
	return p
}

// fill adds what a binary package has besides its name.
func (c crowd) fill(p *rpm.Package, build int, suffix string) {
	name := crowdName(build)
	switch suffix {
	case "-debuginfo", "-doc", "-langpack-de":
	case "-libs":
		for n := range 5 {
			p.Provides = append(p.Provides, rpm.Dependency{Name: c.soname(p.Arch, build, n)})
		}
		p.Requires = c.requires(p.Arch, build)
	case "-devel":
		p.Requires = []rpm.Dependency{{Name: name + "-libs(" + p.Arch + ")", Sense: rpm.Equal, EVR: p.EVR}}
	default: // main and -minimal
		p.Provides = append(p.Provides, rpm.Dependency{Name: "does(" + name + ")"})
		p.Requires = append(c.requires(p.Arch, build), rpm.Dependency{Name: name + "-libs(" + p.Arch + ")", Sense: rpm.Equal, EVR: p.EVR})
	}
	p.Files = c.files(p, suffix)
}

// files are as many as a package has in the middle, most of them outside of primary.
func (c crowd) files(p *rpm.Package, suffix string) []rpm.File {
	files := []rpm.File{{Path: "/usr/bin/" + p.Name}}
	for n := range 20 {
		files = append(files, rpm.File{Path: fmt.Sprintf("/usr/share/%s/part%d/file-%04d.dat", p.Name, n/8, n)})
	}
	if suffix == "-libs" {
		dir := "/usr/lib/"
		if p.Arch == c.arch {
			dir = "/usr/lib64/"
		}
		files = append(files, rpm.File{Path: dir + p.Name + ".so.1"})
	}
	return files
}

// soname is what a library provides: that of a native one is marked.
func (c crowd) soname(arch string, build, n int) string {
	name := fmt.Sprintf("lib%d-%d.so.1()", build, n)
	if arch == c.arch {
		name += "(64bit)"
	}
	return name
}

// requires are on some of the builds before.
func (c crowd) requires(arch string, build int) []rpm.Dependency {
	var needs []rpm.Dependency
	for n, back := range []int{1, 2, 3, 5, 8, 13} {
		b := build - back
		if b < 0 {
			break
		}
		name := crowdName(b)
		needs = append(needs,
			rpm.Dependency{Name: c.soname(arch, b, n%5)},
			[]rpm.Dependency{
				{Name: name},
				{Name: name + "-libs", Sense: rpm.Greater | rpm.Equal, EVR: rpm.EVR{Version: "0.1"}},
				{Name: "/usr/bin/" + name},
				{Name: "(" + name + " or " + name + "-compat)"},
				{Name: "does(" + name + ")"},
				{Name: "(" + name + "-libs if " + name + ")"},
			}[n])
	}
	return needs
}

// buildRequires are as many as a source has in the middle.
func buildRequires(build int) []rpm.Dependency {
	var needs []rpm.Dependency
	for _, back := range []int{0, 1, 2, 4, 7, 12, 20, 33, 54, 88} {
		if b := build - back; b >= 0 {
			needs = append(needs, rpm.Dependency{Name: crowdName(b) + "-devel"})
		}
	}
	return needs
}

// store stores the packages as a set. Of foreign ones the header records are there, too:
// multilib reads their files.
func (c crowd) store(ctx context.Context, store cache.Store) (cache.Node, error) {
	return storeSet(ctx, store, c.size(), c.pkg, func(p *rpm.Package) bool { return p.Arch == c.foreign })
}

// comps are groups: a mandatory package, and for one build in 25 a conditional one and
// translations.
func (c crowd) comps() string {
	var conditionals, langpacks strings.Builder
	for b := 0; b < c.builds(); b += 25 {
		name := crowdName(b)
		fmt.Fprintf(&conditionals, "      <packagereq type=\"conditional\" requires=%q>%s-doc</packagereq>\n", name, name)
		fmt.Fprintf(&langpacks, "    <match name=%q install=\"%s-langpack-%%s\"/>\n", name, name)
	}
	return `<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>core</id>
    <name>Core</name>
    <description>A group</description>
    <packagelist>
      <packagereq type="mandatory">` + crowdName(0) + "</packagereq>\n" + conditionals.String() + `    </packagelist>
  </group>
  <langpacks>
` + langpacks.String() + "  </langpacks>\n</comps>\n"
}

// mapping is a file of source_mapping: documentation of one build in 50 of the first half.
func (c crowd) mapping(arches []string) ([]byte, error) {
	names := map[string][]*string{}
	for b := 0; b < (c.builds()+1)/2; b += 50 {
		names[crowdName(b)] = []*string{nil}
		names[crowdName(b)+"-doc"] = []*string{nil}
	}
	return inEverything(arches, func(string) any { return names })
}

// prepopulated is a file of prepopulate: documentation of every tenth build.
func (c crowd) prepopulated(arches []string) ([]byte, error) {
	return inEverything(arches, func(arch string) any {
		builds := map[string][]string{}
		for b := 0; b < c.builds(); b += 10 {
			builds[crowdName(b)] = []string{crowdName(b) + "-doc." + arch}
		}
		return builds
	})
}

func inEverything(arches []string, of func(arch string) any) ([]byte, error) {
	byArch := map[string]any{}
	for _, arch := range arches {
		byArch[arch] = of(arch)
	}
	return json.Marshal(map[string]any{"Everything": byArch})
}

// filters are n patterns, of which one in four matches packages: names, names with an arch,
// beginnings, ends, and parts of names.
func (c crowd) filters(n int) []string {
	patterns := make([]string, n)
	for i := range patterns {
		name := crowdName(i % c.builds())
		patterns[i] = [...]string{
			name + "-doc",
			name + "-extras." + c.arch,
			"extras" + name + "-*",
			name + "[0-9]*-doc",
			"*-extras" + name,
			"*" + name + "-extras*",
			name + "-doc*",
			"?" + name + "-extras",
		}[i%8]
	}
	return patterns
}
