package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// buildCmd composes, or builds targets.
type buildCmd struct {
	matrixFlags
	cacheFlags
	identityFlags
	targetArgs

	KeepGoing   bool   `help:"After a failure, go on with what does not depend on it." short:"k"`
	New         bool   `help:"Make a new compose even if nothing has changed."`
	CheckOutput bool   `help:"Compare the files of an unchanged compose with what they should be."`
	ShowOutput  bool   `help:"With targets: print the path of each artifact."`
	Events      string `help:"Write what happens to this file, as JSON lines." placeholder:"FILE"`
}

func (c *buildCmd) Run(ctx context.Context, p process, g *Globals) (err error) {
	if err := c.identityFlags.check(); err != nil {
		return err
	}
	s, err := openSession(p, g, c.cacheFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := os.MkdirAll(filepath.Join(s.output, stateDir), 0o777); err != nil {
		return environmentf("output folder: %v", err)
	}
	unlock, err := lock(filepath.Join(s.output, stateDir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	r := &building{session: s, cmd: c, process: p, json: g.JSON}
	if len(c.Targets) > 0 || len(c.Without) > 0 {
		return r.targets(ctx)
	}
	return r.compose(ctx)
}

// building is one run of the command.
type building struct {
	*session
	process
	cmd  *buildCmd
	json bool

	graph   *rules.Graph
	build   *executor.Build
	console *console
	events  *os.File
	started time.Time
}

// start makes a Build of the graph, with somebody to watch it, and checks it for
// what want needs.
func (r *building) start(ctx context.Context, want []*rules.Artifact) error {
	r.console = newConsole(r.stderr, consoleFor(r.process, r.cmd.Jobs))
	sink := sinks(r.console)
	if r.cmd.Events != "" {
		f, err := os.Create(r.cmd.Events)
		if err != nil {
			return environmentf("events: %v", err)
		}
		r.events = f
		sink = sinks(r.console, jsonLines(f))
	}
	build := r.executor(r.graph, sink, r.cmd.KeepGoing)
	if err := build.Check(ctx, want...); err != nil {
		r.console.Close()
		return err
	}
	r.build, r.started = build, time.Now()
	return nil
}

// stop ends the display: with a card for each failure, and a summary.
func (r *building) stop(err error) {
	if r.build == nil {
		return
	}
	report := r.build.Report()
	r.console.Close()
	for _, e := range report.Actions {
		if e.Status == rules.Failed && e.Err != nil {
			fmt.Fprintln(r.stderr, failureCard(e.Err, e.Action))
		}
	}
	fmt.Fprintln(r.stderr, summary(report, time.Since(r.started)))
	if r.events != nil {
		jsonLines(r.events).Event(rules.Event{Time: time.Now(), Kind: rules.BuildFinished, Status: ending(err), Seconds: time.Since(r.started).Seconds()})
		r.events.Close()
	}
	if err := saveExplanation(r.output, report); err != nil {
		fmt.Fprintf(r.stderr, "warning: explanation not kept: %v\n", err)
	}
}

// ending is how a build ended, in the words of events.
func ending(err error) rules.Status {
	switch {
	case err == nil:
		return rules.Ran
	case errors.Is(err, executor.ErrInterrupted):
		return rules.Interrupted
	}
	return rules.Failed
}

// failed returns err as the end of a command whose cards were shown: failures of
// actions need no further line.
func failed(err error) error {
	var action *executor.ActionError
	if errors.As(err, &action) {
		return &exit{code: exitFailed}
	}
	return err
}

// place materializes a tree under a temporary name and moves it to dest, where
// nothing may be. Blobs that turn out to be lost are made again.
func (r *building) place(ctx context.Context, tree func() (cache.Digest, error), finish func(dir string) error, dest string) error {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		root, err := tree()
		if err != nil {
			return err
		}
		temporary := filepath.Join(r.output, stateDir, "tmp-"+filepath.Base(dest))
		if err := materialize.Remove(temporary); err != nil {
			return err
		}
		err = materialize.Tree(ctx, r.trees, root, temporary, materialize.Options{Paths: r.disk, Jobs: r.cmd.Jobs})
		if err == nil {
			err = finish(temporary)
		}
		if err == nil {
			err = os.Rename(temporary, dest)
		}
		if err == nil {
			return nil
		}
		materialize.Remove(temporary)
		var lost *cache.BlobError
		if !errors.As(err, &lost) || attempt == attempts {
			return err
		}
		if err := r.build.Heal(ctx, lost); err != nil {
			return err
		}
	}
}

// targets builds targets: their artifacts appear below <output>/targets.
func (r *building) targets(ctx context.Context) (err error) {
	if r.graph, err = evaluateRoot(ctx, r.process, r.root, r.cmd.matrixFlags, r.cmd.identityFlags); err != nil {
		return err
	}
	chosen, err := r.cmd.targetArgs.choose(r.graph, r.pkg)
	if err != nil {
		return err
	}
	var want []*rules.Artifact
	for _, a := range chosen {
		want = append(want, a.Outputs...)
	}
	if err := r.start(ctx, want); err != nil {
		return err
	}
	stamp, err := r.stamp()
	if err != nil {
		return err
	}
	r.build.Stamp(stamp)
	err = r.build.Run(ctx, want...)
	for i := 0; i < len(chosen) && err == nil; i++ {
		err = r.placeTarget(ctx, chosen[i])
	}
	r.stop(err)
	if err != nil {
		return failed(err)
	}
	for _, a := range chosen {
		if err := r.show(a); err != nil {
			return err
		}
	}
	return r.verdict()
}

// built is what `build TARGET --show-output --json` says of an artifact.
type built struct {
	Label  string       `json:"label"`
	Cell   string       `json:"cell"`
	Path   string       `json:"path"`
	Digest cache.Digest `json:"digest"`
}

// made lists the artifacts of an instance that are there.
func (r *building) made(a *rules.Analysed) []*rules.Artifact {
	var list []*rules.Artifact
	for _, f := range a.Outputs {
		if n, _ := r.build.Artifact(f); n.Kind != 0 {
			list = append(list, f)
		}
	}
	return list
}

// targetDir is where the artifacts of an instance appear.
func (r *building) targetDir(a *rules.Analysed) string {
	return filepath.Join(r.output, "targets", a.Label.Package, a.Label.Name, a.Cell.String())
}

// placeTarget makes the artifacts of an instance appear in the output folder.
func (r *building) placeTarget(ctx context.Context, a *rules.Analysed) error {
	if len(r.made(a)) == 0 {
		return nil
	}
	tree := func() (cache.Digest, error) {
		b := r.trees.Builder()
		for _, f := range r.made(a) {
			n, _ := r.build.Artifact(f)
			if err := b.Add(f.Name, n); err != nil {
				return cache.Digest{}, err
			}
		}
		return b.Build(ctx)
	}
	dest := r.targetDir(a)
	if err := os.MkdirAll(filepath.Dir(dest), 0o777); err != nil {
		return err
	}
	return r.place(ctx, tree, func(string) error { return materialize.Remove(dest) }, dest)
}

// show prints where the artifacts of an instance are, if that was asked for.
func (r *building) show(a *rules.Analysed) error {
	if !r.cmd.ShowOutput && !r.json {
		return nil
	}
	for _, f := range r.made(a) {
		n, _ := r.build.Artifact(f)
		b := built{a.Label.String(), a.Cell.String(), filepath.Join(r.targetDir(a), f.Name), n.Digest}
		if !r.json {
			fmt.Fprintln(r.stdout, b.Path)
		} else if err := json.NewEncoder(r.stdout).Encode(b); err != nil {
			return err
		}
	}
	return nil
}

// verdict is the end of a build whose actions did not fail.
func (r *building) verdict() error {
	switch r.status() {
	case doomed:
		return &exit{code: exitTestFailed}
	case incomplete:
		return &exit{code: exitIncomplete}
	}
	return nil
}

// status is how a build whose actions did not fail ends.
func (r *building) status() string {
	status := finished
	for _, e := range r.build.Report().Actions {
		switch {
		case e.Status == rules.TestFailed && e.Action.Strictness == rules.Fatal:
			return doomed
		case e.Status == rules.Absent && e.Action.Strictness != rules.Off:
			status = incomplete
		}
	}
	return status
}
