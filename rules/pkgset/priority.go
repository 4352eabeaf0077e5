package pkgset

import (
	"cmp"
	"fmt"
	"slices"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules/packages"
)

// source is where packages come from.
type source struct {
	label      string
	priority   int // the less the better
	candidates []*candidate
}

// subject is what sources compete for. A binary package and a source package of one name
// are two things.
type subject struct {
	name   string
	source bool
}

// hide takes from sources the packages that a better one has by name, whatever the
// versions, and tells so: dnf's meaning of priorities. What does not belong to the arch
// hides nothing.
func hide(sources []source, treeArch string) (hidden []packages.Decision) {
	byPriority := func(a, b source) int { return cmp.Compare(a.priority, b.priority) }
	worst := slices.MaxFunc(append(sources, source{}), byPriority).priority
	if !slices.ContainsFunc(sources, func(s source) bool { return s.priority < worst }) {
		return nil
	}
	arches := format.ValidArches(treeArch, true)
	best := map[subject]*source{}
	for i := range sources {
		for _, e := range sources[i].candidates {
			key := subject{e.Name, e.IsSource()}
			if other := best[key]; (other == nil || sources[i].priority < other.priority) && (e.IsSource() || slices.Contains(arches, e.Arch)) {
				best[key] = &sources[i]
			}
		}
	}
	for i := range sources {
		s := &sources[i]
		s.candidates = slices.DeleteFunc(slices.Clone(s.candidates), func(e *candidate) bool {
			by := best[subject{e.Name, e.IsSource()}]
			if by == nil || by.priority >= s.priority {
				return false
			}
			hidden = append(hidden, packages.Decision{
				Package: e.NEVRA.String(), Step: "priority",
				Dropped: fmt.Sprintf("%s has %s, and priority %d before %d of %s", by.label, e.Name, by.priority, s.priority, s.label),
			})
			return true
		})
	}
	return hidden
}
