package solve

import (
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// demand is a requirement of a selected package.
type demand struct {
	id          int32
	requirement int32
	among       Kind // of the packages that may satisfy it
	step        Step
	flags       Flags // for what it brings in
}

// failure is a demand that nothing satisfies.
type failure struct {
	requirer, requirement int32
	why                   string
}

// binaryRequires follows what a package needs to run. Weak dependencies are not
// followed, nor those of packages that are not shipped.
func (s *solver) binaryRequires(id int32) {
	s.requires(demand{id: id, among: Binary, step: StepRequirement})
}

// sourceRequires follows what a source needs to build.
func (s *solver) sourceRequires(id int32) {
	s.requires(demand{id: id, among: Binary, step: StepBuildRequirement, flags: FlagSelfHosting})
}

// debugRequires follows requirements to other debug packages.
func (s *solver) debugRequires(id int32) {
	s.requires(demand{id: id, among: Debug, step: StepDebugRequirement})
}

func (s *solver) requires(d demand) {
	if s.inLookaside(d.id) {
		return
	}
	for _, d.requirement = range s.pool.requires.at(d.id) {
		r := &s.pool.requirements[d.requirement]
		switch {
		case r.err != nil:
			s.fail(d, r.err.Error())
		case d.among == Debug && !r.expr.wavers() && s.satisfied(r.expr, Binary):
		case s.satisfy(r.expr, d, false):
			s.waiting = append(s.waiting, d)
		}
	}
}

// satisfy selects what an expression needs, and tells whether that may change
// with a condition. Such an expression is tried again later, with settled once
// nothing else is going to meet the condition; only then "else" counts.
//
//	A and B          both
//	A or B           nothing if one is selected, else the best, else the first possible
//	A if B [else C]  A if B is selected, else C; both A and B if there is no C
//	A unless B       A: whoever installs it may leave out B
//	A unless B else C  C if B is selected, else A
//	A with B         a package that provides both
//	A without B      a package that provides A, and not B
func (s *solver) satisfy(e *expr, d demand, settled bool) (waits bool) {
	switch {
	case e.isSet():
		s.satisfySet(e, d)
	case e.op == opAnd:
		for _, o := range e.operands {
			waits = s.satisfy(o, d, settled) || waits
		}
	case e.op == opOr:
		return s.satisfyAny(e, d, settled)
	default:
		met, unmet := e.branches()
		if unmet == met {
			return s.satisfy(met, d, settled)
		}
		condition := e.operands[1]
		if s.satisfied(condition, d.among) {
			return s.satisfy(met, d, settled) || condition.wavers()
		}
		if settled && unmet != nil {
			s.satisfyUnmet(e, d)
		}
		return true
	}
	return waits
}

// satisfyUnmet selects what an expression needs whose condition is not met. Where
// nothing can satisfy the "else", there is one way left: to meet the condition.
func (s *solver) satisfyUnmet(e *expr, d demand) {
	met, unmet := e.branches()
	condition := e.operands[1]
	if !s.possible(unmet, d.among) && s.possible(condition, d.among) && s.possible(met, d.among) {
		s.satisfy(condition, d, true)
		s.satisfy(met, d, true)
		return
	}
	s.satisfy(unmet, d, true)
}

// branches are what an "if" or "unless" wants when its condition is met, and
// when it is not; nil is nothing.
func (e *expr) branches() (met, unmet *expr) {
	var other *expr
	if len(e.operands) == 3 {
		other = e.operands[2]
	}
	if e.op == opIf {
		return e.operands[0], other
	}
	if other == nil {
		other = e.operands[0]
	}
	return other, e.operands[0]
}

// satisfyAny handles an "or" of which an operand takes several packages.
func (s *solver) satisfyAny(e *expr, d demand, settled bool) (waits bool) {
	if s.satisfied(e, d.among) {
		return e.wavers()
	}
	for _, o := range e.operands {
		if s.possible(o, d.among) {
			s.satisfy(o, d, settled)
			return e.wavers()
		}
	}
	s.fail(d, "no alternative has all its providers")
	return false
}

// wavers tells whether the expression may be satisfied now, and no longer when
// more packages are selected: it has a condition.
func (e *expr) wavers() bool {
	return e.op == opIf || e.op == opUnless && len(e.operands) == 3 || slices.ContainsFunc(e.operands, (*expr).wavers)
}

// satisfySet selects the provider of an expression that one package satisfies.
// Who requires something first decides for all that require it.
func (s *solver) satisfySet(e *expr, d demand) {
	memory := &s.choices[d.among]
	c := (*memory)[e.set]
	if c == nil {
		chosen := s.choose(s.candidatesFor(e, d.among), true)
		c = &chosen
		(*memory)[e.set] = c
	}
	if len(c.ids) == 0 {
		s.fail(d, s.whyNone(e))
		return
	}
	for _, id := range c.ids {
		if !s.selected(id) {
			s.take(*c, d.flags, reason{step: d.step, by: d.id, wanted: s.pool.requirements[d.requirement].text})
			return
		}
	}
}

// satisfied tells whether selected packages satisfy the expression.
func (s *solver) satisfied(e *expr, among Kind) bool {
	if e.isSet() {
		return slices.ContainsFunc(s.pool.suppliers(e), func(id int32) bool {
			return s.selected(id) && (s.pool.kind[id] == Binary || s.pool.kind[id] == among)
		})
	}
	return s.judge(e, among, s.satisfied)
}

// possible tells whether there are candidates to satisfy the expression.
func (s *solver) possible(e *expr, among Kind) bool {
	if e.isSet() {
		return len(s.candidatesFor(e, among)) > 0
	}
	return s.judge(e, among, s.possible)
}

// judge combines what holds of the operands.
func (s *solver) judge(e *expr, among Kind, holds func(*expr, Kind) bool) bool {
	switch e.op {
	case opAnd:
		return !slices.ContainsFunc(e.operands, func(o *expr) bool { return !holds(o, among) })
	case opOr:
		return slices.ContainsFunc(e.operands, func(o *expr) bool { return holds(o, among) })
	}
	met, unmet := e.branches()
	condition := e.operands[1]
	if s.satisfied(condition, among) {
		return holds(met, among)
	}
	return unmet == nil || holds(unmet, among) || holds(condition, among) && holds(met, among)
}

// candidatesFor lists what may be chosen to satisfy a set, in order.
func (s *solver) candidatesFor(e *expr, among Kind) []int32 {
	all := s.pool.suppliers(e)
	candidates := make([]int32, 0, len(all))
	for _, id := range all {
		if s.candidate(id, among) {
			candidates = append(candidates, id)
		}
	}
	return candidates
}

// provided is the requirement of a capability in any version.
func provided(name string) *expr { return &expr{dep: rpm.Dependency{Name: name}} }

// suppliers lists all packages that satisfy a set, in order, whether or not a
// request can see them. Of an expression that is no set it lists those that any
// side of it names, but for the condition: without one of them nothing can
// satisfy it.
func (p *Pool) suppliers(e *expr) []int32 {
	switch e.op {
	case opLeaf:
		return p.providersOf(&e.dep)
	case opWith, opWithout:
		return p.onePackage(e)
	case opIf, opUnless:
		ids := p.suppliers(e.operands[0])
		if len(e.operands) == 3 {
			ids = sortedSet(append(ids, p.suppliers(e.operands[2])...))
		}
		return ids
	}
	var ids []int32
	for _, o := range e.operands {
		ids = append(ids, p.suppliers(o)...)
	}
	return sortedSet(ids)
}

// onePackage lists the packages that provide all operands of a "with", or the
// first and not the second of a "without".
func (p *Pool) onePackage(e *expr) []int32 {
	ids := p.suppliers(e.operands[0])
	for _, o := range e.operands[1:] {
		other := p.suppliers(o)
		ids = slices.DeleteFunc(ids, func(id int32) bool {
			_, found := slices.BinarySearch(other, id)
			return found == (e.op == opWithout)
		})
	}
	return ids
}

// providersOf lists the packages that satisfy a plain dependency, in order: for
// rpm and dnf alike, a provide without a version satisfies every version. The
// list belongs to the caller.
func (p *Pool) providersOf(d *rpm.Dependency) []int32 {
	var ids []int32
	if symbol, ok := p.symbols[d.Name]; ok {
		for _, v := range p.providers.at(symbol) {
			asked := *d
			asked.Name = v.is.Name // equal text; of one string, it need not be compared byte by byte
			if (d.Sense == 0 || asked.Overlaps(*v.is)) && (len(ids) == 0 || ids[len(ids)-1] != v.id) {
				ids = append(ids, v.id)
			}
		}
	}
	if strings.HasPrefix(d.Name, "/") {
		ids = sortedSet(append(ids, p.owners[d.Name]...))
	}
	return ids
}

func sortedSet(ids []int32) []int32 {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// fail notes, once, that nothing satisfies a requirement.
func (s *solver) fail(d demand, why string) {
	key := [2]int32{d.id, d.requirement}
	if !s.unmet[key] {
		s.unmet[key] = true
		s.failures = append(s.failures, failure{d.id, d.requirement, why})
	}
}

// whyNone says why a set has no candidate.
func (s *solver) whyNone(e *expr) string {
	providers := s.pool.suppliers(e)
	if len(providers) == 0 {
		return s.whyUnknown(e)
	}
	why := "only packages of other arches provide it"
	for _, id := range providers {
		switch t := s.traits[id]; {
		case t&excluded != 0:
			return "all providers are excluded"
		case t&present != 0:
			why = "only packages of older versions, or of other kinds, provide it"
		}
	}
	return why
}

// whyUnknown says why no package at all satisfies a set.
func (s *solver) whyUnknown(e *expr) string {
	switch {
	case e.op != opLeaf:
		return "no package provides " + e.String()
	case len(s.pool.suppliers(provided(e.dep.Name))) > 0:
		return "no package provides that version"
	}
	return "no package provides it"
}

// richRequires looks again at the requirements whose condition was not met. First
// at conditions that are met by now; when there are none, no package is going to
// meet them, and the first "else" is taken that selects something.
func (s *solver) richRequires() {
	before := s.changes
	for _, settled := range [...]bool{false, true} {
		waiting := s.waiting
		s.waiting = s.waiting[:0]
		for _, d := range waiting {
			done := settled && s.changes > before
			if done || s.satisfy(s.pool.requirements[d.requirement].expr, d, settled) {
				s.waiting = append(s.waiting, d)
			}
		}
		if s.changes > before {
			return
		}
	}
}
