package repoclosure

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	format "github.com/pungo-build/pungo/internal/rpm"
)

// TestCorners holds what dnf makes of each kind of requirement. The packages around
// are those of corners.
func TestCorners(t *testing.T) {
	tests := []struct {
		requires string
		open     string // as the report has it; "" if it is satisfied
	}{
		{"lib", ""},
		{"none", "none"},
		{"rpmlib(FileDigests) <= 4.6.0-1", ""},
		{"config(lib) = 1-1", "config(lib) = 1-1"},
		{"lib(x86-64)", "lib(x86-64)"}, // nobody provides it unless he says so
		{"so()(64bit)", ""},
		{"so", "so"},

		// Versions. No version provided is every version; no release is every release.
		{"lib = 1-1", ""}, // that it provides itself goes without saying
		{"cap = 2", ""},
		{"cap < 2", "cap < 2"},
		{"cap >= 1:0", "cap >= 1:0"},
		{"cap <= 1:0", ""},
		{"bare = 7", ""},
		{"epoch = 3-1", "epoch = 3-1"},
		{"epoch = 1:3", ""},
		{"epoch = 1:3-2", "epoch = 1:3-2"},
		{"epoch > 2", ""},
		{"norel = 1-5", ""},
		{"norel > 1-5", ""},
		{"norel < 1-5", ""},
		{"norel > 1", "norel > 1"},
		{"norel = 1.0", "norel = 1.0"},

		// Files: in primary, in filelists only, folders. Paths are texts.
		{"/usr/bin/lib", ""},
		{"/usr/share/lib/x", ""},
		{"/usr/share/lib", ""},
		{"/usr/share/none", "/usr/share/none"},
		{"/usr/bin/../bin/lib", "/usr/bin/../bin/lib"},
		{"/usr/bin/lib/", "/usr/bin/lib/"},
		{"/usr/bin/lib = 1", ""},

		// Rich ones: of "and" one side is enough, and conditions do not count.
		{"(lib and none)", ""},
		{"(none and nil)", "(none and nil)"},
		{"(lib or none)", ""},
		{"(none or nil)", "(none or nil)"},
		{"(none if lib)", "(none if lib)"},
		{"(none if nil)", "(none if nil)"},
		{"(lib if none)", ""},
		{"(none if lib else other)", ""},
		{"(none if nil else void)", "(none if nil else void)"},
		{"(none unless lib)", "(none unless lib)"},
		{"(none unless lib else other)", ""},
		{"((none if lib) or other)", ""},
		{"((none if lib) and other)", ""},
		{"((none or nil) if lib)", "((none or nil) if lib)"},
		{"(none if lib else (nil if other))", "(none if lib else (nil if other))"},
		{"(lib with cap >= 2)", ""},
		{"(lib with cap > 2)", "(lib with cap > 2)"},
		{"(lib with other)", "(lib with other)"},
		{"((lib or other) with cap)", ""},
		{"(lib without cap)", "(lib without cap)"},
		{"(lib without other)", ""},
		{"(other without other)", "(other without other)"},
		{"((lib with cap) without bare)", "((lib with cap) without bare)"},
		{"(cap = 2 without epoch < 1:0)", ""},
		{"(/usr/share/lib/x or none)", ""},
		{"(/usr/share/none if lib)", "(/usr/share/none if lib)"},
		{"(rpmlib(X) or none)", "(rpmlib(X) or none)"},
		{"(cap >= 3 or cap >= 4)", "(cap >= 3 or cap >= 4)"},

		// They are written without needless parentheses.
		{"(none)", "none"},
		{"((none) or nil)", "(none or nil)"},
		{"(none or (nil or void))", "(none or nil or void)"},
		{"((none or nil) or void)", "(none or nil or void)"},
		{"(none or (nil and void))", "(none or (nil and void))"},
		{"(none with (nil with void))", "(none with nil with void)"},
		{"(none >= 0:1 or nil)", "(none >= 1 or nil)"},
		// What cannot be read is dropped.
		{"(lib other)", ""},
		{"(none nil)", ""},
		{"(none and nil or void)", ""},

		// Who satisfies: packages of all arches that run here, of every version, in
		// both repositories. Neither sources nor what is obsoleted.
		{"i386", ""},
		{"i586", ""},
		{"arm", "arm"},
		{"armcap", "armcap"},
		{"/usr/bin/arm", "/usr/bin/arm"},
		{"source", "source"},
		{"old", "old"},
		{"versions = 1", ""},
		{"versions = 2", ""},
		{"versions = 3", "versions = 3"},
		{"lib-debuginfo", ""},
		{"aside", ""},
		{"/usr/share/aside", ""},
		{"asidearm", "asidearm"},
		{"asidesource", "asidesource"},
		{"copied-here", ""},
		{"copied-there", ""},
		{"foe", ""},
	}
	tree, aside := corners(t)
	var want []string
	for i, test := range tests {
		name := fmt.Sprintf("case%03d", i)
		tree = append(tree, newPackage(t, name+"-1-1.x86_64", "requires "+test.requires, "conflicts foe"))
		if test.open != "" {
			want = append(want, name+"-1-1.x86_64: "+test.open)
		}
	}
	// All packages of the tree are checked: of every version, debug packages, those
	// of other arches, and that a lookaside has a copy does not help.
	for _, p := range tree {
		if p.Name != "lib" && !strings.HasPrefix(p.Name, "case") {
			p.Requires = append(p.Requires, format.Dependency{Name: "missing"})
			want = append(want, strings.Replace(p.NEVRA.String(), "-0:", "-", 1)+": missing")
		}
	}
	slices.Sort(want)
	_, log, _ := check(t, "x86_64", tree, aside)
	if got := agrees(t, log, "x86_64", tree, aside); !slices.Equal(got, want) {
		t.Errorf("found\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func corners(t *testing.T) (tree, aside []*format.Package) {
	tree = []*format.Package{
		newPackage(t, "lib-1-1.x86_64", "provides cap = 2", "provides bare", "provides epoch = 1:3-1", "provides norel = 1",
			"provides so()(64bit)", "file /usr/bin/lib", "file /usr/share/lib/x", "folder /usr/share/lib"),
		newPackage(t, "lib-debuginfo-1-1.x86_64"),
		newPackage(t, "other-2-1.noarch"),
		newPackage(t, "i386-1-1.i386"),
		newPackage(t, "i586-1-1.i586"),
		newPackage(t, "arm-1-1.aarch64", "provides armcap", "file /usr/bin/arm"),
		newPackage(t, "source-1-1.src"),
		newPackage(t, "new-1-1.noarch", "obsoletes old < 5"),
		newPackage(t, "versions-1-1.noarch"),
		newPackage(t, "versions-2-1.noarch"),
		newPackage(t, "copy-1-1.noarch", "provides copied-here"),
		newPackage(t, "foe-1-1.noarch", "conflicts lib"),
	}
	aside = []*format.Package{
		newPackage(t, "aside-1-1.x86_64", "file /usr/share/aside", "requires missing-aside"),
		newPackage(t, "asidearm-1-1.aarch64"),
		newPackage(t, "asidesource-1-1.src"),
		newPackage(t, "copy-1-1.noarch", "provides copied-there"),
	}
	return tree, aside
}

// TestRepodata: of what a header requires only that counts which the repodata of its
// package has; of glibc's versions that is one.
func TestRepodata(t *testing.T) {
	tree := []*format.Package{newPackage(t, "a-1-1.x86_64",
		"requires libc.so.6(GLIBC_2.4)(64bit)", "requires libc.so.6(GLIBC_2.34)(64bit)", "requires libc.so.6()(64bit)", "requires b", "requires b")}
	_, log, _ := check(t, "x86_64", tree)
	got := agrees(t, log, "x86_64", tree)
	if want := []string{"a-1-1.x86_64: b", "a-1-1.x86_64: libc.so.6(GLIBC_2.34)(64bit)"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestAgainstDNF compares the findings in a few hundred packages that require
// anything of one another, each time others.
func TestAgainstDNF(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := generator{rand.New(rand.NewPCG(seed, 1))}
			var sets [3][]*format.Package
			for i := range 600 {
				n := g.IntN(len(sets) + 2)
				set := &sets[max(0, n-2)]
				*set = append(*set, g.newPackage(i))
			}
			_, log, _ := check(t, "x86_64", sets[0], sets[1:]...)
			if found := agrees(t, log, "x86_64", sets[0], sets[1:]...); len(found) < 100 {
				t.Errorf("%d findings: too few to compare", len(found))
			}
		})
	}
}

// generator makes packages of a handful of words.
type generator struct{ *rand.Rand }

func (g generator) newPackage(i int) *format.Package {
	arch := []string{"x86_64", "x86_64", "noarch", "i686", "aarch64", "src"}[g.IntN(6)]
	p := &format.Package{NEVRA: format.NEVRA{Name: fmt.Sprintf("p%03d", i), EVR: g.evr(true), Arch: arch}}
	for range g.IntN(4) {
		p.Provides = append(p.Provides, g.dependency(format.Equal))
	}
	for range g.IntN(4) {
		p.Files = append(p.Files, format.File{Path: g.path(), Dir: g.IntN(4) == 0})
	}
	for range g.IntN(8) {
		d := g.dependency(format.Less, format.Less|format.Equal, format.Equal, format.Greater|format.Equal, format.Greater)
		if g.IntN(2) == 0 {
			d = format.Dependency{Name: g.rich(3)}
		}
		p.Requires = append(p.Requires, d)
	}
	return p
}

func (g generator) evr(release bool) format.EVR {
	v := format.EVR{Epoch: uint32(g.IntN(4) / 3), Version: fmt.Sprint(1 + g.IntN(3))}
	if release || g.IntN(2) == 0 {
		v.Release = fmt.Sprint(1 + g.IntN(2))
	}
	return v
}

func (g generator) path() string {
	return fmt.Sprintf("%s/f%d", []string{"/usr/bin", "/usr/share", "/etc"}[g.IntN(3)], g.IntN(900))
}

// dependency is on a package, a capability or a file.
func (g generator) dependency(senses ...format.Sense) format.Dependency {
	d := format.Dependency{Name: fmt.Sprintf("cap%d", g.IntN(900))}
	if len(senses) > 1 {
		switch g.IntN(4) {
		case 0:
			return format.Dependency{Name: g.path()}
		case 1:
			d.Name = fmt.Sprintf("p%03d", g.IntN(700))
		}
	}
	if g.IntN(2) == 0 {
		d.Sense, d.EVR = senses[g.IntN(len(senses))], g.evr(false)
	}
	return d
}

// rich is a rich dependency, nested up to a depth.
func (g generator) rich(depth int) string {
	operator := []string{"and", "or", "if", "unless", "with", "without"}[g.IntN(6)]
	operand := func() string {
		switch {
		case depth == 0 || g.IntN(2) == 0:
			return g.dependency(format.Less, format.Equal, format.Greater).String()
		case strings.HasPrefix(operator, "with"):
			return "(" + g.dependency(format.Equal).String() + " or " + g.dependency(format.Equal).String() + ")"
		}
		return g.rich(depth - 1)
	}
	text := operand() + " " + operator + " " + operand()
	switch more := g.IntN(3) == 0; {
	case more && (operator == "if" || operator == "unless"):
		text += " else " + operand()
	case more && operator != "without" && operator != "if" && operator != "unless":
		text += " " + operator + " " + operand()
	}
	return "(" + text + ")"
}
