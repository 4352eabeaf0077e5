package solve

import (
	"slices"

	"github.com/pungo-build/pungo/internal/rpm"
)

// choice is what was taken of some candidates.
type choice struct {
	ids      []int32 // the best first, then what comes with it; empty if there was none
	rejected []int32
	rule     Rule
}

// choose takes the best of the candidates: of one name for a pattern, or all
// providers of a requirement. One that is selected already beats all others,
// then the arch counts, then the shorter name, then the alphabet.
func (s *solver) choose(candidates []int32, forRequirement bool) choice {
	switch {
	case len(candidates) == 0:
		return choice{}
	case len(candidates) == 1:
		return choice{ids: candidates, rule: RuleOnly}
	case s.request.Greedy == GreedyAll:
		return choice{ids: candidates, rule: RuleGreedyAll}
	}
	n := narrowing{left: slices.Clone(candidates)}
	class := s.narrowClass(&n)
	s.keepNewest(&n)
	n.least(RuleArch, func(id int32) int { return int(s.place[id]) })
	n.least(RuleShortest, func(id int32) int { return len(s.name(id)) })
	n.least(RuleFirst, func(id int32) int { return int(id) }) // ids ascend by name
	c := choice{ids: n.left, rule: n.rule}
	if forRequirement && s.request.Greedy == GreedyBuild {
		c.addBuild(s, candidates, class)
	}
	for _, id := range candidates {
		if !slices.Contains(c.ids, id) {
			c.rejected = append(c.rejected, id)
		}
	}
	return c
}

// narrowClass keeps the candidates of the best class there is: selected native,
// selected foreign, native, foreign.
func (s *solver) narrowClass(n *narrowing) (class traits) {
	selected := func(class traits) func(int32) bool {
		return func(id int32) bool { return s.traits[id]&class != 0 && s.selected(id) }
	}
	for _, class := range [...]traits{native, foreign} {
		if n.keep(RuleSelected, selected(class)) {
			return class
		}
	}
	for _, class := range [...]traits{native, foreign} {
		if n.keep(RuleNative, func(id int32) bool { return s.traits[id]&class != 0 }) {
			return class
		}
	}
	return native
}

// keepNewest drops what is older than a candidate of the same name. There are
// such after a package became noarch, or ceased to be.
func (s *solver) keepNewest(n *narrowing) {
	newest := int32(-1) // of the name at hand; ids ascend by name, then by version
	for _, id := range slices.Backward(n.left) {
		if newest < 0 || s.name(newest) != s.name(id) {
			newest = id
		}
		if rpm.Compare(s.pool.packages[id].EVR, s.pool.packages[newest].EVR) < 0 {
			n.drop(RuleNewest, func(other int32) bool { return other == id })
		}
	}
}

// addBuild adds the candidates that come from the build of the best one.
func (c *choice) addBuild(s *solver, candidates []int32, class traits) {
	build := s.pool.build[c.ids[0]]
	if build == noBuild {
		return
	}
	for _, id := range candidates {
		if s.pool.build[id] == build && s.traits[id]&class != 0 && id != c.ids[0] {
			c.ids = append(c.ids, id)
		}
	}
}

// narrowing drops candidates, rule by rule, until one is left. The rule that
// dropped the last one is what decided.
type narrowing struct {
	left []int32
	rule Rule
}

// keep drops what is not wanted, unless that were everything, and tells whether
// something is wanted.
func (n *narrowing) keep(rule Rule, wanted func(int32) bool) bool {
	if !slices.ContainsFunc(n.left, wanted) {
		return false
	}
	n.drop(rule, func(id int32) bool { return !wanted(id) })
	return true
}

// least keeps the candidates with the lowest value.
func (n *narrowing) least(rule Rule, value func(int32) int) {
	least := value(n.left[0])
	for _, id := range n.left[1:] {
		least = min(least, value(id))
	}
	n.drop(rule, func(id int32) bool { return value(id) != least })
}

func (n *narrowing) drop(rule Rule, unwanted func(int32) bool) {
	before := len(n.left)
	n.left = slices.DeleteFunc(n.left, unwanted)
	if len(n.left) < before {
		n.rule = rule
	}
}
