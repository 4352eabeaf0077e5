package solve

import (
	"slices"
	"strings"
)

// step is one rule by which selected packages bring in others.
type step struct {
	name Step
	on   bool
	// over is the kind of packages it looks at; each is called once for every
	// such package. Without each, all runs instead, every time.
	over Kind
	each func(id int32)
	all  func()
	seen int // how many packages of its kind each was called for
}

// steps lists what is repeated until nothing is new, in order. As soon as a step
// selects something, the first one is next: so conditional packages, which
// may satisfy requirements, precede the choice of other providers, and the
// conditions of rich requirements are judged when all else is quiet.
func (s *solver) steps() []step {
	r := s.request
	deps, debug := !r.Nodeps, !r.ExcludeDebug
	all := []step{
		{name: StepConditional, on: deps, over: Binary, each: s.conditional},
		{name: StepRequirement, on: deps, over: Binary, each: s.binaryRequires},
		{name: StepBuildRequirement, on: deps && r.Selfhosting, over: Source, each: s.sourceRequires},
		{name: StepSource, on: !r.ExcludeSource, over: Binary, each: s.source},
		{name: StepDebug, on: debug, over: Binary, each: s.debug},
		{name: StepDebugRequirement, on: deps && debug, over: Debug, each: s.debugRequires},
		{name: StepFulltree, on: r.Fulltree, over: Binary, each: s.fulltree},
		{name: StepLangpack, on: len(r.Langpacks) > 0, over: Binary, each: s.langpack},
		{name: StepMultilib, on: true, over: Binary, each: s.multilib},
		{name: StepRequirement, on: deps, all: s.richRequires},
	}
	return slices.DeleteFunc(all, func(st step) bool { return !st.on })
}

// run performs a step on the packages that it has not seen yet, sorted by NEVRA,
// and tells whether it changed anything. What it selects itself waits for the
// next time. The order counts: the first package to require something chooses
// the provider for all.
func (s *solver) run(st *step) bool {
	before := s.changes
	if st.each == nil {
		st.all()
		return s.changes > before
	}
	fresh := slices.Clone(s.lists[st.over][st.seen:])
	st.seen = len(s.lists[st.over])
	slices.Sort(fresh)
	for _, id := range fresh {
		st.each(id)
	}
	return s.changes > before
}

// conditional takes what groups want along with the package.
func (s *solver) conditional(id int32) {
	for _, c := range s.triggers[s.name(id)] {
		groups, missing := s.find(parsePattern(c.Install))
		if len(groups) == 0 {
			s.miss(Input{Pattern: c.Install, Reason: c.Reason}, missing)
		}
		for _, group := range groups {
			why := reason{step: StepConditional, by: id, wanted: c.Install, whose: c.Reason}
			s.take(s.choose(group, false), FlagConditional, why)
		}
	}
}

// source takes the source package of a binary one, of exactly its version: also
// when a newer source exists, which made other packages only.
func (s *solver) source(id int32) {
	if source, ok := s.sourceOf(id); ok {
		s.accompany(id, source, StepSource)
	}
}

// sourceOf prefers the source from the repository of the package.
func (s *solver) sourceOf(id int32) (source int32, ok bool) {
	for _, candidate := range s.relatives(id, Source) {
		if s.traits[candidate]&present == 0 {
			continue
		}
		if s.pool.packages[candidate].Repo == s.pool.packages[id].Repo {
			return candidate, true
		}
		if !ok {
			source, ok = candidate, true
		}
	}
	return source, ok
}

// relatives lists the packages of one kind that come from the same build.
func (s *solver) relatives(id int32, k Kind) []int32 {
	if b := s.pool.build[id]; b != noBuild {
		return s.pool.builds[b].members[k]
	}
	return nil
}

// debug takes the debug packages that go with a binary one: those of its own
// name, and the sources that debuggers show, both of its build and arch.
func (s *solver) debug(id int32) {
	for _, candidate := range s.relatives(id, Debug) {
		name := s.name(candidate)
		if s.traits[candidate]&present != 0 &&
			s.pool.packages[candidate].Arch == s.pool.packages[id].Arch &&
			(strings.Contains(name, "-debugsource") || name == s.name(id)+"-debuginfo") {
			s.accompany(id, candidate, StepDebug)
		}
	}
}

// accompany selects a source or debug package for the sake of a binary one. It
// is not shipped if the binary one is not, until one comes that is.
func (s *solver) accompany(id, companion int32, step Step) {
	shipped := !s.inLookaside(id) && !s.pool.packages[companion].Lookaside
	switch {
	case !s.selected(companion):
		var flags Flags
		if !shipped {
			flags = FlagLookaside
		}
		why := reason{step: step, by: id, wanted: s.pool.packages[id].SourceRPM, rule: RuleSource}
		s.add(companion, flags, why)
	case shipped && s.inLookaside(companion):
		s.pick(companion).flags &^= FlagLookaside
		// Steps which passed it by look at it again; result drops the repetition.
		kind := s.pool.kind[companion]
		s.lists[kind] = append(s.lists[kind], companion)
		s.changes++
	}
}

// family is what the full tree knows of one build.
type family struct {
	natives  bool   // there are candidates of a native arch; noarch does not count
	selected traits // native, foreign: a package of that class is selected
	taken    traits // classes of which all packages were taken
}

func (s *solver) newFamilies() []family {
	families := make([]family, len(s.pool.builds))
	for id, b := range s.pool.build {
		if b != noBuild && s.traits[id]&both == native && s.candidate(int32(id), Binary) {
			families[b].natives = true
		}
	}
	return families
}

// noteFamily remembers that a binary package of a build was selected.
func (s *solver) noteFamily(id int32) {
	b, class := s.pool.build[id], s.traits[id]&both
	if s.families != nil && b != noBuild && class != both {
		s.families[b].selected |= class
	}
}

// fulltree takes everything that was built along with a package. Of two classes
// of arches it takes the one that is in use; what it took is not expanded in
// turn, nor what a parent tree brings.
func (s *solver) fulltree(id int32) {
	b := s.pool.build[id]
	if b == noBuild || s.pick(id).flags.Has(FlagFulltree) {
		return
	}
	if s.isExempt(id) {
		for _, sibling := range s.pool.builds[b].members[Binary] {
			if s.candidate(sibling, Binary) {
				s.spare(sibling, Exempt, id)
			}
		}
		return
	}
	f := &s.families[b]
	class := s.fulltreeClass(f)
	if f.taken&class == class {
		return
	}
	f.taken |= class
	for _, sibling := range s.pool.builds[b].members[Binary] {
		if s.candidate(sibling, Binary) && s.traits[sibling]&class != 0 && !s.selected(sibling) {
			why := reason{step: StepFulltree, by: id, wanted: s.pool.packages[id].SourceRPM, rule: RuleSource}
			s.add(sibling, FlagFulltree, why)
		}
	}
}

func (s *solver) fulltreeClass(f *family) traits {
	switch {
	case s.request.Greedy == GreedyAll:
		return both
	case !f.natives:
		return foreign
	case f.selected&native == 0 && f.selected&foreign != 0:
		return foreign
	}
	return native
}

// langpack takes the translations of a package, in all languages.
func (s *solver) langpack(id int32) {
	for _, l := range s.langpacks[s.name(id)] {
		groups, _ := s.find(parsePattern(strings.ReplaceAll(l.Install, "%s", "*")))
		for _, group := range groups {
			name := s.name(group[0])
			if strings.HasSuffix(name, "-devel") || strings.HasSuffix(name, "-static") || name == "man-pages-overrides" {
				continue
			}
			s.take(s.choose(group, false), FlagLangpack, reason{step: StepLangpack, by: id, wanted: l.Install})
		}
	}
}

// multilib takes a package for a foreign arch too, if a method says so.
func (s *solver) multilib(id int32) {
	if s.traits[id]&both != native {
		return
	}
	var candidates []int32
	s.eachNamesake(id, func(other int32) {
		if s.traits[other]&both == foreign && s.candidate(other, Binary) &&
			s.pool.packages[other].EVR == s.pool.packages[id].EVR {
			candidates = append(candidates, other)
		}
	})
	c := s.choose(candidates, false)
	if len(c.ids) == 0 {
		return
	}
	method := s.multilibMethod(c.ids[0])
	if method == "" {
		s.spare(c.ids[0], NoMethod, id)
		return
	}
	s.take(c, FlagMultilib, reason{step: StepMultilib, by: id, wanted: s.name(id), whose: method})
}

// multilibMethod is what speaks for a package of a foreign arch, or "".
func (s *solver) multilibMethod(id int32) string {
	if s.whitelist[id] {
		return "multilib_whitelist"
	}
	if s.request.Multilib == nil {
		return ""
	}
	return s.request.Multilib(s.pool.packages[id].Package)
}
