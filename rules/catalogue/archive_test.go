package catalogue_test

import (
	"bytes"
	"regexp"
)

// archive is a file in the form of txtar: a comment, then files, each below a
// line "-- NAME --".
type archive struct {
	comment []byte
	files   []file
}

type file struct {
	name string
	data []byte
}

var marker = regexp.MustCompile(`(?m)^-- (.+) --\n`)

func parseArchive(text []byte) *archive {
	marks := marker.FindAllSubmatchIndex(text, -1)
	a := &archive{comment: text}
	for i, m := range marks {
		end := len(text)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		a.files = append(a.files, file{string(text[m[2]:m[3]]), text[m[1]:end:end]})
	}
	if len(marks) > 0 {
		a.comment = text[:marks[0][0]]
	}
	return a
}

func (a *archive) format() []byte {
	b := bytes.Clone(a.comment)
	for _, f := range a.files {
		b = append(append(append(b, "-- "...), f.name...), " --\n"...)
		b = append(b, f.data...)
	}
	return b
}
