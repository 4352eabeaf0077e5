// Package createrepo makes repositories. It does what createrepo_c does, but
// nothing twice: the metadata of each package is a nested action (a fragment),
// and neighbours in the list are compressed together as another (a frame), so
// a new package costs one fragment, one frame, and the joining of frames.
package createrepo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// Star is the rule's source.
//
//go:embed createrepo.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "createrepo", Version: 2, Params: params{}, Run: run},
		{Name: "repodata_frame", Version: 3, Params: frameParams{}, Run: frame},
		{Name: "repodata_fragment", Version: 1, Params: fragmentParams{}, Run: fragment},
		{Name: "repodata_sum", Version: 1, Params: sumParams{}, Run: sum},
		{Name: "rpm_checksum", Version: 1, Params: checksumParams{}, Run: checksum},
	}
}

type params struct {
	Packages         []string    `arg:"packages"`
	Files            []string    `arg:"file"` // the only packages to be taken, by file name; none for all
	PackagesDir      string      `arg:"packages-dir"`
	Hashed           bool        `arg:"hashed-directories"`
	Checksum         string      `arg:"checksum,required"`
	Compression      string      `arg:"compression,required"`
	Compressions     [][2]string `arg:"compression-of"` // type of record, compression
	ChangelogLimit   int         `arg:"changelog-limit"`
	Unique           bool        `arg:"unique-md-filenames"`
	ContentTags      []string    `arg:"content-tag"`
	RepoTags         []string    `arg:"repo-tag"`
	DistroTags       []string    `arg:"distro-tag"` // "name" or "cpeid,name"
	Comps            string      `arg:"comps"`
	CompsName        string      `arg:"comps-name"`
	Modules          string      `arg:"modules"` // modulemd YAML; if it is empty there is no record
	ProductIDs       string      `arg:"product-ids"`
	ProductIDName    string      `arg:"product-id-name"` // of the certificate, up to the last dash
	ProductIDPrefix  bool        `arg:"product-id-allow-name-prefix"`
	ProductIDMissing bool        `arg:"product-id-allow-missing"`
	UpdateInfo       []string    `arg:"updateinfo"`
	Output           string      `arg:"output,required"`
}

// repo is a repository in the making.
type repo struct {
	*rules.Job
	params
	kind         repodata.ChecksumType
	compressions map[string]repodata.Compression // by type of record
	entries      []*packages.Head                // sorted by file name
	newest       int64                           // time of the newest package, and of all repodata
	tree         *cache.Builder
	records      []repodata.Record
}

func run(ctx context.Context, j *rules.Job) error {
	r := &repo{Job: j, newest: rules.Oldest, tree: j.Trees.Builder()}
	if err := rules.Parse(j.Args, &r.params); err != nil {
		return err
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	if err := r.fill(ctx); err != nil {
		return err
	}
	return j.OutputTree(ctx, r.params.Output, r.tree)
}

func (r *repo) load(ctx context.Context) (err error) {
	if r.kind, err = repodata.ParseChecksumType(r.Checksum); err != nil {
		return err
	}
	if err := r.chooseCompressions(); err != nil {
		return err
	}
	if r.entries, err = packages.LoadAllHeads(ctx, r.Job, r.Packages); err != nil {
		return err
	}
	if len(r.Files) > 0 {
		r.take(r.Files)
	}
	for _, e := range r.entries {
		r.newest = max(r.newest, e.BuildTime)
	}
	return nil
}

// take leaves only packages with some file names.
func (r *repo) take(files []string) {
	wanted := map[string]bool{}
	for _, f := range files {
		wanted[f] = true
	}
	var kept []*packages.Head
	for _, e := range r.entries {
		if wanted[e.File] {
			kept = append(kept, e)
		}
	}
	r.entries = kept
}

// href is where the package is in the repository.
func (r *repo) href(e *packages.Head) string {
	if r.PackagesDir == "" {
		return r.place(e)
	}
	return r.PackagesDir + "/" + r.place(e)
}

// place is where the package is in the folder of packages.
func (r *repo) place(e *packages.Head) string {
	if r.Hashed {
		return packages.Letter(e.File) + "/" + e.File
	}
	return e.File
}

// packages returns the folder of packages.
func (r *repo) packages(ctx context.Context) (cache.Node, error) {
	b := r.Trees.Builder()
	for _, e := range r.entries {
		if err := b.Add(r.place(e), e.Node()); err != nil {
			return cache.Node{}, err
		}
	}
	root, err := b.Build(ctx)
	return cache.Node{Kind: cache.DirKind, Digest: root}, err
}

// documents are the three files with one element per package. A frame of one has the
// output named after its kind, and its text that with textSuffix.
var documents = [...]struct {
	kind  string
	open  func(n int) []byte
	close func() []byte
}{
	{"primary", repodata.PrimaryOpen, repodata.PrimaryClose},
	{"filelists", repodata.FilelistsOpen, repodata.FilelistsClose},
	{"other", repodata.OtherOpen, repodata.OtherClose},
}

const textSuffix = "-text"

// fill adds the packages to the tree, and their metadata.
func (r *repo) fill(ctx context.Context) error {
	groups := split(r.entries)
	frames, err := r.frames(ctx, groups)
	if err != nil {
		return err
	}
	spans := spansOf(groups, frames)
	r.records = make([]repodata.Record, len(documents))
	nodes := make([]cache.Node, len(documents)+1)
	err = r.Each(ctx, len(nodes), func(ctx context.Context, i int) (err error) {
		if i == len(documents) {
			nodes[i], err = r.packages(ctx)
			return err
		}
		r.records[i], nodes[i], err = r.join(ctx, i, spans)
		return err
	})
	if err != nil {
		return err
	}
	if len(r.entries) > 0 { // no folder of no packages
		if err := r.tree.Add(r.PackagesDir, nodes[len(documents)]); err != nil {
			return err
		}
	}
	for i, rec := range r.records {
		if err := r.tree.Add(rec.Location, nodes[i]); err != nil {
			return err
		}
	}
	if err := r.addFiles(ctx); err != nil {
		return err
	}
	return r.addIndex(ctx)
}

// addIndex adds repomd.xml.
func (r *repo) addIndex(ctx context.Context) error {
	index := repodata.Repomd{
		Revision: strconv.FormatInt(r.newest, 10),
		Tags:     repodata.Tags{Content: r.ContentTags, Repo: r.RepoTags},
		Records:  r.records,
	}
	for _, text := range r.DistroTags {
		index.Tags.Distro = append(index.Tags.Distro, repodata.ParseDistroTag(text))
	}
	var b bytes.Buffer
	if _, err := index.WriteTo(&b); err != nil {
		return err
	}
	return r.addFile(ctx, "repodata/repomd.xml", b.Bytes())
}

// addFile adds a file of data to the tree.
func (r *repo) addFile(ctx context.Context, path string, data []byte) error {
	return r.tree.Put(ctx, path, data, r.newest)
}

func (r *repo) file(d cache.Digest) cache.Node {
	return cache.Node{Kind: cache.FileKind, Digest: d, ModTime: r.newest}
}

// frames returns the compressed metadata of all packages, in groups.
func (r *repo) frames(ctx context.Context, groups [][]*packages.Head) ([]cache.Result, error) {
	frames := make([]cache.Result, len(groups))
	err := r.Each(ctx, len(groups), func(ctx context.Context, i int) (err error) {
		frames[i], err = r.frame(ctx, groups[i])
		return err
	})
	return frames, err
}

// split cuts the list after every package whose name says so, every 64th on
// average. Such cuts stay where they are when packages come and go, so a change
// changes one group.
func split(entries []*packages.Head) [][]*packages.Head {
	const mean, limit = 64, 512
	var groups [][]*packages.Head
	start := 0
	for i, e := range entries {
		if cutsAfter(e, mean) || i-start+1 == limit || i == len(entries)-1 {
			groups = append(groups, entries[start:i+1])
			start = i + 1
		}
	}
	return groups
}

// cutsAfter reports whether a list is cut after an entry; one of mean entries says so.
func cutsAfter(e *packages.Head, mean uint32) bool {
	h := fnv.New32a()
	h.Write([]byte(e.Name))
	return h.Sum32()%mean == 0
}

func (r *repo) frame(ctx context.Context, group []*packages.Head) (cache.Result, error) {
	call := rules.Call{
		Tool:   "repodata_frame",
		Args:   make([]string, 0, 4+2*len(documents)+5*len(group)),
		Inputs: make([]cache.Node, 0, len(group)),
	}
	call.Args = append(call.Args, "--checksum", r.Checksum, "--changelog-limit", strconv.Itoa(r.ChangelogLimit))
	for _, doc := range documents {
		call.Args = append(call.Args, "--compression", r.compressionName(doc.kind))
	}
	for _, e := range group {
		sum, err := r.checksum(ctx, e)
		if err != nil {
			return cache.Result{}, err
		}
		call.Args = append(call.Args, "--package", r.href(e), strconv.FormatInt(e.Digest.Size(), 10), sum, e.File)
		call.Inputs = append(call.Inputs, cache.Node{Name: e.File, Kind: cache.FileKind, Digest: e.Header})
	}
	return r.Call(ctx, call)
}

// checksum returns the checksum of a package file. Its SHA-256 is known from
// its header; others are computed once.
func (r *repo) checksum(ctx context.Context, e *packages.Head) (string, error) {
	if r.kind == repodata.SHA256 {
		return hex.EncodeToString(e.SHA256[:]), nil
	}
	result, err := r.Call(ctx, rules.Call{
		Tool:   "rpm_checksum",
		Args:   []string{"--checksum", r.Checksum, "--rpm", "rpm", "--output", "checksum"},
		Inputs: []cache.Node{{Name: "rpm", Kind: cache.FileKind, Digest: e.Digest}},
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", e.File, err)
	}
	sum, err := r.Trees.Store().Get(ctx, result.Outputs[0].Digest)
	return string(sum), err
}
