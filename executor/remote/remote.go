// Package remote is where repositories come from: it resolves those that a graph
// names to their metadata, and downloads packages.
//
// A repository is what its pin in the lock says, whatever the world has by now. What
// was downloaded once is known by its checksum, in the action cache, and is not
// asked for again: with a lock and a warm cache there is no network.
package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
)

// Options of Open.
type Options struct {
	Store   cache.Store
	Actions cache.ActionCache
	Client  *fetch.Client
	Lock    *Lock
	// Root is the folder that relative base URLs are below.
	Root string
	// Temp is a folder for what has to be a file for a moment.
	Temp string
	// Locked: a repository without pin is a *LockedError, and not pinned.
	Locked bool
	// Offline: nothing is downloaded; what would have to be is an error.
	Offline bool
}

// Remote resolves repositories. It is safe for use by several goroutines.
type Remote struct {
	opts   Options
	trees  *cache.Trees
	byName map[string]*rules.Repository

	mu     sync.Mutex
	pinned map[string]Pin             // since Open
	busy   map[[32]byte]chan struct{} // files that are being downloaded, by checksum
	known  map[string]*places
}

// LockedError says that the lock has no pin where there has to be one.
type LockedError struct {
	Repository string
	Signature  bool // the repository is pinned, and its signature is not
}

func (e *LockedError) Error() string {
	what := e.Repository
	if e.Signature {
		what = "the signature of " + what
	}
	return fmt.Sprintf("%s is not pinned in compose.lock\n  hint: `pungo lock` pins it", what)
}

// ErrOffline is the error of a download where none is allowed.
var ErrOffline = errors.New("not in the cache, and --offline")

// Open returns what resolves the repositories of a graph.
func Open(repositories []*rules.Repository, opts Options) *Remote {
	r := &Remote{
		opts: opts, trees: cache.NewTrees(opts.Store),
		byName: map[string]*rules.Repository{}, pinned: map[string]Pin{}, busy: map[[32]byte]chan struct{}{},
		known: map[string]*places{},
	}
	for _, repo := range repositories {
		r.byName[repo.Name] = repo
	}
	return r
}

// Pinned returns the pins that were missing in the lock, by repository.
func (r *Remote) Pinned() map[string]Pin {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.pinned)
}

// Bounds of what is downloaded, in bytes.
const (
	maxRepomd = 4 << 20
	maxFile   = 4 << 30 // whose size nobody states
)

// metadata are the types of files that a source has besides repomd.xml, and optional
// those that not every repository has.
var (
	metadata = []string{"primary", "filelists"}
	optional = []string{"modules"}
)

// Resolve returns the metadata of a repository: see rules.Source.
func (r *Remote) Resolve(ctx context.Context, s *rules.Source) (cache.Node, error) {
	repo, ok := r.byName[s.Repository]
	if !ok {
		return cache.Node{}, fmt.Errorf("%s is not known", s)
	}
	n, err := r.resolve(ctx, repo)
	if err != nil {
		return n, fmt.Errorf("%s: %w", repo.Name, err)
	}
	return n, nil
}

func (r *Remote) resolve(ctx context.Context, repo *rules.Repository) (cache.Node, error) {
	pin, err := r.pin(ctx, repo)
	if err != nil {
		return cache.Node{}, err
	}
	if repo.Git != "" {
		return r.checkout(ctx, repo, pin)
	}
	index, _, err := r.blob(ctx, repo, indexPath, pin.SHA256, pin.Size)
	if err != nil {
		return cache.Node{}, stale(repo, err)
	}
	data, err := r.opts.Store.Get(ctx, index)
	if err != nil {
		return cache.Node{}, err
	}
	repomd, err := repodata.ParseRepomd(bytes.NewReader(data))
	if err != nil {
		return cache.Node{}, err
	}
	b := r.trees.Builder()
	if err := b.Add("repomd.xml", cache.Node{Kind: cache.FileKind, Digest: index}); err != nil {
		return cache.Node{}, err
	}
	if repo.Signed {
		if err := r.addSignature(ctx, b, repo, pin.Signature); err != nil {
			return cache.Node{}, err
		}
	}
	for _, kind := range slices.Concat(metadata, optional) {
		rec, ok := repomd.Record(kind)
		if !ok && slices.Contains(optional, kind) {
			continue
		}
		if !ok {
			return cache.Node{}, fmt.Errorf("repomd.xml lists no %s", kind)
		}
		if err := r.addFile(ctx, b, repo, rec); err != nil {
			return cache.Node{}, err
		}
	}
	root, err := b.Build(ctx)
	return cache.Node{Name: "repodata", Kind: cache.DirKind, Digest: root}, err
}

// addFile adds a file that repomd.xml lists, under the name of its type.
func (r *Remote) addFile(ctx context.Context, b *cache.Builder, repo *rules.Repository, rec repodata.Record) error {
	sum, err := hex.DecodeString(rec.Checksum.Hex)
	if rec.Checksum.Type != repodata.SHA256 || err != nil || len(sum) != 32 {
		return fmt.Errorf("%s: checksum is of type %q, want sha256\n  hint: `createrepo_c --repomd-checksum sha256` makes such a repomd.xml", rec.Location, rec.Checksum.Type)
	}
	size := rec.Size
	if size == 0 {
		size = -1 // old repomd.xml state none
	}
	d, _, err := r.blob(ctx, repo, rec.Location, [32]byte(sum), size)
	if err != nil {
		return stale(repo, err)
	}
	return b.Add(repodata.SourceName(rec), cache.Node{Kind: cache.FileKind, Digest: d})
}

// stale adds what can be done where a place does not have what was pinned.
func stale(repo *rules.Repository, err error) error {
	var mismatch *fetch.MismatchError
	if errors.As(err, &mismatch) || errors.Is(err, fetch.ErrNotThere) {
		label, _, _ := strings.Cut(repo.Name, "@")
		return fmt.Errorf("%w\n  hint: the repository has moved on, or the mirror is out of sync; `pungo lock --update %s` takes the newest", err, label)
	}
	return err
}

// pin returns which state of a repository counts: that of the lock, or the newest. A
// pin from before the repository had to be signed lacks the signature: it is added.
func (r *Remote) pin(ctx context.Context, repo *rules.Repository) (Pin, error) {
	r.mu.Lock()
	pin, ok := r.pinned[repo.Name]
	r.mu.Unlock()
	if ok {
		return pin, nil
	}
	pin, ok = r.opts.Lock.Pin(repo.Name)
	if ok && pin.IsComplete(repo) {
		return pin, nil
	}
	if r.opts.Locked {
		return Pin{}, &LockedError{repo.Name, ok && pin.isOf(repo)}
	}
	var err error
	if ok {
		pin, err = r.Complete(ctx, repo, pin)
	} else {
		pin, err = r.Newest(ctx, repo)
	}
	if err != nil {
		return pin, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.pinned[repo.Name]; ok {
		return first, nil // who asked meanwhile may have got another state
	}
	r.pinned[repo.Name] = pin
	return pin, nil
}

// Newest asks the world for the state of a repository, which is in the store then.
func (r *Remote) Newest(ctx context.Context, repo *rules.Repository) (Pin, error) {
	if r.opts.Offline {
		return Pin{}, ErrOffline
	}
	if repo.Git != "" {
		return r.newestCommit(ctx, repo)
	}
	p, err := r.places(ctx, repo)
	if err != nil {
		return Pin{}, err
	}
	d, at, repomd, err := r.index(ctx, p)
	if err != nil {
		return Pin{}, err
	}
	note, err := cache.Noted(ctx, r.opts.Store, d)
	if err != nil {
		return Pin{}, err
	}
	pin := Pin{Arch: repo.Arch, SHA256: note.SHA256, Size: d.Size(), Revision: repomd.Revision}
	if repo.Signed {
		pin.Signature, err = r.signature(ctx, p, at)
	}
	return pin, err
}

// index downloads repomd.xml. A place that has something else there, as a page that says
// that it is closed today, is passed over like one that has nothing.
func (r *Remote) index(ctx context.Context, p *places) (d cache.Digest, at string, repomd *repodata.Repomd, err error) {
	var wrong error
	for urls := p.urls(indexPath); len(urls) > 0; urls = urls[slices.Index(urls, at)+1:] {
		if d, at, err = r.download(ctx, fetch.File{URLs: urls, SHA256: p.index, Size: -1, Max: maxRepomd}); err != nil {
			break
		}
		data, err := r.opts.Store.Get(ctx, d)
		if err != nil {
			return d, at, nil, err
		}
		if repomd, err = repodata.ParseRepomd(bytes.NewReader(data)); err == nil {
			return d, at, repomd, nil
		}
		wrong = joinPlaces(fmt.Errorf("%s%w", strings.TrimSuffix(fetch.Redacted(at), "repomd.xml"), err), wrong)
	}
	return d, at, nil, joinPlaces(err, wrong)
}

// joinPlaces is what is wrong at places, the last one first, in one line.
func joinPlaces(last, before error) error {
	if last == nil || before == nil {
		return cmp.Or(last, before)
	}
	return fmt.Errorf("%w; %w", last, before)
}

// Download implements executor.Downloader.
func (r *Remote) Download(ctx context.Context, d rules.Download) (file cache.Digest, fetched bool, err error) {
	repo, ok := r.byName[d.Repository]
	if !ok {
		return file, false, fmt.Errorf("repository %s is not known", d.Repository)
	}
	file, fetched, err = r.blob(ctx, repo, d.Href, d.SHA256, d.Size)
	return file, fetched, stale(repo, err)
}

// memo is the key under which the digest of a file with a SHA-256 is recorded.
func (r *Remote) memo(sum [32]byte) cache.Digest {
	return r.opts.Store.Function().Sum([]byte("pungo download sha256:" + hex.EncodeToString(sum[:])))
}

func (r *Remote) record(ctx context.Context, sum [32]byte, d cache.Digest) error {
	return r.opts.Actions.Record(ctx, r.memo(sum), cache.Result{Outputs: []cache.Node{{Name: "file", Kind: cache.FileKind, Digest: d}}})
}

// memoized returns the digest of a file that is in the store.
func (r *Remote) memoized(ctx context.Context, sum [32]byte) (cache.Digest, bool, error) {
	result, err := r.opts.Actions.Lookup(ctx, r.memo(sum))
	if errors.Is(err, cache.ErrNotFound) || err == nil && len(result.Outputs) != 1 {
		return cache.Digest{}, false, nil
	}
	if err != nil {
		return cache.Digest{}, false, err
	}
	d := result.Outputs[0].Digest
	missing, err := r.opts.Store.Missing(ctx, []cache.Digest{d})
	return d, len(missing) == 0, err
}

// blob returns a file of a repository, from the store or by a download, each once. Its
// size is -1 if nobody states it.
func (r *Remote) blob(ctx context.Context, repo *rules.Repository, href string, sum [32]byte, size int64) (file cache.Digest, fetched bool, err error) {
	if sum == ([32]byte{}) {
		return file, false, fmt.Errorf("%s has a checksum of nothing but zeros", href)
	}
	if !fs.ValidPath(href) {
		return file, false, fmt.Errorf("location %s leads out of the repository", strconv.Quote(href))
	}
	for {
		done, mine := r.claim(sum)
		if mine {
			defer r.release(sum)
			break
		}
		select {
		case <-done:
		case <-ctx.Done():
			return file, false, ctx.Err()
		}
	}
	if d, ok, err := r.memoized(ctx, sum); ok || err != nil {
		return d, false, err
	}
	if r.opts.Offline {
		return file, false, fmt.Errorf("%s: %w", href, ErrOffline)
	}
	p, err := r.places(ctx, repo)
	if err != nil {
		return file, false, err
	}
	file, _, err = r.download(ctx, fetch.File{URLs: p.urls(href), SHA256: sum, Size: size, Max: maxFile})
	return file, true, err
}

// claim makes the caller the one who downloads a file; done is told when another is
// through with it.
func (r *Remote) claim(sum [32]byte) (done <-chan struct{}, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if done, ok := r.busy[sum]; ok {
		return done, false
	}
	r.busy[sum] = make(chan struct{})
	return nil, true
}

func (r *Remote) release(sum [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.busy[sum])
	delete(r.busy, sum)
}

// download stores a file, notes what was learned of it on the way, and records that it
// is what has its checksum. It returns the URL that had it, too.
func (r *Remote) download(ctx context.Context, f fetch.File) (d cache.Digest, at string, err error) {
	var w cache.Writer
	defer func() { abort(w) }()
	var head *cache.NoteWriter
	got, err := r.opts.Client.Fetch(ctx, f, func() (_ io.Writer, err error) {
		abort(w)
		if w, err = r.opts.Store.Create(ctx); err != nil {
			return nil, err
		}
		head = cache.NewNoteWriter(cache.SHA256) // the client has computed it
		return io.MultiWriter(w, head), nil
	})
	if err != nil {
		return cache.Digest{}, "", err
	}
	d, err = w.Commit()
	if err != nil {
		return cache.Digest{}, "", err
	}
	note := head.Note(d)
	note.SHA256 = got.SHA256
	if noter, ok := r.opts.Store.(cache.Noter); ok {
		if err := noter.TakeNote(ctx, d, note); err != nil {
			return cache.Digest{}, "", err
		}
	}
	return d, got.URL, r.record(ctx, got.SHA256, d)
}

func abort(w cache.Writer) {
	if w != nil {
		w.Abort()
	}
}
