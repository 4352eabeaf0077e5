package solve

import (
	"index/suffixarray"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/glob"
)

// nameIndex finds packages by a part of their name. A definition may have thousands of globs,
// and a pool has tens of thousands of names: to try each with each would take longer than
// the closure.
type nameIndex struct {
	text  *suffixarray.Index // each name once, in order, each with a line end
	first []int32            // by name: the first id
	start []int32            // by name: where it is in text
}

func newNameIndex(packages []Package) *nameIndex {
	n := &nameIndex{}
	var text []byte
	for id := range packages {
		if id > 0 && packages[id].Name == packages[id-1].Name {
			continue
		}
		n.first, n.start = append(n.first, int32(id)), append(n.start, int32(len(text)))
		text = append(append(text, packages[id].Name...), '\n')
	}
	n.text = suffixarray.New(text)
	return n
}

// with yields the first id of every name that has a part, in order. The part is not empty;
// it may end with a line end, and is at the end of the name then.
func (n *nameIndex) with(part string) func(yield func(id int32) bool) {
	return func(yield func(id int32) bool) {
		places := n.text.Lookup([]byte(part), -1)
		slices.Sort(places)
		end := -1 // of the name before
		for _, at := range places {
			if at < end {
				continue // twice in one name
			}
			i, found := slices.BinarySearch(n.start, int32(at))
			if !found {
				i--
			}
			if !yield(n.first[i]) || i+1 == len(n.start) {
				return
			}
			end = int(n.start[i+1])
		}
	}
}

// prefix is what every name that a glob matches begins with.
func (p *pattern) prefix() string {
	if i := strings.IndexAny(p.glob, glob.Wildcards); i >= 0 {
		return p.glob[:i]
	}
	return p.glob
}

// part is the longest text that is in every name that a glob matches, "" if there is none.
// What follows a set is not looked at; what ends the glob is followed by a line end.
func (p *pattern) part() string {
	text := p.glob + "\n"
	if i := strings.IndexByte(text, '['); i >= 0 {
		text = text[:i]
	}
	longest := ""
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '*' || r == '?' }) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	if longest == "\n" {
		return ""
	}
	return longest
}
