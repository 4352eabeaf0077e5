package executor

import (
	"context"
	"strconv"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// programError says that a host program failed that a tool ran.
type programError struct {
	program string
	result  cache.Result // with what it printed
}

func (e *programError) Error() string {
	return e.program + ": " + exitStatus(e.result.ExitCode).Error()
}

// RunProgram implements rules.Host.
func (h *host) RunProgram(ctx context.Context, p rules.Program) error {
	if h.nested || h.action.Program == nil {
		return &BugError{Value: "a tool runs a program, and its action names none"}
	}
	s, _, err := h.b.strategy(ctx, h.action)
	if err != nil {
		return err
	}
	root, dirs, err := inputTree(h.b.opts.Store.Function(), sortedInputs(p.Inputs), 0)
	if err != nil {
		return err
	}
	if err := h.b.putAll(ctx, dirs); err != nil {
		return err
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if p.Limit > 0 {
		limited, cancel = context.WithTimeoutCause(ctx, p.Limit, rules.ErrLimit)
	}
	defer cancel()
	r, err := s.Run(limited, &Command{
		Program: h.action.Program, Arch: h.action.Arch, Args: p.Args, Root: root, Epoch: p.Epoch,
		Env:    append([]string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(p.Epoch, 10)}, environment...),
		Stdout: p.Stdout, Linked: true,
	})
	if err != nil && ctx.Err() == nil && context.Cause(limited) == rules.ErrLimit {
		return rules.ErrLimit
	}
	if err == nil && r.ExitCode != 0 {
		err = &programError{h.action.Program.Program, r}
	}
	return err
}
