package main

import "strings"

// didYouMean returns `; did you mean "x"?` for the candidate x that is most like
// s, or "" if every one differs in more than a third of it. Capitals and the
// dashes of a flag do not count.
func didYouMean(s string, candidates []string) string {
	typed := bare(s)
	best, limit := "", len(typed)/3+1
	for _, c := range candidates {
		if d := distance(typed, bare(c)); d < limit || d == limit && best == "" {
			best, limit = c, d
		}
	}
	if best == "" {
		return ""
	}
	return `; did you mean "` + best + `"?`
}

func bare(s string) string { return strings.ToLower(strings.TrimLeft(s, "-")) }

// distance counts the bytes to insert, delete or replace to make a from b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // of the table d(i, j) for prefixes of a, b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
