package imagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

// checkTrees looks at every tree with a repository.
func (t *tester) checkTrees(ctx context.Context) error {
	repos := map[string][]repo{}
	for _, r := range t.Repos {
		repos[r.Tree] = append(repos[r.Tree], r)
	}
	dirs := slices.Sorted(maps.Keys(repos))
	t.report.Trees = len(dirs)
	messages := make([][]string, len(dirs))
	err := t.Each(ctx, len(dirs), func(ctx context.Context, k int) error {
		n, err := t.Input(ctx, path.Join(t.Compose, dirs[k]))
		if err != nil || n.Kind != cache.DirKind {
			messages[k] = []string{"nothing is delivered there, and a target says that it is a tree"}
			return nil
		}
		call := rules.Call{
			Tool: "tree_check", Args: []string{"--tree", "tree", "--output", "messages"},
			Inputs: []cache.Node{{Name: "tree", Kind: cache.DirKind, Digest: n.Digest}},
		}
		for _, r := range repos[dirs[k]] {
			call.Args = append(call.Args, "--repo", strings.TrimPrefix(strings.TrimPrefix(r.Dir, dirs[k]), "/"), r.Packages)
		}
		messages[k], err = t.call(ctx, call)
		return err
	})
	for k, dir := range dirs {
		for _, m := range messages[k] {
			t.found(dir, failure, "%s", m)
		}
	}
	return err
}

type treeParams struct {
	Tree   string      `arg:"tree,required"`
	Repos  [][2]string `arg:"repo"`            // path in the tree, that of packages below it
	Output string      `arg:"output,required"` // JSON list of what is wrong
}

// treeCheck compares one tree with what is said of it there.
type treeCheck struct {
	*rules.Job
	treeParams
	messages []string
}

func (c *treeCheck) found(format string, args ...any) {
	c.messages = append(c.messages, fmt.Sprintf(format, args...))
}

func checkTree(ctx context.Context, j *rules.Job) error {
	c := &treeCheck{Job: j, messages: []string{}}
	if err := rules.Parse(j.Args, &c.treeParams); err != nil {
		return err
	}
	if err := c.treeInfo(ctx); err != nil {
		return err
	}
	for _, r := range c.Repos {
		if err := c.repo(ctx, r[0], path.Join(r[0], r[1])); err != nil {
			return err
		}
	}
	data, err := json.Marshal(c.messages)
	if err != nil {
		return err
	}
	return j.Write(ctx, c.treeParams.Output, data)
}

// lookup returns a file of the tree, or false.
func (c *treeCheck) lookup(ctx context.Context, name string) (cache.Node, bool) {
	if !fs.ValidPath(name) {
		return cache.Node{}, false
	}
	n, err := c.Input(ctx, path.Join(c.Tree, name))
	return n, err == nil && n.Kind == cache.FileKind
}

// treeInfo compares .treeinfo, if there is one, with the files that it names.
func (c *treeCheck) treeInfo(ctx context.Context) error {
	if _, ok := c.lookup(ctx, ".treeinfo"); !ok {
		return nil
	}
	data, err := c.Read(ctx, path.Join(c.Tree, ".treeinfo"))
	if err != nil {
		return err
	}
	info, err := productmd.ParseTreeInfo(bytes.NewReader(data))
	if err != nil {
		c.found(".treeinfo: %v", err)
		return nil
	}
	for _, name := range c.named(info) {
		if _, ok := c.lookup(ctx, name); !ok {
			c.found(".treeinfo names %s, and there is no such file", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(info.Checksums)) {
		n, ok := c.lookup(ctx, name)
		if !ok {
			continue
		}
		want := info.Checksums[name]
		made, err := images.Complete(ctx, c.Job, n, nil, []string{want.Algorithm})
		if err != nil {
			return fmt.Errorf(".treeinfo: %s: %w", name, err)
		}
		if made[want.Algorithm] != want.Hex {
			c.found(".treeinfo says that %s has the %s %s, and it has %s", name, want.Algorithm, want.Hex, made[want.Algorithm])
		}
	}
	return nil
}

// named returns the files that .treeinfo names, sorted.
func (c *treeCheck) named(info *productmd.TreeInfo) []string {
	names := map[string]bool{}
	for name := range info.Checksums {
		names[name] = true
	}
	for _, list := range info.Images {
		for _, name := range list {
			names[name] = true
		}
	}
	for _, name := range []string{info.Stage2.MainImage, info.Stage2.InstImage} {
		if name != "" {
			names[name] = true
		}
	}
	for _, v := range info.Variants {
		names[path.Join(v.Repository, "repodata/repomd.xml")] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// maxDocument is the largest primary that is read, unpacked, in bytes.
const maxDocument = 4 << 30

// repo compares a repository with its files: those of repodata have the sizes and
// checksums that repomd.xml tells, packages the sizes that primary tells, and there is
// no package beside those.
func (c *treeCheck) repo(ctx context.Context, dir, packages string) error {
	index := path.Join(dir, "repodata/repomd.xml")
	if _, ok := c.lookup(ctx, index); !ok {
		c.found("%s is not there", index)
		return nil
	}
	data, err := c.Read(ctx, path.Join(c.Tree, index))
	if err != nil {
		return err
	}
	repomd, err := repodata.ParseRepomd(bytes.NewReader(data))
	if err != nil {
		c.found("%s: %v", index, err)
		return nil
	}
	whole := true
	for _, rec := range repomd.Records {
		ok, err := c.record(ctx, dir, rec)
		if err != nil {
			return err
		}
		whole = whole && ok
	}
	rec, ok := repomd.Record("primary")
	if !ok {
		c.found("%s lists no primary", index)
	}
	if !ok || !whole {
		return nil
	}
	return c.packages(ctx, dir, packages, rec)
}

// record compares a file of repodata with what repomd.xml says of it.
func (c *treeCheck) record(ctx context.Context, dir string, rec repodata.Record) (ok bool, err error) {
	name := path.Join(dir, rec.Location)
	n, ok := c.lookup(ctx, name)
	switch {
	case !ok:
		c.found("repomd.xml lists %s, and there is no such file", name)
		return false, nil
	case n.Digest.Size() != rec.Size:
		c.found("%s has %d bytes, and repomd.xml says %d", name, n.Digest.Size(), rec.Size)
		return false, nil
	}
	f, err := c.Open(ctx, path.Join(c.Tree, name))
	if err != nil {
		return false, err
	}
	defer f.Close()
	h := rec.Checksum.Type.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, rec.Size)); err != nil {
		return false, err
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != rec.Checksum.Hex {
		c.found("%s has the %s %s, and repomd.xml says %s", name, rec.Checksum.Type, got, rec.Checksum.Hex)
		return false, nil
	}
	return true, nil
}

// packages compares primary with the packages that are there.
func (c *treeCheck) packages(ctx context.Context, dir, packages string, rec repodata.Record) error {
	sizes := map[string]int64{} // by path in the tree
	root := path.Join(c.Tree, packages)
	if n, err := c.Input(ctx, root); err == nil && n.Kind == cache.DirKind {
		err := c.Trees.Walk(ctx, n.Digest, func(name string, n cache.Node) error {
			if n.Kind == cache.FileKind && strings.HasSuffix(name, ".rpm") {
				sizes[path.Join(packages, name)] = n.Digest.Size()
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	err := c.primary(ctx, path.Join(dir, rec.Location), func(href string, size int64) {
		name := path.Join(dir, href)
		got, ok := sizes[name]
		switch {
		case !ok:
			c.found("repodata lists %s, and there is no such package", name)
		case got != size:
			c.found("%s has %d bytes, and repodata says %d", name, got, size)
		}
		delete(sizes, name)
	})
	if err != nil {
		c.found("%s: %v", path.Join(dir, rec.Location), err)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		c.found("repodata does not list %s", name)
	}
	return nil
}

// primary calls fn for every package that primary lists.
func (c *treeCheck) primary(ctx context.Context, name string, fn func(href string, size int64)) error {
	f, err := c.Open(ctx, path.Join(c.Tree, name))
	if err != nil {
		return err
	}
	defer f.Close()
	in, err := repodata.Unpack(struct{ io.Reader }{f}, maxDocument)
	if err != nil {
		return err
	}
	return repodata.Primary.Cut(in, 1, func(pieces []repodata.Piece) error {
		for k := range pieces {
			err := pieces[k].Primary(func(_ *rpm.Package, at repodata.Location) error {
				fn(at.Href, at.PackageSize)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
