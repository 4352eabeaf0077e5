package executor

import (
	"context"
	"fmt"
	"slices"
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

// RunCommand implements rules.Host.
func (h *host) RunCommand(ctx context.Context, c rules.Command) error {
	if h.nested || h.action.Toolchain == nil {
		return &BugError{Value: "a tool runs a program, and its action names none"}
	}
	s, _, err := h.b.strategy(ctx, h.action)
	if err != nil {
		return err
	}
	root, dirs, err := inputTree(h.b.opts.Store.Function(), sortedInputs(c.Inputs), 0)
	if err != nil {
		return err
	}
	if err := h.b.putAll(ctx, dirs); err != nil {
		return err
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if c.Limit > 0 {
		limited, cancel = context.WithTimeoutCause(ctx, c.Limit, rules.ErrLimit)
	}
	defer cancel()
	r, err := s.Run(limited, &Command{
		Toolchain: h.action.Toolchain, Arch: h.action.Arch, Args: c.Args, Root: root, Epoch: c.Epoch,
		Env:    append([]string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(c.Epoch, 10)}, environment...),
		Stdout: c.Stdout, Linked: true, Outputs: c.Outputs,
	})
	if err != nil && ctx.Err() == nil && context.Cause(limited) == rules.ErrLimit {
		return rules.ErrLimit
	}
	if err == nil && r.ExitCode != 0 {
		err = &programError{h.action.Toolchain.Program, r}
	}
	if err != nil {
		return err
	}
	return fillOutputs(c.Outputs, r.Outputs)
}

// fillOutputs fills in what a program has made.
func fillOutputs(wanted, made []cache.Node) error {
	for k := range wanted {
		i := slices.IndexFunc(made, func(n cache.Node) bool { return n.Name == wanted[k].Name && n.Kind == wanted[k].Kind })
		if i < 0 {
			return fmt.Errorf("it has not made %q", wanted[k].Name)
		}
		wanted[k] = made[i]
	}
	return nil
}
