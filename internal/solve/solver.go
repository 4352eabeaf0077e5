package solve

import "slices"

// Solve computes what the request selects from the pool.
func (p *Pool) Solve(r Request) Result {
	s := newSolver(p, r)
	s.takeWanted()
	s.takeInputs()
	s.takePrepopulated()
	s.repeat(s.steps())
	return s.result()
}

// repeat performs steps until none of them has anything to do.
func (s *solver) repeat(steps []step) {
	for i := 0; i < len(steps); i++ {
		if s.run(&steps[i]) {
			i = -1 // what is new goes through all steps, from the first on
		}
	}
}

// solver is the state of one Solve.
type solver struct {
	*view
	request *Request

	picks []pick         // in the order of selection
	order []int32        // by id: place in picks, counted from 1; 0 if not selected
	lists [kinds][]int32 // ids of picks by kind, in the order of selection
	// changes counts what may give a step something to do.
	changes int

	choices  [2][]*choice // by requirement: among binaries, among debug packages
	waiting  []demand     // rich requirements whose condition is not met
	failures []failure
	unmet    map[[2]int32]bool // requirer and requirement of each failure
	missed   []Unmatched
	missing  map[Unmatched]bool // those in missed
	spared   map[int32]Dropped  // what a step would take, but for a setting

	triggers  map[string][]Conditional
	langpacks map[string][]Langpack
	exempt    map[string]bool // names of sources in FulltreeExcludes
	whitelist map[int32]bool  // packages of which MultilibWhitelist has the name
	families  []family        // by build, for the full tree
	modular   []bool          // by id: packages of modules, of Hybrid; else nil
	allAges   bool            // older versions are as good as the newest, for Select
}

// pick is one selected package.
type pick struct {
	id     int32
	flags  Flags
	reason reason
}

// reason is a Reason in ids.
type reason struct {
	step     Step
	by       int32
	wanted   string
	whose    string // Reason.For
	rule     Rule
	rejected []int32
}

// nobody is the id of who wants an input.
const nobody = -1

func newSolver(p *Pool, r Request) *solver {
	s := &solver{
		view:      newView(p, &r),
		request:   &r,
		order:     make([]int32, len(p.packages)),
		unmet:     map[[2]int32]bool{},
		missing:   map[Unmatched]bool{},
		spared:    map[int32]Dropped{},
		triggers:  map[string][]Conditional{},
		langpacks: map[string][]Langpack{},
		exempt:    map[string]bool{},
		whitelist: map[int32]bool{},
	}
	for i := range s.choices {
		s.choices[i] = make([]*choice, len(p.requirements))
	}
	for _, c := range r.Conditionals {
		s.triggers[c.Trigger] = append(s.triggers[c.Trigger], c)
	}
	for _, l := range r.Langpacks {
		s.langpacks[l.Name] = append(s.langpacks[l.Name], l)
	}
	for _, name := range r.FulltreeExcludes {
		s.exempt[name] = true
	}
	for _, glob := range r.MultilibWhitelist {
		s.eachNamed(parsePattern(glob), func(id int32) { s.whitelist[id] = true })
	}
	if r.Fulltree {
		s.families = s.newFamilies()
	}
	return s
}

func (s *solver) name(id int32) string { return s.pool.packages[id].Name }

func (s *solver) selected(id int32) bool { return s.order[id] != 0 }

// pick is the selected package.
func (s *solver) pick(id int32) *pick { return &s.picks[s.order[id]-1] }

// inLookaside tells whether the package is selected, but not to be shipped.
func (s *solver) inLookaside(id int32) bool { return s.pick(id).flags.Has(FlagLookaside) }

// take selects what was chosen, marks all of it, and gives each new package its reason.
func (s *solver) take(c choice, flags Flags, why reason) {
	why.rule, why.rejected = c.rule, c.rejected
	for i, id := range c.ids {
		if i > 0 && c.rule != RuleGreedyAll {
			why.rule = RuleBuild
			s.add(id, flags|FlagGreedyBuild, why)
		} else {
			s.add(id, flags, why)
		}
	}
}

// origins are the flags that tell how a package came in, so that they say
// nothing of one that was there before.
const origins = FlagFulltree | FlagGreedyBuild | FlagSelfHosting

// add selects one package. If it is selected already, it only gets the flags.
func (s *solver) add(id int32, flags Flags, why reason) {
	if s.selected(id) {
		s.pick(id).flags |= flags &^ origins
		return
	}
	kind := s.pool.kind[id]
	if kind != Source && why.step != StepDebug && s.isExempt(id) {
		flags |= FlagFulltreeExclude
	}
	if s.pool.packages[id].Lookaside {
		flags |= FlagLookaside
	}
	s.changes++
	s.picks = append(s.picks, pick{id, flags, why})
	s.order[id] = int32(len(s.picks))
	s.lists[kind] = append(s.lists[kind], id)
	if kind == Binary {
		s.noteFamily(id)
	}
}

// isExempt tells whether the source of a package is in FulltreeExcludes.
func (s *solver) isExempt(id int32) bool {
	b := s.pool.build[id]
	return b != noBuild && s.exempt[s.pool.builds[b].source]
}

// takeWanted selects packages that were asked for as such.
func (s *solver) takeWanted() {
	for _, w := range s.request.Packages {
		if id := s.pool.ids[w.Index]; s.traits[id]&present != 0 {
			wanted := s.pool.packages[id].NEVRA.String()
			s.add(id, FlagInput, reason{step: StepInput, by: nobody, wanted: wanted, whose: w.Reason, rule: RuleOnly})
		}
	}
}

// takeInputs selects what was asked for by name. Patterns that name an arch come
// last: "bash.i686" must not make "bash" look satisfied.
func (s *solver) takeInputs() {
	var narrow []Input
	for _, in := range s.request.Inputs {
		if p := parsePattern(in.Pattern); p.foreign || p.arch != "" {
			narrow = append(narrow, in)
		} else {
			s.takeInput(in)
		}
	}
	for _, in := range narrow {
		s.takeInput(in)
	}
}

func (s *solver) takeInput(in Input) {
	why := reason{step: StepInput, by: nobody, wanted: in.Pattern, whose: in.Reason}
	if in.Pattern == systemRelease && s.request.Greedy == GreedyAll {
		s.take(s.choose(s.candidatesFor(provided(systemRelease), Binary), false), FlagInput, why)
		return
	}
	p := parsePattern(in.Pattern)
	groups, missing := s.find(p)
	if len(groups) == 0 {
		s.miss(in, missing)
	}
	for _, group := range groups {
		if !p.literal && s.modular != nil {
			group = slices.DeleteFunc(group, func(id int32) bool {
				return s.modular[id] || p.arch == "" && s.traits[id]&both == foreign
			})
		}
		s.take(s.choose(group, false), FlagInput, why)
	}
}

// miss notes, once, that an input selects nothing.
func (s *solver) miss(in Input, why string) {
	if u := (Unmatched{in, why}); !s.missing[u] {
		s.missing[u] = true
		s.missed = append(s.missed, u)
	}
}

// systemRelease is the one capability that can be an input, of a greedy request.
const systemRelease = "system-release"

func (s *solver) takePrepopulated() {
	for _, in := range s.request.Prepopulate {
		p := parsePattern(in.Pattern)
		p.literal = true
		groups, missing := s.find(p)
		if len(groups) == 0 || p.arch == "" {
			if len(groups) > 0 {
				missing = "the pattern has no arch, want name.arch"
			}
			s.miss(in, missing)
			continue
		}
		why := reason{step: StepPrepopulate, by: nobody, wanted: in.Pattern, whose: in.Reason}
		s.take(s.choose(groups[0], false), FlagPrepopulate, why)
	}
}

// result translates ids into indexes of the caller's list.
func (s *solver) result() Result {
	r := Result{Unmatched: s.missed}
	for kind, list := range [kinds]*[]Selected{Binary: &r.Binaries, Debug: &r.Debug, Source: &r.Sources} {
		ids := slices.Clone(s.lists[kind])
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			p := s.pick(id)
			*list = append(*list, Selected{Index: s.pool.index[id], Flags: p.flags, Reason: s.reason(&p.reason)})
		}
	}
	r.Dropped = s.dropped()
	slices.SortStableFunc(s.failures, func(a, b failure) int { return int(a.requirer) - int(b.requirer) })
	for _, f := range s.failures {
		r.Unresolved = append(r.Unresolved, Unresolved{
			Requirer:    s.pool.index[f.requirer],
			Requirement: s.pool.requirements[f.requirement].text,
			Why:         f.why,
			Chain:       s.chain(f.requirer),
		})
	}
	return r
}

func (s *solver) dropped() []Dropped {
	var list []Dropped
	for id := range s.traits {
		switch t := s.traits[id]; {
		case t&excluded != 0:
			h := s.hidden[int32(id)]
			list = append(list, Dropped{Index: s.pool.index[id], Because: h.because, Pattern: h.pattern, Other: -1})
		case s.selected(int32(id)):
		case t&present != 0 && t&newest == 0 && !s.allAges && s.pool.kind[id] != Source: // which come in every version
			list = append(list, Dropped{Index: s.pool.index[id], Because: Older, Other: s.pool.index[s.newer(int32(id))]})
		default:
			if d, ok := s.spared[int32(id)]; ok {
				list = append(list, d)
			}
		}
	}
	return list
}

// spare notes that a rule left a package out, whatever others may do.
func (s *solver) spare(id int32, because Because, other int32) {
	if d, ok := s.spared[id]; !ok || d.Because == NotNeeded { // which a setting cannot change
		s.spared[id] = Dropped{Index: s.pool.index[id], Because: because, Other: s.pool.index[other]}
	}
}

// spareOthers notes which packages nobody took for a requirement, since what was selected
// satisfies it.
func (s *solver) spareOthers(c *choice, requirement string) {
	for _, id := range c.rejected {
		if _, ok := s.spared[id]; !ok {
			s.spared[id] = Dropped{s.pool.index[id], NotNeeded, requirement, s.pool.index[c.ids[0]]}
		}
	}
}

func (s *solver) reason(w *reason) Reason {
	r := Reason{Step: w.step, By: -1, Wanted: w.wanted, For: w.whose, Rule: w.rule}
	if w.by != nobody {
		r.By = s.pool.index[w.by]
	}
	for _, id := range w.rejected {
		r.Rejected = append(r.Rejected, s.pool.index[id])
	}
	return r
}

// chain lists the package, the one that wanted it, and so on up to an input. It
// ends, since a package is wanted by one that was selected before.
func (s *solver) chain(id int32) []int {
	var chain []int
	for ; id != nobody; id = s.pick(id).reason.by {
		chain = append(chain, s.pool.index[id])
	}
	return chain
}
