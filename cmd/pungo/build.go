package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/cmd/pungo/output"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/executor/remote"
	"github.com/pungo-build/pungo/rules"
)

// buildCmd composes, or builds targets.
type buildCmd struct {
	matrixFlags
	cacheFlags
	identityFlags
	targetArgs

	Locked        bool   `help:"Pin nothing: a repository that compose.lock does not pin is an error."`
	KeepGoing     bool   `help:"After a failure, go on with what does not depend on it." short:"k"`
	New           bool   `help:"Make a new compose even if nothing has changed."`
	CheckOutput   bool   `help:"Compare the files of an unchanged compose with what they should be."`
	ShowOutput    bool   `help:"With targets: print the path of each artifact."`
	RequireCached bool   `help:"Run nothing: stop if an action is not in the cache, and say what changed for it."`
	Events        string `help:"Write what happens to this file, as JSON lines." placeholder:"FILE"`
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
	folder, err := output.Open(s.output)
	if err != nil {
		return outputError(err)
	}
	defer folder.Close()
	r := &building{session: s, process: p, cmd: c, folder: folder, json: g.JSON}
	if len(c.Targets) > 0 || len(c.Without) > 0 {
		return r.targets(ctx)
	}
	return r.compose(ctx)
}

// building is one run of the command.
type building struct {
	*session
	process
	cmd    *buildCmd
	folder *output.Folder
	json   bool

	graph        *rules.Graph
	build        *executor.Build
	repositories *remote.Remote
	console      *console
	events       *os.File
	started      time.Time
}

// start makes a Build of the graph, with somebody to watch it, and checks it for
// what want needs. Whoever called it calls stop, too, unless it fails.
func (r *building) start(ctx context.Context, want []*rules.Artifact) (err error) {
	if r.cmd.Events != "" {
		if r.events, err = os.Create(r.cmd.Events); err != nil {
			return environmentf("events: %v", err)
		}
	}
	r.console = newConsole(r.stderr, consoleFor(r.process, r.cmd.jobs()))
	all := []rules.Sink{r.console}
	if r.events != nil {
		all = append(all, jsonLines(r.events))
	}
	r.started = time.Now()
	r.flags.Offline = r.flags.Offline || r.cmd.RequireCached
	r.repositories = r.remote(r.graph, r.lock, r.cmd.Locked)
	r.build = r.executor(r.graph, r.repositories, sinks(all...), manner{keepGoing: r.cmd.KeepGoing, onlyCached: r.cmd.RequireCached})
	if err := r.build.Check(ctx, want...); err != nil {
		r.console.Close()
		return errors.Join(err, r.endEvents(err), r.savePins(r.repositories))
	}
	return nil
}

// stop ends the display: with a card for each failure, and a summary.
func (r *building) stop(err error) {
	report := r.build.Report()
	r.console.Close()
	if errors.As(err, new(*executor.NotCachedError)) {
		// What is known of builds before stays: this one ran nothing.
		if err := r.endEvents(err); err != nil {
			fmt.Fprintf(r.stderr, "warning: %v\n", err)
		}
		return
	}
	for _, e := range report.Actions {
		if e.Status == rules.Failed && e.Err != nil || e.Status == rules.TestFailed {
			fmt.Fprintln(r.stderr, failureCard(e, r.keepLog(e), r.cmd.matrixFlags.again()))
		}
	}
	fmt.Fprintln(r.stderr, summary(report, r.console.traffic, time.Since(r.started)))
	if err := errors.Join(r.endEvents(err), saveExplanation(r.folder, report), r.savePins(r.repositories)); err != nil {
		fmt.Fprintf(r.stderr, "warning: %v\n", err)
	}
}

// keepLog writes what a failed action printed, or where a bug of ours struck, into
// the output folder, and returns the path; "" if there is nothing to write.
func (r *building) keepLog(e executor.Entry) string {
	var log []byte
	for _, d := range []cache.Digest{e.Stdout, e.Stderr} {
		if text, err := r.store.Get(context.Background(), d); !d.IsZero() && err == nil {
			log = append(log, text...)
		}
	}
	var bug *executor.BugError
	if errors.As(e.Err, &bug) {
		log = append(log, bug.Stack...)
	}
	if len(log) == 0 {
		return ""
	}
	name := path.Join("logs", strings.NewReplacer("/", "_", ":", "").Replace(e.Instance)+"-"+e.Mnemonic+".log")
	if err := r.folder.WriteState(name, log); err != nil {
		return ""
	}
	return r.folder.State(name)
}

// endEvents writes the last event and closes the file.
func (r *building) endEvents(err error) error {
	if r.events == nil {
		return nil
	}
	jsonLines(r.events).Event(rules.Event{
		Time: time.Now(), Kind: rules.BuildFinished, Status: ending(err), Seconds: time.Since(r.started).Seconds(),
	})
	return r.events.Close()
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
	if !errors.As(err, &action) {
		return err
	}
	var locked *remote.LockedError
	switch {
	case errors.As(err, &locked):
		return &exit{code: exitLocked}
	case isNetwork(err):
		return &exit{code: exitEnvironment}
	}
	return &exit{code: exitFailed}
}

// materialize writes the tree that root returns to a place where nothing is.
// Blobs that turn out to be lost are made again, each once; since what makes them
// may make something else this time, root is asked again.
func (r *building) materialize(ctx context.Context, root func() cache.Digest, dest string) (cache.Digest, error) {
	healed := map[cache.Digest]bool{}
	for {
		tree := root()
		err := materialize.Tree(ctx, r.trees, tree, dest, materialize.Options{Paths: r.disk, Jobs: r.cmd.jobs()})
		if err == nil {
			return tree, nil
		}
		if removeErr := materialize.Remove(dest); removeErr != nil {
			return tree, errors.Join(err, removeErr)
		}
		var lost *cache.BlobError
		if !errors.As(err, &lost) || healed[lost.Digest] {
			return tree, err
		}
		if err := r.heal(ctx, tree, lost, healed); err != nil {
			return tree, err
		}
	}
}

// heal makes a lost blob again, and with it all others that a tree lacks: where
// one is lost there are often more.
func (r *building) heal(ctx context.Context, tree cache.Digest, lost *cache.BlobError, healed map[cache.Digest]bool) error {
	for lost != nil && !healed[lost.Digest] {
		healed[lost.Digest] = true
		if err := r.build.Heal(ctx, lost); err != nil {
			return err
		}
		missing, err := r.missing(ctx, tree)
		if err != nil {
			return err
		}
		lost = nil
		for _, d := range missing {
			if !healed[d] {
				lost = &cache.BlobError{Digest: d, Err: cache.ErrNotFound}
				break
			}
		}
	}
	return nil
}

// missing returns the blobs of a tree's files that the cache does not hold; none
// if the tree cannot be walked, since then it will be another.
func (r *building) missing(ctx context.Context, tree cache.Digest) ([]cache.Digest, error) {
	var all []cache.Digest
	err := r.trees.Walk(ctx, tree, func(_ string, n cache.Node) error {
		if n.Kind == cache.FileKind {
			all = append(all, n.Digest)
		}
		return nil
	})
	var lost *cache.BlobError
	if errors.As(err, &lost) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.store.Missing(ctx, all)
}

// targets builds targets: their results appear in the output folder.
func (r *building) targets(ctx context.Context) (err error) {
	if r.graph, err = evaluateRoot(ctx, r.process, r.root, r.cmd.matrixFlags, r.cmd.identityFlags); err != nil {
		return err
	}
	chosen, err := r.cmd.targetArgs.choose(r.graph, r.pkg)
	if err != nil {
		return err
	}
	stamp, err := r.stamp()
	if err != nil {
		return err
	}
	var want []*rules.Artifact
	for _, a := range chosen {
		want = append(want, r.graph.Results(a)...)
	}
	if err := r.start(ctx, want); err != nil {
		return err
	}
	r.build.Stamp(stamp)
	err = r.build.Run(ctx, want...)
	for i := 0; i < len(chosen) && err == nil; i++ {
		err = r.placeTarget(ctx, chosen[i])
	}
	r.stop(err)
	if err != nil {
		return r.ended(err)
	}
	for _, a := range chosen {
		if err := r.show(a); err != nil {
			return err
		}
	}
	return verdict(r.status())
}

// built is what `build TARGET --json` says of an artifact.
type built struct {
	Label  string       `json:"label"`
	Cell   string       `json:"cell"`
	Path   string       `json:"path"`
	Digest cache.Digest `json:"digest"`
}

// made lists the results of an instance that are there.
func (r *building) made(a *rules.Analysed) []*rules.Artifact {
	var list []*rules.Artifact
	for _, f := range r.graph.Results(a) {
		if n, _ := r.build.Artifact(f); n.Kind != 0 {
			list = append(list, f)
		}
	}
	return list
}

// targetPath is where an artifact of an instance appears:
// targets/<package>/<name>/<cell>/<artifact>.
func (r *building) targetPath(a *rules.Analysed, f *rules.Artifact) string {
	return r.folder.Path(output.Targets, a.Label.Package, a.Label.Name, a.Cell.String(), f.Name)
}

// placeTarget makes the artifacts of an instance appear, each in place of what it
// was before. Others may share the folder: that of //a:b has that of //a/b:c in it.
func (r *building) placeTarget(ctx context.Context, a *rules.Analysed) error {
	for _, f := range r.made(a) {
		err := r.folder.Place(r.targetPath(a, f), func(temporary string) error {
			return r.writeArtifact(ctx, f, temporary)
		})
		if err != nil {
			return placing(err)
		}
	}
	return nil
}

// placing says whose turn it is when something cannot be placed in the output
// folder: what the file system refuses is for who runs the machine.
func placing(err error) error {
	var refused syscall.Errno
	if errors.As(err, &refused) && !errors.As(err, new(*cache.BlobError)) {
		return outputError(err)
	}
	return err
}

// writeArtifact writes an artifact, a file or a folder, to dest.
func (r *building) writeArtifact(ctx context.Context, f *rules.Artifact, dest string) error {
	n, _ := r.build.Artifact(f)
	if n.Kind == cache.DirKind {
		_, err := r.materialize(ctx, func() cache.Digest {
			n, _ := r.build.Artifact(f)
			return n.Digest
		}, dest)
		return err
	}
	// A file is written as the only one of a folder, and taken out of it.
	holder := dest + ".d"
	name := path.Base(f.Name)
	var buildErr error
	_, err := r.materialize(ctx, func() cache.Digest {
		n, _ := r.build.Artifact(f)
		n.Name = name
		var d cache.Digest
		d, buildErr = r.trees.Write(ctx, cache.Directory{n})
		return d
	}, holder)
	if err := errors.Join(buildErr, err); err != nil {
		return err
	}
	return errors.Join(os.Rename(holder+"/"+name, dest), os.Remove(holder))
}

// show prints where the artifacts of an instance are, if that was asked for.
func (r *building) show(a *rules.Analysed) error {
	if !r.cmd.ShowOutput && !r.json {
		return nil
	}
	for _, f := range r.made(a) {
		n, _ := r.build.Artifact(f)
		b := built{a.Label.String(), a.Cell.String(), r.targetPath(a, f), n.Digest}
		if !r.json {
			fmt.Fprintln(r.stdout, b.Path)
		} else if err := json.NewEncoder(r.stdout).Encode(b); err != nil {
			return err
		}
	}
	return nil
}

// verdict is the end of a build whose actions did not fail.
func verdict(s output.Status) error {
	switch s {
	case output.Doomed:
		return &exit{code: exitTestFailed}
	case output.Incomplete:
		return &exit{code: exitIncomplete}
	}
	return nil
}

// status is how a build whose actions did not fail ends.
func (r *building) status() output.Status {
	status := output.Finished
	for _, e := range r.build.Report().Actions {
		switch {
		case e.Status == rules.TestFailed && e.Action.Strictness == rules.Fatal:
			return output.Doomed
		case e.Status == rules.Absent && e.Action.Strictness != rules.Off:
			status = output.Incomplete
		}
	}
	return status
}

// notes are what a build says again when it is found to have nothing to do:
// warnings, and tests that failed.
func (r *building) notes() []string {
	var notes []string
	for _, e := range r.build.Report().Actions {
		for _, w := range e.Warnings {
			notes = append(notes, fmt.Sprintf("warning: %s: %s", e.Instance, w))
		}
		if e.Status == rules.TestFailed {
			notes = append(notes, fmt.Sprintf("test failed: %s (%s)", e.Instance, e.Action.Strictness))
		}
	}
	return notes
}
