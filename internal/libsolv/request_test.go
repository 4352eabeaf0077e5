package libsolv_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
)

// requester draws requests to gather from some packages.
type requester struct {
	*rand.Rand
	names   []string // of binary packages, sorted
	sources []string
	needs   map[string][]string // what packages of a name require, in any version
	inputs  int                 // at most
	globs   int                 // how long the part of a name is that stands before a wildcard
}

func newRequester(packages []solve.Package, inputs, globs int) requester {
	r := requester{needs: map[string][]string{}, inputs: inputs, globs: globs}
	for _, p := range packages {
		switch solve.KindOf(p.Package) {
		case solve.Binary:
			r.names = append(r.names, p.Name)
			for _, d := range p.Requires {
				r.needs[p.Name] = append(r.needs[p.Name], d.Name)
			}
		case solve.Source:
			r.sources = append(r.sources, p.Name)
		}
	}
	for _, list := range []*[]string{&r.names, &r.sources} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return r
}

// request draws the request of a seed, and whether it has lookasides.
func (r requester) request(seed uint64) (request solve.Request, lookaside bool) {
	r.Rand = rand.New(rand.NewPCG(seed, 1))
	request = solve.Request{
		TreeArch:    "x86_64",
		Greedy:      []solve.Greedy{solve.GreedyNone, solve.GreedyNone, solve.GreedyBuild, solve.GreedyAll}[r.IntN(4)],
		Fulltree:    r.IntN(3) == 0,
		Selfhosting: r.IntN(3) == 0,
		Inputs:      []solve.Input{{Pattern: r.name(), Reason: "the test"}},
	}
	for range r.IntN(r.inputs) {
		request.Inputs = append(request.Inputs, solve.Input{Pattern: r.pattern(), Reason: "the test"})
	}
	if r.IntN(2) == 0 {
		for range 1 + r.IntN(3) {
			request.Excludes = append(request.Excludes, r.pattern())
		}
		// What an input needs is excluded on purpose, or else little were.
		if needs := r.needs[request.Inputs[0].Pattern]; len(needs) > 0 {
			request.Excludes = append(request.Excludes, needs[r.IntN(len(needs))])
		}
	}
	if r.IntN(2) == 0 {
		r.addMultilib(&request)
	}
	for range r.IntN(3) {
		request.Conditionals = append(request.Conditionals, solve.Conditional{Trigger: r.name(), Install: r.name(), Reason: "the test"})
	}
	if r.IntN(3) == 0 {
		request.Langpacks = r.langpacks()
	}
	if request.Fulltree && len(r.sources) > 0 {
		for range r.IntN(3) {
			request.FulltreeExcludes = append(request.FulltreeExcludes, r.sources[r.IntN(len(r.sources))])
		}
	}
	if r.IntN(8) == 0 {
		request.Prepopulate = []solve.Input{{Pattern: r.name() + "." + []string{"x86_64", "noarch", "i686"}[r.IntN(3)]}}
	}
	return request, r.IntN(2) == 0
}

func (r requester) addMultilib(request *solve.Request) {
	endings := [][]string{{"-libs"}, {"-devel"}, {"-libs", "-devel"}, {""}}[r.IntN(4)]
	request.Multilib = func(p *rpm.Package) string {
		if slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(p.Name, e) }) {
			return "the test"
		}
		return ""
	}
	if r.IntN(2) == 0 {
		request.MultilibBlacklist = []string{r.pattern()}
	}
	if r.IntN(2) == 0 {
		request.MultilibWhitelist = []string{r.pattern()}
	}
}

// langpacks are those of packages that have some.
func (r requester) langpacks() (list []solve.Langpack) {
	for _, name := range r.names {
		if name, ok := strings.CutSuffix(name, "-langpack-cs"); ok {
			list = append(list, solve.Langpack{Name: name, Install: name + "-langpack-%s"})
		}
	}
	return list
}

func (r requester) name() string { return r.names[r.IntN(len(r.names))] }

// pattern is a name, mostly, and else any form that a pattern may have.
func (r requester) pattern() string {
	name := r.name()
	switch r.IntN(8) {
	case 0:
		return name[:min(len(name), r.globs+r.IntN(3))] + "*"
	case 1:
		return name + ".+"
	case 2:
		return name + ".i686"
	case 3:
		return name + ".x86_64"
	}
	return name
}

// write is a request as a failure shows it.
func write(r solve.Request, lookaside bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "greedy %d, fulltree %t, selfhosting %t, lookaside %t, multilib %t\n", r.Greedy, r.Fulltree, r.Selfhosting, lookaside, r.Multilib != nil)
	fmt.Fprintf(&b, "inputs %+v, prepopulate %+v, conditionals %+v\n", r.Inputs, r.Prepopulate, r.Conditionals)
	fmt.Fprintf(&b, "excludes %q, blacklist %q, whitelist %q, fulltree excludes %q", r.Excludes, r.MultilibBlacklist, r.MultilibWhitelist, r.FulltreeExcludes)
	return b.String()
}
