package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cmd/pungo/difference"
	"github.com/pungo-build/pungo/executor/remote"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// lockCmd pins repositories.
type lockCmd struct {
	matrixFlags
	cacheFlags

	Update []string `help:"Pin the newest state of this repository, though it is pinned: a label (:base), its name (base), or * for all." placeholder:"REPO"`
	Check  bool     `help:"Write nothing; exit with 9 if the lock would change."`
}

// Help implements kong.HelpProvider.
func (c *lockCmd) Help() string {
	return "Writes compose.lock, which pins the state of every repository that the definition names: a build takes what is pinned, " +
		"whatever the repository has by then. Repositories without pin are pinned, pins of those that are gone are dropped. " +
		"Then it shows what the change does to each variant and arch, without downloading a package."
}

func (c *lockCmd) Run(ctx context.Context, p process, g *Globals) (err error) {
	s, err := openSession(p, g, c.cacheFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	graph, err := evaluateRoot(ctx, p, s.root, c.matrixFlags, identityFlags{})
	if err != nil {
		return err
	}
	after, err := c.pins(ctx, s, graph)
	if err != nil {
		return err
	}
	change, err := s.change(ctx, graph, after)
	if err != nil {
		return err
	}
	if g.JSON {
		err = printJSON(p.stdout, change)
	} else {
		err = printLines(p, change.Lines(size)[1:]) // what is compared needs no line: it is one file
	}
	if err != nil {
		return err
	}
	if c.Check {
		if len(change.Repositories) > 0 {
			return &exit{exitLocked, "compose.lock is out of date\n  hint: `pungo lock` with the same arguments writes it"}
		}
		return nil
	}
	return after.Write(s.lockFile())
}

// pins returns the lock as it is to be.
func (c *lockCmd) pins(ctx context.Context, s *session, graph *rules.Graph) (*remote.Lock, error) {
	after := s.lock.Clone()
	r := s.remote(graph, after, false)
	update, err := c.toUpdate(graph.Repositories)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, repo := range graph.Repositories {
		names = append(names, repo.Name)
		pin, ok := after.Pin(repo.Name)
		if ok && !update[repo.Name] {
			pin, err = r.Complete(ctx, repo, pin)
		} else {
			pin, err = r.Newest(ctx, repo)
		}
		if err != nil {
			return nil, networkError(fmt.Errorf("%s: %w", repo.Name, err))
		}
		after.Set(repo.Name, pin)
	}
	if len(c.Variant)+len(c.Arch) == 0 { // else the graph has not all of them
		after.Keep(names)
	}
	return after, nil
}

// toUpdate returns the names of the repositories to ask the world for.
func (c *lockCmd) toUpdate(all []*rules.Repository) (map[string]bool, error) {
	update := map[string]bool{}
	for _, wanted := range c.Update {
		found := false
		var short []string
		for _, repo := range all {
			label, _, _ := strings.Cut(repo.Name, "@")
			name := label[strings.LastIndexByte(label, ':')+1:]
			short = append(short, name)
			if wanted == "*" || slices.Contains([]string{name, ":" + name, label, repo.Name}, wanted) {
				update[repo.Name], found = true, true
			}
		}
		if !found {
			return nil, usagef("--update %s: no such repository%s", wanted, spell.DidYouMean(strings.TrimPrefix(wanted, ":"), short))
		}
	}
	return update, nil
}

// repositoryChanges tells which pins two locks have in a different way.
func repositoryChanges(before, after *remote.Lock) []difference.RepositoryChange {
	names := map[string]bool{}
	for name := range before.All() {
		names[name] = true
	}
	for name := range after.All() {
		names[name] = true
	}
	changes := []difference.RepositoryChange{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, was := before.Pin(name)
		pin, is := after.Pin(name)
		if was && is && old == pin {
			continue
		}
		c := difference.RepositoryChange{Repository: name, Change: difference.Changed, Before: state(old), After: state(pin)}
		switch {
		case was && is && pin.Commit != "":
			c.Text = fmt.Sprintf("%q at commit %s, was %s", pin.Revision, pin.Commit, state(old))
		case is && pin.Commit != "":
			c.Change, c.Text = difference.Added, fmt.Sprintf("%q at commit %s", pin.Revision, pin.Commit)
		case was && is && old.SHA256 == pin.SHA256:
			c.Text = "another signature"
		case was && is:
			c.Text = fmt.Sprintf("revision %q, was %q", pin.Revision, old.Revision)
		case is:
			c.Change, c.Text = difference.Added, fmt.Sprintf("pinned, revision %q", pin.Revision)
		default:
			c.Change, c.Text = difference.Removed, "pinned no more"
		}
		changes = append(changes, c)
	}
	return changes
}

// state is what people call the state of a repository: a commit, or a revision.
func state(p remote.Pin) string { return cmp.Or(p.Commit, p.Revision) }

// change tells how a new lock changes what is shipped where, if that can be told. A new
// lock is the way out of one that makes no compose.
func (s *session) change(ctx context.Context, graph *rules.Graph, after *remote.Lock) (*difference.Report, error) {
	is := difference.Subject{Path: filepath.Base(s.lockFile()), Type: difference.Lock}
	repositories := repositoryChanges(s.lock, after)
	if len(repositories) == 0 || !pinsAll(s.lock, graph) {
		return difference.Locks(is, is, repositories, nil, nil), nil
	}
	old, err := s.shipped(ctx, graph, s.lock)
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n") // without the hint, which is to do what is done
		note := "which packages change is not known, as what was pinned cannot be used: " + reason
		return difference.Locks(is, is, repositories, nil, nil, note), ctx.Err()
	}
	new, err := s.shipped(ctx, graph, after)
	if err != nil {
		return nil, networkError(err)
	}
	return difference.Locks(is, is, repositories, old, new), nil
}

// pinsAll reports whether a lock pins every repository of a graph. Of one that does not
// it cannot be told what it ships.
func pinsAll(lock *remote.Lock, graph *rules.Graph) bool {
	return !slices.ContainsFunc(graph.Repositories, func(r *rules.Repository) bool {
		_, ok := lock.Pin(r.Name)
		return !ok
	})
}

// shipped returns the packages of each variant and arch under a lock.
func (s *session) shipped(ctx context.Context, graph *rules.Graph, lock *remote.Lock) (map[difference.Cell][]difference.Package, error) {
	lists := map[difference.Cell]*rules.Artifact{}
	for _, x := range graph.Explanations {
		if x.List != nil {
			lists[difference.Cell{Variant: x.Owner.Cell.Variant, Arch: x.Owner.Cell.Arch}] = x.List
		}
	}
	b := s.executor(graph, s.remote(graph, lock, true), nil, manner{})
	if err := b.Run(ctx, slices.Collect(maps.Values(lists))...); err != nil {
		return nil, err
	}
	cells := map[difference.Cell][]difference.Package{}
	for cell, f := range lists {
		n, _ := b.Artifact(f)
		if n.Digest.IsZero() {
			continue // absent
		}
		data, err := s.store.Get(ctx, n.Digest)
		if err != nil {
			return nil, err
		}
		if cells[cell], err = listedPackages(data); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

func listedPackages(data []byte) ([]difference.Package, error) {
	list, err := packages.DecodeList(data)
	if err != nil {
		return nil, err
	}
	all := make([]difference.Package, 0, len(list))
	for _, l := range list {
		nevra, err := rpm.ParseNEVRA(l.NEVRA)
		if err != nil {
			return nil, err
		}
		all = append(all, difference.NewPackage(nevra, l.Source))
	}
	return all, nil
}
