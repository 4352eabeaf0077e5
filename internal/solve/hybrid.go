package solve

// Hybrid is what the method hybrid makes of a request: the closure of packages and modules
// together, as Pungi has it from the solver fus, whose place Solve's rules take. Modular are
// the packages of modules, by index; those of streams that the tree does not have are
// Absent. It differs from Solve in this:
//
//	inputs       a glob means no package of a module
//	modules      every package of a module is an input, which the caller adds
//	conditional  packages of groups are inputs, which the caller adds
//	multilib     not for packages of modules
//	debug        "<name>-debuginfo" and "<source>-debugsource" of the same build and arch; of
//	             packages of modules what the module has
//	fulltree, selfhosting, greedy   are not asked
//
// Packages have no flags, but Lookaside.
func (p *Pool) Hybrid(r Request, modular map[int]bool) Result {
	r.Conditionals, r.Greedy, r.Fulltree, r.Selfhosting, r.FulltreeExcludes = nil, GreedyNone, false, false, nil
	s := newSolver(p, r)
	s.modular = make([]bool, len(p.packages))
	for index := range modular {
		s.modular[p.ids[index]] = true
	}
	s.takeWanted()
	s.takeInputs()
	s.takePrepopulated()
	s.repeat(s.hybridSteps())
	if !r.ExcludeSource {
		for _, kind := range [...]Kind{Binary, Debug} {
			for _, id := range s.lists[kind] {
				s.source(id)
			}
		}
	}
	for i := range s.picks {
		s.picks[i].flags &= FlagLookaside
	}
	return s.result()
}

func (s *solver) hybridSteps() []step {
	steps := []step{
		{name: StepRequirement, over: Binary, each: s.binaryRequires},
		{name: StepLangpack, over: Binary, each: s.langpack},
		{name: StepMultilib, over: Binary, each: func(id int32) {
			if !s.modular[id] {
				s.multilib(id)
			}
		}},
	}
	if !s.request.ExcludeDebug {
		steps = append(steps,
			step{name: StepDebug, over: Binary, each: s.hybridDebug},
			step{name: StepDebugRequirement, over: Debug, each: s.debugRequires})
	}
	return append(steps, step{name: StepRequirement, all: s.richRequires})
}

// hybridDebug takes the debug packages that go with a binary one, by their names.
func (s *solver) hybridDebug(id int32) {
	b := s.pool.build[id]
	if b == noBuild || s.modular[id] {
		return
	}
	for _, candidate := range s.relatives(id, Debug) {
		name := s.name(candidate)
		if s.traits[candidate]&present != 0 && s.pool.packages[candidate].Arch == s.pool.packages[id].Arch &&
			(name == s.name(id)+"-debuginfo" || name == s.pool.builds[b].source+"-debugsource") {
			s.accompany(id, candidate, StepDebug)
		}
	}
}
