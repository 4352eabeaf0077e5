package rules

import "time"

// Event is one thing that happened in a build. Events go to a Sink in the order
// in which they happened; written as JSON they are lines of `--events`.
type Event struct {
	Time time.Time `json:"time"`
	Kind EventKind `json:"kind"`
	// Label and Cell of the instance; empty for what belongs to the whole build.
	Label string `json:"label,omitempty"`
	Cell  string `json:"cell,omitempty"`
	// Mnemonic of the action: its tool or program.
	Mnemonic string `json:"mnemonic,omitempty"`
	// Nested actions were called by a tool.
	Nested bool   `json:"nested,omitempty"`
	Status Status `json:"status,omitempty"`
	// Key of the action, where it got as far as having one.
	Key string `json:"key,omitempty"`
	// Seconds the action took, or the whole build.
	Seconds float64 `json:"seconds,omitempty"`
	// Text of an error or a warning.
	Text string `json:"text,omitempty"`
	// Log is the end of what a host program printed.
	Log string `json:"log,omitempty"`
	// Files and Bytes of downloads.
	Files int   `json:"files,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
	// Total is the number of actions of the build, where Kind is Started.
	Total int `json:"total,omitempty"`
}

// EventKind is what an Event tells.
type EventKind string

// The kinds of events.
const (
	BuildStarted   EventKind = "build_started"
	ActionStarted  EventKind = "action_started"
	ActionFinished EventKind = "action_finished"
	// ToDownload tells how many files of how many bytes an action is going to ask for.
	ToDownload EventKind = "to_download"
	// Downloaded tells that one of them is there: with the status run, or hit if it was
	// there before. Text is its place in the repository.
	Downloaded    EventKind = "downloaded"
	Warned        EventKind = "warning"
	BuildFinished EventKind = "build_finished"
)

// Status is how an action ended.
type Status string

// The ways in which an action ends.
const (
	Hit         Status = "hit"         // its result was recorded
	Ran         Status = "run"         // it ran
	Failed      Status = "failed"      // it ran, and failed
	TestFailed  Status = "test_failed" // a test ran, and its verdict is bad
	Absent      Status = "absent"      // optional: failed, cannot run here, or lacks an input
	Blocked     Status = "blocked"     // not run, since an input failed
	Interrupted Status = "interrupted" // not run, since the build was stopped
)

// Sink takes events. It is called by one goroutine at a time and does not block
// for long.
type Sink interface {
	Event(Event)
}
