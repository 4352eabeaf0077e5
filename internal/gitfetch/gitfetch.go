// Package gitfetch gets the files of one commit out of a git repository: over HTTP, or
// from a folder, for which no program is needed.
//
// Objects of git are named by the SHA-1 of what they are, and each is held against its
// name when it is read: who knows the name of a commit gets its files or an error,
// whatever a server says or a disk has.
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
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/pungo-build/pungo/internal/spell"
)

// Repository is where commits are.
type Repository struct {
	// URL is one of HTTP, or a folder, also as file://.
	URL string
	// HTTP asks servers.
	HTTP *http.Client
	// Temp is a folder for what a server sends, until it is read.
	Temp string
	// Limit is how much a server may send at a time, in bytes.
	Limit int64
}

// ErrNotThere is the error of a commit that a repository does not have, or no more.
var ErrNotThere = errors.New("the repository has no such commit")

// TransportError is what went wrong on the way to a repository.
type TransportError struct {
	Err error
	// answered: the server is there, and says no.
	answered bool
}

func (e *TransportError) Error() string { return e.Err.Error() }

// Unwrap returns what the library says.
func (e *TransportError) Unwrap() error { return e.Err }

// isCommit reports whether a ref is the whole name of a commit.
func isCommit(ref string) bool { return plumbing.IsHash(ref) }

// local returns the folder of a repository that is one, or false.
func (r *Repository) local() (string, bool) {
	dir, ok := strings.CutPrefix(r.URL, "file://")
	return dir, ok || !strings.Contains(r.URL, "://")
}

// Resolve returns the commit that a branch, tag or other ref is at now: 40 hexadecimal
// digits. The name of a commit stands for itself.
func (r *Repository) Resolve(ctx context.Context, ref string) (string, error) {
	if isCommit(ref) {
		return strings.ToLower(ref), nil
	}
	if dir, ok := r.local(); ok {
		return resolveLocal(dir, ref)
	}
	s, err := r.connect(ctx)
	if err != nil {
		return "", err
	}
	return s.resolve(ref)
}

func resolveLocal(dir, ref string) (string, error) {
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
		return nil, &TransportError{Err: errors.New("no git repository")}
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
func (r *Repository) Files(ctx context.Context, ref, commit string, fn func(f File, content io.Reader) error) error {
	name := plumbing.NewHash(commit)
	if dir, ok := r.local(); ok {
		opened, err := open(dir)
		if err != nil {
			return err
		}
		return files(ctx, opened.Storer, name, fn)
	}
	s, err := r.connect(ctx)
	if err != nil {
		return err
	}
	return s.get(ctx, ref, name, func(objects storer.EncodedObjectStorer) error { return files(ctx, objects, name, fn) })
}

func files(ctx context.Context, objects storer.EncodedObjectStorer, commit plumbing.Hash, fn func(f File, content io.Reader) error) error {
	c, err := object.GetCommit(checked{objects}, commit)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return ErrNotThere
	}
	if err != nil {
		return err
	}
	w := &walker{objects: checked{objects}, fn: fn}
	return w.folder(ctx, c.TreeHash, "")
}

// Bounds of what a commit may have. The same tree may stand in many places: few objects
// may be more folders than anybody could read.
const (
	maxDepth   = 256
	maxEntries = 200_000
)

// walker calls fn for every file. The library's own walk takes an object that cannot be
// read for the end.
type walker struct {
	objects checked
	fn      func(File, io.Reader) error
	entries int
}

// folder walks what is below a tree at a path.
func (w *walker) folder(ctx context.Context, tree plumbing.Hash, at string) error {
	t, err := object.GetTree(w.objects, tree)
	if err != nil {
		return fmt.Errorf("folder %q: %w", at, err)
	}
	if w.entries += len(t.Entries); w.entries > maxEntries || strings.Count(at, "/") > maxDepth {
		return fmt.Errorf("more than %d files and folders, or folders in %d others", maxEntries, maxDepth)
	}
	for _, e := range t.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Name == "" || e.Name == "." || e.Name == ".." || strings.Contains(e.Name, "/") {
			return fmt.Errorf("folder %q has an entry %q, want a name", at, e.Name)
		}
		if strings.EqualFold(e.Name, git.GitDirName) { // git refuses it, too: who looks at the folder would run what is in there
			return fmt.Errorf("folder %q has an entry %q, which no repository has", at, e.Name)
		}
		name := path.Join(at, e.Name)
		switch e.Mode {
		case filemode.Submodule:
		case filemode.Dir:
			err = w.folder(ctx, e.Hash, name)
		default:
			err = w.file(e, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) file(e object.TreeEntry, name string) error {
	blob, err := object.GetBlob(w.objects, e.Hash)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	content, err := blob.Reader()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer content.Close()
	return w.fn(File{name, e.Mode == filemode.Executable, blob.Size, e.Mode == filemode.Symlink}, content)
}
