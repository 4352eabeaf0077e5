package payload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// Bounds of what is taken out of one package into a folder.
const (
	maxFiles = 100_000
	maxLink  = 4096 // bytes, PATH_MAX of Linux
)

type selectParams struct {
	Packages []string `arg:"packages,required"` // package sets
	Globs    []string `arg:"glob,required"`
	Output   string   `arg:"output,required"` // package set
}

// selectPackages makes a package set of those that files are taken of, so that no
// others need be downloaded: of each name and arch the newest version.
func selectPackages(ctx context.Context, j *rules.Job) error {
	var p selectParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	if err := packages.CheckGlobs(p.Globs); err != nil {
		return err
	}
	sets := make([][]*packages.Listing, len(p.Packages))
	for k, name := range p.Packages {
		n, err := j.Input(ctx, name)
		if err != nil {
			return err
		}
		if sets[k], err = packages.LoadListings(ctx, j, n.Digest); err != nil {
			return err
		}
	}
	all, err := packages.Union(sets, p.Packages)
	if err != nil {
		return err
	}
	chosen, err := newestOf(all, p.Globs)
	if err != nil {
		return err
	}
	set, err := packages.Write(ctx, j, chosen)
	if err != nil {
		return err
	}
	j.Output(p.Output, set)
	return nil
}

// newestOf returns the packages that globs match, in their order. That a glob matches
// none is an error.
func newestOf(all []*packages.Listing, globs packages.Globs) ([]*packages.Listing, error) {
	type nameArch struct{ name, arch string }
	type version struct {
		*packages.Listing
		is rpm.NEVRA
	}
	best := map[nameArch]version{}
	matched, names := map[string]bool{}, []string{}
	for _, l := range all {
		p, err := l.Identity()
		if err != nil {
			return nil, err
		}
		names = append(names, p.Name)
		found := false
		for _, glob := range globs {
			if matches(glob, p.NEVRA) {
				matched[glob], found = true, true
			}
		}
		key := nameArch{p.Name, p.Arch}
		if old, ok := best[key]; found && (!ok || rpm.Compare(p.EVR, old.is.EVR) > 0) {
			best[key] = version{l, p.NEVRA}
		}
	}
	for _, glob := range globs {
		if !matched[glob] {
			return nil, noPackage(glob, names)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(l *packages.Listing) bool {
		p, err := l.Identity()
		return err != nil || best[nameArch{p.Name, p.Arch}].Listing != l
	}), nil
}

// matches reports whether a glob means a package. Sources are meant only if it says so.
func matches(glob string, n rpm.NEVRA) bool {
	if (n.Arch == "src" || n.Arch == "nosrc") && !strings.HasSuffix(glob, "src") {
		return false
	}
	_, ok := (packages.Globs{glob}).Find(n)
	return ok
}

// noPackage says that a glob matches nothing, and what there is.
func noPackage(glob string, names []string) error {
	slices.Sort(names)
	names = slices.Compact(names)
	return fmt.Errorf("no package matches %q; there are %s%s", glob, spell.Some(names), spell.DidYouMean(glob, names))
}

// takeAll returns what a pattern PACKAGE:PATH means for a folder: of every package that
// matches what its PATH matches.
func takeAll(ctx context.Context, j *rules.Job, heads []*packages.Head, pattern string) (map[string]cache.Node, error) {
	glob, file, err := parsePattern(pattern)
	if err != nil {
		return nil, err
	}
	from := map[string]string{} // file of the package, by path
	all := map[string]cache.Node{}
	for _, h := range heads {
		n, err := identity(ctx, j, h)
		if err != nil {
			return nil, err
		}
		if _, ok := (packages.Globs{glob}).Find(n); !ok {
			continue
		}
		files, err := takeFolder(ctx, j, h, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.File, err)
		}
		for name, n := range files {
			if other, ok := from[name]; ok {
				return nil, fmt.Errorf("%s is in %s and in %s, want one file", name, other, h.File)
			}
			from[name], all[name] = h.File, n
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no package matches %q", glob)
	}
	return all, nil
}

// takeFolder returns what a glob matches in one package.
func takeFolder(ctx context.Context, j *rules.Job, h *packages.Head, glob string) (map[string]cache.Node, error) {
	r, err := j.Call(ctx, rules.Call{
		Tool:   "packaged_folder",
		Args:   []string{"--package", "package.rpm", "--file", glob, "--output", "files"},
		Inputs: []cache.Node{{Name: "package.rpm", Kind: cache.FileKind, Digest: h.Digest}},
	})
	if err != nil {
		return nil, err
	}
	files := map[string]cache.Node{}
	err = j.Trees.Walk(ctx, r.Outputs[0].Digest, func(name string, n cache.Node) error {
		if n.Kind != cache.DirKind {
			files[name] = n
		}
		return nil
	})
	return files, err
}

// runFolder takes what a glob matches out of one package: of a file, that file; of a
// folder, what is in it.
func runFolder(ctx context.Context, j *rules.Job) error {
	var p fileParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	f, err := j.Open(ctx, p.Package)
	if err != nil {
		return err
	}
	defer f.Close()
	u := &unpacker{Job: j, glob: p.File, files: map[string]cache.Node{}, inodes: map[int64]cache.Node{}, linked: map[string]int64{}}
	if err := rpm.EachMember(f, f.Size(), func(m rpm.Member, content io.Reader) error { return u.member(ctx, m, content) }); err != nil {
		return err
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
	glob   string
	files  map[string]cache.Node // by path in the folder
	inodes map[int64]cache.Node  // of files with several names, the content
	linked map[string]int64      // those among files that have no content yet
	size   int64
	others []string // what does not match
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

func (u *unpacker) member(ctx context.Context, m rpm.Member, content io.Reader) (err error) {
	const kinds, link, dir = 0o170000, 0o120000, 0o040000
	if err := ctx.Err(); err != nil || m.Mode&kinds == dir {
		return err
	}
	name, ok := u.below(m.Path)
	n := cache.Node{Kind: cache.FileKind, Executable: m.Mode&0o111 != 0, ModTime: m.ModTime}
	switch {
	case m.IsRegular() && (ok || m.Links > 1):
		if u.size += m.Size; u.size > maxFile || len(u.files) > maxFiles {
			return fmt.Errorf("%q matches more than %d bytes or %d files", u.glob, int64(maxFile), maxFiles)
		}
		if n.Digest, err = put(ctx, u.Job, content); err != nil {
			return err
		}
	case ok && m.Mode&kinds == link:
		target, err := io.ReadAll(io.LimitReader(content, maxLink))
		if err != nil {
			return err
		}
		n = cache.Node{Kind: cache.SymlinkKind, Target: string(target)}
	case ok:
		return fmt.Errorf("%s is neither a file nor a symbolic link", m.Path)
	}
	if m.Links > 1 && m.IsRegular() && m.Size > 0 {
		u.inodes[m.Inode] = n
	}
	if !ok {
		u.others = append(u.others, m.Path)
		return nil
	}
	if m.Links > 1 && m.IsRegular() && m.Size == 0 {
		u.linked[name] = m.Inode
	}
	u.files[name] = n
	return nil
}

// tree returns the folder.
func (u *unpacker) tree() (*cache.Builder, error) {
	if len(u.files) == 0 {
		return nil, fmt.Errorf("no file matches %q; it has %s", u.glob, spell.Some(u.others))
	}
	b := u.Trees.Builder()
	for name, n := range u.files {
		if inode, ok := u.linked[name]; ok && !u.inodes[inode].Digest.IsZero() {
			n.Digest = u.inodes[inode].Digest
		}
		if err := b.Add(name, n); err != nil {
			return nil, err
		}
	}
	return b, b.CheckLinks()
}

// errPattern is the error of what is no pattern.
var errPattern = errors.New("want PACKAGE:/PATH")

// parsePattern reads PACKAGE:/PATH, two globs.
func parsePattern(pattern string) (glob, file string, err error) {
	glob, file, ok := strings.Cut(pattern, ":")
	if !ok || !strings.HasPrefix(file, "/") || path.Clean(file) != file {
		return "", "", errPattern
	}
	return glob, file, packages.CheckGlobs(packages.Globs{glob, file})
}
