package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// The errors of a build, by whose turn it is: ActionError is for who wrote the
// definition or made the packages, EnvironmentError for who runs the machine,
// BugError for us. ErrInterrupted is nobody's fault.

// ActionError says that an action failed.
type ActionError struct {
	Action *rules.Action
	Err    error
	// Log is the end of what a host program printed.
	Log string
	// Stdout and Stderr are all of it, blobs of the store; zero if it printed
	// nothing. Of what is enormous the middle is left out, and the blob says so.
	// Nothing else refers to them, so they stay no longer than the cache pleases.
	Stdout, Stderr cache.Digest
}

func (e *ActionError) Error() string {
	// Of repositories the name is that of the instance.
	instance := e.Action.String() + ": "
	return instance + strings.TrimPrefix(e.Err.Error(), instance)
}

func (e *ActionError) Unwrap() error { return e.Err }

// NotCachedError says that the result of an action is not recorded, where nothing is to
// be run.
type NotCachedError struct {
	Action *rules.Action
}

func (e *NotCachedError) Error() string {
	return e.Action.String() + ": its result is not in the cache"
}

// EnvironmentError says that this machine cannot run an action: a program is
// missing, or the cache is full or read-only.
type EnvironmentError struct {
	Action *rules.Action
	Err    error
	Hint   string // "" if there is none
}

func (e *EnvironmentError) Error() string {
	text := e.Action.String() + ": " + e.Err.Error()
	if e.Hint != "" {
		text += "\n  hint: " + e.Hint
	}
	return text
}

func (e *EnvironmentError) Unwrap() error { return e.Err }

// BugError says that pungo itself did what it must not. Stack is for a log, not
// for a terminal.
type BugError struct {
	Action *rules.Action // nil if none was at work
	Value  string        // what was found
	Stack  []byte        // nil if there is none
}

func (e *BugError) Error() string {
	text := "a bug of pungo: " + e.Value
	if e.Action != nil {
		text = e.Action.String() + ": " + text
	}
	return text
}

// exitStatus is the error that a host program's exit status is. From 129 on it
// tells a signal, as a shell has it.
func exitStatus(code int) error {
	if name := unix.SignalName(syscall.Signal(code - signalled)); code > signalled && name != "" {
		return fmt.Errorf("exit status %d: killed by %s", code, name)
	}
	return fmt.Errorf("exit status %d", code)
}

// signalled is the first exit status that is none a program gives for itself: it
// was killed, or its runtime gave up.
const signalled = 128

// ErrInterrupted says that the build was stopped from outside.
var ErrInterrupted = errors.New("interrupted")

// UnavailableError says that a strategy cannot run a program: it is not there,
// or not for that architecture.
type UnavailableError struct {
	Program string
	File    string // that the program reads, "" if that is not what is missing
	Arch    string // "" if the architecture is not what is wrong
	Hint    string // what to install
}

func (e *UnavailableError) Error() string {
	if e.Arch != "" {
		return fmt.Sprintf("program %q: nothing here runs it on %s", e.Program, e.Arch)
	}
	if e.File != "" {
		return fmt.Sprintf("file %q, which program %q reads, is not installed", e.File, e.Program)
	}
	return fmt.Sprintf("program %q is not installed", e.Program)
}

// blame makes the error of an action one of those above.
func blame(a *rules.Action, err error) error {
	var bug *BugError
	if errors.As(err, &bug) {
		return &BugError{Action: a, Value: bug.Value, Stack: bug.Stack}
	}
	var environment *EnvironmentError
	var failure *ActionError
	if errors.As(err, &environment) || errors.As(err, &failure) {
		return err
	}
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) {
		return &EnvironmentError{Action: a, Err: err, Hint: unavailable.Hint}
	}
	if errors.Is(err, cache.ErrFull) || errors.Is(err, cache.ErrReadOnly) {
		return &EnvironmentError{Action: a, Err: err}
	}
	return &ActionError{Action: a, Err: err}
}

// rank orders the errors of a build: the lower, the more it has to be told.
func rank(err error) int {
	var bug *BugError
	var environment *EnvironmentError
	switch {
	case errors.As(err, &bug):
		return 0
	case errors.Is(err, ErrInterrupted), errors.Is(err, context.Canceled):
		return 1
	case errors.As(err, &environment):
		return 2
	}
	return 3
}
