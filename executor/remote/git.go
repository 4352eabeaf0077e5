package remote

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/internal/gitfetch"
	"github.com/pungo-build/pungo/rules"
)

// Of a git repository a commit is pinned. Its name is the checksum of all that is in it,
// so that what was fetched once is never asked for again, from wherever.

// Bounds of a commit.
const (
	maxCheckout      = 1 << 30 // bytes of all files, and of what a server sends
	maxCheckoutFiles = 100_000
	maxGitLink       = 4096 // bytes, PATH_MAX of Linux
)

// gitPlace is where a git repository is.
func (r *Remote) gitPlace(repo *rules.Repository) *gitfetch.Repository {
	at := &gitfetch.Repository{URL: repo.Git, HTTP: r.opts.Client.HTTP(), Temp: r.opts.Temp, Limit: maxCheckout}
	if !strings.Contains(repo.Git, "://") && !filepath.IsAbs(repo.Git) {
		at.URL = filepath.Join(r.opts.Root, filepath.FromSlash(repo.Git))
	}
	return at
}

// newestCommit pins the commit that the ref is at.
func (r *Remote) newestCommit(ctx context.Context, repo *rules.Repository) (Pin, error) {
	at := r.gitPlace(repo)
	commit, err := at.Resolve(ctx, repo.Ref)
	if err != nil {
		return Pin{}, atPlace(at.URL, err)
	}
	return Pin{Arch: repo.Arch, Commit: commit, Revision: repo.Ref}, nil
}

// atPlace says where a git repository was looked for. What went wrong on the way there
// is an error of the network.
func atPlace(at string, err error) error {
	at = fetch.Redacted(at)
	if transport := (*gitfetch.TransportError)(nil); errors.As(err, &transport) {
		return &fetch.Error{URL: at, Err: transport.Err}
	}
	return fmt.Errorf("%s: %w", at, err)
}

// checkout returns the files of a commit, from the store or out of the repository.
func (r *Remote) checkout(ctx context.Context, repo *rules.Repository, pin Pin) (cache.Node, error) {
	key := sha256.Sum256([]byte("git commit " + pin.Commit))
	for {
		done, mine := r.claim(key)
		if mine {
			defer r.release(key)
			break
		}
		select {
		case <-done:
		case <-ctx.Done():
			return cache.Node{}, ctx.Err()
		}
	}
	memo := r.opts.Store.Function().Sum([]byte("pungo git commit 2 " + pin.Commit))
	if n, ok := r.memoizedTree(ctx, memo); ok {
		return n, nil
	}
	if r.opts.Offline {
		return cache.Node{}, fmt.Errorf("commit %s: %w", pin.Commit, ErrOffline)
	}
	at := r.gitPlace(repo)
	root, err := r.readCommit(ctx, at, pin)
	if errors.Is(err, gitfetch.ErrNotThere) {
		label, _, _ := strings.Cut(repo.Name, "@")
		return cache.Node{}, fmt.Errorf("%s: commit %s: %w\n  hint: `pungo lock --update %s` takes what %q is at now", fetch.Redacted(at.URL), pin.Commit, err, label, repo.Ref)
	}
	if err != nil {
		return cache.Node{}, atPlace(at.URL, err)
	}
	n := cache.Node{Kind: cache.DirKind, Digest: root}
	return n, r.opts.Actions.Record(ctx, memo, cache.Result{Outputs: []cache.Node{{Name: "files", Kind: cache.DirKind, Digest: root}}})
}

// memoizedTree returns the folder that was recorded under a key, if all of it is there.
func (r *Remote) memoizedTree(ctx context.Context, memo cache.Digest) (cache.Node, bool) {
	result, err := r.opts.Actions.Lookup(ctx, memo)
	if err != nil || len(result.Outputs) != 1 {
		return cache.Node{}, false
	}
	root := result.Outputs[0].Digest
	var files []cache.Digest
	err = r.trees.Walk(ctx, root, func(_ string, n cache.Node) error {
		if n.Kind == cache.FileKind {
			files = append(files, n.Digest)
		}
		return nil
	})
	if err != nil {
		return cache.Node{}, false
	}
	missing, err := r.opts.Store.Missing(ctx, files)
	return cache.Node{Kind: cache.DirKind, Digest: root}, err == nil && len(missing) == 0
}

// readCommit stores the files of a commit. A link that leads out of it is left out.
func (r *Remote) readCommit(ctx context.Context, at *gitfetch.Repository, pin Pin) (cache.Digest, error) {
	b := r.trees.Builder()
	files, size := 0, int64(0)
	err := at.Files(ctx, pin.Revision, pin.Commit, func(f gitfetch.File, content io.Reader) error {
		files, size = files+1, size+f.Size
		if files > maxCheckoutFiles || size > maxCheckout {
			return fmt.Errorf("more than %d files or %d bytes", maxCheckoutFiles, maxCheckout)
		}
		n := cache.Node{Kind: cache.FileKind, Executable: f.Executable}
		if f.Link {
			if f.Size > maxGitLink {
				return fmt.Errorf("%s: a symbolic link of %d bytes, want %d at most", f.Path, f.Size, maxGitLink)
			}
			target, err := io.ReadAll(content)
			if err != nil {
				return err
			}
			if _, inside := cache.LinkedPath(f.Path, string(target)); !inside {
				return nil // a test case, as a rule; no tree can have it
			}
			return b.Add(f.Path, cache.Node{Kind: cache.SymlinkKind, Target: string(target)})
		}
		w, err := r.opts.Store.Create(ctx)
		if err != nil {
			return err
		}
		defer w.Abort()
		if _, err := io.Copy(w, content); err != nil {
			return err
		}
		if n.Digest, err = w.Commit(); err != nil {
			return err
		}
		return b.Add(f.Path, n)
	})
	if err != nil {
		return cache.Digest{}, err
	}
	return b.Build(ctx)
}
