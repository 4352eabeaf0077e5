package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pungo-build/pungo/cache/materialize"
)

// cleanCmd removes what builds left in the output folder. The cache stays: what
// was removed comes back from it.
type cleanCmd struct {
	outputFlag
}

// Run removes the output folder if pungo made it.
func (c *cleanCmd) Run(ctx context.Context, p process, g *Globals) error {
	output := c.Output
	if output == "" {
		root, _, err := findRoot(g.Dir)
		if err != nil {
			return err
		}
		output = filepath.Join(root, outputDir)
	}
	entries, err := os.ReadDir(output)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return environmentf("output folder: %v", err)
	}
	marker := filepath.Join(output, stateDir)
	if _, err := os.Lstat(marker); err != nil && len(entries) > 0 {
		return usagef("%s: pungo did not make this folder: there is no %s in it\n  hint: nothing was removed", output, stateDir)
	}
	if err := empty(ctx, output, entries); err != nil {
		return err
	}
	// A link to the folder, to another disk perhaps, is somebody's wish and stays.
	if info, err := os.Lstat(output); err == nil && info.IsDir() {
		if err := os.Remove(output); err != nil {
			return environmentf("output folder: %v", err)
		}
	}
	fmt.Fprintf(p.stderr, "removed %s\n", shownPath(output))
	return nil
}

// empty removes the entries of the output folder. The one that tells whose folder
// it is goes last: what is left of an interrupted run can be removed by another.
func empty(ctx context.Context, output string, entries []os.DirEntry) error {
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Name() == stateDir {
			continue
		}
		if err := materialize.Remove(filepath.Join(output, e.Name())); err != nil {
			return environmentf("%v", err)
		}
	}
	if err := materialize.Remove(filepath.Join(output, stateDir)); err != nil {
		return environmentf("%v", err)
	}
	return nil
}
