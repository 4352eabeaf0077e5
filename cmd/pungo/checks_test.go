package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/buildtools/warn"

	"github.com/pungo-build/pungo/rules/catalogue"
)

func TestLintSource(t *testing.T) {
	// What buildifier's checks find is its matter; here is what we make of them.
	tests := []struct {
		name, file, source string
		want               []string
	}{
		{"empty", "a.star", "", nil},
		{"loads", "compose.star", "load('//a.star', 'b', c = 'd')\nb()\n", []string{`1:23: Loaded symbol "c" is unused. Please remove it. (load)`}},
		{"globals of a definition", "lib/compose.star", "X = 1\n", []string{`1:1: Variable "X" is unused. Please remove it. (unused-variable)`}},
		{"globals of a module", "a.star", "'doc'\nX = 1\n_Y = 2\n", []string{`3:1: Variable "_Y" is unused. Please remove it. (unused-variable)`}},
		{"print", "compose.star", "print(1)\n", []string{`1:1: "print()" is a debug function and shouldn't be submitted. (print)`}},
		{"targets in a comprehension", "compose.star", "[f() for _i in g()]\n", nil},
		{"concatenation with select", "compose.star", "f(x = {} + select({'x86_64': {}}))\n", nil},
		{"the real number a half", "compose.star", "f(x = 1 / 2)\n", nil},
		{"variant and target of one name", "compose.star", "variant(name = 'x')\nrepo(name = 'x')\n", nil},
		{"docs", "a.star", "x = rule(implementation = y, attrs = {'a': attr.string(), 'b': attr.int(doc = 'B')})\ny_ = provider(doc = 'Y')\n", []string{
			"1:1: The file has no module docstring. (module-docstring)",
			"1:5: The rule has no doc. (rule-doc)",
			"1:44: The attribute has no doc. (rule-doc)",
			"2:6: Calls to 'provider' should provide a list of fields: (provider-params)",
		}},
		{"docs by **", "a.star", "'doc'\nx = rule(**y)\nz = attr.string(**y)\n", nil},
		{"another rule", "a.star", "'doc'\nload('//b.star', 'rule')\nx = rule()\ndef f(attr):\n    attr.string()\n", nil},
		{"disabled", "compose.star", "# buildifier: disable=print\n# why\nprint(1)\nprint(2)  # buildifier: disable=no-effect,print\nprint(3)  # buildifier: disable=no-effect\nrule()  # buildifier: disable=rule-doc\n", []string{
			`5:1: "print()" is a debug function and shouldn't be submitted. (print)`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := lintSource(tt.file, []byte(tt.source))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, f := range found {
				lines = append(lines, strings.TrimPrefix(f.String(), tt.file+":"))
			}
			if got, want := strings.Join(lines, "\n"), strings.Join(tt.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestSharedChecks: buildifier's package ends the program when it does not know a
// check.
func TestSharedChecks(t *testing.T) {
	for _, check := range sharedChecks {
		if !slices.Contains(warn.AllWarnings, check) {
			t.Errorf("buildifier has no check %q", check)
		}
	}
}

// FuzzLint lints and fixes whatever parses: a finding stands in the file, and
// nothing is left to fix.
func FuzzLint(f *testing.F) {
	for _, seed := range []string{
		"load('//a.star', 'b', c = 'd')\nb()\n", "'doc'\ndef f(x, *y, **z):\n    return lambda: x\n",
		"[a for a in b for c, (d, e) in f if g]\n", "x.y[1] += 2 # buildifier: disable=a,b\n", "é = 'ü'; print(é)\n",
		"def f(a):\n    \"\"\"F.\n\n    Args:\n      b: B\n    \"\"\"\n    for x in depset(a):\n        return list(depset(x))\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		found, err := lintSource("a.star", []byte(source))
		if err != nil {
			return
		}
		lines := strings.Count(strings.ReplaceAll(source, "\r", "\n"), "\n") + 1
		for _, x := range found {
			if x.Line < 1 || x.Line > lines || x.Col < 1 {
				t.Errorf("%q: %s", source, x)
			}
		}
		fixed, err := fixSource("a.star", []byte(source))
		if err != nil {
			t.Fatalf("%q: fix: %v", source, err)
		}
		again, err := lintSource("a.star", fixed)
		if err != nil {
			return
		}
		for _, x := range again {
			if x.Fixable {
				t.Errorf("%q: after the fix %q: %s", source, fixed, x)
			}
		}
	})
}

// TestRules: the rules that ship with pungo are as fmt and lint want those of users.
func TestRules(t *testing.T) {
	for _, phase := range catalogue.Phases() {
		file := phase.Name + ".star"
		formatted, err := format(file, phase.Star)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(formatted, phase.Star) {
			t.Errorf("%s: pungo fmt would change it", file)
		}
		findings, err := lintSource(file, phase.Star)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			t.Error(f)
		}
	}
}
