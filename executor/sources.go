package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// sources remembers what the workspace held when it was first asked: a build sees
// one state of it.
type sources struct {
	resolving flights[rules.Source, cache.Node]
	mu        sync.Mutex
	nodes     map[rules.Source]cache.Node
}

func (r *sources) known(s rules.Source) (cache.Node, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.nodes[s]
	return n, ok
}

func (r *sources) remember(s rules.Source, n cache.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes == nil {
		r.nodes = map[rules.Source]cache.Node{}
	}
	r.nodes[s] = n
}

func (r *sources) forget(s rules.Source) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.nodes, s)
}

// source returns the node of an artifact that the workspace holds.
func (b *Build) source(ctx context.Context, f *rules.Artifact) (cache.Node, error) {
	if n, ok := b.sources.known(*f.Source); ok {
		return n, nil
	}
	if b.opts.Sources == nil {
		return cache.Node{}, fmt.Errorf("%s: a source, and nobody has any", f.Source)
	}
	n, err := b.sources.resolving.do(ctx, *f.Source, func(ctx context.Context) (cache.Node, error) {
		n, err := b.opts.Sources.Resolve(ctx, f.Source)
		if err == nil {
			b.sources.remember(*f.Source, n)
		}
		return n, err
	})
	if err == nil && n.Kind != f.Kind {
		err = fmt.Errorf("%s: %s, want %s", f.Source, kindName(n.Kind), kindName(f.Kind))
	}
	return n, err
}

func kindName(k cache.Kind) string {
	switch k {
	case cache.FileKind:
		return "a file"
	case cache.DirKind:
		return "a folder"
	case cache.SymlinkKind:
		return "a symbolic link"
	}
	return "nothing"
}

// fill completes what the key of an action depends on: sources, the version of
// its tool or the fingerprint of its program.
func (b *Build) fill(ctx context.Context, a *rules.Action, g *given) (err error) {
	if a.Toolchain != nil {
		if _, g.Toolchain, err = b.strategy(ctx, a); err != nil {
			return err
		}
	}
	if !a.IsCommand() {
		tool, err := b.tool(a.Tool)
		if err != nil {
			return err
		}
		g.Version = tool.Version
	}
	for i, in := range g.Inputs {
		if in.Artifact.Source == nil {
			if _, ok := b.producer(in.Artifact); !ok {
				return &BugError{Value: fmt.Sprintf("input %q has no producer", in.Artifact.Name)}
			}
			continue
		}
		if g.Inputs[i].Node, err = b.source(ctx, in.Artifact); err != nil {
			return err
		}
	}
	return nil
}

func (b *Build) tool(name string) (*rules.Tool, error) {
	if t, ok := b.opts.Tools[name]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("tool %q is not known", name)
}

// strategy returns the strategy that runs an action's program, and the
// program's fingerprint.
func (b *Build) strategy(ctx context.Context, a *rules.Action) (Strategy, string, error) {
	var first error
	for _, s := range b.opts.Strategies {
		fingerprint, err := s.Fingerprint(ctx, a.Toolchain, a.Arch)
		if err == nil {
			return s, fingerprint, nil
		}
		var unavailable *UnavailableError
		if !errors.As(err, &unavailable) {
			return nil, "", err
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = &UnavailableError{Program: a.Toolchain.Program, Hint: a.Toolchain.Hint}
	}
	return nil, "", first
}
