package gitfetch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
)

// session is a conversation with a server about one repository.
type session struct {
	transport.UploadPackSession
	told *packp.AdvRefs // what it can do, and the refs that it has
}

func (c *Client) connect(ctx context.Context, at string) (*session, error) {
	endpoint, err := transport.NewEndpoint(at)
	if err != nil {
		return nil, err
	}
	upload, err := githttp.NewClient(&http.Client{Transport: c.Transport}).NewUploadPackSession(endpoint, nil)
	if err != nil {
		return nil, err
	}
	told, err := upload.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, transportError(ctx, err)
	}
	return &session{upload, told}, nil
}

// transportError says what went wrong on the way: what comes from a server, which may be
// a whole page, is no part of it.
func transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = bare(err)
	var network *url.Error
	var status *githttp.Err
	switch {
	case errors.As(err, &network):
		err = network.Err
	case errors.As(err, &status):
		err = fmt.Errorf("the server says %s", status.Response.Status)
	case errors.Is(err, transport.ErrRepositoryNotFound):
		err = errors.New("the server has no git repository there")
	case errors.Is(err, transport.ErrAuthenticationRequired):
		err = errors.New("the server wants a name and a password\n  hint: it is told those of the file ~/.netrc, or of the one that NETRC names")
	case errors.Is(err, transport.ErrAuthorizationFailed):
		err = errors.New("the server does not let us in")
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		err = errors.New("the repository is empty")
	default:
		err = fmt.Errorf("the server does not speak git's smart protocol: %w", err)
	}
	return &TransportError{err}
}

// bare is an error without what the library puts around it, which does not unwrap.
func bare(err error) error {
	if unexpected := (*plumbing.UnexpectedError)(nil); errors.As(err, &unexpected) {
		return unexpected.Err
	}
	return err
}

// resolveRemote returns the commit that a ref of a repository is at.
func (c *Client) resolveRemote(ctx context.Context, at, ref string) (string, error) {
	s, err := c.connect(ctx, at)
	if err != nil {
		return "", err
	}
	known := s.refs()
	names := map[string]string{}
	for name := range known {
		names[name] = ""
	}
	name, err := choose(ref, names)
	if err != nil {
		return "", err
	}
	return known[name].String(), nil
}

// refs returns the commits that refs are at, also where there is a tag that is an object
// of its own between.
func (s *session) refs() map[string]plumbing.Hash {
	known := maps.Clone(s.told.References)
	if s.told.Head != nil {
		known["HEAD"] = *s.told.Head
	}
	maps.Copy(known, s.told.Peeled)
	return known
}

// get returns a repository that has a commit, if the one at a place has it.
func (c *Client) get(ctx context.Context, at, ref, commit string) (*git.Repository, error) {
	if dir, ok := local(at); ok {
		return open(dir)
	}
	s, err := c.connect(ctx, at)
	if err != nil {
		return nil, err
	}
	err = ErrNotThere
	for _, w := range s.ways(ref, plumbing.NewHash(commit)) {
		r, e := s.fetch(ctx, w)
		if e == nil {
			if _, e = r.CommitObject(plumbing.NewHash(commit)); e == nil {
				return r, nil
			}
			continue
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e = bare(e)
		err = &TransportError{e}
		if network := (*url.Error)(nil); errors.As(e, &network) {
			return nil, &TransportError{network.Err}
		}
	}
	return nil, err
}

// way is what to ask a server for.
type way struct {
	wants []plumbing.Hash
	depth int // of the history, 0 for all of it
}

// ways returns how a commit may be had, the cheapest way first: by itself, if the server
// gives out commits by their names or a ref is at it; with all that came before the ref;
// with everything.
func (s *session) ways(ref string, commit plumbing.Hash) []way {
	known := s.refs()
	byName := slices.Contains(slices.Collect(maps.Values(known)), commit)
	for _, c := range []capability.Capability{capability.AllowReachableSHA1InWant, capability.AllowTipSHA1InWant} {
		byName = byName || s.told.Capabilities.Supports(c)
	}
	var all []way
	if byName {
		all = append(all, way{[]plumbing.Hash{commit}, 1})
	}
	names := map[string]string{}
	var tips []plumbing.Hash
	for _, name := range slices.Sorted(maps.Keys(known)) {
		names[name] = ""
		if strings.HasPrefix(name, "refs/heads/") || strings.HasPrefix(name, "refs/tags/") {
			tips = append(tips, s.told.References[name])
		}
	}
	if name, err := choose(ref, names); err == nil && known[name] != commit {
		all = append(all, way{[]plumbing.Hash{known[name]}, 0})
	}
	if len(tips) > 0 {
		all = append(all, way{tips, 0})
	}
	return all
}

// fetch returns a repository in memory of what a way leads to.
func (s *session) fetch(ctx context.Context, w way) (*git.Repository, error) {
	request := packp.NewUploadPackRequestFromCapabilities(s.told.Capabilities)
	request.Wants = w.wants
	if w.depth > 0 && s.told.Capabilities.Supports(capability.Shallow) {
		request.Depth = packp.DepthCommits(w.depth)
		if err := request.Capabilities.Set(capability.Shallow); err != nil {
			return nil, err
		}
	}
	response, err := s.UploadPack(ctx, request)
	if err != nil {
		return nil, err
	}
	defer response.Close()
	store := memory.NewStorage()
	r, err := git.Init(store, nil)
	if err != nil {
		return nil, err
	}
	// What the server tells of its progress shows that it lives, and is read by nobody.
	switch {
	case request.Capabilities.Supports(capability.Sideband64k):
		err = packfile.UpdateObjectStorage(store, sideband.NewDemuxer(sideband.Sideband64k, response))
	case request.Capabilities.Supports(capability.Sideband):
		err = packfile.UpdateObjectStorage(store, sideband.NewDemuxer(sideband.Sideband, response))
	default:
		err = packfile.UpdateObjectStorage(store, response)
	}
	return r, err
}
