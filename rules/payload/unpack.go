package payload

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// Bounds of what is taken out of one package.
const (
	maxBytes = 2 << 30 // kernels and initrds have some hundred MB at most
	maxFiles = 100_000
	maxLink  = 4096 // bytes, PATH_MAX of Linux
)

type unpackParams struct {
	Package string `arg:"package,required"`
	File    string `arg:"file,required"` // a glob
	One     bool   `arg:"one"`           // it has to match one regular file, which is the output
	Output  string `arg:"output,required"`
}

// unpack takes what a glob matches out of one package: of a file, that file; of a folder,
// what is in it.
func unpack(ctx context.Context, j *rules.Job) error {
	var p unpackParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	u := &unpacker{
		Job: j, glob: p.File, files: map[string]cache.Node{}, paths: map[string]string{},
		linked: map[string]int64{}, inodes: map[int64]cache.Digest{},
	}
	if err := u.read(ctx, p.Package); err != nil {
		return err
	}
	if p.One {
		n, err := u.one()
		if err != nil {
			return err
		}
		j.Output(p.Output, n)
		return nil
	}
	b, err := u.tree()
	if err != nil {
		return err
	}
	return j.OutputTree(ctx, p.Output, b)
}

// unpacker gathers what a glob matches.
type unpacker struct {
	*rules.Job
	glob  string
	files map[string]cache.Node // by path in the folder
	paths map[string]string     // in the package, by path in the folder
	// linked are the inodes of files whose content is under another name, by path in the
	// folder, and inodes the contents that are known.
	linked map[string]int64
	inodes map[int64]cache.Digest
	size   int64
	others []string // what does not match
}

// read takes the files out of a package. If the content of some is under names that do not
// match, it is read once more for these.
func (u *unpacker) read(ctx context.Context, input string) error {
	f, err := u.Open(ctx, input)
	if err != nil {
		return err
	}
	defer f.Close()
	err = rpm.EachMember(f, f.Size(), func(m rpm.Member, content io.Reader) error { return u.member(ctx, m, content) })
	if err != nil {
		return err
	}
	lacking := map[int64]bool{}
	for _, inode := range u.linked {
		if _, ok := u.inodes[inode]; !ok {
			lacking[inode] = true
		}
	}
	if len(lacking) > 0 {
		err = rpm.EachMember(f, f.Size(), func(m rpm.Member, content io.Reader) (err error) {
			if err := ctx.Err(); err != nil || !m.IsRegular() || m.Size == 0 || !lacking[m.Inode] {
				return err
			}
			u.inodes[m.Inode], err = u.put(ctx, m, content)
			return err
		})
	}
	for name, inode := range u.linked {
		n := u.files[name]
		n.Digest = u.inodes[inode]
		if n.Digest.IsZero() { // an empty file that has several names
			n.Digest = u.Trees.Store().Function().Sum(nil)
		}
		u.files[name] = n
	}
	return err
}

// member looks at a file of the package.
func (u *unpacker) member(ctx context.Context, m rpm.Member, content io.Reader) (err error) {
	if err := ctx.Err(); err != nil || m.IsDir() {
		return err
	}
	name, ok := u.below(m.Path)
	if !ok {
		u.others = append(u.others, m.Path)
		return nil
	}
	if other, ok := u.paths[name]; ok {
		return fmt.Errorf("%q matches %s and %s, want one file", u.glob, other, m.Path)
	}
	if len(u.files) == maxFiles {
		return fmt.Errorf("%q matches more than %d files", u.glob, maxFiles)
	}
	n := cache.Node{Kind: cache.FileKind, Executable: m.Mode&0o111 != 0, ModTime: m.ModTime}
	switch {
	case m.IsRegular() && m.Links > 1 && m.Size == 0:
		u.linked[name] = m.Inode
	case m.IsRegular():
		if n.Digest, err = u.put(ctx, m, content); err != nil {
			return err
		}
		u.inodes[m.Inode] = n.Digest
	case m.IsLink():
		n = cache.Node{Kind: cache.SymlinkKind}
		if n.Target, err = target(m, content); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s is neither a file nor a symbolic link", m.Path)
	}
	u.files[name], u.paths[name] = n, m.Path
	return nil
}

// below returns where a member is in the folder, or false.
func (u *unpacker) below(name string) (string, bool) {
	elements, depth := strings.Split(name, "/"), strings.Count(u.glob, "/")+1
	if len(elements) < depth {
		return "", false
	}
	if !glob.MatchPath(u.glob, strings.Join(elements[:depth], "/")) {
		return "", false
	}
	if len(elements) == depth {
		return elements[depth-1], true
	}
	return strings.Join(elements[depth:], "/"), true
}

// put stores a file.
func (u *unpacker) put(ctx context.Context, m rpm.Member, content io.Reader) (cache.Digest, error) {
	if u.size += m.Size; u.size > maxBytes {
		return cache.Digest{}, fmt.Errorf("%q matches more than %d bytes", u.glob, int64(maxBytes))
	}
	w, err := u.Trees.Store().Create(ctx)
	if err != nil {
		return cache.Digest{}, err
	}
	defer w.Abort()
	if _, err := io.CopyBuffer(w, struct{ io.Reader }{content}, make([]byte, 1<<20)); err != nil {
		return cache.Digest{}, err
	}
	return w.Commit()
}

// target is what a symbolic link leads to.
func target(m rpm.Member, content io.Reader) (string, error) {
	if m.Size > maxLink {
		return "", fmt.Errorf("%s: a symbolic link of %d bytes, want %d at most", m.Path, m.Size, maxLink)
	}
	b, err := io.ReadAll(content)
	return string(b), err
}

// one returns the one regular file that matches.
func (u *unpacker) one() (cache.Node, error) {
	if err := u.found(); err != nil {
		return cache.Node{}, err
	}
	names := slices.Sorted(maps.Keys(u.files))
	first := u.paths[names[0]]
	n := u.files[names[0]]
	switch {
	case strings.Count(first, "/") != strings.Count(u.glob, "/"):
		return n, fmt.Errorf("%q matches a folder, with %s in it, want a file", u.glob, first)
	case len(names) > 1:
		return n, fmt.Errorf("%q matches %s and %s, want one file", u.glob, first, u.paths[names[1]])
	case n.Kind == cache.SymlinkKind:
		return n, fmt.Errorf("%s is a symbolic link to %q, want a regular file", first, n.Target)
	}
	return n, nil
}

// tree returns the folder.
func (u *unpacker) tree() (*cache.Builder, error) {
	if err := u.found(); err != nil {
		return nil, err
	}
	b := u.Trees.Builder()
	for name, n := range u.files {
		if err := b.Add(name, n); err != nil {
			return nil, err
		}
	}
	return b, b.CheckLinks()
}

// found is an error if nothing matches.
func (u *unpacker) found() error {
	if len(u.files) > 0 {
		return nil
	}
	return fmt.Errorf("no file matches %q; it has %s", u.glob, spell.Some(u.others))
}
