package executor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// This file is what workers do: they are given values and return values, and
// know nothing of the plan.

// prepared is an action as it runs: its key is made, its input root is not
// stored yet.
type prepared struct {
	action *rules.Action
	key    cache.Digest
	// inputs are what the input root holds, root is its digest, and dirs are the
	// directories it is made of.
	inputs []cache.Node
	root   cache.Digest
	dirs   [][]byte
	args   []string
	fields []Field
	// origins tells for the path of each input where it comes from.
	origins map[string]string
	// again keeps the recorded result from being looked at.
	again bool
}

// looked is what a look-up yields.
type looked struct {
	prepared *prepared // nil if the key could not be made
	result   cache.Result
	hit      bool
	printed  printed // by a test that failed
	took     time.Duration
	err      error
}

// look makes the key of an action and looks up what is recorded under it.
func (b *Build) look(ctx context.Context, a *rules.Action, g given, again bool) (l looked) {
	begin := b.opts.Now()
	defer func() { l.took = b.opts.Now().Sub(begin) }()
	defer recoverBug(&l.err)
	if l.err = b.fill(ctx, a, &g); l.err != nil {
		return l
	}
	if l.prepared, l.err = b.prepare(a, g); l.err != nil {
		return l
	}
	l.prepared.again = again
	if again {
		return l
	}
	l.result, l.hit, l.err = b.lookup(ctx, l.prepared.key)
	l.hit = l.hit && fits(a, l.result) == nil
	if l.hit && l.result.ExitCode != 0 {
		l.printed = b.printed(ctx, l.result)
	}
	return l
}

func (b *Build) prepare(a *rules.Action, g given) (*prepared, error) {
	k, e := newKeyed(b.opts.Store.Function(), leading(a)), &explained{}
	describe(a, g, k)
	describe(a, g, e)
	p := &prepared{action: a, fields: e.fields, origins: map[string]string{}}
	for f, path := range pathsOf(a, g.Inputs) {
		p.origins[path] = origin(f)
	}
	key, m, err := k.key()
	if err != nil {
		return p, err
	}
	p.key, p.inputs, p.root, p.dirs = key, m.inputs, m.root, m.dirs
	p.args = k.args
	return p, b.lacking(a, g, p.args)
}

// lacking reports whether absent inputs leave an action nothing to run with: an
// optional one all of whose inputs are absent, or a tool that lost an argument it
// needs.
func (b *Build) lacking(a *rules.Action, g given, args []string) error {
	n := slices.IndexFunc(g.Inputs, input.absent)
	if n < 0 {
		return nil
	}
	from := g.Inputs[n].Artifact
	if a.Optional && !slices.ContainsFunc(g.Inputs, func(in input) bool { return !in.absent() }) {
		return fmt.Errorf("%s of %s is absent", from.Name, origin(from))
	}
	if t := b.opts.Tools[a.Tool]; t != nil {
		if err := t.Check(args); err != nil {
			return fmt.Errorf("%w, since %s of %s is absent", err, from.Name, origin(from))
		}
	}
	return nil
}

// lookup returns the result recorded under key. What cannot be read is not
// there: a cache that does not answer fails no build.
func (b *Build) lookup(ctx context.Context, key cache.Digest) (cache.Result, bool, error) {
	r, err := b.opts.Actions.Lookup(ctx, key)
	switch {
	case err == nil && b.lost.inside(ctx, b, r):
		return cache.Result{}, false, nil
	case err == nil:
		return r, true, nil
	case ctx.Err() != nil:
		return cache.Result{}, false, ctx.Err()
	case !errors.Is(err, cache.ErrNotFound):
		b.warnOnce(fmt.Sprintf("the action cache cannot be read: %v", err))
	}
	return cache.Result{}, false, nil
}

// fits reports what is wrong with a result as that of an action: each declared
// output has to be there, as what it was declared, and for a tool nothing else.
// An exit status that a test gives is a verdict, and then any output may be
// missing: what reads it finds it absent.
func fits(a *rules.Action, r cache.Result) error {
	if r.ExitCode != 0 && (!a.Test || r.ExitCode >= signalled) {
		return exitStatus(r.ExitCode)
	}
	declared := map[string]bool{}
	for _, f := range a.Outputs {
		declared[outputPath(f)] = true
		n, ok := r.Output(outputPath(f))
		if !ok && r.ExitCode != 0 {
			continue
		}
		if !ok {
			return fmt.Errorf("output %q was not made", f.Name)
		}
		if n.Kind != f.Kind {
			return fmt.Errorf("output %q is %s, want %s", f.Name, kindName(n.Kind), kindName(f.Kind))
		}
	}
	for _, n := range r.Outputs {
		if !declared[n.Name] {
			return fmt.Errorf("output %q was made, and is not declared", strings.TrimPrefix(n.Name, outputDir+"/"))
		}
	}
	return nil
}

// outcome is what a run yields.
type outcome struct {
	result cache.Result
	ran    bool // by this worker; else the result was recorded meanwhile
	// printed is by a host program that failed.
	printed printed
	took    time.Duration
	err     error
	// hits and runs count nested actions.
	hits, runs int
}

// perform runs an action and records its result. If an action with the same key
// runs already, it waits for that.
func (b *Build) perform(ctx context.Context, s *slots, p *prepared) (o outcome) {
	begin := b.opts.Now()
	defer func() { o.took = b.opts.Now().Sub(begin) }()
	defer recoverBug(&o.err)
	parts := &parts{}
	o.result, o.err = b.calls.do(ctx, p.key, func(ctx context.Context) (cache.Result, error) {
		if !p.again {
			// Another action may have recorded it since the look-up.
			if r, hit, err := b.lookup(ctx, p.key); err != nil || hit {
				return r, err
			}
		}
		o.ran = true
		if p.action.IsCommand() {
			return b.runCommand(ctx, p)
		}
		r, err := b.runTool(ctx, p, &host{b: b, share: newShare(s, p.action.Resources), parts: parts, action: p.action})
		if caller, ok := b.opts.Actions.(cache.Caller); ok && err == nil {
			err = caller.Called(context.WithoutCancel(ctx), p.key, parts.called)
		}
		return r, err
	})
	o.hits, o.runs = parts.counts()
	if failed := (*programError)(nil); errors.As(o.err, &failed) {
		o.printed = b.printed(ctx, failed.result)
	}
	if o.err == nil && o.result.ExitCode != 0 {
		o.printed = b.printed(ctx, o.result)
	}
	if o.err == nil {
		o.err = fits(p.action, o.result)
	}
	return o
}

func (b *Build) runTool(ctx context.Context, p *prepared, h *host) (cache.Result, error) {
	tool, err := b.tool(p.action.Tool)
	if err != nil {
		return cache.Result{}, err
	}
	r, err := b.runJob(ctx, tool, p.action.Timeout, p.args, p.inputs, h)
	if err != nil {
		return r, p.named(err)
	}
	return r, b.record(ctx, p, r)
}

// named puts names for people in place of the paths by which a tool knows its
// inputs.
func (p *prepared) named(err error) error {
	var c *rules.Collision
	if !errors.As(err, &c) {
		return err
	}
	named := &rules.Collision{Path: c.Path}
	for _, path := range c.Inputs {
		named.Inputs = append(named.Inputs, cmp.Or(p.origins[path], path))
	}
	return named
}

// runJob runs a tool, of an action or of a call.
func (b *Build) runJob(ctx context.Context, t *rules.Tool, limit time.Duration, args []string, inputs []cache.Node, h *host) (r cache.Result, err error) {
	begin := b.opts.Now()
	job := &rules.Job{Host: h, Args: args, Trees: b.trees, Inputs: inputs}
	err = limited(ctx, limit, func(ctx context.Context) (err error) {
		defer recoverBug(&err)
		return t.Run(ctx, job)
	})
	if err != nil {
		return r, err
	}
	r = job.Result()
	r.Outputs = slices.Clone(r.Outputs)
	slices.SortFunc(r.Outputs, byName)
	r.Warnings = append(slices.Clone(r.Warnings), h.warned()...)
	r.Duration = b.opts.Now().Sub(begin)
	if err := r.Check(); err != nil {
		return r, &BugError{Value: fmt.Sprintf("tool %s: %v", t.Name, err)}
	}
	return r, b.present(ctx, r)
}

// limited runs work with a time limit; 0 means none.
func limited(ctx context.Context, limit time.Duration, work func(context.Context) error) error {
	if limit == 0 {
		return work(ctx)
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := work(inner)
	if err != nil && ctx.Err() == nil && inner.Err() != nil {
		return fmt.Errorf("took more than %s", limit)
	}
	return err
}

// putAll stores the directories of an input root, for a program that will find
// them as folders. A tool gets its inputs by name.
func (b *Build) putAll(ctx context.Context, dirs [][]byte) error {
	for _, dir := range dirs {
		if _, err := b.opts.Store.Put(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

// present reports an output that is not in the store, which no record may name.
func (b *Build) present(ctx context.Context, r cache.Result) error {
	missing, err := b.opts.Store.Missing(ctx, r.Digests())
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return &cache.BlobError{Digest: missing[0], Err: cache.ErrNotFound}
	}
	return nil
}

// record stores a result that is worth it. What is finished is recorded even
// though the build stops.
func (b *Build) record(ctx context.Context, p *prepared, r cache.Result) error {
	if fits(p.action, r) != nil {
		return nil
	}
	return b.opts.Actions.Record(context.WithoutCancel(ctx), p.key, r)
}

func (b *Build) runCommand(ctx context.Context, p *prepared) (r cache.Result, err error) {
	a := p.action
	s, _, err := b.strategy(ctx, a)
	if err != nil {
		return r, err
	}
	if err := b.putAll(ctx, p.dirs); err != nil {
		return r, err
	}
	epoch, err := b.epoch(ctx, p.root)
	if err != nil {
		return r, err
	}
	c := &Command{Toolchain: a.Toolchain, Arch: a.Arch, Args: p.args, Root: p.root, Epoch: epoch}
	c.Env = append([]string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(epoch, 10)}, variables(a)...)
	for _, f := range a.Outputs {
		c.Outputs = append(c.Outputs, cache.Node{Name: outputPath(f), Kind: f.Kind})
	}
	begin := b.opts.Now()
	err = limited(ctx, a.Timeout, func(ctx context.Context) (err error) {
		r, err = s.Run(ctx, c)
		return err
	})
	if err != nil {
		return r, err
	}
	r.Duration = b.opts.Now().Sub(begin)
	return r, b.record(ctx, p, r)
}

// tailBytes is how much of what a program printed a failure shows at most.
const tailBytes = 8 << 10

// printed is what a host program printed that failed.
type printed struct {
	tail           string       // the end of it
	stdout, stderr cache.Digest // all of it
}

// printed returns what a program printed: in the tail its errors, and before them
// what else it said, as far as there is room.
func (b *Build) printed(ctx context.Context, r cache.Result) printed {
	stderr := b.tailOf(ctx, r.Stderr, tailBytes)
	stdout := b.tailOf(ctx, r.Stdout, tailBytes-len(stderr))
	return printed{strings.ToValidUTF8(stdout+stderr, "\uFFFD"), r.Stdout, r.Stderr}
}

// tailOf returns the last bytes of a blob, from the begin of a line; nothing if
// the blob cannot be read, since it only illustrates another error.
func (b *Build) tailOf(ctx context.Context, d cache.Digest, most int) string {
	if d.IsZero() || d.Size() == 0 || most <= 0 {
		return ""
	}
	f, err := b.opts.Store.Open(ctx, d)
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, min(int64(most), d.Size()))
	n, err := f.ReadAt(buf, d.Size()-int64(len(buf)))
	if err != nil && err != io.EOF {
		return ""
	}
	text := string(buf[:n])
	if _, rest, ok := strings.Cut(text, "\n"); ok && int64(n) < d.Size() {
		return rest
	}
	return text
}

// epochs remembers the newest modification time below directories.
type epochs struct {
	mu     sync.Mutex
	newest map[cache.Digest]int64
}

// defaultEpoch is 1980-01-01, the first day that FAT and zip can write.
const defaultEpoch = 315532800

// epoch is SOURCE_DATE_EPOCH for an input root.
func (b *Build) epoch(ctx context.Context, root cache.Digest) (int64, error) {
	t, err := b.newest(ctx, root)
	if t == 0 {
		t = defaultEpoch
	}
	return t, err
}

func (b *Build) newest(ctx context.Context, dir cache.Digest) (int64, error) {
	b.epochs.mu.Lock()
	newest, ok := b.epochs.newest[dir]
	b.epochs.mu.Unlock()
	if ok {
		return newest, nil
	}
	nodes, err := b.trees.Read(ctx, dir)
	if err != nil {
		return 0, err
	}
	for _, n := range nodes {
		t := n.ModTime
		if n.Kind == cache.DirKind {
			if t, err = b.newest(ctx, n.Digest); err != nil {
				return 0, err
			}
		}
		newest = max(newest, t)
	}
	b.epochs.mu.Lock()
	defer b.epochs.mu.Unlock()
	if b.epochs.newest == nil {
		b.epochs.newest = map[cache.Digest]int64{}
	}
	b.epochs.newest[dir] = newest
	return newest, nil
}
