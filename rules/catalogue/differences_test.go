package catalogue_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// differences are lines of testdata/differences.txt: where we differ from another program on
// purpose.
type differences struct {
	lines []string
	used  []bool
}

func readDifferences(t *testing.T, scope string) *differences {
	t.Helper()
	d := new(differences)
	for line := range strings.Lines(string(readFile(t, "testdata/differences.txt"))) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), scope+" "); ok {
			text, _, _ := strings.Cut(rest, " # ")
			d.lines = append(d.lines, text)
		}
	}
	d.used = make([]bool, len(d.lines))
	return d
}

func (d *differences) has(text string) bool {
	i := slices.IndexFunc(d.lines, func(line string) bool { return matchStars(line, text) })
	if i >= 0 {
		d.used[i] = true
	}
	return i >= 0
}

func (d *differences) checkUsed(t *testing.T) {
	t.Helper()
	for i, used := range d.used {
		if !used {
			t.Errorf("differences.txt: nothing differs so: %s", d.lines[i])
		}
	}
}

// matchStars tells whether a text matches a pattern in which * stands for any text.
func matchStars(pattern, text string) bool {
	var b strings.Builder
	for i, part := range strings.Split(pattern, "*") {
		if i > 0 {
			b.WriteString(".*")
		}
		b.WriteString(regexp.QuoteMeta(part))
	}
	return regexp.MustCompile("^" + b.String() + "$").MatchString(text)
}
