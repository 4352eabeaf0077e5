// Package gitfetch gets the files of one commit out of a git repository: over HTTP, or
// from a folder, for which no program is needed.
//
// Objects of git are named by the SHA-1 of what they are, and are checked when they are
// read: who knows the name of a commit gets its files or an error, whatever a server
// says.
package gitfetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/pungo-build/pungo/internal/spell"
)

// Client reaches repositories over HTTP. The zero value works.
type Client struct {
	// Transport sends requests; nil for http.DefaultTransport.
	Transport http.RoundTripper
}

// ErrNotThere is the error of a commit that a repository does not have, or no more.
var ErrNotThere = errors.New("the repository has no such commit")

// TransportError is what went wrong on the way to a repository.
type TransportError struct{ Err error }

func (e *TransportError) Error() string { return e.Err.Error() }

// Unwrap returns what the library says.
func (e *TransportError) Unwrap() error { return e.Err }

// isCommit reports whether a ref is the whole name of a commit.
func isCommit(ref string) bool { return plumbing.IsHash(ref) }

// local returns the folder of a repository that is one, or false.
func local(url string) (string, bool) {
	dir, ok := strings.CutPrefix(url, "file://")
	return dir, ok || !strings.Contains(url, "://")
}

// Resolve returns the commit that a branch, tag or other ref of a repository is at now:
// 40 hexadecimal digits. The name of a commit stands for itself.
func (c *Client) Resolve(ctx context.Context, url, ref string) (string, error) {
	if isCommit(ref) {
		return strings.ToLower(ref), nil
	}
	if dir, ok := local(url); ok {
		r, err := open(dir)
		if err != nil {
			return "", err
		}
		refs, err := r.References()
		if err != nil {
			return "", err
		}
		known := map[string]string{}
		err = refs.ForEach(func(f *plumbing.Reference) error {
			known[f.Name().String()] = ""
			return nil
		})
		if err != nil {
			return "", err
		}
		name, err := choose(ref, known)
		if err != nil {
			return "", err
		}
		h, err := r.ResolveRevision(plumbing.Revision(name))
		if err != nil {
			return "", fmt.Errorf("ref %q: %w", ref, err)
		}
		return h.String(), nil
	}
	return c.resolveRemote(ctx, url, ref)
}

// choose returns the whole name of a ref: of a branch, of a tag, or as it is.
func choose(ref string, known map[string]string) (string, error) {
	var short []string
	for _, name := range []string{"refs/heads/" + ref, "refs/tags/" + ref, ref} {
		if _, ok := known[name]; ok {
			return name, nil
		}
	}
	for name := range known {
		for _, prefix := range []string{"refs/heads/", "refs/tags/"} {
			if s, ok := strings.CutPrefix(name, prefix); ok {
				short = append(short, s)
			}
		}
	}
	return "", fmt.Errorf("the repository has no branch or tag %q%s", ref, spell.DidYouMean(ref, short))
}

func open(dir string) (*git.Repository, error) {
	r, err := git.PlainOpen(dir)
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, &TransportError{errors.New("no git repository")}
	}
	return r, err
}

// File is a file of a commit.
type File struct {
	Path       string // relative and clean
	Executable bool
	Size       int64
	Link       bool // its content is the target of a symbolic link
}

// Files calls fn for every file of a commit, in the order of their names. The ref helps
// to find it where a server gives out no commits by their names. Submodules are left out.
func (c *Client) Files(ctx context.Context, url, ref, commit string, fn func(f File, content io.Reader) error) error {
	r, err := c.get(ctx, url, ref, commit)
	if err != nil {
		return err
	}
	found, err := r.CommitObject(plumbing.NewHash(commit))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return ErrNotThere
	}
	if err != nil {
		return err
	}
	tree, err := found.Tree()
	if err != nil {
		return err
	}
	files := tree.Files()
	defer files.Close()
	return files.ForEach(func(f *object.File) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if path.Clean(f.Name) != f.Name || path.IsAbs(f.Name) || strings.HasPrefix(f.Name+"/", "../") {
			return fmt.Errorf("path %q, want a clean relative one", f.Name)
		}
		content, err := f.Reader()
		if err != nil {
			return err
		}
		defer content.Close()
		return fn(File{f.Name, f.Mode == filemode.Executable, f.Size, f.Mode == filemode.Symlink}, content)
	})
}
