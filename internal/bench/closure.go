package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"testing/fstest"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/catalogue"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/starlark"
)

// closure shows how the package set and the closure of everything grow with the
// number of packages: of 60,000 a package may cost half as much again as of 6,000,
// not more. Sizes shrink with the scale.
//
// A part generates the packages, as much per package as a distribution's primary
// has, stores the metadata in memory, and has the phases pkgset and gather work on
// it. Its times are of these two alone, its memory is all of the process.
func closure(ctx context.Context, l *lab) error {
	var smallest closureTimes
	for i, full := range []int{6_000, 20_000, 60_000} {
		n := l.size(full)
		times, err := l.closureOf(ctx, n)
		if err != nil {
			return err
		}
		if i == 0 {
			smallest = times
			continue
		}
		got := (times.perPackage() / smallest.perPackage())
		claim := fmt.Sprintf("closure: %d packages, time of one against one of %d", n, smallest.Packages)
		l.table.add(row{
			claim: claim, ratio: fmt.Sprintf("%.2fx", got), target: "<= 1.50x", missed: got > 1.5,
			ours: times.usage, peer: smallest.usage,
		})
		if full == 60_000 {
			l.table.below(fmt.Sprintf("closure: peak memory of %d packages", n), 400, times.usage)
		}
	}
	return nil
}

// closureTimes is what the part tells.
type closureTimes struct {
	Packages, Selected int
	Set, Solve         time.Duration

	usage usage // of Set and Solve together, and the memory of the process
}

func (t *closureTimes) perPackage() float64 { return t.usage.Wall.Seconds() / float64(t.Packages) }

// closureOf returns the median of the runs for n packages.
func (l *lab) closureOf(ctx context.Context, n int) (closureTimes, error) {
	command, err := l.part(closurePart, strconv.Itoa(n))
	if err != nil {
		return closureTimes{}, err
	}
	var times closureTimes
	var taken []usage
	for run := range l.runs + 1 {
		u, stdout, err := measure(ctx, "", command)
		if err != nil {
			return times, err
		}
		if err := json.Unmarshal(stdout, &times); err != nil {
			return times, err
		}
		if times.Selected != n {
			return times, fmt.Errorf("%d of %d packages were selected", times.Selected, n)
		}
		if run > 0 {
			taken = append(taken, usage{Wall: times.Set + times.Solve, CPU: u.CPU, Peak: u.Peak})
		}
	}
	times.usage = medians(taken)
	return times, nil
}

const closurePart = "closure"

// solveEverything makes the package set and the closure of as many packages as
// its argument says.
func solveEverything(ctx context.Context, args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	store := cache.NewMemory(cache.BLAKE3)
	set, err := generateSet(ctx, store, distribution{packages: n, sets: 1, files: 4, arches: []string{"x86_64"}})
	if err != nil {
		return err
	}
	definition := fstest.MapFS{
		"compose.star":  {Data: []byte(closureDefinition)},
		"packages/meta": {},
	}
	graph, err := starlark.Evaluate(ctx, definition, starlark.Options{Phases: phases()})
	if err != nil {
		return err
	}
	b := executor.New(graph, executor.Options{Tools: catalogue.Tools(), Store: store, Actions: store, Sources: given(set)})
	want := outputsOf(graph, "solve")
	if err := b.Run(ctx, want...); err != nil {
		return err
	}
	times := closureTimes{Packages: n}
	for _, e := range b.Report().Actions {
		switch e.Mnemonic {
		case "pkgset":
			times.Set = e.Duration
		case "solve":
			times.Solve = e.Duration
		}
	}
	list, _ := b.Artifact(want[0])
	data, err := store.Get(ctx, list.Digest)
	if err != nil {
		return err
	}
	times.Selected = bytes.Count(data, []byte("\n"))
	return tell(times)
}

// given is a workspace that holds one folder.
type given cache.Node

// Resolve implements executor.Sources.
func (g given) Resolve(_ context.Context, s *rules.Source) (cache.Node, error) {
	n := cache.Node(g)
	n.Name = s.Path
	return n, nil
}

// generateSet stores the package set of a distribution.
func generateSet(ctx context.Context, store cache.Store, d distribution) (cache.Node, error) {
	return storeSet(ctx, store, d.packages, func(i int) *rpm.Package {
		p := d.pkg(i, 1)
		return &p
	}, nil)
}

// storeSet stores a package set of n packages, a shard at a time, so that they are
// never all in memory. There are no package files: their digests are invented, and
// chosen so that each is in its shard. Of packages for which read holds the header records
// are stored; nil is none, where nobody asks for files that primary does not list.
func storeSet(ctx context.Context, store cache.Store, n int, pkg func(i int) *rpm.Package, read func(*rpm.Package) bool) (cache.Node, error) {
	const shards = 256
	j := &rules.Job{Host: alone{}, Trees: cache.NewTrees(store)}
	roots := make([]cache.Digest, shards)
	for shard := range shards {
		var list []*packages.Listing
		for i := shard; i < n; i += shards {
			p := pkg(i)
			l, record, err := invented(p, i, byte(shard))
			if err == nil && read != nil && read(p) {
				_, err = store.Put(ctx, record)
			}
			if err != nil {
				return cache.Node{}, err
			}
			list = append(list, l)
		}
		root, err := packages.Write(ctx, j, list)
		if err != nil {
			return cache.Node{}, err
		}
		roots[shard] = root.Digest
	}
	root, err := j.Trees.Merge(ctx, roots...)
	return cache.Node{Kind: cache.DirKind, Digest: root}, err
}

// alone is the host of a job outside of an executor.
type alone struct{ rules.Host }

func (alone) Each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	for i := range n {
		if err := fn(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// invented makes a listing of package i, and its header record.
func invented(p *rpm.Package, i int, shard byte) (*packages.Listing, []byte, error) {
	hash := make([]byte, 32)
	hash[0] = shard
	binary.BigEndian.PutUint32(hash[1:], uint32(i))
	digest, err := cache.NewDigest(cache.BLAKE3, hash, 10_000)
	if err != nil {
		return nil, nil, err
	}
	record := packages.EncodeHeader(p, [32]byte(hash))
	l, err := packages.ListFile(record, digest, cache.BLAKE3.Sum(record))
	return l, record, err
}
