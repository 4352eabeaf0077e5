package repo

import (
	"context"
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
	d := &downloader{Job: j, listings: map[string]*packages.Listing{}}
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
	mu       sync.Mutex
	listings map[string]*packages.Listing // of packages that were downloaded, by file
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
	listings, err := packages.LoadListings(ctx, d.Job, n.Digest)
	if err != nil {
		return err
	}
	listings, err = d.complete(ctx, listings)
	if err != nil {
		return err
	}
	set, err := packages.Write(ctx, d.Job, listings)
	if err != nil {
		return err
	}
	d.Output(out, set)
	return nil
}

// complete returns the listings with those in place of remote ones that their files
// tell. All that is wrong is told at once.
func (d *downloader) complete(ctx context.Context, listings []*packages.Listing) ([]*packages.Listing, error) {
	d.announce(listings)
	complete := slices.Clone(listings)
	err := packages.Each(ctx, d.Job, listings, func(ctx context.Context, i int) (err error) {
		if listings[i].IsRemote() {
			complete[i], err = d.file(ctx, listings[i])
		}
		return err
	})
	return complete, err
}

// announce says how much there is to download.
func (d *downloader) announce(listings []*packages.Listing) {
	files, bytes := 0, int64(0)
	for _, l := range listings {
		if l.IsRemote() {
			files++
			bytes += l.Remote.Size
		}
	}
	if files > 0 {
		d.ToDownload(files, bytes)
	}
}

// file downloads a package and returns the listing that its header makes.
func (d *downloader) file(ctx context.Context, l *packages.Listing) (*packages.Listing, error) {
	file, err := d.Download(ctx, rules.Download{Repository: l.Remote.Repository, Href: l.Remote.Href, SHA256: l.SHA256, Size: l.Remote.Size})
	if err != nil {
		return nil, err
	}
	got, err := packages.ListRPM(ctx, d.Job, file, false)
	if err != nil {
		return nil, err
	}
	if got.File != l.File {
		return nil, fmt.Errorf("repodata says it is %s, the file says %s", l.File, got.File)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listings[l.File] = got
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
	for i, l := range list {
		if got, ok := d.listings[l.File]; ok {
			if list[i], err = got.List(l.Tree, l.Flags); err != nil {
				return err
			}
		}
	}
	return d.Write(ctx, out, packages.EncodeList(list))
}
