package executor

import (
	"sync"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Report tells what became of every action that was wanted, in the order of the
// graph.
type Report struct {
	Actions []Entry
	// Counts of actions by how they ended.
	Counts map[rules.Status]int
	// NestedHits and NestedRuns count the actions that tools called.
	NestedHits, NestedRuns int
	// CriticalPath is the chain of actions that took longest, first to last, and
	// Longest the sum of their durations: no number of cores beats it.
	CriticalPath []*rules.Action
	Longest      time.Duration
}

// Entry tells what became of an action.
type Entry struct {
	Action   *rules.Action
	Instance string
	Mnemonic string
	// Status is "" for an action that was not taken up.
	Status rules.Status
	// Cached is set if the result was recorded: of a hit, and of a test whose bad
	// verdict was known.
	Cached bool
	// Key and Fields say what the result depends on; zero if the action did not get
	// that far.
	Key    cache.Digest
	Fields []Field
	// Outputs of an action that is done, by path.
	Outputs  []cache.Node
	Warnings []string
	// Duration of the look-up and the run.
	Duration time.Duration
	// Err says why an action failed, or is absent or blocked, and of a test that is
	// a host program its exit status.
	Err error
	// Log is the end of what a host program printed that failed; Stdout and Stderr
	// are all of it (see ActionError).
	Log            string
	Stdout, Stderr cache.Digest
	// NestedHits and NestedRuns count the actions that the tool called.
	NestedHits, NestedRuns int
}

// Report returns what became of the actions so far.
func (b *Build) Report() Report {
	r := Report{Counts: map[rules.Status]int{}}
	for i, s := range b.steps {
		if b.plan.steps[i].state == idle {
			continue
		}
		r.Actions = append(r.Actions, s.entry)
		r.Counts[s.entry.Status]++
		r.NestedHits += s.entry.NestedHits
		r.NestedRuns += s.entry.NestedRuns
	}
	r.CriticalPath, r.Longest = b.criticalPath()
	return r
}

func (b *Build) criticalPath() ([]*rules.Action, time.Duration) {
	total := make([]time.Duration, len(b.steps)) // of the longest chain that ends here
	from := make([]int, len(b.steps))
	last := -1
	for i, s := range b.steps {
		from[i] = -1
		for _, j := range b.plan.steps[i].inputs {
			if total[j] > total[i] {
				total[i], from[i] = total[j], j
			}
		}
		total[i] += s.entry.Duration
		if total[i] > 0 && (last < 0 || total[i] > total[last]) {
			last = i
		}
	}
	if last < 0 {
		return nil, 0
	}
	var path []*rules.Action
	for i := last; i >= 0; i = from[i] {
		path = append([]*rules.Action{b.steps[i].action}, path...)
	}
	return path, total[last]
}

// emit sends an event, one at a time.
func (b *Build) emit(e rules.Event) {
	if b.opts.Sink == nil {
		return
	}
	b.events.Lock()
	defer b.events.Unlock()
	e.Time = b.opts.Now()
	b.opts.Sink.Event(e)
}

// event returns an event about an action.
func event(kind rules.EventKind, a *rules.Action) rules.Event {
	e := rules.Event{Kind: kind, Mnemonic: a.Mnemonic()}
	if a.Owner != nil {
		e.Label, e.Cell = a.Owner.Label.String(), a.Owner.Cell.String()
	}
	return e
}

// warnedOnce remembers warnings that are about the build and not an action.
type warnedOnce struct {
	mu    sync.Mutex
	texts map[string]bool
}

// warnOnce says something that is said once a build.
func (b *Build) warnOnce(text string) {
	b.warned.mu.Lock()
	said := b.warned.texts[text]
	if b.warned.texts == nil {
		b.warned.texts = map[string]bool{}
	}
	b.warned.texts[text] = true
	b.warned.mu.Unlock()
	if !said {
		b.emit(rules.Event{Kind: rules.Warned, Text: text})
	}
}
