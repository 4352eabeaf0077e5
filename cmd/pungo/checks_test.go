package main

import (
	"strings"
	"testing"
)

func TestLintSource(t *testing.T) {
	tests := []struct {
		name, file, source string
		want               []string
	}{
		{"empty", "a.star", "", nil},
		{"loads", "compose.star", "load('//a.star', 'b', c = 'd')\nb()\n", []string{`1:23: "c" is loaded and not used (unused-load)`}},
		{"a load for an attribute's value", "compose.star", "load('//a.star', 'b')\nf(b = b)\n", nil},
		{"an attribute's name is no use", "compose.star", "load('//a.star', 'b')\nf(b = 1)\n", []string{`1:19: "b" is loaded and not used (unused-load)`}},
		{"a field's name is no use", "compose.star", "load('//a.star', 'b')\nf(g.b)\n", []string{`1:19: "b" is loaded and not used (unused-load)`}},
		{"used in a function's default", "compose.star", "load('//a.star', 'b')\ndef f(x = b):\n    return x\nf()\n", nil},
		{"used in an inner function", "a.star", "'doc'\ndef f():\n    'doc'\n    x = 1\n    return lambda: x\n", nil},
		{"globals of a definition", "lib/compose.star", "X = 1\n", []string{`1:1: variable "X" is not used (unused-variable)`}},
		{"globals of a module", "a.star", "'doc'\nX = 1\n_Y = 2\n", []string{`3:1: variable "_Y" is not used (unused-variable)`}},
		{"locals", "a.star", "'doc'\ndef f(p):\n    'doc'\n    x, _y = p\n    [z] = p\n", []string{
			`4:5: variable "x" is not used (unused-variable)`,
			`5:6: variable "z" is not used (unused-variable)`,
		}},
		{"assigned twice, read never", "a.star", "'doc'\ndef f():\n    'doc'\n    x = 1\n    x = 2\n    x += 3\n", []string{`4:5: variable "x" is not used (unused-variable)`}},
		{"what is stored into is used", "a.star", "'doc'\ndef f(p):\n    'doc'\n    x = p\n    x['a'] = 1\n    x.b = 2\n", nil},
		{"loops", "a.star", "'doc'\ndef f():\n    'doc'\n    for i in range(3):\n        f()\n    return [1 for j in range(3)]\n", []string{
			`4:9: variable "i" is not used (unused-variable)`,
			`6:19: variable "j" is not used (unused-variable)`,
		}},
		{"unreachable", "a.star", "'doc'\ndef f():\n    'doc'\n    for _i in range(3):\n        break\n        f()\n        f()\n    if f():\n        return 1\n    else:\n        return 2\n", []string{
			`6:9: this statement is never reached (unreachable)`,
		}},
		{"no effect", "compose.star", "'doc'\n'another'\nf == 1\nf\n[f() for _i in g()]\n[1 for _i in g()]\nf() if g else None\n(f())\n", []string{
			`2:1: the value of this expression is not used (no-effect)`,
			`3:1: the value of this expression is not used (no-effect)`,
			`4:1: the value of this expression is not used (no-effect)`,
			`6:1: the value of this expression is not used (no-effect)`,
		}},
		{"pass", "a.star", "'doc'\ndef f():\n    'doc'\n    pass\n", nil},
		{"print", "compose.star", "print(1)\n", []string{"1:1: print() is called (print)"}},
		{"another print", "a.star", "'doc'\ndef print(_x):\n    'doc'\nprint(1)\n", nil},
		{"docs", "a.star", "x = rule(implementation = y, attrs = {'a': attr.string(), 'b': attr.int(doc = 'B')})\ndef f():\n    return 1\n", []string{
			"1:1: the module has no docstring (module-docstring)",
			"1:5: the rule has no doc (rule-doc)",
			"1:44: the attribute has no doc (rule-doc)",
			`2:5: function "f" has no docstring (function-docstring)`,
		}},
		{"docs by **", "a.star", "'doc'\nx = rule(**y)\nz = attr.string(**y)\n", nil},
		{"docs of what is private", "compose.star", "def _f():\n    return 1\n_f()\n", nil},
		{"disabled", "compose.star", "# pungo: disable=print\n# why\nprint(1)\nprint(2)  # pungo: disable=no-effect,print\nprint(3)  # pungo: disable=no-effect\nprint(4)\n", []string{
			"5:1: print() is called (print)",
			"6:1: print() is called (print)",
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

// FuzzLint lints and fixes whatever parses: a finding stands in the file, and
// nothing is left to fix.
func FuzzLint(f *testing.F) {
	for _, seed := range []string{
		"load('//a.star', 'b', c = 'd')\nb()\n", "'doc'\ndef f(x, *y, **z):\n    return lambda: x\n",
		"[a for a in b for c, (d, e) in f if g]\n", "x.y[1] += 2 # pungo: disable=a,b\n", "é = 'ü'; print(é)\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		found, err := lintSource("compose.star", []byte(source))
		if err != nil {
			return
		}
		lines := strings.Count(newlines.Replace(source), "\n") + 1
		for _, x := range found {
			if x.Line < 1 || x.Line > lines || x.Col < 1 {
				t.Errorf("%q: %s", source, x)
			}
		}
		fixed, err := withoutLoads("compose.star", []byte(source), found)
		if err != nil {
			return // the two parsers differ on a few things
		}
		again, err := lintSource("compose.star", fixed)
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
