package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// noop compares a build that finds nothing to do with ninja.
//
// pungo: rpm_dir of 60,000 files in one folder, 10,000 for each of six arches.
// One variant has them all, nine have 5,000 each; every phase there is makes that
// 388 instances.
//
// ninja: one step that depends on the 60,000 files, and the other outputs depend
// on it. There are as many outputs as pungo has instances. So ninja has the least
// to read that makes it look at all of them.
func noop(ctx context.Context, l *lab) error {
	d := distribution{
		packages: l.size(60_000) / 60 * 60, sets: 12, files: 3,
		arches: []string{"x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "armhfp"},
	}
	ws := l.path("workspace")
	if err := d.write(filepath.Join(ws, "rpms")); err != nil {
		return err
	}
	if err := writeWorkspace(ws, slicedDefinition(d, 9), map[string]string{"comps.xml": emptyComps}); err != nil {
		return err
	}
	build := []string{l.pungo, "build", "--json", "-C", ws, "--cache", l.path("cache"), "--date", "20260101"}
	if _, err := output(ctx, "", build...); err != nil {
		return err
	}
	instances, err := countInstances(ctx, l, ws)
	if err != nil {
		return err
	}
	if err := writeNinja(ctx, l.path("ninja"), filepath.Join(ws, "rpms"), instances); err != nil {
		return err
	}
	ours, peer, err := l.race(ctx,
		contestant{command: build, after: wantUnchanged},
		contestant{command: []string{"ninja", "-C", l.path("ninja")}, after: wantNoWork},
	)
	if err != nil {
		return err
	}
	claim := fmt.Sprintf("noop: %d files, %d instances, against ninja", d.packages, instances)
	l.table.noSlower(claim, 1, ours, peer)
	l.table.below("noop: peak memory", 100, ours)
	return nil
}

func wantUnchanged(_ int, stdout []byte) error {
	var told struct{ Unchanged bool }
	if err := json.Unmarshal(stdout, &told); err != nil || !told.Unchanged {
		return fmt.Errorf("want an unchanged compose, got %s", stdout)
	}
	return nil
}

func wantNoWork(_ int, stdout []byte) error {
	if !bytes.Contains(stdout, []byte("ninja: no work to do.")) {
		return fmt.Errorf("want no work to do, got %s", stdout)
	}
	return nil
}

func countInstances(ctx context.Context, l *lab, ws string) (int, error) {
	out, err := output(ctx, "", l.pungo, "query", "-C", ws, "--instances")
	return bytes.Count(out, []byte("\n")), err
}

// writeNinja writes a graph of all files of a folder and of so many outputs, and
// builds it.
func writeNinja(ctx context.Context, dir, inputs string, outputs int) error {
	entries, err := os.ReadDir(inputs)
	if err != nil {
		return err
	}
	paths := make([]string, len(entries))
	for i, e := range entries {
		paths[i] = filepath.Join(inputs, e.Name())
		if strings.ContainsAny(paths[i], " $:\n") {
			return fmt.Errorf("%q: ninja would need quotes", paths[i])
		}
	}
	slices.Sort(paths)
	var b strings.Builder
	b.WriteString("rule touch\n  command = touch $out\n")
	fmt.Fprintf(&b, "build out0: touch %s\n", strings.Join(paths, " "))
	for i := 1; i < outputs; i++ {
		fmt.Fprintf(&b, "build out%d: touch out0\n", i)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "build.ninja"), []byte(b.String()), 0o666); err != nil {
		return err
	}
	_, err = output(ctx, "", "ninja", "-C", dir)
	return err
}
