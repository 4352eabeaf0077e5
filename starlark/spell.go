package starlark

import (
	"slices"
	"strings"
	"unicode"
)

// didYouMean returns `; did you mean "x"?` for the candidate x that is most like
// s, or "" if none is like it.
func didYouMean(s string, candidates []string) string {
	if x := nearest(s, candidates); x != "" {
		return `; did you mean "` + x + `"?`
	}
	return ""
}

// nearest returns the candidate with the smallest edit distance to s, the first
// of equals, or "" if every one differs in more than a third of s. Upper case
// and the three ways to join words count as equal.
func nearest(s string, candidates []string) string {
	x := folded(s)
	best, limit := "", len(x)/3+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if d := distance(x, folded(c)); d < limit || d == limit && best == "" {
			best, limit = c, d
		}
	}
	return best
}

func folded(s string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if r == '_' || r == ' ' {
			return '-'
		}
		return unicode.ToLower(r)
	}, s))
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to make a from b.
func distance(a, b []rune) int {
	// rows holds the last three rows of the table d(i, j) for prefixes of a, b.
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, above2 := rows[i%3], rows[(i+2)%3], rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := above[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], above2[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
