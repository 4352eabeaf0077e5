package gitfetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// server is a repository behind HTTP: git's smart protocol, version 0 (gitprotocol-http(5),
// gitprotocol-pack(5)).
type server struct {
	*Repository
	session transport.UploadPackSession
	refs    *packp.AdvRefs
}

// connect asks a server which refs there are.
func (r *Repository) connect(ctx context.Context) (*server, error) {
	at, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return nil, &TransportError{Err: err}
	}
	session, err := githttp.NewClient(r.HTTP).NewUploadPackSession(at, nil)
	if err != nil {
		return nil, &TransportError{Err: err}
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		err = transportError(ctx, err)
		if other := (*TransportError)(nil); errors.As(err, &other) && other.answered && !errors.Is(err, transport.ErrEmptyRemoteRepository) {
			other.Err = fmt.Errorf("the server does not speak git's smart protocol: %w", other.Err)
		}
		return nil, err
	}
	return &server{r, session, refs}, nil
}

// transportError is what went wrong with a server; that nobody waits for it is not.
func transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if unexpected := (*plumbing.UnexpectedError)(nil); errors.As(err, &unexpected) {
		err = unexpected.Err
	}
	if network := (*url.Error)(nil); errors.As(err, &network) {
		return &TransportError{Err: network.Err} // whoever tells it knows the URL
	}
	if status := (*githttp.Err)(nil); errors.As(err, &status) {
		return &TransportError{Err: fmt.Errorf("the server says %s", status.Response.Status)}
	}
	// The library adds what the server has sent, which may be a whole page.
	for _, status := range []struct{ is, told error }{
		{transport.ErrAuthenticationRequired, errors.New("the server wants a name and a password\n  hint: it is told those of ~/.netrc, or of the file that NETRC names")},
		{transport.ErrAuthorizationFailed, errors.New("the server does not let us in")},
		{transport.ErrRepositoryNotFound, errors.New("the server has no git repository there")},
	} {
		if errors.Is(err, status.is) {
			return &TransportError{Err: status.told}
		}
	}
	return &TransportError{Err: err, answered: true}
}

// resolve returns the commit that a ref is at.
func (s *server) resolve(ref string) (string, error) {
	all, err := s.refs.AllReferences()
	if err != nil {
		return "", &TransportError{Err: err}
	}
	known := map[string]string{}
	for name, f := range all {
		if f.Type() == plumbing.SymbolicReference {
			if f = all[f.Target()]; f == nil {
				continue
			}
		}
		known[name.String()] = f.Hash().String()
	}
	name, err := choose(ref, known)
	if err != nil {
		return "", err
	}
	if peeled, ok := s.refs.Peeled[name]; ok { // a tag that is an object of its own
		return peeled.String(), nil
	}
	return known[name], nil
}

// get calls fn with objects among which a commit is. Most servers give out a commit by its
// name, and then only that is wanted. Others give out what refs are at, with all that came
// before: of the ref where the commit was found, then of all.
func (s *server) get(ctx context.Context, ref string, commit plumbing.Hash, fn func(storer.EncodedObjectStorer) error) error {
	there, err := s.fetch(ctx, []plumbing.Hash{commit}, 1, commit, fn)
	refused := (*TransportError)(nil)
	if there || err != nil && !(errors.As(err, &refused) && refused.answered) {
		return err
	}
	tries := [][]plumbing.Hash{slices.Collect(maps.Values(s.refs.References))}
	if tip, err := s.resolve(ref); err == nil {
		tries = slices.Insert(tries, 0, []plumbing.Hash{plumbing.NewHash(tip)})
	}
	for _, wants := range tries {
		if there, err := s.fetch(ctx, wants, 0, commit, fn); there || err != nil {
			return err
		}
	}
	return ErrNotThere
}

// objectCache bounds what of a pack is in memory.
const objectCache = 32 * cache.MiByte

// fetch gets objects, and of the history that leads to them so many commits, 0 for all. If
// the commit is among them it calls fn.
func (s *server) fetch(ctx context.Context, wants []plumbing.Hash, depth int, commit plumbing.Hash, fn func(storer.EncodedObjectStorer) error) (there bool, err error) {
	if err := os.MkdirAll(s.Temp, 0o777); err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp(s.Temp, "pungo-run-git-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	objects := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRU(objectCache))
	if err := objects.Init(); err != nil {
		return false, err
	}
	if err := s.receive(ctx, wants, depth, objects); err != nil {
		return false, err
	}
	if objects.HasEncodedObject(commit) != nil {
		return false, nil
	}
	return true, fn(objects)
}

// receive asks for a pack, and stores what is in it.
func (s *server) receive(ctx context.Context, wants []plumbing.Hash, depth int, into storage.Storer) error {
	request := packp.NewUploadPackRequestFromCapabilities(s.refs.Capabilities)
	request.Wants = wants
	if depth > 0 && s.refs.Capabilities.Supports(capability.Shallow) {
		request.Depth = packp.DepthCommits(depth)
		if err := request.Capabilities.Set(capability.Shallow); err != nil {
			return err
		}
	}
	answer, err := s.session.UploadPack(ctx, request)
	if err != nil {
		return transportError(ctx, err)
	}
	defer answer.Close()
	var pack io.Reader = answer
	switch {
	case request.Capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, answer)
	case request.Capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, answer)
	}
	if err := packfile.UpdateObjectStorage(into, &limited{pack, s.Limit, s.Limit}); err != nil {
		return transportError(ctx, err)
	}
	return nil
}

// limited is an error where a reader has more bytes than it may, of which n are left.
type limited struct {
	io.Reader
	n, limit int64
}

func (l *limited) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if l.n -= int64(n); l.n < 0 {
		return 0, fmt.Errorf("more than %d bytes came", l.limit)
	}
	return n, err
}
