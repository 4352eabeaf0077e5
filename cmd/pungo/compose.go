package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/cmd/pungo/output"
	"github.com/pungo-build/pungo/executor/remote"
	"github.com/pungo-build/pungo/rules"
)

// compose makes a compose, unless the newest one is what it would make.
func (r *building) compose(ctx context.Context) error {
	look := r.look(ctx)
	defer look.wait()
	graph, err := evaluateRoot(ctx, r.process, r.root, r.cmd.matrixFlags, r.cmd.identityFlags)
	if err != nil {
		return err
	}
	if r.graph = graph; graph.Layout == nil {
		return usagef("%s delivers nothing, so there is no compose to make\n  hint: add createrepo and metadata, or name targets to build", graph.Files[0])
	}
	newest := r.newest()
	sources, err := look.fingerprint(sourcesOf(graph))
	if err != nil {
		return err
	}
	early := r.early(sources)
	// Who asks whether the cache has it all is not told of what is in the output.
	suffices := !r.cmd.CheckOutput && !r.cmd.RequireCached
	if newest != nil && newest.Status == output.Finished && newest.Early == early && suffices {
		return r.unchanged(newest)
	}
	want := wanted(graph)
	if err := r.start(ctx, want); err != nil {
		return err
	}
	if apart := graph.LeftOut; len(apart) > 0 {
		r.warn(fmt.Sprintf("without %s this is not what the whole compose has: packages are parted among parents and children", strings.Join(apart, ", ")))
	}
	rec, unchanged, err := r.make(ctx, want, newest, sources)
	r.stop(err)
	if err != nil {
		return r.ended(err)
	}
	if unchanged {
		return r.unchanged(rec)
	}
	if err := r.tell(ctx, rec, false); err != nil {
		return err
	}
	return verdict(rec.Status)
}

// looking is a look at the sources of a compose, in the background.
type looking struct {
	ctx     context.Context
	r       *building
	sources []*rules.Source // of the compose made last: most likely they still are
	done    chan struct{}
	digest  cache.Digest
	err     error
}

// look begins to look at the sources while the definition is evaluated.
func (r *building) look(ctx context.Context) *looking {
	l := &looking{ctx: ctx, r: r, done: make(chan struct{})}
	if last := r.folder.Newest(func(*output.Record) bool { return true }); last != nil {
		l.sources = last.Sources
	}
	go func() {
		defer close(l.done)
		l.digest, l.err = r.sources.Fingerprint(ctx, ofWorkspace(l.sources), nil)
	}()
	return l
}

func (l *looking) wait() { <-l.done }

// fingerprint returns what stands for the sources of the definition. If they turn
// out to be others, these are looked at instead.
func (l *looking) fingerprint(actual []*rules.Source) (cache.Digest, error) {
	l.wait()
	if slices.EqualFunc(l.sources, actual, func(a, b *rules.Source) bool { return *a == *b }) {
		return l.digest, l.err
	}
	return l.r.sources.Fingerprint(l.ctx, ofWorkspace(actual), nil)
}

// early returns what stands for everything a compose is made of, by what is
// known before any key: nobody reads a file's content for it. It is no key, so it
// may well differ where nothing has changed; then the keys decide. What the build has
// pinned counts, once it ran: without these pins another one would ask the world.
func (r *building) early(sources cache.Digest) cache.Digest {
	var b strings.Builder
	fmt.Fprintf(&b, "pungo %s\n", ownFile())
	fmt.Fprintf(&b, "definition %s\nsources %s\nmatrix %s\n", r.graph.Digest, sources, r.matrix())
	var pinned map[string]remote.Pin
	if r.repositories != nil {
		pinned = r.repositories.Pinned()
	}
	for _, repo := range r.graph.Repositories {
		pin, ok := pinned[repo.Name]
		if !ok {
			pin, ok = r.lock.Pin(repo.Name)
		}
		fmt.Fprintf(&b, "repository %s %s %t\n", repo.Name, pin, ok)
	}
	for _, a := range r.graph.Actions {
		if a.Toolchain != nil {
			fmt.Fprintf(&b, "program %s %s\n", a.Toolchain.Program, r.strategy.Glance(a.Toolchain))
		}
	}
	return r.store.Function().Sum([]byte(b.String()))
}

// ownFile stands for this version of pungo: its rules, its tools, and how it makes
// graphs and keys of definitions.
func ownFile() string {
	path, err := os.Executable()
	if err != nil {
		return err.Error()
	}
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
}

// matrix is the part of the matrix that was asked for, "" for all.
func (r *building) matrix() string {
	if len(r.cmd.Variant)+len(r.cmd.Arch) == 0 {
		return ""
	}
	set := func(names []string) string {
		return strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ",")
	}
	return set(r.cmd.Variant) + "." + set(r.cmd.Arch)
}

// newest returns the record of the compose that a new one would replace, nil if
// there is none or if another identity was asked for.
func (r *building) newest() *output.Record {
	matrix, c, id := r.matrix(), r.graph.Compose, &r.cmd.identityFlags
	rec := r.folder.Newest(func(rec *output.Record) bool {
		return rec.Matrix == matrix && rec.Status != output.Doomed && rec.Stamp.SameRelease(rules.Stamp{Release: c.Release, BaseProduct: c.BaseProduct})
	})
	if rec == nil || r.cmd.New {
		return nil
	}
	s := rec.Stamp
	asked := id.ComposeID != "" && id.ComposeID != s.ID || id.Date != "" && id.Date != s.Date ||
		id.Respin != nil && *id.Respin != s.Respin || c.Type != s.Type || c.Label != s.Label
	if asked {
		return nil
	}
	return rec
}

// dateFormat is that of dates in compose ids.
const dateFormat = "20060102"

// stamp is the identity of the compose to make.
func (r *building) stamp() (rules.Stamp, error) {
	c, id := r.graph.Compose, r.cmd.identityFlags
	s := rules.Stamp{Release: c.Release, BaseProduct: c.BaseProduct, Type: c.Type, Label: c.Label, Date: id.Date}
	if s.Date == "" {
		s.Date = dateIn.FindString(id.ComposeID)
	}
	if s.Date == "" {
		s.Date = time.Now().UTC().Format(dateFormat)
	}
	if id.Respin != nil {
		s.Respin = *id.Respin
	} else if id.ComposeID == "" {
		free, err := r.folder.FreeRespin(s)
		if err != nil {
			return s, outputError(err)
		}
		s.Respin = free
	}
	s.ID = s.DefaultID()
	if id.ComposeID != "" {
		s.ID = id.ComposeID
	}
	return s, nil
}

// dateIn finds the date in a compose id.
var dateIn = regexp.MustCompile(`[0-9]{8}`)

// check refuses an identity that no compose can have, before anything runs.
func (id *identityFlags) check() error {
	if _, err := time.Parse(dateFormat, id.Date); id.Date != "" && err != nil {
		return usagef("--date %q: want YYYYMMDD", id.Date)
	}
	if id.Respin != nil && *id.Respin < 0 {
		return usagef("--respin %d: want 0 or more", *id.Respin)
	}
	if name := id.ComposeID; name != "" && (name != filepath.Base(name) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "latest-") || name == output.Targets) {
		return usagef("--compose-id %q: want the name of a folder", name)
	}
	if date := dateIn.FindString(id.ComposeID); id.ComposeID != "" && (date == "" || id.Date != "" && !strings.Contains(id.ComposeID, id.Date)) {
		return usagef("--compose-id %q: want an id that contains the date of the compose, YYYYMMDD", id.ComposeID)
	}
	return nil
}

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
func (r *building) make(ctx context.Context, want []*rules.Artifact, newest *output.Record, sources cache.Digest) (rec *output.Record, unchanged bool, err error) {
	stamp, err := r.stamp()
	if err != nil {
		return nil, false, err
	}
	if err := r.build.Run(ctx, want...); err != nil {
		return nil, false, err
	}
	rec = &output.Record{Stamp: stamp, Early: r.early(sources), Sources: sourcesOf(r.graph), Matrix: r.matrix()}
	if rec.Unstamped, err = r.build.Unstamped(ctx, r.graph.Layout); err != nil {
		return nil, false, err
	}
	if newest != nil && newest.Unstamped == rec.Unstamped && newest.Status == r.status() {
		newest.Early, newest.Sources, newest.Notes = rec.Early, rec.Sources, r.notes()
		return newest, true, errors.Join(r.folder.WriteRecord(newest), r.checkOutput(ctx, newest))
	}
	r.build.Stamp(stamp)
	if err := r.build.Run(ctx, want...); err != nil {
		return nil, false, err
	}
	rec.Status, rec.Tree, rec.Notes = r.status(), r.tree(), r.notes()
	if r.folder.Exists(stamp.ID) {
		old := r.folder.Record(stamp.ID)
		if old == nil || old.Tree != rec.Tree || old.Status != rec.Status {
			return nil, false, usagef("compose %s exists and has other content\n  hint: it was left as it is; give another --compose-id, --date or --respin", stamp.ID)
		}
		return old, true, r.checkOutput(ctx, old)
	}
	return rec, false, r.publish(ctx, rec)
}

// tree is the tree of the compose as it was built.
func (r *building) tree() cache.Digest {
	n, _ := r.build.Artifact(r.graph.Layout.Outputs[0])
	return n.Digest
}

// publish places the compose. What it was made of is on disk before: a compose that
// the cache could not keep up with is no compose.
func (r *building) publish(ctx context.Context, rec *output.Record) error {
	if err := r.disk.Flush(ctx); err != nil {
		return err
	}
	err := placing(r.folder.Publish(rec, func(temporary string) (err error) {
		rec.Tree, err = r.materialize(ctx, r.tree, temporary)
		return err
	}))
	if err == nil {
		r.register(ctx)
	}
	return err
}

// register tells the cache which composes there are, for "pungo cache gc" to keep.
func (r *building) register(ctx context.Context) {
	var roots []disk.Root
	for _, rec := range r.folder.Records() {
		roots = append(roots, disk.Root{ID: rec.ID(), Tree: rec.Tree})
	}
	// Another machine may have the same path.
	host, err := os.Hostname()
	if err == nil {
		err = r.disk.SetRoots(ctx, host+":"+r.output, roots)
	}
	if err != nil {
		fmt.Fprintf(r.stderr, "warning: the cache does not know of the composes here: %v\n", err)
	}
}

// checkOutput compares the files of a compose with its tree, if that was asked
// for. Where the cache is wrong itself, it forgets what is wrong, so that the next
// build makes it again.
func (r *building) checkOutput(ctx context.Context, rec *output.Record) error {
	if !r.cmd.CheckOutput {
		return nil
	}
	dir := r.folder.Path(rec.ID())
	differences, err := materialize.Check(ctx, r.trees, rec.Tree, dir)
	if err != nil {
		return err
	}
	differences = slices.DeleteFunc(differences, func(d materialize.Difference) bool { return d.Path == "STATUS" })
	if len(differences) == 0 {
		return nil
	}
	for _, d := range differences {
		fmt.Fprintf(r.stderr, "%s: %s\n", rec.ID(), d)
		r.verify(ctx, rec.Tree, d.Path)
	}
	return &exit{exitFailed, fmt.Sprintf("compose %s is not as it was made\n  hint: remove %s and build again", rec.ID(), dir)}
}

// verify reads a file of a tree from the cache, which sets aside what is corrupt.
func (r *building) verify(ctx context.Context, tree cache.Digest, path string) {
	n, err := r.trees.Lookup(ctx, tree, path)
	if err != nil || n.Kind != cache.FileKind {
		return
	}
	f, err := r.store.Open(ctx, n.Digest)
	if err != nil {
		return
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, f); err != nil {
		fmt.Fprintf(r.stderr, "cache: %v\n", err)
	}
}

// unchanged says that there is nothing to do.
func (r *building) unchanged(rec *output.Record) error {
	if err := r.folder.Link(rec.Stamp); err != nil {
		return outputError(err)
	}
	if r.build == nil {
		// Nobody has said it in this run.
		for _, note := range rec.Notes {
			fmt.Fprintln(r.stderr, note)
		}
	}
	r.register(context.Background())
	if err := r.tell(context.Background(), rec, true); err != nil {
		return err
	}
	return verdict(rec.Status)
}

// told is what a build of a compose says with --json.
type told struct {
	ComposeID string        `json:"compose_id"`
	Path      string        `json:"path"`
	Status    output.Status `json:"status"`
	Unchanged bool          `json:"unchanged"`
	Digest    cache.Digest  `json:"digest"`
}

// tell prints where the compose is and, if it is new, what is in it.
func (r *building) tell(ctx context.Context, rec *output.Record, unchanged bool) error {
	dir := r.folder.Path(rec.ID())
	if r.json {
		return json.NewEncoder(r.stdout).Encode(told{rec.ID(), dir, rec.Status, unchanged, rec.Tree})
	}
	if unchanged {
		fmt.Fprintf(r.stdout, "nothing changed since %s\n%s\n", rec.ID(), dir)
		return nil
	}
	fmt.Fprintf(r.stdout, "%s %s\n%s\n", rec.ID(), rec.Status, dir)
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

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
