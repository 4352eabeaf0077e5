// Package spell finds the word that somebody may have meant who typed another.
//
// Two words are as far apart as there are letters to insert, delete, replace or
// swap with their neighbour on the way from one to the other. What people do not
// look at does not count: capitals, whether words are joined by "-", "_" or a
// blank, and the dashes before a flag.
package spell

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// DidYouMean returns `; did you mean "x"?` for the candidate x that is nearest to
// word, or "" if none is near. It is made to end a message that says that word is
// not known.
func DidYouMean(word string, candidates []string) string {
	if x := Nearest(word, candidates); x != "" {
		return `; did you mean "` + x + `"?`
	}
	return ""
}

// Some lists the first five of names in the order of the alphabet and says how many more
// there are: what a message may list that was not asked for. None is "none".
func Some(names []string) string {
	const most = 5
	names = slices.Sorted(slices.Values(names))
	switch n := len(names); {
	case n == 0:
		return "none"
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}

// Nearest returns the candidate that is nearest to word, of several the first in
// the order of the alphabet, whatever the order of candidates. It returns "" if
// none is near: a third of a word may be wrong and one letter more, never all.
func Nearest(word string, candidates []string) string {
	typed := folded(word)
	best, bestDistance := "", min(len(typed)/3+1, len(typed)-1)
	for _, c := range candidates {
		other := folded(c)
		if max(len(typed)-len(other), len(other)-len(typed)) > bestDistance {
			continue // each letter of the difference counts
		}
		d := distance(typed, other)
		if d < bestDistance || d == bestDistance && (best == "" || c < best) {
			best, bestDistance = c, d
		}
	}
	return best
}

// folded returns the letters of a word that count.
func folded(word string) []rune {
	word = strings.Map(func(r rune) rune {
		if r == '_' || r == ' ' {
			return '-'
		}
		return unicode.ToLower(r)
	}, word)
	return []rune(strings.TrimLeft(word, "-"))
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to make a from b, no letter more than once.
func distance(a, b []rune) int {
	// Of the table d(i, j) for the first i letters of a and j of b, the last three
	// rows.
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
