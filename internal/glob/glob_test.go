package glob

import "testing"

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no []string
	}{
		{"", []string{""}, []string{"a"}},
		{"core", []string{"core"}, []string{"Core", "cor", "core2", ""}},
		{"*", []string{"", "a", "a/b", ".a"}, nil},
		{"*a*", []string{"a", "standard", "aa"}, []string{"core"}},
		{"a*b*c", []string{"abc", "aXbYbZc", "abcc"}, []string{"abcd", "ab", "acb"}},
		{"a**", []string{"a", "ab"}, []string{"b"}},
		{"?", []string{"a", "ä"}, []string{"", "ab"}},
		{"a?c", []string{"abc", "aäc"}, []string{"ac", "abbc"}},
		{"[abc]x", []string{"ax", "cx"}, []string{"dx", "x", "[abc]x"}},
		{"[a-c0]", []string{"b", "0"}, []string{"d", "-"}},
		{"[!a-c]", []string{"d", "!"}, []string{"a", ""}},
		{"[^a-c]", []string{"d", "^"}, []string{"a", ""}},
		{"[]a]", []string{"]", "a"}, []string{"b"}},
		{"[!]a]", []string{"b"}, []string{"]", "a"}},
		{"[a-]", []string{"a", "-"}, []string{"b"}},
		{"[z-a]", nil, []string{"a", "m", "z"}},
		{"[ab", []string{"[ab"}, []string{"a"}},
		{"[", []string{"["}, []string{""}},
		{"[!]", []string{"[!]"}, []string{"a"}},
		{"*[0-9]", []string{"gcc12", "1"}, []string{"gcc", "1a"}},
		{"*ä", []string{"ä", "xä"}, []string{"äx"}},
	}
	for _, tt := range tests {
		for _, name := range tt.yes {
			if !Match(tt.pattern, name) {
				t.Errorf("Match(%q, %q) = false, want true", tt.pattern, name)
			}
		}
		for _, name := range tt.no {
			if Match(tt.pattern, name) {
				t.Errorf("Match(%q, %q) = true, want false", tt.pattern, name)
			}
		}
	}
}

func TestClosed(t *testing.T) {
	for pattern, want := range map[string]bool{"": true, "a*": true, "[a]": true, "[!]a]x[b]": true, "[": false, "[]": false, "[a]b[c": false} {
		if got := Closed(pattern); got != want {
			t.Errorf("Closed(%q) = %t, want %t", pattern, got, want)
		}
	}
}

func TestMatchPath(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"*/README", "docs/README", true}, {"*", "docs/README", false}, {"docs/*", "docs/de/README", false},
		{"/usr/*/[!b]in", "/usr/local/sin", true}, {"/usr/?", "/usr/a/", false}, {"", "", true},
	} {
		if got := MatchPath(test.pattern, test.name); got != test.want {
			t.Errorf("%q %q: got %t", test.pattern, test.name, got)
		}
	}
}
