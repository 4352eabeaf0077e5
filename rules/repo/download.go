package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

type downloadParams struct {
	Sets  [][2]string `arg:"set"` // package set, and the output with all of its files
	Lists [][2]string `arg:"list"`
}

// download completes package sets whose packages are in repositories still, and lists
// of them. Sets that are complete stay what they are.
func download(ctx context.Context, j *rules.Job) error {
	var p downloadParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	d := &downloader{Job: j, entries: map[[32]byte]*packages.Entry{}}
	for _, set := range p.Sets {
		if err := d.set(ctx, set[0], set[1]); err != nil {
			return err
		}
	}
	for _, list := range p.Lists {
		if err := d.list(ctx, list[0], list[1]); err != nil {
			return err
		}
	}
	return nil
}

type downloader struct {
	*rules.Job
	mu      sync.Mutex
	entries map[[32]byte]*packages.Entry // that were downloaded, by checksum
}

func (d *downloader) set(ctx context.Context, in, out string) error {
	n, err := d.Input(ctx, in)
	if err != nil {
		return err
	}
	remote, err := packages.HasRemote(ctx, d.Trees, n.Digest)
	if err != nil {
		return err
	}
	if !remote {
		d.Output(out, cache.Node{Kind: cache.DirKind, Digest: n.Digest})
		return nil
	}
	entries, err := packages.LoadTree(ctx, d.Job, n.Digest)
	if err != nil {
		return err
	}
	entries, err = d.complete(ctx, entries)
	if err != nil {
		return err
	}
	set, err := packages.Write(ctx, d.Job, entries)
	if err != nil {
		return err
	}
	d.Output(out, set)
	return nil
}

// complete returns the entries with those in place of remote ones that their files
// tell. All that is wrong is told at once.
func (d *downloader) complete(ctx context.Context, entries []*packages.Entry) ([]*packages.Entry, error) {
	entries = slices.Clone(entries)
	d.announce(entries)
	faults := make([]error, len(entries))
	err := d.Each(ctx, len(entries), func(ctx context.Context, i int) error {
		if !entries[i].IsRemote() {
			return nil
		}
		e, err := d.file(ctx, entries[i])
		var lost *cache.BlobError
		switch {
		case errors.As(err, &lost) || ctx.Err() != nil:
			return err
		case err != nil:
			faults[i] = fmt.Errorf("%s: %w", entries[i].File, err)
		default:
			entries[i] = e
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, packages.JoinFaults(faults)
}

// announce says how much there is to download.
func (d *downloader) announce(entries []*packages.Entry) {
	files, bytes := 0, int64(0)
	for _, e := range entries {
		if e.IsRemote() {
			files++
			bytes += e.Remote.Size
		}
	}
	if files > 0 {
		d.ToDownload(files, bytes)
	}
}

// file downloads a package and returns the entry that its header makes.
func (d *downloader) file(ctx context.Context, e *packages.Entry) (*packages.Entry, error) {
	file, err := d.Download(ctx, rules.Download{Repository: e.Remote.Repository, Href: e.Remote.Href, SHA256: e.SHA256, Size: e.Remote.Size})
	if err != nil {
		return nil, err
	}
	r, err := d.Call(ctx, rules.Call{
		Tool:   "rpm_header",
		Args:   []string{"--rpm", "rpm", "--output", "header"},
		Inputs: []cache.Node{{Name: "rpm", Kind: cache.FileKind, Digest: file}},
	})
	if err != nil {
		return nil, err
	}
	record, err := d.Trees.Store().Get(ctx, r.Outputs[0].Digest)
	if err != nil {
		return nil, err
	}
	got, err := packages.NewEntry(record, file, r.Outputs[0].Digest)
	if err != nil {
		return nil, err
	}
	if got.File != e.File {
		return nil, fmt.Errorf("repodata says it is %s, the file says %s", e.NEVRA, got.NEVRA)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries[e.SHA256] = got
	return got, nil
}

// list writes a list again, with what the files of its packages tell.
func (d *downloader) list(ctx context.Context, in, out string) error {
	data, err := d.Read(ctx, in)
	if err != nil {
		return err
	}
	list, err := packages.DecodeList(data)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	byFile := make(map[string]*packages.Entry, len(d.entries))
	for _, e := range d.entries {
		byFile[e.File] = e
	}
	for i, l := range list {
		if e, ok := byFile[l.File]; ok {
			list[i] = e.List(l.Tree, l.Flags)
		}
	}
	if data, err = packages.EncodeList(list); err != nil {
		return err
	}
	return d.Write(ctx, out, data)
}
