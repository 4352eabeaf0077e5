package glob

import (
	"strings"
	"testing"
)

// naive matches as Match does, trying everything that a star can stand for.
func naive(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	if pattern[0] == '*' {
		for i := range name {
			if naive(pattern[1:], name[i:]) {
				return true
			}
		}
		return naive(pattern[1:], "")
	}
	width, size, ok := 0, 0, false
	if name != "" {
		width, size, ok = matchOne(pattern, name)
	}
	return ok && naive(pattern[width:], name[size:])
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b*[!c-e]?", "aXbYf!")
	f.Add("*[", "a[")
	f.Add("*é?*", "xéyz")
	f.Add("[]a]*", "]x")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(name) > 40 || strings.Count(pattern, "*") > 4 {
			return // which takes the naive one too long
		}
		if got, want := Match(pattern, name), naive(pattern, name); got != want {
			t.Errorf("Match(%q, %q) = %t, want %t", pattern, name, got, want)
		}
		if !strings.Contains(pattern+name, "/") && MatchPath(pattern, name) != Match(pattern, name) {
			t.Errorf("MatchPath(%q, %q) differs", pattern, name)
		}
		if !strings.ContainsAny(pattern, Wildcards) && (Match(pattern, name) != (pattern == name) || !Closed(pattern)) {
			t.Errorf("%q has no wildcard, and does not stand for itself", pattern)
		}
	})
}
