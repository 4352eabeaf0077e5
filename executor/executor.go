// Package executor runs the actions of a graph: those whose results are not
// recorded, and no others.
//
// A Build is one build of one graph. Run makes artifacts; it may be called
// several times, and what is done stays done. For every action that is ready,
// describe says what its result depends on; the digest of that is its key. If
// the action cache has a result under the key, that is a hit, else the action
// runs: a Tool in this process, a host program by a Strategy.
//
// The plan is a value without goroutines (planner); the goroutine that called Run
// owns it, workers get values and return values. So results, errors and reports
// are the same whatever the number of jobs and whoever is first.
//
// Blobs may get lost, and identities come last: Heal makes again what is lost,
// and what depends on the stamp waits until Stamp was called.
package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Options of a Build. Store and Actions are needed; of the rest the zero value
// works, as far as the graph has no tools, sources or programs.
type Options struct {
	Tools   map[string]*rules.Tool // by name
	Store   cache.Store
	Actions cache.ActionCache // need not be Complete: a Build sees to that itself
	Sources Sources
	// Downloads brings what tools ask for by its checksum; nil: nothing.
	Downloads Downloader
	// Strategies run host programs: the first that can run one does.
	Strategies []Strategy
	Sink       rules.Sink
	// Jobs is the number of actions, or parts of actions, that run at a time; 0
	// means GOMAXPROCS.
	Jobs int
	// Memory that actions may ask for at a time, in MiB; 0 means what the machine has.
	Memory int
	// KeepGoing goes on after a failure with what does not depend on it.
	KeepGoing bool
	// OnlyCached runs nothing: an action whose result is not recorded is a
	// NotCachedError.
	OnlyCached bool
	// Decoded bounds what Job.Decoded keeps, in bytes of memory; 0 means a quarter of
	// Memory, and 256 MiB at least.
	Decoded int64
	// Now is the clock of events and durations; nil means time.Now.
	Now func() time.Time
}

// Sources finds what the workspace holds.
type Sources interface {
	// Resolve returns the file or folder, which is in the store then.
	Resolve(ctx context.Context, s *rules.Source) (cache.Node, error)
}

// Downloader brings files of repositories into the store.
type Downloader interface {
	// Download returns a file, and whether it was not in the store already.
	Download(ctx context.Context, d rules.Download) (file cache.Digest, fetched bool, err error)
}

// Forgetter is a Sources that remembers, and can be told that what it remembers
// is no longer in the store.
type Forgetter interface {
	Forget(s *rules.Source)
}

// Strategy runs host programs.
type Strategy interface {
	// Fingerprint returns what stands for the program in keys, and for the place
	// where it runs as far as the program can see it: its digest, versions of
	// packages, the kind of sandbox. If the strategy cannot run it, the error is an
	// *UnavailableError. arch is "" if any will do.
	Fingerprint(ctx context.Context, t *rules.Toolchain, arch string) (string, error)
	// Run runs a command to its end. Its outputs are in the store then, those that
	// were not made are left out; so is what it printed, whole, unless that is
	// enormous. That the program failed is no error but an ExitCode, 128 and the
	// number of the signal if it was killed by one. That it could not be started is
	// an error, and a blob that is missing a *cache.BlobError. If ctx ends, so do
	// the program and its children.
	Run(ctx context.Context, c *Command) (cache.Result, error)
}

// Command is one run of a host program.
type Command struct {
	Toolchain *rules.Toolchain
	Arch      string // "" if any will do
	Args      []string
	// Env is the whole environment; of two values of one name the last counts.
	Env []string
	// Root is the input root, in the store. The program starts in it; it can write
	// there, but not to the inputs.
	Root cache.Digest
	// Epoch is the newest modification time in the input root, or 315532800 (1980,
	// the first that FAT and zip can write) if no file has one. It stands for every
	// time that is left open, and it is SOURCE_DATE_EPOCH in Env, unless the action
	// sets that itself.
	Epoch int64
	// Outputs are declared, by Name and Kind. Their parents exist.
	Outputs []cache.Node
	// Stdout takes what the program prints, as it comes, if it is not nil; the result
	// has none of it then. If it fails, the program is ended, and that is the error.
	Stdout io.Writer
	// Linked inputs may share inodes with the store, though somebody else may change
	// their ctime and how many links they have. The program has to be one that only
	// reads them, and minds neither.
	Linked bool
}

// Build is one build of one graph. Its methods are for one goroutine.
type Build struct {
	opts  Options
	graph *rules.Graph
	stamp *rules.Stamp
	trees *cache.Trees

	steps []*step
	// index finds the step of an action.
	index map[*rules.Action]int
	plan  *planner

	calls   flights[cache.Digest, cache.Result]
	decoded *decodedBlobs
	epochs  epochs
	sources sources
	lost    lostBlobs
	warned  warnedOnce
	events  sync.Mutex // one event at a time
	// announced is the number of actions that the sink was told to expect.
	announced int
}

// step is what a Build knows of an action.
type step struct {
	action *rules.Action
	inputs []*rules.Artifact
	// stamped actions depend on the stamp, by their own arguments or through an
	// input.
	stamped bool
	// prepared is set from the look-up on.
	prepared *prepared
	// result and entry are what came of it.
	result cache.Result
	entry  Entry
	// again is set when outputs got lost: what is recorded is not looked at.
	again bool
	// healed is how often the step was taken again since a blob was lost.
	healed int
}

// New returns a Build of a graph, none of whose actions is wanted yet.
func New(graph *rules.Graph, opts Options) *Build {
	if opts.Jobs <= 0 {
		opts.Jobs = runtime.GOMAXPROCS(0)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Memory <= 0 {
		opts.Memory = physicalMemory()
	}
	if opts.Decoded <= 0 {
		opts.Decoded = max(int64(opts.Memory)<<20/4, 256<<20)
	}
	opts.Actions = cache.Complete(opts.Actions, opts.Store)
	b := &Build{
		opts:    opts,
		graph:   graph,
		trees:   cache.NewTrees(opts.Store),
		index:   map[*rules.Action]int{},
		decoded: newDecodedBlobs(opts.Store, opts.Decoded),
	}
	for _, a := range graph.Actions {
		b.addStep(a)
	}
	if l := graph.Layout; l != nil {
		if _, ok := b.index[l]; !ok {
			b.addStep(l)
		}
	}
	b.plan = newPlanner(b.edges())
	return b
}

func (b *Build) addStep(a *rules.Action) {
	s := &step{action: a, inputs: a.Inputs(), stamped: a.Stamped()}
	for _, f := range s.inputs {
		if i, ok := b.producer(f); ok && b.steps[i].stamped {
			s.stamped = true
		}
	}
	s.entry = Entry{Action: a, Instance: a.String(), Mnemonic: a.Mnemonic()}
	b.index[a] = len(b.steps)
	b.steps = append(b.steps, s)
}

// producer returns the step that makes an artifact.
func (b *Build) producer(f *rules.Artifact) (int, bool) {
	if f.Producer == nil {
		return 0, false
	}
	i, ok := b.index[f.Producer]
	return i, ok
}

// edges returns the distinct steps that each step takes its inputs from.
func (b *Build) edges() [][]int {
	edges := make([][]int, len(b.steps))
	for i, s := range b.steps {
		seen := map[int]bool{}
		for _, f := range s.inputs {
			if j, ok := b.producer(f); ok && !seen[j] {
				seen[j] = true
				edges[i] = append(edges[i], j)
			}
		}
	}
	return edges
}

// Stamp sets the identity of the run. Before, Run leaves alone what depends on it.
func (b *Build) Stamp(s rules.Stamp) { b.stamp = &s }

// closure marks the steps that artifacts need.
func (b *Build) closure(want []*rules.Artifact) []bool {
	in := make([]bool, len(b.steps))
	for _, f := range want {
		if i, ok := b.producer(f); ok {
			in[i] = true
		}
	}
	return b.withInputs(in)
}

// withInputs marks the steps that marked ones need, too.
func (b *Build) withInputs(in []bool) []bool {
	// Producers come before consumers, so one pass from the end sees all.
	for i := len(in) - 1; i >= 0; i-- {
		if in[i] {
			for _, j := range b.plan.steps[i].inputs {
				in[j] = true
			}
		}
	}
	return in
}

// Run makes artifacts and whatever they need. Until Stamp was called it leaves
// out what depends on the stamp. The error is an ActionError, EnvironmentError,
// BugError or ErrInterrupted; Report has the others, if there are more. That an
// optional action is absent, or a test has failed, is no error.
//
// The first event is BuildStarted, with the number of actions that the artifacts
// need in all; a later Run sends it again only if it needs more. BuildFinished is
// for the caller, who knows which Run was the last.
func (b *Build) Run(ctx context.Context, want ...*rules.Artifact) error {
	wanted := b.closure(want)
	total := 0
	for i, in := range wanted {
		if !in {
			continue
		}
		total++
		if b.stamp != nil || !b.steps[i].stamped {
			b.plan.want(i)
		}
	}
	if total > b.announced {
		b.announced = total
		b.emit(rules.Event{Kind: rules.BuildStarted, Total: total})
	}
	return b.run(ctx, wanted)
}

// Artifact returns what an artifact is, and how the action that made it ended.
// The status is "" while there is nothing to tell; Hit and Ran come with a node,
// and so does TestFailed, unless the test failed before it made the artifact. A
// source that was used is a Hit.
func (b *Build) Artifact(f *rules.Artifact) (cache.Node, rules.Status) {
	if f.Source != nil {
		if n, ok := b.sources.known(*f.Source); ok {
			n.Name = f.Name
			return n, rules.Hit
		}
		return cache.Node{}, ""
	}
	i, ok := b.producer(f)
	if !ok {
		return cache.Node{}, ""
	}
	s := b.steps[i]
	if b.plan.steps[i].state != done {
		return cache.Node{}, s.entry.Status
	}
	return s.output(f), s.entry.Status
}

// output returns the node of an artifact that the step has made; its Kind is 0 if
// the step is a test that failed before it did.
func (s *step) output(f *rules.Artifact) cache.Node {
	n, _ := s.result.Output(outputPath(f))
	n.Name = f.Name
	return n
}

// input returns what step i made of an artifact, or an Input that is absent.
func (b *Build) input(f *rules.Artifact, i int) input {
	in := input{Artifact: f}
	if b.plan.steps[i].state == done {
		in.Node = b.steps[i].output(f)
	}
	return in
}

// Unstamped returns the digest of everything that the action's result depends on
// but the stamp: of two composes whose layouts agree in it, one is the other under
// another name. Whatever does not depend on the stamp has to have been run.
func (b *Build) Unstamped(ctx context.Context, a *rules.Action) (cache.Digest, error) {
	i, ok := b.index[a]
	if !ok {
		return cache.Digest{}, &BugError{Action: a, Value: "an action that is not in the graph"}
	}
	return b.unstamped(ctx, i, map[int]cache.Digest{})
}

// unstamped is Unstamped for a step. An input that depends on the stamp has no
// content yet; the digest of its producer stands for it.
func (b *Build) unstamped(ctx context.Context, i int, known map[int]cache.Digest) (cache.Digest, error) {
	if d, ok := known[i]; ok {
		return d, nil
	}
	s := b.steps[i]
	g := given{Inputs: make([]input, len(s.inputs)), Identity: b.identity(s.action)}
	for n, f := range s.inputs {
		in, err := b.unstampedInput(ctx, f, known)
		if err != nil {
			return cache.Digest{}, err
		}
		g.Inputs[n] = in
	}
	if err := b.fill(ctx, s.action, &g); err != nil {
		return cache.Digest{}, blame(s.action, err)
	}
	k := newKeyed(b.opts.Store.Function(), leading(s.action))
	describe(s.action, g, k)
	d, _, err := k.key()
	known[i] = d
	return d, err
}

func (b *Build) unstampedInput(ctx context.Context, f *rules.Artifact, known map[int]cache.Digest) (input, error) {
	i, made := b.producer(f)
	switch {
	case !made, off(f.Producer):
		return input{Artifact: f}, nil
	case !b.steps[i].stamped && !b.plan.steps[i].state.settled():
		return input{}, blame(f.Producer, errors.New("is to be run before what depends on it can be compared"))
	case !b.steps[i].stamped:
		return b.input(f, i), nil
	}
	d, err := b.unstamped(ctx, i, known)
	var unavailable *UnavailableError
	if f.Producer.Optional && errors.As(err, &unavailable) {
		return input{Artifact: f}, nil // it will be absent
	}
	return input{Artifact: f, Node: cache.Node{Name: f.Name, Kind: cache.FileKind, Digest: d}}, err
}

// identity is what a stamp tells that two composes do not differ in only because
// one is newer: the releases, but no date, respin, compose type or label.
func (b *Build) identity(a *rules.Action) string {
	var id strings.Builder
	add := func(role string, r *rules.Release) {
		if r != nil {
			fmt.Fprintf(&id, "%s %q %q %q %q\n", role, r.Name, r.Short, r.Version, r.Type)
		}
	}
	if c := b.graph.Compose; c != nil {
		add("release", &c.Release)
		add("base product", c.BaseProduct)
	}
	add("layered product", a.Product)
	return id.String()
}

// off reports whether an action is a test that is not to be run.
func off(a *rules.Action) bool { return a.Test && a.Strictness == rules.Off }

// leading is the number of arguments that name the action's tool or program.
func leading(a *rules.Action) int {
	if a.IsCommand() {
		return programWords
	}
	return toolWords
}
