package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// Root is a compose that an output folder has: Collect keeps its tree.
type Root struct {
	ID   string
	Tree cache.Digest
}

// Roots are the composes of one output folder, newest first.
type Roots struct {
	Folder string // its machine and path
	Roots  []Root
	Time   time.Time // when somebody last built there
}

// The roots of an output folder are a file, named after its machine and path, so that
// it takes the place of what was told before the folder was removed:
//
//	pungo roots 1
//	folder "laptop:/home/me/tiny/pungo-out"
//	root blake3:…/283 "Tiny-1.0-20261122.n.0"
//
// Its time is that of the last build. Somebody who removes it takes the composes
// out of what Collect keeps.
const rootsMagic = "pungo roots 1\n"

func (c *Cache) rootsDir() string { return c.path("roots", c.opts.Function.String()) }

func (c *Cache) rootsPath(folder string) string {
	sum := c.opts.Function.Sum([]byte(folder))
	return filepath.Join(c.rootsDir(), sum.Hex()[:32])
}

// SetRoots says which composes an output folder has, newest first. It writes nothing if
// they are the same as before.
func (c *Cache) SetRoots(ctx context.Context, folder string, roots []Root) error {
	if err := c.writable(ctx); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%sfolder %q\n", rootsMagic, folder)
	for _, r := range roots {
		if r.Tree.Function() == c.opts.Function {
			fmt.Fprintf(&b, "root %s %q\n", r.Tree, r.ID)
		}
	}
	path := c.rootsPath(folder)
	if old, err := c.readFile(path); err == nil && string(old) == b.String() && c.fs.Touch(path) == nil {
		return nil
	}
	return c.explain(c.writeRoots(path, b.String()))
}

func (c *Cache) writeRoots(path, text string) error {
	for _, dir := range []string{c.path("roots"), c.rootsDir()} {
		if _, err := c.mkdir(dir); err != nil {
			return err
		}
	}
	t, err := c.createTemp()
	if err != nil {
		return err
	}
	defer t.remove()
	if _, err := io.WriteString(t, text); err != nil {
		return err
	}
	return t.install(path, volatile)
}

// AllRoots returns the roots of all output folders, sorted by their paths. A file
// that is no sound file of roots is passed over.
func (c *Cache) AllRoots() ([]Roots, error) {
	entries, err := c.readDir(c.rootsDir())
	if err != nil {
		return nil, c.explain(err)
	}
	var all []Roots
	for _, entry := range entries {
		name := filepath.Join(c.rootsDir(), entry.Name())
		info, err := c.fs.Stat(name)
		if err != nil {
			continue
		}
		b, err := c.readFile(name)
		if err != nil {
			continue
		}
		r, err := parseRoots(c.opts.Function, string(b))
		if err == nil {
			r.Time = info.ModTime()
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Roots) int { return strings.Compare(a.Folder, b.Folder) })
	return all, nil
}

// parseRoots reads a file of roots, whose digests are of fn.
func parseRoots(fn cache.Function, text string) (r Roots, err error) {
	rest, ok := strings.CutPrefix(text, rootsMagic)
	rest, ended := strings.CutSuffix(rest, "\n")
	first, rest, _ := strings.Cut(rest, "\n")
	folder, isFolder := strings.CutPrefix(first, "folder ")
	if !ok || !ended || !isFolder {
		return r, errors.New("no file of roots")
	}
	if r.Folder, err = strconv.Unquote(folder); err != nil {
		return r, fmt.Errorf("folder %s: %w", folder, err)
	}
	for line := range strings.Lines(rest) {
		root, err := parseRoot(fn, strings.TrimSuffix(line, "\n"))
		if err != nil {
			return r, fmt.Errorf("%q: %w", line, err)
		}
		r.Roots = append(r.Roots, root)
	}
	return r, nil
}

func parseRoot(fn cache.Function, line string) (r Root, err error) {
	rest, ok := strings.CutPrefix(line, "root ")
	digest, id, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 {
		return r, errors.New("want root, a digest and a name")
	}
	if r.Tree, err = cache.ParseDigest(digest); err != nil {
		return r, err
	}
	if r.Tree.Function() != fn {
		return r, fmt.Errorf("digest of %s, want one of %s", r.Tree.Function(), fn)
	}
	r.ID, err = strconv.Unquote(id)
	return r, err
}

// readDir reads a folder that need not be there.
func (c *Cache) readDir(name string) ([]fs.DirEntry, error) {
	entries, err := c.fs.ReadDir(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}
