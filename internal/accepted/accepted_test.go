package accepted

import (
	"slices"
	"testing"
)

// TestFile holds the file to its format.
func TestFile(t *testing.T) {
	for _, scope := range Scopes {
		if _, err := In(scope); err != nil {
			t.Error(err)
		}
	}
	if _, err := In("nowhere"); err == nil {
		t.Error("got no error for a scope that is not known")
	}
}

func TestAccept(t *testing.T) {
	all, err := parse("# words\n\ngolden | a*.x86_64 (b or c) | they do\n golden | a-*  | so\ngolden | exactly | this\nlibsolv-debian | * | all\n")
	if err != nil {
		t.Fatal(err)
	}
	d := all["golden"]
	for text, want := range map[string]bool{
		"a-1.x86_64 (b or c)": true, "a-1.x86_64": true, "b-1.x86_64 (b or c)": false,
		"a1.x86_64 (b or c) ": false, "a.x86_64 (b or c)": true, "": false, "EXACTLY": false,
	} {
		if got := d.Accept(text); got != want {
			t.Errorf("%q is accepted: %t, want %t", text, got, want)
		}
	}
	if got, want := d.Unused(), []string{"exactly"}; !slices.Equal(got, want) {
		t.Errorf("unused are %q, want %q", got, want)
	}
	if got, want := all["libsolv-debian"].Unused(), []string{"*"}; !slices.Equal(got, want) {
		t.Errorf("unused are %q, want %q", got, want)
	}
}

func TestMalformed(t *testing.T) {
	tests := []struct{ text, want string }{
		{"golden | a", `differences.txt:1: "golden | a", want SCOPE | PATTERN | BEHAVIOUR`},
		{"#\ngolden | a |", `differences.txt:2: "golden | a |", want SCOPE | PATTERN | BEHAVIOUR`},
		{"golden |  | b", `differences.txt:1: "golden |  | b", want SCOPE | PATTERN | BEHAVIOUR`},
		{"golden | a | b | c", `differences.txt:1: "golden | a | b | c", want SCOPE | PATTERN | BEHAVIOUR`},
		{"silver | a | b", `differences.txt:1: scope "silver", want one of ["golden" "libsolv-centos" "libsolv-debian"]`},
		{"golden | a | b\ngolden | a | c", `differences.txt:2: "golden | a" is there twice`},
	}
	for _, test := range tests {
		_, err := parse(test.text)
		if err == nil || err.Error() != test.want {
			t.Errorf("%q: got error %v, want %s", test.text, err, test.want)
		}
	}
}
