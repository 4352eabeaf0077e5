package executor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// host is what a running tool has of the executor.
type host struct {
	b     *Build
	share *share
	// parts and action are those of the action at the top.
	parts  *parts
	action *rules.Action
	nested bool // it is that of a nested action

	mu sync.Mutex
	// warnings of nested actions, which become warnings of this one.
	warnings map[string]bool
}

// parts counts the nested actions of an action.
type parts struct {
	hits, runs atomic.Int64

	mu     sync.Mutex
	called []cache.Digest // keys of those, in any order
}

func (p *parts) add(key cache.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.called = append(p.called, key)
}

func (p *parts) counts() (hits, runs int) { return int(p.hits.Load()), int(p.runs.Load()) }

// Each implements rules.Host.
func (h *host) Each(ctx context.Context, n int, fn func(context.Context, int) error) error {
	return h.share.each(ctx, n, fn)
}

// Decoded implements rules.Host.
func (h *host) Decoded(ctx context.Context, d cache.Digest, kind string, decode func(context.Context, []byte) (any, int64, error)) (any, error) {
	return h.b.decoded.get(ctx, decodedKey{d, kind}, decode)
}

// Call implements rules.Host. The nested action runs in the slot of its caller.
func (h *host) Call(ctx context.Context, c rules.Call) (cache.Result, error) {
	tool, err := h.b.tool(c.Tool)
	if err != nil {
		return cache.Result{}, &BugError{Value: err.Error()}
	}
	// The arguments are at hand: all of them are passed over.
	k := newKeyed(h.b.opts.Store.Function(), toolWords+len(c.Args))
	k.grow(c)
	describeCall(c, tool.Version, k)
	key, m, err := k.key()
	if err != nil {
		return cache.Result{}, &BugError{Value: fmt.Sprintf("call of tool %s: %v", c.Tool, err)}
	}
	ran := false
	r, err := h.b.calls.do(ctx, key, func(ctx context.Context) (cache.Result, error) {
		if r, hit, err := h.b.lookup(ctx, key); err != nil || hit {
			return r, err
		}
		ran = true
		return h.run(ctx, tool, key, func(child *host) (cache.Result, error) {
			return h.b.runJob(ctx, tool, 0, c.Args, m.inputs, child)
		})
	})
	if errors.Is(err, errCircle) {
		return r, &BugError{Value: "tool " + c.Tool + " waits for itself"}
	}
	if ran {
		h.parts.runs.Add(1)
	} else if err == nil {
		h.parts.hits.Add(1)
	}
	if err == nil {
		h.parts.add(key)
	}
	h.warn(r.Warnings)
	return r, err
}

// Download implements rules.Host.
func (h *host) Download(ctx context.Context, d rules.Download) (cache.Digest, error) {
	if h.b.opts.Downloads == nil {
		return cache.Digest{}, fmt.Errorf("%s of %s: nobody downloads here", d.Href, d.Repository)
	}
	file, fetched, err := h.b.opts.Downloads.Download(ctx, d)
	if err == nil {
		e := event(rules.Downloaded, h.action)
		e.Status, e.Files, e.Bytes, e.Text = rules.Hit, 1, d.Size, d.Href
		if fetched {
			e.Status = rules.Ran
		}
		h.b.emit(e)
	}
	return file, err
}

// ToDownload implements rules.Host.
func (h *host) ToDownload(files int, bytes int64) {
	e := event(rules.ToDownload, h.action)
	e.Files, e.Bytes = files, bytes
	h.b.emit(e)
}

// run runs a nested action, records its result and tells so.
func (h *host) run(ctx context.Context, t *rules.Tool, key cache.Digest, job func(*host) (cache.Result, error)) (cache.Result, error) {
	begin := h.b.opts.Now()
	r, err := job(&host{b: h.b, share: h.share, parts: h.parts, action: h.action, nested: true})
	if err == nil {
		err = h.b.opts.Actions.Record(context.WithoutCancel(ctx), key, r)
	}
	e := event(rules.ActionFinished, h.action)
	e.Mnemonic, e.Nested, e.Key, e.Status = t.Name, true, key.String(), rules.Ran
	e.Seconds = h.b.opts.Now().Sub(begin).Seconds()
	if err != nil {
		e.Status, e.Text = rules.Failed, err.Error()
		if ctx.Err() != nil {
			e.Status = rules.Interrupted
		}
	}
	h.b.emit(e)
	return r, err
}

func (h *host) warn(texts []string) {
	if len(texts) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.warnings == nil {
		h.warnings = map[string]bool{}
	}
	for _, text := range texts {
		h.warnings[text] = true
	}
}

// warned returns the warnings of nested actions, each once, sorted: whatever
// order they ran in.
func (h *host) warned() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.warnings))
}
