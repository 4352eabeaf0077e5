// Package glob matches names with shell patterns, as fnmatch does.
package glob

import (
	"strings"
	"unicode/utf8"
)

// Match reports whether name matches a shell pattern in the manner of fnmatch:
// "*" any text, "?" one character, "[abc]", "[a-z]" and "[!a-z]" or "[^a-z]" one of a
// set; a "[" that nothing closes stands for itself. Unlike in path.Match no character
// is special in name, and no pattern is an error.
func Match(pattern, name string) bool {
	// On a mismatch only the last star can help, by taking one character more.
	star, starName := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, starName = p, n
			p++
			continue
		}
		if width, size, ok := matchOne(pattern[p:], name[n:]); ok {
			p += width
			n += size
			continue
		}
		if star < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(name[starName:])
		starName += size
		p, n = star+1, starName
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// MatchPath reports whether a path matches a pattern element by element: there no
// wildcard stands for a slash.
func MatchPath(pattern, name string) bool {
	patterns, names := strings.Split(pattern, "/"), strings.Split(name, "/")
	if len(patterns) != len(names) {
		return false
	}
	for i, p := range patterns {
		if !Match(p, names[i]) {
			return false
		}
	}
	return true
}

// Wildcards are the characters that need not stand for themselves in a pattern.
const Wildcards = "*?["

// Closed reports whether every "[" of a pattern begins a set, as who wrote it will have
// meant.
func Closed(pattern string) bool {
	for {
		i := strings.IndexByte(pattern, '[')
		if i < 0 {
			return true
		}
		_, width, closed := cutSet(pattern[i:])
		if !closed {
			return false
		}
		pattern = pattern[i+width:]
	}
}

// matchOne matches the first element of pattern with the first character of
// name, and returns the length of both in bytes.
func matchOne(pattern, name string) (width, size int, ok bool) {
	if pattern == "" {
		return 0, 0, false
	}
	r, size := utf8.DecodeRuneInString(name)
	switch pattern[0] {
	case '?':
		return 1, size, true
	case '[':
		if set, width, closed := cutSet(pattern); closed {
			return width, size, inSet(set, r)
		}
	}
	_, width = utf8.DecodeRuneInString(pattern)
	return width, size, pattern[:width] == name[:size] // what is no UTF-8 is not all the same
}

// cutSet returns the inside of the set at the start of pattern and the length
// of the whole. A "]" that comes first belongs to the set.
func cutSet(pattern string) (set string, width int, closed bool) {
	first := 1
	if negates(pattern[first:]) {
		first++
	}
	if strings.HasPrefix(pattern[first:], "]") {
		first++
	}
	end := strings.IndexByte(pattern[first:], ']')
	if end < 0 {
		return "", 0, false
	}
	return pattern[1 : first+end], first + end + 1, true
}

// negates reports whether a set has all characters but those that follow.
func negates(set string) bool { return set != "" && (set[0] == '!' || set[0] == '^') }

// inSet reports whether r is one of a set such as "a-z_" or "!0-9".
func inSet(set string, r rune) bool {
	negated := negates(set)
	if negated {
		set = set[1:]
	}
	runes := []rune(set)
	for i := 0; i < len(runes); i++ {
		low, high := runes[i], runes[i]
		if i+2 < len(runes) && runes[i+1] == '-' {
			high = runes[i+2]
			i += 2
		}
		if low <= r && r <= high {
			return !negated
		}
	}
	return negated
}
