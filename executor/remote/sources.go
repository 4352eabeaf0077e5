package remote

import (
	"context"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// Sources are the files of a workspace, and repositories.
type Sources struct {
	Workspace    executor.Sources
	Repositories *Remote
}

// Resolve implements executor.Sources.
func (s Sources) Resolve(ctx context.Context, src *rules.Source) (cache.Node, error) {
	if src.Repository != "" {
		return s.Repositories.Resolve(ctx, src)
	}
	return s.Workspace.Resolve(ctx, src)
}

// Forget implements executor.Forgetter. Of repositories nothing is remembered: whether
// their files are in the store is looked at each time.
func (s Sources) Forget(src *rules.Source) {
	if workspace, ok := s.Workspace.(executor.Forgetter); ok && src.Repository == "" {
		workspace.Forget(src)
	}
}
