package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/rules"
)

// The signature of a repository is a file beside repomd.xml that nothing has the checksum
// of. So it is pinned as repomd.xml itself is: a lock names one state, and whoever built
// it once has the signature in the cache, whatever the repository has by now. Whether it
// is good is for tools to say, whose results are kept; here nobody has keys.

const signaturePath = indexPath + ".asc"

// maxSignature is the largest repomd.xml.asc that is downloaded, in bytes: hundreds of
// signatures.
const maxSignature = 1 << 20

// IsComplete reports whether a pin has all that is needed of a repository.
func (p Pin) IsComplete(repo *rules.Repository) bool {
	return p.isOf(repo) && (!repo.Signed || p.Signature != (FilePin{}))
}

// isOf reports whether a pin is of a repository of this kind, and of git, of this ref.
func (p Pin) isOf(repo *rules.Repository) bool {
	if repo.Git != "" {
		return p.Commit != "" && p.Revision == repo.Ref
	}
	return p.Commit == ""
}

// Complete adds the signature to the pin of a repository that has to be signed. It is the
// newest one, which fits only if the repository is in the state that is pinned.
func (r *Remote) Complete(ctx context.Context, repo *rules.Repository, pin Pin) (Pin, error) {
	if pin.IsComplete(repo) {
		return pin, nil
	}
	if !pin.isOf(repo) {
		return r.Newest(ctx, repo)
	}
	if r.opts.Offline {
		return Pin{}, fmt.Errorf("%s: %w", signaturePath, ErrOffline)
	}
	p, err := r.places(ctx, repo)
	if err != nil {
		return Pin{}, err
	}
	pin.Signature, err = r.signature(ctx, p, "")
	return pin, err
}

// signature downloads repomd.xml.asc, first of all from where repomd.xml was: mirrors
// may be of different states.
func (r *Remote) signature(ctx context.Context, p *places, index string) (FilePin, error) {
	urls := p.urls(signaturePath)
	if i := slices.Index(urls, index+".asc"); i > 0 {
		first := urls[i]
		urls = slices.Insert(slices.Delete(urls, i, i+1), 0, first)
	}
	d, _, err := r.download(ctx, fetch.File{URLs: urls, Size: -1, Max: maxSignature})
	if errors.Is(err, fetch.ErrNotThere) {
		return FilePin{}, fmt.Errorf("%w\n  hint: the repository is not signed; gpgkeys wants it to be", err)
	}
	if err != nil {
		return FilePin{}, err
	}
	note, err := cache.Noted(ctx, r.opts.Store, d)
	return FilePin{note.SHA256, d.Size()}, err
}

// addSignature adds repomd.xml.asc to the files of a source.
func (r *Remote) addSignature(ctx context.Context, b *cache.Builder, repo *rules.Repository, f FilePin) error {
	d, _, err := r.blob(ctx, repo, signaturePath, f.SHA256, f.Size)
	if err != nil {
		return stale(repo, err)
	}
	return b.Add("repomd.xml.asc", cache.Node{Kind: cache.FileKind, Digest: d})
}
