package createiso

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
)

// entry is something on a disc: a file, a symbolic link, or an empty folder.
type entry struct {
	path string
	node cache.Node
}

// content is what there is for all discs together.
type content struct {
	entries     []entry // sorted by path
	hasPackages bool
	newest      int64 // modification time of any file
	treeInfo    *productmd.TreeInfo
	discInfo    *productmd.DiscInfo
}

func (c *content) find(path string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(c.entries, path, func(e entry, path string) int { return strings.Compare(e.path, path) })
	if !ok {
		return entry{}, false
	}
	return c.entries[i], true
}

// has reports whether there is a file at a path.
func (c *content) has(path string) bool {
	e, ok := c.find(path)
	return ok && e.node.Kind == cache.FileKind
}

// The files of a tree that say which disc it is.
const (
	treeInfoFile = ".treeinfo"
	discInfoFile = ".discinfo"
	mediaRepo    = "media.repo"
	repomdFile   = "repodata/repomd.xml"
)

// read reads the tree.
func (m *maker) read(ctx context.Context) (*content, error) {
	c := &content{newest: rules.Oldest}
	tree, err := m.Input(ctx, m.Tree)
	if err != nil {
		return nil, err
	}
	err = m.Trees.Walk(ctx, tree.Digest, func(at string, n cache.Node) error {
		if isLeftOut(at) {
			return skip(n)
		}
		if n.Kind == cache.DirKind && n.Digest.Size() > 0 {
			return nil
		}
		c.hasPackages = c.hasPackages || isPackage(at)
		c.newest = max(c.newest, n.ModTime)
		c.entries = append(c.entries, entry{at, n})
		return cmp.Or(m.checkLength(at, n), m.checkName(at))
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(c.entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	if err := m.readInfo(ctx, c, treeInfoFile, func(b []byte) (err error) {
		c.treeInfo, err = productmd.ParseTreeInfo(bytes.NewReader(b))
		return err
	}); err != nil {
		return nil, err
	}
	return c, m.readInfo(ctx, c, discInfoFile, func(b []byte) (err error) {
		c.discInfo, err = productmd.ParseDiscInfo(bytes.NewReader(b))
		return err
	})
}

func skip(n cache.Node) error {
	if n.Kind == cache.DirKind {
		return fs.SkipDir
	}
	return nil
}

// readInfo has a file parsed, if it is there.
func (m *maker) readInfo(ctx context.Context, c *content, name string, parse func([]byte) error) error {
	e, ok := c.find(name)
	if !ok || e.node.Kind != cache.FileKind {
		return nil
	}
	b, err := m.Trees.Store().Get(ctx, e.node.Digest)
	if err != nil {
		return err
	}
	if err := parse(b); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// largest is the size of the largest file that ISO 9660 holds in one piece.
const largest = 1<<32 - 1

// checkLength refuses a file that needs several pieces, which level 3 introduced.
func (m *maker) checkLength(at string, n cache.Node) error {
	if n.Kind != cache.FileKind || n.Digest.Size() <= largest || m.ISOLevel >= 3 {
		return nil
	}
	return fmt.Errorf("%s: it has %d bytes, and iso_level %d holds %d\n  hint: iso_level = 3, the default, has no such limit", at, n.Digest.Size(), m.ISOLevel, int64(largest))
}

// jolietLimit is how many characters a name has in Joliet, as long as they may be,
// and jolietForbidden are the characters that it has none for.
const (
	jolietLimit     = 103
	jolietForbidden = "*:;?\\"
)

// checkName refuses what an image cannot hold under its name: a reader of Joliet would
// find something else there.
func (m *maker) checkName(at string) error {
	name := path.Base(at)
	if strings.ContainsAny(name, "\n\r") {
		return fmt.Errorf("%q: no image can hold a name with a line end", at)
	}
	if len(name) > 255 {
		return fmt.Errorf("%s: its name has %d bytes, and Rock Ridge holds 255", at, len(name))
	}
	if !m.Joliet {
		return nil
	}
	const hint = "\n  hint: joliet = False makes images without Joliet, which only Windows reads"
	// Who reads repodata reads Rock Ridge. With a checksum in front its names may be too
	// long; xorriso shortens them.
	if n := len([]rune(name)); n > jolietLimit && path.Base(path.Dir(at)) != "repodata" {
		return fmt.Errorf("%s: its name has %d characters, and Joliet holds %d%s", at, n, jolietLimit, hint)
	}
	for _, r := range name {
		if r < ' ' || r > 0xffff || strings.ContainsRune(jolietForbidden, r) {
			return fmt.Errorf("%s: its name has %q, and Joliet cannot hold that%s", at, r, hint)
		}
	}
	return nil
}

// disc is what is on one image.
type disc struct {
	number, total int
	entries       []entry // in the order of content on the image
	newest        int64
}

// discs deals the content out.
func (m *maker) discs(ctx context.Context) ([]*disc, error) {
	all := make([]sized, len(m.content.entries))
	total := int64(0)
	for i, e := range m.content.entries {
		all[i] = sized{e.path, e.node.Digest.Size()}
		if !isRepodata(e.path) {
			total += blocks(all[i].size)
		}
	}
	capacity := m.size - m.reserve
	if m.size > 0 && capacity <= 0 {
		return nil, fmt.Errorf("a disc of %d bytes has no room beside the %d in reserve\n  hint: the reserve is split_iso_reserve", m.size, m.reserve)
	}
	if m.size == 0 || total <= capacity || m.boot != nil {
		if m.size > 0 && total > capacity {
			m.Warnf("the image boots, so it is not split, and exceeds the capacity of a disc by %d bytes", total-capacity)
		}
		d, err := m.disc(ctx, 1, 1, m.content.entries)
		return []*disc{d}, err
	}
	parts, err := m.parts(ctx, all, capacity)
	if err != nil {
		return nil, err
	}
	made := make([]*disc, len(parts))
	for i, paths := range parts {
		entries := make([]entry, len(paths))
		for k, p := range paths {
			entries[k], _ = m.content.find(p)
		}
		if made[i], err = m.disc(ctx, i+1, len(parts), entries); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// isRepodata reports whether a file belongs to the repository at the top. What is in
// reserve has room for that.
func isRepodata(at string) bool { return strings.HasPrefix(at, "repodata/") }

// parts returns the paths of each of several discs. The repository at the top is not
// among them: each disc gets its own.
func (m *maker) parts(ctx context.Context, all []sized, capacity int64) ([][]string, error) {
	isSticky := map[string]bool{treeInfoFile: true, discInfoFile: true, mediaRepo: true}
	if m.Sticky != "" {
		tree, err := m.Input(ctx, m.Sticky)
		if err != nil {
			return nil, err
		}
		err = m.Trees.Walk(ctx, tree.Digest, func(at string, n cache.Node) error {
			isSticky[at] = n.Kind != cache.DirKind
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var sticky, files []sized
	for _, f := range all {
		switch {
		case isSticky[f.path]:
			sticky = append(sticky, f)
		case !isRepodata(f.path):
			files = append(files, f)
		}
	}
	slices.SortFunc(sticky, func(a, b sized) int { return walkOrder(a.path, b.path) })
	slices.SortStableFunc(files, func(a, b sized) int {
		return cmp.Or(compareBool(isPackagesFile(a.path), isPackagesFile(b.path)), walkOrder(a.path, b.path))
	})
	return split(sticky, files, capacity)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// disc returns a disc of some entries, with its own metadata.
func (m *maker) disc(ctx context.Context, number, total int, entries []entry) (*disc, error) {
	d := &disc{number: number, total: total}
	own := map[string]cache.Node{}
	if total > 1 {
		if err := m.addRepository(ctx, entries, own); err != nil {
			return nil, fmt.Errorf("disc %d of %d: %w", number, total, err)
		}
	}
	if err := m.addInfo(ctx, d, own); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n, ok := own[e.path]; ok {
			e.node = n
			delete(own, e.path)
		}
		d.entries = append(d.entries, e)
	}
	for at, n := range own {
		d.entries = append(d.entries, entry{at, n})
	}
	slices.SortFunc(d.entries, func(a, b entry) int { return onDisc(a.path, b.path) })
	d.newest = rules.Oldest
	for _, e := range d.entries {
		d.newest = max(d.newest, e.node.ModTime)
	}
	// What has no time gets the one that the compose gives it.
	for i := range d.entries {
		if n := &d.entries[i].node; n.Kind == cache.FileKind && n.ModTime == 0 {
			n.ModTime = d.newest
		}
	}
	return d, nil
}

// onDisc compares paths by the order in which an image has their content.
func onDisc(a, b string) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
}

// addInfo adds .treeinfo and .discinfo of the disc to own.
func (m *maker) addInfo(ctx context.Context, d *disc, own map[string]cache.Node) error {
	if m.content.treeInfo != nil {
		info := mediaInfo(m.content.treeInfo, d.number, d.total)
		if d.total > 1 {
			if err := m.changeChecksum(ctx, info, own); err != nil {
				return err
			}
		}
		if err := m.addOwn(ctx, own, treeInfoFile, info.Encode); err != nil {
			return err
		}
	}
	if m.content.discInfo == nil || m.AllDiscs {
		return nil
	}
	info := *m.content.discInfo
	info.Discs = []int{d.number}
	return m.addOwn(ctx, own, discInfoFile, info.Encode)
}

// mediaInfo is the .treeinfo of a disc: that of the tree, without boot.iso.
func mediaInfo(tree *productmd.TreeInfo, number, total int) *productmd.TreeInfo {
	info := *tree
	info.Media = &productmd.Media{Disc: number, Total: total}
	info.Images = map[string]map[string]string{}
	for platform, images := range tree.Images {
		for name, at := range images {
			if isLeftOut(at) {
				continue
			}
			if info.Images[platform] == nil {
				info.Images[platform] = map[string]string{}
			}
			info.Images[platform][name] = at
		}
	}
	info.Checksums = map[string]productmd.Checksum{}
	for at, sum := range tree.Checksums {
		if !isLeftOut(at) {
			info.Checksums[at] = sum
		}
	}
	return &info
}

// changeChecksum puts the checksum of the disc's own repository in place of the tree's.
func (m *maker) changeChecksum(ctx context.Context, info *productmd.TreeInfo, own map[string]cache.Node) error {
	old := info.Checksums[repomdFile]
	delete(info.Checksums, repomdFile)
	n, ok := own[repomdFile]
	if !ok || old.Algorithm == "" {
		return nil
	}
	b, err := m.Trees.Store().Get(ctx, n.Digest)
	if err != nil {
		return err
	}
	kind, err := repodata.ParseChecksumType(old.Algorithm)
	if err != nil {
		return err
	}
	h := kind.New()
	h.Write(b)
	info.Checksums[repomdFile] = productmd.Checksum{Algorithm: old.Algorithm, Hex: hex.EncodeToString(h.Sum(nil))}
	return nil
}

// addRepository adds the repodata of the packages among entries to own.
func (m *maker) addRepository(ctx context.Context, entries []entry, own map[string]cache.Node) error {
	prefix := ""
	if m.PackagesDir != "" {
		prefix = m.PackagesDir + "/"
	}
	var files []string
	for _, e := range entries {
		if strings.HasPrefix(e.path, prefix) && isPackage(e.path) {
			files = append(files, path.Base(e.path))
		}
	}
	if len(files) == 0 {
		return nil
	}
	if len(m.Recipe) == 0 {
		return errors.New("the tree has to be split, and nobody says what its repository is made of")
	}
	r, err := m.callCreaterepo(ctx, files)
	if err != nil {
		return err
	}
	made, err := m.Trees.Lookup(ctx, r.Outputs[0].Digest, "repodata")
	if err != nil {
		return err
	}
	return m.Trees.Walk(ctx, made.Digest, func(at string, n cache.Node) error {
		if n.Kind == cache.FileKind {
			own["repodata/"+at] = n
		}
		return nil
	})
}

// callCreaterepo makes the repository of some files of the tree's.
func (m *maker) callCreaterepo(ctx context.Context, files []string) (cache.Result, error) {
	call := rules.Call{Tool: "createrepo", Args: slices.Clone(m.Recipe)}
	for _, n := range m.Inputs {
		if slices.Contains(m.Recipe, n.Name) {
			call.Inputs = append(call.Inputs, n)
		}
	}
	for _, f := range files {
		call.Args = append(call.Args, "--file", f)
	}
	call.Args = append(call.Args, "--output", "repo")
	return m.Call(ctx, call)
}

// addOwn adds a file of text to own.
func (m *maker) addOwn(ctx context.Context, own map[string]cache.Node, name string, encode encodeFunc) error {
	n, err := m.text(ctx, encode)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if e, ok := m.content.find(name); ok {
		n.ModTime = e.node.ModTime
	}
	own[name] = n
	return nil
}

// manifest lists what is on a disc, folders too, a path with a slash in front a line.
func (d *disc) manifest(catalog string) []byte {
	paths := map[string]bool{}
	add := func(at string) {
		for ; at != "."; at = path.Dir(at) {
			paths["/"+at] = true
		}
	}
	for _, e := range d.entries {
		add(e.path)
	}
	if catalog != "" {
		add(catalog)
	}
	var b bytes.Buffer
	for _, p := range sortedKeys(paths) {
		b.WriteString(p + "\n")
	}
	return b.Bytes()
}

// key names the content of a file with its time and mode: files that agree in all
// are one file on the image, too.
func (e *entry) key() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %d %t", e.node.Digest, e.node.ModTime, e.node.Executable))
	return hex.EncodeToString(h[:16])
}
