package solve

import (
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

func TestParseRich(t *testing.T) {
	tests := []struct{ in, want, err string }{
		{in: "(a)", want: "a"},
		{in: "((a))", want: "a"},
		{in: "(a and b)", want: "(a and b)"},
		{in: "( a  and\tb )", want: "(a and b)"},
		{in: "(a>=1 or b==2)", err: `name "a>=1" holds an operator`},
		{in: "(a >= 1:2-3 or b == 2)", want: "(a >= 1:2-3 or b = 2)"},
		{in: "(a and b and c)", want: "(a and b and c)"},
		{in: "((a and b) and (c and d))", want: "(a and b and c and d)"},
		{in: "(a or (b or (c and d)))", want: "(a or b or (c and d))"},
		{in: "((a with b) with c)", want: "(a with b with c)"},
		{in: "((a without b) without c)", want: "((a without b) without c)"},
		{in: "((a if b) if c)", want: "((a if b) if c)"},
		{in: "(a if b else c)", want: "(a if b else c)"},
		{in: "(a unless b)", want: "(a unless b)"},
		{in: "(a(x86-64) with pkgconfig(b) < 2)", want: "(a(x86-64) with pkgconfig(b) < 2)"},
		{in: "(lib.so.6()(64bit) if b)", want: "(lib.so.6()(64bit) if b)"},
		{in: "((a or b) without c)", want: "((a or b) without c)"},
		{in: "((feature1 and feature2) if(a or b))", want: "((feature1 and feature2) if (a or b))"},
		{in: "(/usr/bin/x or y)", want: "(/usr/bin/x or y)"},
		{in: "a", err: "no parentheses"},
		{in: "", err: "no parentheses"},
		{in: "()", err: "an operand is missing"},
		{in: "(a", err: "want a closing parenthesis"},
		{in: "(a) b", err: "follows the last parenthesis"},
		{in: "(a b)", err: `operator "b"`},
		{in: "(a and)", err: "an operand is missing"},
		{in: "(a and b or c)", err: `operator "or" follows "and"`},
		{in: "(a if b if c)", err: `operator "if" follows "if"`},
		{in: "(a if b else c else d)", err: `operator "else" follows "else"`},
		{in: "(a without b without c)", err: `operator "without" follows`},
		{in: "(a else b)", err: `operator "else"`},
		{in: "((a and b) with c)", err: "a single package can provide"},
		{in: "(a( and b)", err: `parentheses of "a(" are not closed`},
		{in: "(a ~ 1 and b)", err: `operator "~"`},
		{in: "(a >= and b)", err: `operator "b"`},
		{in: "(a >< 1 and b)", err: `operator "><"`},
		{in: strings.Repeat("(", 100) + "a" + strings.Repeat(")", 100), err: "nested deeper than 64"},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			e, err := parseRich(test.in)
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q", err, test.err)
				}
			case err != nil:
				t.Error(err)
			case e.String() != test.want:
				t.Errorf("got %s, want %s", e, test.want)
			}
		})
	}
}

func TestEachPath(t *testing.T) {
	e, err := parseRich("((/a and b) if (/c or (d unless /e)))")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	e.eachPath(func(path string) { got = append(got, path) })
	if want := []string{"/a", "/c", "/e"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzParseRich checks that what is read is written so that it reads the same,
// and that the solver can work with it.
func FuzzParseRich(f *testing.F) {
	for _, seed := range []string{
		"(a)", "(a and b and c)", "(a >= 1:2-3 or b(x))", "(a if b else (c unless d else e))",
		"((a or b) with c < 2)", "(lib()(64bit) without /x)", "((((", "(0( )", "(a b", "(a >= and", "(a,b)", "(\x00 if \xff)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseRich(s)
		if err != nil {
			return
		}
		text := e.String()
		if e.op == opLeaf {
			text = "(" + text + ")"
		}
		again, err := parseRich(text)
		if err != nil {
			t.Fatalf("%q was read, but not %q: %v", s, text, err)
		}
		if got := again.String(); got != e.String() {
			t.Fatalf("%q reads as %q, then as %q", s, e, got)
		}
		packages := universe(t, "a-1-1.x86_64; provides b = 2\n b-1-1.x86_64")
		packages[0].Requires = append(packages[0].Requires, rpm.Dependency{Name: s})
		NewPool(packages, PoolOptions{}).Solve(Request{TreeArch: "x86_64", Inputs: []Input{{Pattern: "a", Reason: "the test"}}})
	})
}
