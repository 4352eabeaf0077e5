// Package payload takes files out of packages: a kernel, a boot loader, whatever an
// image is made of that the compose has in its packages.
package payload

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"maps"
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

// Star is the source of the helpers of rules that take files out of packages.
//
//go:embed payload.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "packaged_files", Version: 1, Params: params{}, Run: run},
		{Name: "packaged_file", Version: 1, Params: fileParams{}, Run: runFile},
		{Name: "packaged_folder", Version: 1, Params: fileParams{}, Run: runFolder},
		{Name: "select_packages", Version: 1, Params: selectParams{}, Run: selectPackages},
	}
}

type params struct {
	Packages []string `arg:"packages,required"` // package sets
	// Take are paths in the output and PACKAGE:PATH; a path that ends with a slash takes
	// all that matches, as a folder.
	Take   [][2]string `arg:"take,required"`
	Output string      `arg:"output,required"`
}

// run makes a folder of the files.
func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	heads, err := packages.LoadAllHeads(ctx, j, p.Packages)
	if err != nil {
		return err
	}
	found := make([]map[string]cache.Node, len(p.Take))
	err = j.Each(ctx, len(p.Take), func(ctx context.Context, i int) (err error) {
		if strings.HasSuffix(p.Take[i][0], "/") {
			found[i], err = takeAll(ctx, j, heads, p.Take[i][1])
		} else {
			var n cache.Node
			n, err = take(ctx, j, heads, p.Take[i][1])
			found[i] = map[string]cache.Node{"": n}
		}
		if err != nil {
			err = fmt.Errorf("%s: %q: %w", p.Take[i][0], p.Take[i][1], err)
		}
		return err
	})
	if err != nil {
		return err
	}
	b := j.Trees.Builder()
	from := map[string]string{} // key of from_packages, by path
	for i, t := range p.Take {
		for _, name := range slices.Sorted(maps.Keys(found[i])) {
			at := path.Join(strings.TrimPrefix(t[0], "/"), name)
			if other, ok := from[at]; ok {
				return fmt.Errorf("%s: from %q and from %q, want one file", at, other, t[0])
			}
			from[at] = t[0]
			if err := b.Add(at, found[i][name]); err != nil {
				return err
			}
		}
	}
	return j.OutputTree(ctx, p.Output, b)
}

// take returns the file that a pattern PACKAGE:PATH means.
func take(ctx context.Context, j *rules.Job, heads []*packages.Head, pattern string) (cache.Node, error) {
	glob, file, err := parsePattern(pattern)
	if err != nil {
		return cache.Node{}, err
	}
	head, err := newest(ctx, j, heads, glob)
	if err != nil {
		return cache.Node{}, err
	}
	r, err := j.Call(ctx, rules.Call{
		Tool: "packaged_file",
		Args: []string{"--package", "package.rpm", "--file", file, "--output", "file"},
		// What the package is called is for messages only, and in no key.
		Inputs: []cache.Node{{Name: "package.rpm", Kind: cache.FileKind, Digest: head.Digest}},
	})
	if err != nil {
		return cache.Node{}, fmt.Errorf("%s: %w", head.File, err)
	}
	return r.Outputs[0], nil
}

// newest returns the newest version of the one package that a glob matches.
func newest(ctx context.Context, j *rules.Job, heads []*packages.Head, glob string) (*packages.Head, error) {
	var best *packages.Head
	var names []string
	var is rpm.NEVRA
	for _, h := range heads {
		n, err := identity(ctx, j, h)
		if err != nil {
			return nil, err
		}
		names = append(names, n.Name)
		if _, ok := (packages.Globs{glob}).Find(n); !ok {
			continue
		}
		if best != nil && (n.Name != is.Name || n.Arch != is.Arch) {
			return nil, fmt.Errorf("both %s and %s match, want one package", best.File, h.File)
		}
		if best == nil || rpm.Compare(n.EVR, is.EVR) > 0 {
			best, is = h, n
		}
	}
	if best == nil {
		return nil, noPackage(glob, names)
	}
	return best, nil
}

// identity returns what a package is.
func identity(ctx context.Context, j *rules.Job, h *packages.Head) (rpm.NEVRA, error) {
	record, err := j.Trees.Store().Get(ctx, h.Header)
	if err != nil {
		return rpm.NEVRA{}, err
	}
	return packages.HeaderNEVRA(record)
}

type fileParams struct {
	Package string `arg:"package,required"`
	File    string `arg:"file,required"` // a glob
	Output  string `arg:"output,required"`
}

// maxFile bounds what is unpacked: kernels and initrds have some hundred MB at most.
const maxFile = 2 << 30

// runFile takes one file out of one package.
func runFile(ctx context.Context, j *rules.Job) error {
	var p fileParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	f, err := j.Open(ctx, p.Package)
	if err != nil {
		return err
	}
	defer f.Close()
	m, err := find(f, p.File)
	if err != nil {
		return err
	}
	n := cache.Node{Kind: cache.FileKind, Executable: m.Mode&0o111 != 0, ModTime: m.ModTime}
	err = rpm.EachMember(f, f.Size(), func(other rpm.Member, content io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if other.Path != m.Path {
			return nil
		}
		if n.Digest, err = put(ctx, j, content); err != nil {
			return err
		}
		return rpm.ErrStop
	})
	if err != nil {
		return err
	}
	j.Output(p.Output, n)
	return nil
}

// find returns the member with the content of the one file that a glob matches.
func find(f cache.File, pattern string) (rpm.Member, error) {
	var found []rpm.Member
	var content rpm.Member // of a file with several names, the one that has the content
	var others []string
	link := "" // where the first one leads
	err := rpm.EachMember(f, f.Size(), func(m rpm.Member, r io.Reader) error {
		if glob.MatchPath(pattern, m.Path) {
			if found = append(found, m); len(found) == 1 && m.Mode&0o170000 == 0o120000 {
				b, err := io.ReadAll(io.LimitReader(r, maxLink))
				if err != nil {
					return err
				}
				link = string(b)
			}
		} else if m.Mode&0o170000 != 0o040000 {
			others = append(others, m.Path)
		}
		if len(found) == 1 && m.IsRegular() && m.Inode == found[0].Inode && m.Size > 0 {
			content = m
		}
		return nil
	})
	switch {
	case err != nil:
		return rpm.Member{}, err
	case len(found) == 0:
		slices.Sort(others)
		return rpm.Member{}, fmt.Errorf("no file matches %q; it has %s", pattern, spell.Some(others))
	case len(found) > 1:
		return rpm.Member{}, fmt.Errorf("%q matches %s and %s, want one file", pattern, found[0].Path, found[1].Path)
	case link != "":
		return rpm.Member{}, fmt.Errorf("%s is a symbolic link to %q, want a regular file", found[0].Path, link)
	case !found[0].IsRegular():
		return rpm.Member{}, fmt.Errorf("%s is no regular file", found[0].Path)
	case found[0].Size == 0 && found[0].Links > 1:
		return content, nil
	case found[0].Size > maxFile:
		return rpm.Member{}, fmt.Errorf("%s has %d bytes, want %d at most", found[0].Path, found[0].Size, maxFile)
	}
	return found[0], nil
}

// put stores what r reads.
func put(ctx context.Context, j *rules.Job, r io.Reader) (cache.Digest, error) {
	w, err := j.Trees.Store().Create(ctx)
	if err != nil {
		return cache.Digest{}, err
	}
	defer w.Abort()
	if _, err := io.CopyBuffer(w, struct{ io.Reader }{r}, make([]byte, 1<<20)); err != nil {
		return cache.Digest{}, err
	}
	return w.Commit()
}
