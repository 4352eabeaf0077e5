package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/catalogue"
)

// compose makes a compose, unless the newest one is what it would make.
func (r *building) compose(ctx context.Context) error {
	early := r.look(ctx)
	graph, err := evaluateRoot(ctx, r.process, r.root, r.cmd.matrixFlags, r.cmd.identityFlags)
	if err != nil {
		return err
	}
	if r.graph = graph; graph.Layout == nil {
		return usagef("%s delivers nothing, so there is no compose to make\n  hint: add createrepo and metadata, or name targets to build", graph.Files[0])
	}
	newest := r.newest()
	fingerprint, err := early(sourcesOf(graph))
	if err != nil {
		return err
	}
	now := r.early(fingerprint)
	if newest != nil && newest.Early == now && !r.cmd.CheckOutput {
		return r.unchanged(newest)
	}
	want := wanted(graph)
	if err := r.start(ctx, want); err != nil {
		return err
	}
	rec, unchanged, err := r.make(ctx, want, newest, now)
	r.stop(err)
	if err != nil {
		return failed(err)
	}
	if unchanged {
		return r.unchanged(rec)
	}
	if err := r.tell(ctx, rec, false); err != nil {
		return err
	}
	return r.verdict()
}

// look starts to look at the sources of the newest compose while the definition
// is evaluated. The function it returns gives their fingerprint; if the
// definition turns out to have other sources, these are looked at instead.
func (r *building) look(ctx context.Context) func([]*rules.Source) (cache.Digest, error) {
	type outcome struct {
		fingerprint cache.Digest
		err         error
	}
	sources := guessSources(r.output)
	ready := make(chan outcome, 1)
	go func() {
		fp, err := r.sources.Fingerprint(ctx, sources, nil)
		ready <- outcome{fp, err}
	}()
	return func(actual []*rules.Source) (cache.Digest, error) {
		first := <-ready
		same := slices.EqualFunc(sources, actual, func(a, b *rules.Source) bool { return *a == *b })
		if same {
			return first.fingerprint, first.err
		}
		return r.sources.Fingerprint(ctx, actual, nil)
	}
}

// guessSources returns the sources of whatever compose is newest.
func guessSources(output string) []*rules.Source {
	links, _ := filepath.Glob(filepath.Join(output, "latest-*"))
	for _, link := range links {
		if id, err := os.Readlink(link); err == nil {
			if rec := readRecord(output, filepath.Base(id)); rec != nil {
				return rec.Sources
			}
		}
	}
	return nil
}

// early returns what stands for everything a compose is made of, by what is
// known before any key.
func (r *building) early(sources cache.Digest) cache.Digest {
	var b strings.Builder
	fmt.Fprintf(&b, "definition %s\nsources %s\nmatrix %s\n", r.graph.Digest, sources, r.matrix())
	for _, phase := range catalogue.Phases() {
		fmt.Fprintf(&b, "rules %s %s\n", phase.Name, r.store.Function().Sum(phase.Star))
	}
	tools := catalogue.Tools()
	for _, name := range sortedKeys(tools) {
		fmt.Fprintf(&b, "tool %s %d\n", name, tools[name].Version)
	}
	return r.store.Function().Sum([]byte(b.String()))
}

// matrix is the part of the matrix that was asked for, "" for all.
func (r *building) matrix() string {
	if len(r.cmd.Variant)+len(r.cmd.Arch) == 0 {
		return ""
	}
	return strings.Join(r.cmd.Variant, ",") + "." + strings.Join(r.cmd.Arch, ",")
}

// newest returns the record of the compose that a new one would replace, nil if
// there is none or if another identity was asked for.
func (r *building) newest() *record {
	rec := latest(r.output, r.graph.Compose.Release, r.matrix())
	if rec == nil || r.cmd.New {
		return nil
	}
	id, s := &r.cmd.identityFlags, rec.Stamp
	asked := id.ComposeID != "" && id.ComposeID != s.ID || id.Date != "" && id.Date != s.Date ||
		id.Respin != nil && *id.Respin != s.Respin || r.graph.Compose.Type != s.Type || r.graph.Compose.Label != s.Label
	if asked {
		return nil
	}
	return rec
}

// stamp is the identity of the compose to make.
func (r *building) stamp() (rules.Stamp, error) {
	c, id := r.graph.Compose, r.cmd.identityFlags
	s := rules.Stamp{Release: c.Release, BaseProduct: c.BaseProduct, Type: c.Type, Label: c.Label, Date: id.Date}
	if s.Date == "" {
		s.Date = time.Now().UTC().Format(dateFormat)
	}
	if id.Respin != nil {
		s.Respin = *id.Respin
	} else if id.ComposeID == "" {
		free, err := freeRespin(r.output, s)
		if err != nil {
			return s, err
		}
		s.Respin = free
	}
	s.ID = s.DefaultID()
	if id.ComposeID != "" {
		if !strings.Contains(id.ComposeID, s.Date) {
			return s, usagef("--compose-id %q: want an id that contains the date, %s\n  hint: give --date too", id.ComposeID, s.Date)
		}
		s.ID = id.ComposeID
	}
	return s, nil
}

// check refuses an identity that no compose can have, before anything runs.
func (id *identityFlags) check() error {
	if _, err := time.Parse(dateFormat, id.Date); id.Date != "" && err != nil {
		return usagef("--date %q: want YYYYMMDD", id.Date)
	}
	if id.Respin != nil && *id.Respin < 0 {
		return usagef("--respin %d: want 0 or more", *id.Respin)
	}
	if name := id.ComposeID; name != "" && (name != filepath.Base(name) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "latest-") || name == "targets") {
		return usagef("--compose-id %q: want the name of a folder", name)
	}
	return nil
}

// dateFormat is that of dates in compose ids.
const dateFormat = "20060102"

// wanted are the artifacts that a compose is about: its layout and its tests.
func wanted(graph *rules.Graph) []*rules.Artifact {
	want := slices.Clone(graph.Layout.Outputs)
	for _, a := range graph.Actions {
		if a.Test && a.Strictness != rules.Off {
			want = append(want, a.Outputs...)
		}
	}
	return want
}

// make runs what has to run and places the compose, unless it is newest under
// another name or a compose that is there already.
func (r *building) make(ctx context.Context, want []*rules.Artifact, newest *record, early cache.Digest) (rec *record, unchanged bool, err error) {
	if err := r.build.Run(ctx, want...); err != nil {
		return nil, false, err
	}
	unstamped, err := r.build.Unstamped(ctx, r.graph.Layout)
	if err != nil {
		return nil, false, err
	}
	if newest != nil && newest.Unstamped == unstamped && newest.Status == r.status() {
		newest.Early, newest.Sources = early, sourcesOf(r.graph)
		return newest, true, errors.Join(newest.write(r.output), r.checkOutput(ctx, newest))
	}
	stamp, err := r.stamp()
	if err != nil {
		return nil, false, err
	}
	r.build.Stamp(stamp)
	if err := r.build.Run(ctx, want...); err != nil {
		return nil, false, err
	}
	rec = &record{Stamp: stamp, Status: r.status(), Early: early, Sources: sourcesOf(r.graph), Unstamped: unstamped, Matrix: r.matrix()}
	root, _ := r.build.Artifact(r.graph.Layout.Outputs[0])
	rec.Tree = root.Digest
	if old, err := r.existing(rec); old != nil || err != nil {
		return old, true, err
	}
	return rec, false, r.publish(ctx, rec)
}

// existing returns the record of the compose whose place rec would take: nil if
// there is none, and an error if it is another one.
func (r *building) existing(rec *record) (*record, error) {
	id := rec.Stamp.ID
	if _, err := os.Lstat(filepath.Join(r.output, id)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if old := readRecord(r.output, id); old != nil && old.Tree == rec.Tree && old.Status == rec.Status {
		return old, nil
	}
	return nil, usagef("compose %s exists and has other content\n  hint: it was left as it is; give another --compose-id, --date or --respin", id)
}

// publish places the compose, its record, and then the link to it. What it was
// made of is on disk before: a compose that the cache could not keep up with is
// no compose.
func (r *building) publish(ctx context.Context, rec *record) error {
	if err := r.disk.Flush(ctx); err != nil {
		return err
	}
	tree := func() (cache.Digest, error) {
		n, _ := r.build.Artifact(r.graph.Layout.Outputs[0])
		return n.Digest, nil
	}
	dest := filepath.Join(r.output, rec.Stamp.ID)
	if err := r.place(ctx, tree, func(dir string) error { return writeStatus(dir, rec.Status) }, dest); err != nil {
		return err
	}
	if err := rec.write(r.output); err != nil {
		return err
	}
	if rec.Matrix != "" || rec.Status == doomed {
		return nil
	}
	return moveLatest(r.output, r.graph.Compose.Release, rec.Stamp.ID)
}

// writeStatus writes STATUS with the time of COMPOSE_ID, which is that of the
// newest package: equal composes have equal times too.
func writeStatus(dir, status string) error {
	path := filepath.Join(dir, "STATUS")
	if err := os.WriteFile(path, []byte(status+"\n"), 0o644); err != nil {
		return err
	}
	for _, name := range []string{path, dir} {
		info, err := os.Stat(filepath.Join(dir, "COMPOSE_ID"))
		if err != nil {
			return err
		}
		if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
			return err
		}
	}
	return nil
}

// checkOutput compares the files of a compose with its tree, if that was asked
// for.
func (r *building) checkOutput(ctx context.Context, rec *record) error {
	if !r.cmd.CheckOutput {
		return nil
	}
	dir := filepath.Join(r.output, rec.Stamp.ID)
	differences, err := materialize.Check(ctx, r.trees, rec.Tree, dir)
	if err != nil {
		return err
	}
	differences = slices.DeleteFunc(differences, func(d materialize.Difference) bool { return d.Path == "STATUS" })
	if len(differences) == 0 {
		return nil
	}
	for _, d := range differences {
		fmt.Fprintf(r.stderr, "%s: %s\n", rec.Stamp.ID, d)
	}
	return &exit{exitFailed, fmt.Sprintf("compose %s is not as it was made\n  hint: remove %s and build again", rec.Stamp.ID, dir)}
}

// unchanged says that there is nothing to do.
func (r *building) unchanged(rec *record) error {
	if err := r.tell(context.Background(), rec, true); err != nil {
		return err
	}
	if rec.Status == incomplete {
		return &exit{code: exitIncomplete}
	}
	if rec.Status == doomed {
		return &exit{code: exitTestFailed}
	}
	return nil
}

// told is what a build of a compose says with --json.
type told struct {
	ComposeID string       `json:"compose_id"`
	Path      string       `json:"path"`
	Status    string       `json:"status"`
	Unchanged bool         `json:"unchanged"`
	Digest    cache.Digest `json:"digest"`
}

// tell prints where the compose is and, if it is new, what is in it.
func (r *building) tell(ctx context.Context, rec *record, unchanged bool) error {
	dir := filepath.Join(r.output, rec.Stamp.ID)
	if r.json {
		return json.NewEncoder(r.stdout).Encode(told{rec.Stamp.ID, dir, rec.Status, unchanged, rec.Tree})
	}
	if unchanged {
		fmt.Fprintf(r.stdout, "nothing changed since %s\n%s\n", rec.Stamp.ID, dir)
		return nil
	}
	fmt.Fprintf(r.stdout, "%s %s\n%s\n", rec.Stamp.ID, rec.Status, dir)
	return r.contents(ctx, rec.Tree)
}

// contents prints the folders of a compose two levels below compose/, with the
// number and size of their files.
func (r *building) contents(ctx context.Context, root cache.Digest) error {
	type total struct {
		files int
		bytes int64
	}
	totals := map[string]*total{}
	var order []string
	err := r.trees.Walk(ctx, root, func(path string, n cache.Node) error {
		if n.Kind != cache.FileKind {
			return nil
		}
		parts := strings.Split(path, "/")
		dir := strings.Join(parts[:min(len(parts)-1, 4)], "/")
		if totals[dir] == nil {
			totals[dir] = &total{}
			order = append(order, dir)
		}
		totals[dir].files++
		totals[dir].bytes += n.Digest.Size()
		return nil
	})
	if err != nil {
		return err
	}
	for _, dir := range order {
		if dir != "" {
			fmt.Fprintf(r.stdout, "  %-40s %6d files %10s\n", dir, totals[dir].files, size(totals[dir].bytes))
		}
	}
	return nil
}

// size writes a number of bytes for people.
func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, "kMGTP"
	for value >= unit && len(prefix) > 1 {
		value, prefix = value/unit, prefix[1:]
	}
	return fmt.Sprintf("%.1f %cB", value, prefix[0])
}
