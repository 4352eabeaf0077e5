package debrpm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/pungo-build/pungo/internal/rpm"
)

// ConvertDir converts the packages DIR/*.deb of one distribution into RPMs in
// another folder, which it makes, with a source package for each source. It
// returns the names of the files that it wrote, sorted.
//
// Debian's dependencies are mapped, and scripts require those interpreters whose
// packages are in the set. At most jobs packages are in memory at a time; files
// appear whole or not at all.
func ConvertDir(in, out string, jobs int) ([]string, error) {
	debs, err := filepath.Glob(filepath.Join(in, "*.deb"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return nil, err
	}
	controls, err := readControls(debs, jobs)
	if err != nil {
		return nil, err
	}
	if err := checkDistinct(debs, controls); err != nil {
		return nil, err
	}
	o := Options{MapDepends: true, Interpreter: interpretersIn(controls)}
	var names []string
	group := newGroup(jobs)
	for i, deb := range debs {
		names = append(names, controls[i].FileName())
		group.Go(func() error { return convertFile(deb, out, o) })
	}
	for _, c := range sources(controls) {
		names = append(names, c.Source.FileName())
		group.Go(func() error { return writeFile(out, Source(c)) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(names)
	return names, nil
}

func newGroup(jobs int) *errgroup.Group {
	var group errgroup.Group
	group.SetLimit(max(jobs, 1))
	return &group
}

// readControls reads the control data of packages.
func readControls(debs []string, jobs int) ([]*Control, error) {
	controls := make([]*Control, len(debs))
	group := newGroup(jobs)
	for i, deb := range debs {
		group.Go(func() error {
			f, err := os.Open(deb)
			if err != nil {
				return err
			}
			defer f.Close()
			if controls[i], err = ReadControl(f); err != nil {
				return fmt.Errorf("%s: %w", deb, err)
			}
			return nil
		})
	}
	return controls, group.Wait()
}

// checkDistinct wants every package to get a file of its own.
func checkDistinct(debs []string, controls []*Control) error {
	from := map[string]string{}
	for i, c := range controls {
		if other, ok := from[c.FileName()]; ok {
			return fmt.Errorf("%s and %s both become %s", other, debs[i], c.FileName())
		}
		from[c.FileName()] = debs[i]
	}
	return nil
}

// sources keeps one package of each source package.
func sources(controls []*Control) []*Control {
	seen := map[string]bool{}
	var list []*Control
	for _, c := range controls {
		if name := c.Source.FileName(); !seen[name] {
			seen[name] = true
			list = append(list, c)
		}
	}
	return list
}

// homes are the packages of interpreters. Debian does not say that a package
// needs an essential one, so that a closure can lack even /bin/sh.
var homes = map[string]string{
	"/bin/bash":        "bash",
	"/bin/dash":        "dash",
	"/bin/sh":          "dash",
	"/usr/bin/bash":    "bash",
	"/usr/bin/env":     "coreutils",
	"/usr/bin/perl":    "perl-base",
	"/usr/bin/python3": "python3-minimal",
	"/usr/bin/sh":      "dash",
}

// interpretersIn tells of which paths packages of a set are the home.
func interpretersIn(controls []*Control) func(string) bool {
	names := map[string]bool{}
	for _, c := range controls {
		names[c.Name] = true
	}
	return func(path string) bool { return names[homes[path]] }
}

func convertFile(deb, out string, o Options) error {
	f, err := os.Open(deb)
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := Convert(f, o)
	if err != nil {
		return fmt.Errorf("%s: %w", deb, err)
	}
	return writeFile(out, s)
}

// writeFile writes a package into a folder.
func writeFile(dir string, s *rpm.Spec) error {
	f, err := os.CreateTemp(dir, ".debrpm-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename, as it should
	defer f.Close()
	if err := rpm.Write(f, s); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, s.FileName()))
}
