package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// A result says which outputs an action had, and the store may have lost them
// since: evicted them, or kept them badly. Then the record is still true, and the
// action that made the blob makes it again.

// maxHealing is how often a step is taken again since it misses a blob, each time
// another one. Whoever has lost more has lost his cache.
const maxHealing = 64

// lostBlobs are the blobs that were missed in this build.
type lostBlobs struct {
	mu      sync.Mutex
	digests []cache.Digest
}

// add reports whether the blob was not missed before.
func (l *lostBlobs) add(d cache.Digest) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.digests, d) {
		return false
	}
	l.digests = append(l.digests, d)
	return true
}

func (l *lostBlobs) all() []cache.Digest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.digests)
}

// inside reports whether a result holds a blob that was missed and is still
// missing, so that it is no hit.
func (l *lostBlobs) inside(ctx context.Context, b *Build, r cache.Result) bool {
	lost := l.all()
	if len(lost) == 0 {
		return false
	}
	missing, err := b.opts.Store.Missing(ctx, lost)
	if err != nil || len(missing) == 0 {
		return false
	}
	seen := map[cache.Digest]bool{}
	return slices.ContainsFunc(r.Outputs, func(n cache.Node) bool {
		return b.holds(ctx, n, missing, seen)
	})
}

// holds reports whether a node is or may contain one of digests. A directory that
// cannot be read may contain everything. seen are directories that contain none.
func (b *Build) holds(ctx context.Context, n cache.Node, digests []cache.Digest, seen map[cache.Digest]bool) bool {
	if slices.Contains(digests, n.Digest) {
		return true
	}
	if n.Kind != cache.DirKind || seen[n.Digest] {
		return false
	}
	dir, err := b.trees.Read(ctx, n.Digest)
	if err != nil {
		return true
	}
	for _, child := range dir {
		if b.holds(ctx, child, digests, seen) {
			return true
		}
	}
	seen[n.Digest] = true
	return false
}

// Heal makes again what lost a blob, given the error of whoever missed it. An
// error that is not about a blob is returned as it is.
func (b *Build) Heal(ctx context.Context, err error) error {
	var lost *cache.BlobError
	if !errors.As(err, &lost) {
		return err
	}
	everything := make([]bool, len(b.steps))
	for i := range everything {
		everything[i] = true
	}
	if healing, herr := b.remake(ctx, lost, everything); herr != nil {
		return herr
	} else if !healing {
		return err
	}
	return b.run(ctx, everything)
}

// heal takes step i again after the actions that made the blob it missed. It
// returns false if that was of no use before.
func (b *Build) heal(ctx context.Context, i int, lost *cache.BlobError) bool {
	s := b.steps[i]
	if s.healed++; s.healed > maxHealing {
		return false
	}
	upstream := make([]bool, len(b.steps))
	upstream[i] = true
	b.withInputs(upstream)[i] = false
	first := !slices.Contains(b.lost.all(), lost.Digest)
	healing, err := b.remake(ctx, lost, upstream)
	// The action may have made and lost the blob itself, by a nested action: then
	// there is nothing to wait for, but its next look-up sees that.
	if err != nil || !healing && !first {
		return false
	}
	b.plan.set(i, waiting)
	return true
}

// remake sets a blob aside and has everything made again that holds it, among the
// given steps. It reports whether that is of use: something is made again, or has
// been since the blob was missed.
func (b *Build) remake(ctx context.Context, lost *cache.BlobError, among []bool) (bool, error) {
	digests := []cache.Digest{lost.Digest}
	if !b.lost.add(lost.Digest) {
		missing, err := b.opts.Store.Missing(ctx, digests)
		return len(missing) == 0 || b.underWay(ctx, digests, among), err
	}
	if d, ok := b.opts.Store.(cache.Discarder); ok && errors.Is(lost, cache.ErrCorrupt) {
		if err := d.Discard(ctx, lost.Digest); err != nil {
			return false, err
		}
	}
	var again []*step
	seen := map[cache.Digest]bool{}
	for i, s := range b.steps {
		if among[i] && b.plan.steps[i].state == done && b.keeps(ctx, s, digests, seen) {
			s.again = true
			b.plan.set(i, waiting)
			again = append(again, s)
		}
	}
	forgotten := b.forget(ctx, digests, seen)
	b.tellLost(lost, again)
	return len(again) > 0 || forgotten, nil
}

// keeps reports whether an output of a step holds one of digests.
func (b *Build) keeps(ctx context.Context, s *step, digests []cache.Digest, seen map[cache.Digest]bool) bool {
	return slices.ContainsFunc(s.result.Outputs, func(n cache.Node) bool { return b.holds(ctx, n, digests, seen) })
}

// underWay reports whether a step that held one of digests is being taken again.
func (b *Build) underWay(ctx context.Context, digests []cache.Digest, among []bool) bool {
	seen := map[cache.Digest]bool{}
	for i, s := range b.steps {
		if among[i] && s.again && !b.plan.steps[i].state.settled() && b.keeps(ctx, s, digests, seen) {
			return true
		}
	}
	return false
}

// forget drops the sources that hold one of digests, so that they are stored again.
func (b *Build) forget(ctx context.Context, digests []cache.Digest, seen map[cache.Digest]bool) bool {
	any := false
	for _, s := range b.steps {
		for _, f := range s.inputs {
			if f.Source == nil {
				continue
			}
			n, ok := b.sources.known(*f.Source)
			if !ok || !b.holds(ctx, n, digests, seen) {
				continue
			}
			b.sources.forget(*f.Source)
			if forgetter, ok := b.opts.Sources.(Forgetter); ok {
				forgetter.Forget(f.Source)
			}
			any = true
		}
	}
	return any
}

func (b *Build) tellLost(lost *cache.BlobError, again []*step) {
	e := rules.Event{Kind: rules.Warned}
	what := "missing"
	if errors.Is(lost, cache.ErrCorrupt) {
		what = "corrupt"
	}
	e.Text = fmt.Sprintf("blob %s is %s in the cache", lost.Digest, what)
	if len(again) > 0 {
		e = event(rules.Warned, again[0].action)
		e.Text = fmt.Sprintf("blob %s is %s in the cache; what made it runs again", lost.Digest, what)
	}
	b.emit(e)
}
