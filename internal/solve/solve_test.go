package solve

import (
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// solveText solves for x86_64; inputs and excludes are words as in addPatterns,
// but of plain names.
func solveText(t *testing.T, text, words string, change ...func(*Request)) (*Pool, []Package, Result) {
	t.Helper()
	packages := universe(t, text)
	r := Request{TreeArch: "x86_64"}
	for word := range strings.FieldsSeq(words) {
		if name, ok := strings.CutPrefix(word, "-"); ok {
			r.Excludes = append(r.Excludes, name)
		} else {
			r.Inputs = append(r.Inputs, Input{Pattern: word, Reason: "the test"})
		}
	}
	for _, f := range change {
		f(&r)
	}
	pool := NewPool(packages, PoolOptions{})
	return pool, packages, pool.Solve(r)
}

// shipped lists all packages that are shipped, of every kind.
func shipped(packages []Package, r Result) string {
	all := slices.Concat(r.Binaries, r.Debug, r.Sources)
	return strings.Join(names(packages, all), " ")
}

func selfhosting(r *Request) { r.Selfhosting = true }
func fulltree(r *Request)    { r.Fulltree = true }

func TestSolve(t *testing.T) {
	tests := []struct {
		name, universe, words string
		change                func(*Request)
		want                  string
		unresolved            string // requirements
	}{
		{
			name: "the newest version",
			universe: `a-1.9-1.x86_64
				a-1.10-1.x86_64
				a-1:0.1-1.x86_64`,
			words: "a", want: "a-0.1-1.x86_64",
		},
		{
			name: "older versions are never considered",
			universe: `a-1-1.x86_64; requires b = 1
				b-1-1.x86_64
				b-2-1.x86_64`,
			words: "a", want: "a-1-1.x86_64", unresolved: "b = 1",
		},
		{
			name: "a package that became noarch",
			universe: `a-1-1.x86_64
				a-2-1.noarch`,
			words: "a", want: "a-2-1.noarch",
		},
		{
			name: "a newer foreign version does not beat a native one",
			universe: `a-1-1.x86_64
				a-2-1.i686`,
			words: "a", want: "a-1-1.x86_64",
		},
		{
			name: "ranges of versions",
			universe: `a-1-1.x86_64; requires cap >= 2, cap2 < 2-5
				o-1-1.x86_64; provides cap = 1, cap2 = 2-5
				mid-1-1.x86_64; provides cap = 2.5, cap2 = 2-4
				new-1-1.x86_64; provides cap = 1:0, cap2 = 1:2-4`,
			words: "a -new", want: "a-1-1.x86_64 mid-1-1.x86_64",
		},
		{
			name: "a provide without a version satisfies every version",
			universe: `a-1-1.x86_64; requires cap >= 2
				old-1-1.x86_64; provides cap`,
			words: "a", want: "a-1-1.x86_64 old-1-1.x86_64",
		},
		{
			name: "files",
			universe: `a-1-1.x86_64; requires /usr/bin/x
				b-1-1.x86_64; files /usr/bin/x
				bb-1-1.x86_64; provides /usr/bin/x`,
			words: "a", want: "a-1-1.x86_64 b-1-1.x86_64",
		},
		{
			name:     "features of rpm itself",
			universe: `a-1-1.x86_64; requires rpmlib(X) <= 4`,
			words:    "a", want: "a-1-1.x86_64",
		},
		{
			name: "debug packages of two arches of one source",
			universe: `libuser-1-1.i686 from libuser
				libuser-1-1.x86_64 from libuser
				python-libuser-1-1.x86_64 from libuser
				libuser-debuginfo-1-1.i686 from libuser
				libuser-debuginfo-1-1.x86_64 from libuser
				python-libuser-debuginfo-1-1.i686 from libuser
				python-libuser-debuginfo-1-1.x86_64 from libuser`,
			words: "libuser.+ python-libuser",
			want:  "libuser-1-1.i686 libuser-debuginfo-1-1.i686 python-libuser-1-1.x86_64 python-libuser-debuginfo-1-1.x86_64",
		},
		{
			name: "an older source, of a package that newer ones no longer make",
			universe: `a-1-1.src
				a-2-1.src
				a-2-1.x86_64 from a
				a-compat-1-1.x86_64 from a`,
			words: "a a-compat", want: "a-1-1.src a-2-1.src a-2-1.x86_64 a-compat-1-1.x86_64",
		},
		{
			name: "sources from the package's own repository",
			universe: `a-1-1.src
				repo
				a-1-1.src
				a-1-1.x86_64 from a`,
			words: "a", want: "a-1-1.src a-1-1.x86_64",
		},
		{
			name: "the repository is newer than the lookaside",
			universe: `docker-2-1.x86_64; requires system >= 2
				system-2-1.noarch
				lookaside
				system-1-1.noarch`,
			words: "docker", want: "docker-2-1.x86_64 system-2-1.noarch",
		},
		{
			name: "what is excluded may come from the lookaside",
			universe: `docker-2-1.x86_64; requires system
				system-2-1.noarch
				lookaside
				system-1-1.noarch; requires nothing`,
			words: "docker -system", want: "docker-2-1.x86_64",
		},
		{
			name: "a copy in the lookaside is preferred, and not shipped",
			universe: `a-1-1.x86_64 from a; requires b
				b-1-1.x86_64 from b
				b-1-1.src
				lookaside
				b-1-1.x86_64 from b`,
			words: "a", want: "a-1-1.x86_64",
		},
		{
			name: "a source shared with a package of the lookaside is shipped",
			universe: `a-1-1.x86_64 from s; requires lib
				s-1-1.src
				s-debugsource-1-1.x86_64 from s
				z-1-1.x86_64; requires a
				lookaside
				lib-1-1.x86_64 from s
				lib-debuginfo-1-1.x86_64 from s`,
			words: "lib z", want: "a-1-1.x86_64 s-1-1.src s-debugsource-1-1.x86_64 z-1-1.x86_64",
		},
		{
			name: "build requirements of a source that is shipped in the end",
			universe: `a-1-1.x86_64 from s
				s-1-1.src; requires tool
				tool-1-1.x86_64
				z-1-1.x86_64; requires a
				lookaside
				lib-1-1.x86_64 from s`,
			words: "lib z", change: selfhosting, want: "a-1-1.x86_64 s-1-1.src tool-1-1.x86_64 z-1-1.x86_64",
		},
		{
			name: "the full tree does not expand what it took",
			universe: `a-1-1.x86_64 from s
				b-1-1.x86_64 from s; requires c
				c-1-1.x86_64 from t
				d-1-1.x86_64 from t`,
			words: "a", change: fulltree,
			want: "a-1-1.x86_64 b-1-1.x86_64 c-1-1.x86_64 d-1-1.x86_64",
		},
		{
			name:     "a plain name is not satisfied by the arch named beside it",
			universe: "a-1-1.x86_64\n a-1-1.i686",
			words:    "a.i686 a", want: "a-1-1.i686 a-1-1.x86_64",
		},
		{
			name:     "globs",
			universe: "ab-1-1.x86_64\n ac-1-1.x86_64\n ad-1-1.x86_64\n b-1-1.x86_64",
			words:    "a[!c] ? [", want: "ab-1-1.x86_64 ad-1-1.x86_64 b-1-1.x86_64",
		},
		{
			name:     "a malformed requirement",
			universe: "b-1-1.x86_64\n a-1-1.x86_64; requires (b frob c)",
			words:    "a", want: "a-1-1.x86_64", unresolved: "(b frob c)",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*Request) {}
			}
			_, packages, r := solveText(t, test.universe, test.words, change)
			if got := shipped(packages, r); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if got := unresolved(r); got != test.unresolved {
				t.Errorf("unresolved %q, want %q", got, test.unresolved)
			}
		})
	}
}

func unresolved(r Result) string {
	var list []string
	for _, u := range r.Unresolved {
		list = append(list, u.Requirement)
	}
	return strings.Join(list, "; ")
}

func TestSolveRich(t *testing.T) {
	const all = `
		b-1-1.x86_64
		c-1-1.x86_64
		dd-1-1.x86_64
		v1-1-1.x86_64; provides cap = 1, extra
		v22-1-1.x86_64; provides cap = 2
		v333-1-1.x86_64; provides cap = 2, extra
		wants-b-1-1.x86_64; requires b
		last-1-1.x86_64; requires (dd if zz else c)
		`
	tests := []struct {
		name, requires, words string
		want                  string // beside "a" and the inputs
		unresolved            string
	}{
		{name: "alone", requires: "(b)", want: "b"},
		{name: "and", requires: "(b and c)", want: "b c"},
		{name: "and, one missing", requires: "(b and x)", want: "b", unresolved: "(b and x)"},
		{name: "or takes the best", requires: "(dd or c)", want: "c"},
		{name: "or, one selected", requires: "(b or dd)", words: "dd", want: ""},
		{name: "or, none there", requires: "(x or y)", unresolved: "(x or y)"},
		{name: "or of several, first possible", requires: "((x and b) or (c and dd))", want: "c dd"},
		{name: "or of several, one satisfied", requires: "((b and c) or (dd and dd))", words: "dd", want: ""},
		{name: "or of several, none possible", requires: "((x and b) or (y and b))", unresolved: "((x and b) or (y and b))"},
		{name: "if, not met", requires: "(b if c)", want: ""},
		{name: "if, met", requires: "(b if c)", words: "c", want: "b"},
		{name: "if, met later", requires: "(c if b)", words: "wants-b", want: "b c"},
		{name: "if else, not met", requires: "(b if c else dd)", want: "dd"},
		{name: "if else, met", requires: "(b if c else dd)", words: "c", want: "b"},
		{name: "if else, met later", requires: "(c if b else dd)", words: "wants-b", want: "b c"},
		{name: "else, met by another else", requires: "(b if c else v1)", words: "last", want: "b c v1"},
		{name: "if else, no else", requires: "(b if c else x)", want: "b c"},
		{name: "if else, neither", requires: "(x if c else y)", unresolved: "(x if c else y)"},
		{name: "if else, no else and no condition", requires: "(b if x else y)", unresolved: "(b if x else y)"},
		{name: "if else, no else below or", requires: "((x and b) or (b if c else x))", want: "b c"},
		{name: "unless else, no first", requires: "(x unless c else b)", want: "b c"},
		{name: "if with a condition of two", requires: "(b if (c and dd))", words: "c dd", want: "b"},
		{name: "if with half a condition of two", requires: "(b if (c and dd))", words: "c", want: ""},
		{name: "nested if", requires: "((b if c) if dd)", words: "c dd", want: "b"},
		{name: "if below and", requires: "(b and (c if dd))", want: "b"},
		{name: "if below or counts as satisfied", requires: "((b if c) or dd)", want: ""},
		{name: "unless", requires: "(b unless c)", words: "c", want: "b"},
		{name: "unless else, not met", requires: "(b unless c else dd)", want: "b"},
		{name: "unless else, met", requires: "(b unless c else dd)", words: "c", want: "dd"},
		{name: "with", requires: "(cap with extra)", want: "v1"},
		{name: "with, a range", requires: "(cap >= 2 with cap < 3)", want: "v22"},
		{name: "with, three", requires: "(cap >= 2 with cap < 3 with extra)", want: "v333"},
		{name: "with, another is selected", requires: "(cap >= 2 with extra)", words: "v22", want: "v333"},
		{name: "with, no such package", requires: "(b with c)", unresolved: "(b with c)"},
		{name: "without", requires: "(cap without extra)", want: "v22"},
		{name: "or of with", requires: "((cap with extra) or b)", want: "b"},
		{name: "with below and", requires: "(b and (cap with extra))", want: "b v1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, packages, r := solveText(t, all+"a-1-1.x86_64; requires "+test.requires, "a "+test.words)
			var got []string
			for _, s := range r.Binaries {
				if !s.Flags.Has(FlagInput) {
					got = append(got, packages[s.Index].Name)
				}
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := unresolved(r); got != test.unresolved {
				t.Errorf("unresolved %q, want %q", got, test.unresolved)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	const universe = `
		cron-4-1.x86_64 from cron; requires smtpdaemon, mail-lib
		cron-debuginfo-4-1.x86_64 from cron
		cron-4-1.src; requires builder
		mta-1-1.x86_64 from mta; provides smtpdaemon
		mta-1-1.i686 from mta; provides smtpdaemon
		mta-doc-1-1.noarch from mta
		sendmail-8-1.x86_64; provides smtpdaemon
		mail-lib-1-1.x86_64; provides x
		mail-lib-1-1.i686
		builder-1-1.x86_64
		cron-l10n-de-4-1.noarch
		extra-1-1.x86_64
		pre-1-1.x86_64`
	pool, packages, r := solveText(t, universe, "cron", selfhosting, fulltree, func(r *Request) {
		r.Conditionals = []Conditional{{"mta", "extra", "group mail"}}
		r.Langpacks = []Langpack{{"cron", "cron-l10n-%s"}}
		r.MultilibWhitelist = []string{"mail-lib"}
		r.Prepopulate = []Input{{Pattern: "pre.x86_64", Reason: "prepopulate.json"}}
	})
	want := `builder-1-1.x86_64: required to build cron-4-1.src (builder)
cron-4-1.x86_64: input "cron" of the test
cron-l10n-de-4-1.noarch: language pack of cron-4-1.x86_64
extra-1-1.x86_64: "extra" of group mail, which has mta-1-1.x86_64 too
mail-lib-1-1.i686: foreign arch of mail-lib-1-1.x86_64, by multilib_whitelist
mail-lib-1-1.x86_64: required by cron-4-1.x86_64 (mail-lib); native arch, not mail-lib-1-1.i686
mta-1-1.x86_64: required by cron-4-1.x86_64 (smtpdaemon); shortest name, not mta-1-1.i686, sendmail-8-1.x86_64
mta-doc-1-1.noarch: built along with mta-1-1.x86_64
pre-1-1.x86_64: prepopulate "pre.x86_64" of prepopulate.json
cron-debuginfo-4-1.x86_64: debug package of cron-4-1.x86_64
cron-4-1.src: source of cron-4-1.x86_64`
	var got []string
	for _, s := range slices.Concat(r.Binaries, r.Debug, r.Sources) {
		got = append(got, pool.Explain(s))
	}
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var chain []string
	for _, s := range r.Chain(r.Binaries[0].Index) {
		chain = append(chain, packages[s.Index].FileName())
	}
	if got, want := strings.Join(chain, " < "), "builder-1-1.x86_64.rpm < cron-4-1.src.rpm < cron-4-1.x86_64.rpm"; got != want {
		t.Errorf("chain %s, want %s", got, want)
	}
}

func TestUnresolved(t *testing.T) {
	_, packages, r := solveText(t, `
		a-1-1.x86_64; requires b
		b-1-1.x86_64; requires c, old = 1, far, gone, c > 5, (c with old)
		c-1-1.x86_64
		old-1-1.x86_64
		old-2-1.x86_64
		far-1-1.aarch64`, "a -c")
	var got []string
	for _, u := range r.Unresolved {
		line := u.Requirement + ": " + u.Why + ":"
		for _, index := range u.Chain {
			line += " " + packages[index].Name
		}
		got = append(got, line)
	}
	want := `c: all providers are excluded: b a
old = 1: only packages of older versions, or of other kinds, provide it: b a
far: only packages of other arches provide it: b a
gone: no package provides it: b a
c > 5: no package provides that version: b a
(c with old): no package provides (c with old): b a`
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestUnmatched(t *testing.T) {
	_, _, r := solveText(t, "m-1-1.i686\n m-1-1.x86_64\n a-1-1.x86_64\n b-1-1.aarch64\n c-1-1.src\n d-1-1.x86_64", "x b c d -d m m.i686", func(r *Request) {
		r.Conditionals = []Conditional{{"m", "n", "group g"}}
		r.Prepopulate = []Input{{Pattern: "a", Reason: "the file"}, {Pattern: "a.i686", Reason: "the file"}}
	})
	want := []Unmatched{
		{Input{Pattern: "x", Reason: "the test"}, "no package has that name"},
		{Input{Pattern: "b", Reason: "the test"}, "only packages of other arches or kinds have that name"},
		{Input{Pattern: "c", Reason: "the test"}, "only packages of other arches or kinds have that name"},
		{Input{Pattern: "d", Reason: "the test"}, "all packages of that name are excluded"},
		{Input{Pattern: "a", Reason: "the file"}, "the pattern has no arch, want name.arch"},
		{Input{Pattern: "a.i686", Reason: "the file"}, "only packages of other arches or kinds have that name"},
		{Input{Pattern: "n", Reason: "group g"}, "no package has that name"},
	}
	if !slices.Equal(r.Unmatched, want) {
		t.Errorf("got  %v\nwant %v", r.Unmatched, want)
	}
}

func TestFileProvides(t *testing.T) {
	packages := universe(t, `
		a-1-1.x86_64; requires /usr/bin/x, (/usr/bin/y or none)
		b-1-1.x86_64
		c-1-1.x86_64`)
	var plain []*rpm.Package
	for _, p := range packages {
		plain = append(plain, p.Package)
	}
	paths := FileRequirements(plain)
	if want := []string{"/usr/bin/x", "/usr/bin/y"}; !slices.Equal(paths, want) {
		t.Fatalf("paths %q, want %q", paths, want)
	}
	pool := NewPool(packages, PoolOptions{FileProvides: map[string][]int{
		"/usr/bin/x": {1, 1, 99, -1}, "/usr/bin/y": {2}, "/unasked": {0},
	}})
	r := pool.Solve(Request{TreeArch: "x86_64", Inputs: []Input{{Pattern: "a", Reason: "the test"}}})
	if got, want := shipped(packages, r), "a-1-1.x86_64 b-1-1.x86_64 c-1-1.x86_64"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := unresolved(r); got != "" {
		t.Errorf("unresolved %s", got)
	}
}

func TestWhatProvides(t *testing.T) {
	packages := universe(t, `
		c-1-1.x86_64; requires /x; provides cap = 3
		b-1-1.x86_64; provides cap = 2; files /x
		a-1-1.i686; provides cap = 1`)
	pool := NewPool(packages, PoolOptions{})
	for _, test := range []struct {
		dependency string
		want       []int
	}{
		{"cap", []int{2, 1, 0}},
		{"cap >= 2", []int{1, 0}},
		{"/x", []int{1}},
		{"x", nil},
	} {
		d, err := rpm.ParseDependency(test.dependency)
		if err != nil {
			t.Fatal(err)
		}
		if got := pool.WhatProvides(d); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %d, want %d", d, got, test.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	tests := []struct {
		name, arch string
		want       Kind
	}{
		{"foo", "x86_64", Binary},
		{"foo-debug", "x86_64", Binary},
		{"foo-debuginfo", "x86_64", Debug},
		{"foo-debuginfo-common", "noarch", Debug},
		{"foo-debugsource", "x86_64", Debug},
		{"foo-debugsource-x", "x86_64", Binary},
		{"foo-debuginfo", "src", Source},
		{"foo", "nosrc", Source},
	}
	for _, test := range tests {
		p := &rpm.Package{NEVRA: rpm.NEVRA{Name: test.name, Arch: test.arch}}
		if got := KindOf(p); got != test.want {
			t.Errorf("%s.%s is of kind %d, want %d", test.name, test.arch, got, test.want)
		}
	}
}
