package spell_test

import (
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/spell"
)

func TestNearest(t *testing.T) {
	tests := []struct {
		name, word string
		candidates []string
		want       string
	}{
		{"itself", "core", []string{"cord", "core"}, "core"},
		{"a letter missing", "serer", []string{"Desktop", "Server"}, "Server"},
		{"a letter too many", "createrepos", []string{"createrepo", "createiso"}, "createrepo"},
		{"another letter", "gatjer", []string{"gather"}, "gather"},
		{"swapped letters count once", "aptl", []string{"paul", "patl"}, "patl"},
		{"capitals", "SERVER", []string{"Server"}, "Server"},
		{"joined words", "comps_groups", []string{"comps groups"}, "comps groups"},
		{"dashes of a flag", "-jobs", []string{"--jobs"}, "--jobs"},
		{"letters, not bytes", "größe", []string{"grösse", "abc"}, "grösse"},
		{"a third and one", "abcdef", []string{"abcxyz"}, "abcxyz"},
		{"too far", "abcdef", []string{"abwxyz"}, ""},
		{"another word of a letter", "x", []string{"y"}, ""},
		{"two letters", "vn", []string{"vm", "ab"}, "vm"},
		{"of equals the first", "bat", []string{"hat", "cat"}, "cat"},
		{"nothing typed", "", []string{"a", ""}, ""},
		{"nothing to choose from", "a", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := spell.Nearest(tt.word, tt.candidates); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDidYouMean(t *testing.T) {
	if got, want := spell.DidYouMean("x86-64", []string{"aarch64", "x86_64"}), `; did you mean "x86_64"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := spell.DidYouMean("nothing", []string{"of the kind"}); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

// FuzzNearest: the answer is one of the candidates, does not depend on their
// order, and a word longer than a letter is nearest to itself.
func FuzzNearest(f *testing.F) {
	f.Add("server", "Server,servers,serve")
	f.Add("--é_\xff", "é,ü,,\xff")
	f.Fuzz(func(t *testing.T, word, list string) {
		candidates := strings.Split(list, ",")
		got := spell.Nearest(word, candidates)
		if got != "" && !strings.Contains(","+list+",", ","+got+",") {
			t.Errorf("%q of %q: got %q", word, candidates, got)
		}
		reversed := make([]string, 0, len(candidates))
		for i := len(candidates) - 1; i >= 0; i-- {
			reversed = append(reversed, candidates[i])
		}
		if again := spell.Nearest(word, reversed); again != got {
			t.Errorf("%q of %q: got %q, and %q in reverse", word, candidates, got, again)
		}
		if len(word) > 4 && spell.Nearest(word, []string{word}) != word {
			if strings.Trim(word, "-_ ") != "" {
				t.Errorf("%q is not near to itself", word)
			}
		}
	})
}

func TestSome(t *testing.T) {
	names := []string{"f", "b", "a", "d", "e", "c"}
	for n, want := range map[int]string{0: "none", 1: "f", 5: "a, b, d, e, f", 6: "a, b, c, d, e and 1 more"} {
		if got := spell.Some(names[:n]); got != want {
			t.Errorf("%d names: got %q, want %q", n, got, want)
		}
	}
	if names[0] != "f" {
		t.Error("the caller's names are sorted")
	}
}
