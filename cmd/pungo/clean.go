package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pungo-build/pungo/cmd/pungo/output"
)

// cleanCmd removes what builds left in the output folder. The cache stays: what
// was removed comes back from it.
type cleanCmd struct {
	outputFlag
}

// Run removes the output folder if pungo made it and nobody is at work in it.
func (c *cleanCmd) Run(ctx context.Context, p process, g *Globals) error {
	dir := c.Output
	if dir == "" {
		root, _, err := findRoot(g.Dir)
		if err != nil {
			return err
		}
		dir = filepath.Join(root, outputDir)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	left, err := output.Remove(ctx, dir)
	if errors.Is(err, output.ErrForeign) {
		return usagef("%v\n  hint: nothing was removed", err)
	}
	if err != nil {
		return outputError(err)
	}
	if len(left) > 0 {
		fmt.Fprintf(p.stderr, "%s: removed what pungo made; left %s\n", shownPath(dir), strings.Join(left, ", "))
		return nil
	}
	fmt.Fprintf(p.stderr, "removed %s\n", shownPath(dir))
	return nil
}

// outputError says whose turn it is when the output folder cannot be used.
func outputError(err error) error {
	if errors.Is(err, output.ErrLocked) {
		return &exit{exitLocked, err.Error()}
	}
	return environmentf("output folder: %v", err)
}
