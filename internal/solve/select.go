package solve

import "strings"

// Select is what the method nodeps makes of a request: Packages and what Inputs name, its
// source and debug packages, and nothing that any of these requires. Of the rest of the request
// only TreeArch, ExcludeSource and ExcludeDebug count: nothing is filtered, and every version
// of a package is taken. The behaviour is that of Pungi's method of this name:
//
//	binary   the whole name matches, where * is the only wildcard, and the arch is the one named
//	         or noarch, if the input names one or is Native; else any arch of the tree
//	source   what a taken binary names as its source
//	debug    of the source of a taken binary, where that is no noarch package, in its class of arches
func (p *Pool) Select(r Request) Result {
	s := newSolver(p, Request{TreeArch: r.TreeArch, Packages: r.Packages})
	s.allAges = true
	s.takeWanted()
	for _, in := range r.Inputs {
		s.selectInput(in)
	}
	s.selectCompanions(!r.ExcludeSource, !r.ExcludeDebug)
	return s.result()
}

// selectInput takes every package that an input means.
func (s *solver) selectInput(in Input) {
	p := parsePattern(in.Pattern)
	if p.kind == Debug {
		p.kind = Binary // which none of that name is
	}
	any, why := false, noSuchName
	visit := func(id int32) {
		if s.traits[id]&present == 0 {
			return
		}
		why = onlyOthers
		if s.pool.kind[id] == p.kind && s.ofArch(id, p.arch, in.Native) {
			any = true
			s.add(id, FlagInput, reason{step: StepInput, by: nobody, wanted: in.Pattern, whose: in.Reason, rule: RuleOnly})
		}
	}
	if strings.Contains(p.glob, "*") {
		for id := range s.pool.packages {
			if matchStars(p.glob, s.name(int32(id))) {
				visit(int32(id))
			}
		}
	} else {
		s.eachNamed(pattern{glob: p.glob, literal: true}, visit)
	}
	if !any {
		s.miss(in, why)
	}
}

// ofArch tells whether a package is of an arch, if one is named, or of the tree's own.
func (s *solver) ofArch(id int32, arch string, native bool) bool {
	own := s.pool.packages[id].Arch
	switch {
	case own == "noarch" || own == "src" || own == "nosrc":
		return true
	case arch != "":
		return own == arch
	case native:
		return s.traits[id]&both != foreign
	}
	return true
}

// selectCompanions takes the sources and debug packages of what is selected.
func (s *solver) selectCompanions(sources, debug bool) {
	for _, id := range append([]int32(nil), s.lists[Binary]...) {
		why := reason{by: id, wanted: s.pool.packages[id].SourceRPM, rule: RuleSource}
		if sources {
			for _, source := range s.relatives(id, Source) {
				why.step = StepSource
				s.selectCompanion(source, why)
			}
		}
		if class := s.traits[id] & both; debug && class != both {
			for _, d := range s.relatives(id, Debug) {
				if s.traits[d]&class != 0 {
					why.step = StepDebug
					s.selectCompanion(d, why)
				}
			}
		}
	}
}

func (s *solver) selectCompanion(id int32, why reason) {
	if s.traits[id]&present != 0 {
		s.add(id, FlagInput, why)
	}
}

// matchStars tells whether a name matches a pattern in which * stands for any text, and
// every other character for itself.
func matchStars(pattern, name string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	for {
		part, more, found := strings.Cut(rest, "*")
		if !found {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], more
	}
}
