package libsolv_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/accepted"
	"github.com/pungo-build/pungo/internal/libsolv"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
)

// requests are how many are made of each metadata.
const requests = 1000

// most is how many packages of a request libsolv tries one by one, where it cannot
// install all of them together. A conflict in what much depends on refuses hundreds.
const most = 5

var only = flag.Int64("seed", -1, "compare the request of this seed alone, and show it")

// comparison holds our solver against libsolv: the same packages, known to both by the
// same numbers.
type comparison struct {
	packages  []solve.Package // those of lookasides last
	aside     int             // number of the first of these
	with      *solve.Pool
	without   *solve.Pool // lookasides
	peer      *libsolv.Solver
	requester requester

	judged, weighed, unresolved int
}

func newComparison(t *testing.T, packages []solve.Package, r requester) *comparison {
	t.Helper()
	var lists [2][]*rpm.Package
	for _, p := range packages {
		i := 0
		if p.Lookaside {
			i = 1
		}
		lists[i] = append(lists[i], p.Package)
	}
	c := &comparison{aside: len(lists[0]), requester: r}
	for i, list := range lists {
		for _, p := range list {
			c.packages = append(c.packages, solve.Package{Package: p, Repo: i, Lookaside: i > 0})
		}
	}
	c.with = solve.NewPool(c.packages, solve.PoolOptions{})
	c.without = solve.NewPool(c.packages[:c.aside], solve.PoolOptions{})
	var err error
	if c.peer, err = libsolv.Start("x86_64", t.TempDir(), lists[0], lists[1]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.peer.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// run compares all requests, and wants every difference to be accepted.
func (c *comparison) run(t *testing.T, scope string) {
	known, err := accepted.In(scope)
	if err != nil {
		t.Fatal(err)
	}
	seeds := [2]uint64{0, requests}
	if *only >= 0 {
		seeds = [2]uint64{uint64(*only), uint64(*only) + 1}
	}
	for seed := seeds[0]; seed < seeds[1]; seed++ {
		request, lookaside := c.requester.request(seed)
		differences := c.compare(t, request, lookaside)
		if *only >= 0 {
			t.Logf("%s\n%s", write(request, lookaside), strings.Join(differences, "\n"))
		}
		differences = slices.DeleteFunc(differences, known.Accept)
		if len(differences) > 0 {
			t.Errorf("-seed %d: %s\n  %s", seed, write(request, lookaside), strings.Join(differences, "\n  "))
		}
	}
	if *only >= 0 {
		return
	}
	t.Logf("%d packages, %d judged in %d requests, %d of them with weak dependencies; %d requirements without a provider",
		len(c.packages), c.judged, requests, c.weighed, c.unresolved)
	if c.judged < 30*requests || c.weighed < 30*requests || c.unresolved < requests {
		t.Error("too few to compare")
	}
	for _, pattern := range known.Unused() {
		t.Errorf("%s: nothing differs like %q any more", scope, pattern)
	}
}

// compare lists what libsolv thinks otherwise of what a request selects.
func (c *comparison) compare(t *testing.T, request solve.Request, lookaside bool) []string {
	t.Helper()
	pool, packages := c.without, c.packages[:c.aside]
	if lookaside {
		pool, packages = c.with, c.packages
	}
	v := view{comparison: c, packages: packages, request: &request, result: pool.Solve(request)}
	differences := v.satisfied(t)
	c.unresolved += len(v.result.Unresolved)
	return append(differences, v.unsatisfied(t)...)
}

// view is a request, and what was made of it.
type view struct {
	*comparison
	packages []solve.Package
	request  *solve.Request
	result   solve.Result
}

// satisfied asks whether each package that is to be shipped can be installed, of what
// was selected and lookasides alone. What is known to be unresolved does not count.
func (v *view) satisfied(t *testing.T) (differences []string) {
	q := libsolv.Question{Visible: v.lookaside(), Void: map[int][]string{}, Most: most, Why: true}
	shipped := slices.Concat(v.result.Binaries, v.result.Debug)
	if v.request.Selfhosting {
		shipped = append(shipped, v.result.Sources...)
	}
	for _, s := range shipped {
		q.Visible = append(q.Visible, s.Index)
		if !s.Flags.Has(solve.FlagLookaside) {
			q.Packages = append(q.Packages, s.Index)
		}
	}
	for _, u := range v.result.Unresolved {
		q.Void[u.Requirer] = append(q.Void[u.Requirer], u.Requirement)
	}
	answer := v.answer(t, q)
	v.judged += len(q.Packages) - answer.Untried
	for _, r := range answer.Refused {
		reason := "unexplained"
		if len(r.Because) > 0 {
			reason = strings.Join(r.Because, "+")
		}
		differences = append(differences, fmt.Sprintf("%s: %s: %s", reason, v.packages[r.Package].NEVRA, strings.Join(r.Problems, "; ")))
	}
	return append(differences, v.weakly(t, q)...)
}

// weakly asks the same with weak dependencies, which must not matter: what cannot be
// installed with them, can it be without?
func (v *view) weakly(t *testing.T, q libsolv.Question) (differences []string) {
	q.Why, q.Weak = false, true
	answer := v.answer(t, q)
	v.weighed += len(q.Packages) - answer.Untried
	q.Weak, q.Most, q.Packages = false, 0, nil
	for _, r := range answer.Refused {
		q.Packages = append(q.Packages, r.Package)
	}
	refused := v.answer(t, q).Refused
	for _, r := range answer.Refused {
		if !slices.ContainsFunc(refused, func(o libsolv.Refusal) bool { return o.Package == r.Package }) {
			differences = append(differences, fmt.Sprintf("weak: %s: %s", v.packages[r.Package].NEVRA, strings.Join(r.Problems, "; ")))
		}
	}
	return differences
}

// unsatisfied asks whether unresolved requirements are: those of some packages.
func (v *view) unsatisfied(t *testing.T) (differences []string) {
	unresolved := slices.Clone(v.result.Unresolved)
	// Of what lacks a lot a few are enough: not always the first ones.
	rand.New(rand.NewPCG(uint64(len(unresolved)), 2)).Shuffle(len(unresolved), func(i, j int) {
		unresolved[i], unresolved[j] = unresolved[j], unresolved[i]
	})
	for _, u := range unresolved[:min(len(unresolved), most)] {
		if reason := v.mayResolve(t, u); reason != "" {
			differences = append(differences, fmt.Sprintf("%s: %s requires %s: %s", reason, v.packages[u.Requirer].NEVRA, u.Requirement, u.Why))
		}
	}
	return differences
}

// mayResolve asks whether the requirer of something unresolved, were it all that it
// requires, can be installed of what the request sees. It says in what way, or "".
func (v *view) mayResolve(t *testing.T, u solve.Unresolved) (reason string) {
	excluded, hidden := v.hidden()
	q := libsolv.Question{Packages: []int{u.Requirer}, Hidden: excluded, Void: map[int][]string{}}
	p := v.packages[u.Requirer].Package
	is := func(d rpm.Dependency) bool { return d.String() == u.Requirement }
	if !slices.ContainsFunc(repodata.Requires(p), is) {
		return "" // metadata has the newest of glibc's versions alone
	}
	for _, d := range p.Requires {
		if !is(d) {
			q.Void[u.Requirer] = append(q.Void[u.Requirer], d.String())
		}
	}
	refused := func() bool { return len(v.answer(t, q).Refused) > 0 }
	if refused() {
		return ""
	}
	if q.Hidden = hidden; refused() {
		return "older"
	}
	for _, s := range slices.Concat(v.result.Binaries, v.result.Debug) {
		q.Among = append(q.Among, s.Index)
	}
	if refused() {
		return "condition" // that is met by what was selected
	}
	return "unresolved"
}

// lookaside lists the packages of lookasides that fit the tree.
func (v *view) lookaside() (list []int) {
	excluded, _ := v.hidden()
	for i := v.aside; i < len(v.packages); i++ {
		if _, hidden := slices.BinarySearch(excluded, i); !hidden && solve.KindOf(v.packages[i].Package) != solve.Source {
			list = append(list, i)
		}
	}
	return list
}

// hidden lists what the request cannot see: what is excluded; and with older versions.
func (v *view) hidden() (excluded, all []int) {
	arches := rpm.ValidArches(v.request.TreeArch, true, "src", "nosrc")
	for i, p := range v.comparison.packages {
		if i >= len(v.packages) || !slices.Contains(arches, p.Arch) {
			excluded = append(excluded, i)
		}
	}
	all = slices.Clone(excluded)
	for _, d := range v.result.Dropped {
		switch d.Because {
		case solve.Excluded, solve.Blacklisted:
			excluded, all = append(excluded, d.Index), append(all, d.Index)
		case solve.Older:
			all = append(all, d.Index)
		}
	}
	slices.Sort(excluded)
	return excluded, all
}

func (v *view) answer(t *testing.T, q libsolv.Question) libsolv.Answer {
	t.Helper()
	answer, err := v.peer.Installable(q)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
