// Package rulestest runs tools in tests: in this process, one after the other, with
// nothing remembered.
package rulestest

import (
	"context"
	"errors"
	"fmt"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Host is what tools need of an executor, but for downloads and programs: these are errors.
type Host struct {
	Trees *cache.Trees
	// Tools are those that may be called.
	Tools []*rules.Tool
	// Calls counts calls.
	Calls int
}

// Job returns a run of a tool. Its inputs are sorted already.
func (h *Host) Job(inputs []cache.Node, args ...string) *rules.Job {
	return &rules.Job{Host: h, Trees: h.Trees, Inputs: inputs, Args: args}
}

// Call implements rules.Host.
func (h *Host) Call(ctx context.Context, c rules.Call) (cache.Result, error) {
	h.Calls++
	for _, t := range h.Tools {
		if t.Name == c.Tool {
			j := h.Job(c.Inputs, c.Args...)
			err := t.Run(ctx, j)
			return j.Result(), err
		}
	}
	return cache.Result{}, fmt.Errorf("tool %q is not known", c.Tool)
}

// Decoded implements rules.Host.
func (h *Host) Decoded(ctx context.Context, d cache.Digest, _ string, decode func(context.Context, []byte) (any, int64, error)) (any, error) {
	b, err := h.Trees.Store().Get(ctx, d)
	if err != nil {
		return nil, err
	}
	v, _, err := decode(ctx, b)
	return v, err
}

// Each implements rules.Host.
func (h *Host) Each(ctx context.Context, n int, fn func(context.Context, int) error) error {
	for i := range n {
		if err := fn(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// ToDownload implements rules.Host.
func (h *Host) ToDownload(int, int64) {}

// Download implements rules.Host.
func (h *Host) Download(context.Context, rules.Download) (cache.Digest, error) {
	return cache.Digest{}, errors.New("nobody downloads here")
}

// RunCommand implements rules.Host.
func (h *Host) RunCommand(context.Context, rules.Command) error {
	return errors.New("no program runs here")
}
