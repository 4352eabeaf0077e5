package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing/fstest"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/internal/dnf"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules/catalogue"
	"github.com/pungo-build/pungo/starlark"
)

// repoclosure compares the test of a tree's closure with `dnf repoclosure` of the same
// packages, of which some were left out: what both find has to be the same. dnf has
// read the repository before and kept what it made of it; we have the package set in a
// cache. Both sides start with a new process.
//
// There are two distributions: an invented one, and Debian's.
func repoclosure(ctx context.Context, l *lab) error {
	d := distribution{packages: l.size(60_000), sets: 1, files: 4, arches: []string{"x86_64", "noarch"}}
	var invented []*rpm.Package
	for i := range d.packages {
		p := d.pkg(i, 1)
		invented = append(invented, &p)
	}
	if err := l.closureAgainstDNF(ctx, "invented", invented); err != nil {
		return err
	}
	n, err := l.nights(ctx)
	if err != nil {
		return err
	}
	var real []*rpm.Package
	for _, p := range n.raw.packages {
		real = append(real, &p.Package)
	}
	return l.closureAgainstDNF(ctx, "Debian", real)
}

// closureAgainstDNF adds the row of a distribution.
func (l *lab) closureAgainstDNF(ctx context.Context, name string, all []*rpm.Package) error {
	list := leaveOut(all)
	var found, want []string
	ours, err := l.closureOurs(ctx, name, list, &found)
	if err != nil {
		return err
	}
	theirs, err := l.closureDNF(name, list, &want)
	if err != nil {
		return err
	}
	a, b, err := l.race(ctx, ours, theirs)
	if err != nil {
		return err
	}
	if len(found) == 0 || !slices.Equal(found, want) {
		return fmt.Errorf("%s: %d findings, dnf has %d: %s", name, len(found), len(want), firstDifference(found, want))
	}
	l.table.faster(fmt.Sprintf("repoclosure: %d packages (%s), %d findings, against dnf", len(list), name, len(found)), 1, a, b)
	return nil
}

// closureOurs prepares our side, which tells what it found.
func (l *lab) closureOurs(ctx context.Context, name string, list []*rpm.Package, found *[]string) (contestant, error) {
	dir := l.path(name + "-cache")
	root, err := storeOnDisk(ctx, dir, list)
	if err != nil {
		return contestant{}, err
	}
	command, err := l.part(repoclosurePart, dir, root)
	return contestant{command: command, after: func(_ int, stdout []byte) (err error) {
		*found, err = dnf.Findings(string(stdout))
		return err
	}}, err
}

// closureDNF prepares the other side. That there are findings is an exit code, too.
func (l *lab) closureDNF(name string, list []*rpm.Package, found *[]string) (contestant, error) {
	repository, scratch := l.path(name), l.path(name+"-dnf")
	if err := errors.Join(dnf.Write(repository, list), os.MkdirAll(scratch, 0o777)); err != nil {
		return contestant{}, err
	}
	question := dnf.Closure{Arch: "x86_64", Repository: repository}
	command, err := question.Command(scratch)
	command = append([]string{"sh", "-c", `"$@" || [ $? = 1 ]`, "sh"}, command...)
	return contestant{command: command, after: func(_ int, stdout []byte) (err error) {
		*found, err = dnf.Findings(string(stdout))
		return err
	}}, err
}

// leaveOut leaves out one package in 500, so that something is found.
func leaveOut(all []*rpm.Package) []*rpm.Package {
	var list []*rpm.Package
	for i, p := range all {
		if i%500 != 7 {
			list = append(list, p)
		}
	}
	return list
}

func firstDifference(a, b []string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("%q, dnf has %q", a[i], b[i])
		}
	}
	return "one has more"
}

// storeOnDisk stores the package set of a list in a new cache, and returns its root
// as JSON.
func storeOnDisk(ctx context.Context, dir string, list []*rpm.Package) (root string, err error) {
	c, err := disk.Open(dir, disk.Options{})
	if err != nil {
		return "", err
	}
	n, err := storeSet(ctx, c, len(list), func(i int) *rpm.Package { return list[i] }, nil)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(n.Digest)
	return string(text), errors.Join(err, c.Close())
}

const repoclosurePart = "repoclosure"

// checkClosure tests a tree of all packages of a set, and prints the report. Arguments
// are the cache and the root of the set, as JSON.
func checkClosure(ctx context.Context, args []string) error {
	var root cache.Digest
	if err := json.Unmarshal([]byte(args[1]), &root); err != nil {
		return err
	}
	c, err := disk.Open(args[0], disk.Options{})
	if err != nil {
		return err
	}
	definition := fstest.MapFS{"compose.star": {Data: []byte(repoclosureDefinition)}, "packages/meta": {}}
	graph, err := starlark.Evaluate(ctx, definition, starlark.Options{Phases: phases()})
	if err != nil {
		return err
	}
	set := given(cache.Node{Kind: cache.DirKind, Digest: root})
	// Results are kept in memory: each run is the first.
	b := executor.New(graph, executor.Options{Tools: catalogue.Tools(), Store: cache.Verified(c), Actions: cache.NewMemory(cache.BLAKE3), Sources: set})
	want := outputsOf(graph, "repoclosure")
	if err := b.Run(ctx, want...); err != nil {
		return err
	}
	log, _ := b.Artifact(want[0])
	text, err := c.Get(ctx, log.Digest)
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return errors.Join(err, c.Close())
}
