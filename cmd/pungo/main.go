// Command pungo makes composes: see README.md, and pungo --help.
//
// This package reads flags, environment and settings, wires the others
// together, and tells the story of a build; it decides nothing that they could.
// One file per subcommand.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/internal/heap"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/starlark"
)

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		heap.Tune(heap.Usual())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, process{
		args: os.Args[1:], env: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}))
}

// process is what the operating system gives to a run.
type process struct {
	args           []string
	env            []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// The exit codes, which scripts rely on.
const (
	exitDone        = 0
	exitFailed      = 1  // an action failed
	exitUsage       = 2  // usage or definition error
	exitTestFailed  = 3  // built, a test failed
	exitIncomplete  = 4  // finished, something optional is absent
	exitInterrupted = 8  // stopped by a signal
	exitLocked      = 9  // another pungo is at work, or the lock is out of date
	exitEnvironment = 36 // program missing, cache full, cache read-only, network
	exitBug         = 37 // a bug of ours
)

// exit ends a command with a code and, if text is not "", a last line.
type exit struct {
	code int
	text string
}

func (e *exit) Error() string { return e.text }

// usagef is a mistake in how the command was called.
func usagef(format string, args ...any) error {
	return &exit{exitUsage, fmt.Sprintf(format, args...)}
}

// environmentf is a fault of the machine.
func environmentf(format string, args ...any) error {
	return &exit{exitEnvironment, fmt.Sprintf(format, args...)}
}

// run runs one command and returns its exit code.
func run(ctx context.Context, p process) int {
	if len(p.args) == 0 {
		p.args, p.stdout = []string{"--help"}, p.stderr
		run(ctx, p)
		return exitUsage
	}
	args, err := withSettings(p)
	if err != nil {
		return finish(p, err)
	}
	var c cli
	parser, err := newParser(&c, p)
	if err != nil {
		return finish(p, err)
	}
	parsed, err := parse(parser, args)
	if err != nil {
		return finish(p, &exit{exitUsage, err.Error()})
	}
	if parsed == nil {
		return exitDone
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return finish(p, parsed.Run(p, &c.Globals))
}

// parse parses a command line. It returns nil if there is nothing to run, since
// help was asked for and given.
func parse(parser *kong.Kong, args []string) (parsed *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(helpShown); !ok {
				panic(r)
			}
			parsed, err = nil, nil
		}
	}()
	return parser.Parse(args)
}

// finish prints an error, if there is one to print, and returns its exit code.
func finish(p process, err error) int {
	if err == nil {
		return exitDone
	}
	code, text := exitCode(err), strings.TrimSpace(err.Error())
	if code == exitInterrupted {
		text = "interrupted"
	}
	if text != "" {
		fmt.Fprintln(p.stderr, "pungo: "+harmless(text))
	}
	return code
}

// exitCode classifies an error by whose turn it is. Of several that came together
// the one counts that spoils the others.
func exitCode(err error) int {
	var (
		e           *exit
		definition  *rules.Error
		environment *executor.EnvironmentError
		bug         *executor.BugError
		starlarkBug *starlark.Bug
	)
	switch {
	case errors.As(err, &bug), errors.As(err, &starlarkBug):
		return exitBug
	case errors.As(err, &environment), errors.Is(err, cache.ErrFull), errors.Is(err, cache.ErrReadOnly):
		return exitEnvironment
	case errors.Is(err, executor.ErrInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &definition):
		return exitUsage
	}
	return exitFailed
}

// newParser returns the parser of the command line. Help goes to standard
// output and ends the parsing with helpShown.
func newParser(c *cli, p process) (*kong.Kong, error) {
	parser, err := kong.New(c,
		kong.Name("pungo"),
		kong.Description(description),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { panic(helpShown{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ExplicitGroups(flagGroups),
	)
	if err != nil {
		return nil, err
	}
	parser.Model.HelpFlag.Help = "Show this help."
	return parser, nil
}

// helpShown ends the parsing of a command line after its help was printed.
type helpShown struct{}
