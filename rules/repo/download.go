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
	// Arch, if given, is that whose noarch packages are warned of.
	Arch            string `arg:"arch"`
	ConsidersNoarch bool   `arg:"exclusive-arch-considers-noarch"`
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
	if p.Arch == "" {
		return nil
	}
	return d.warnOfArches(packages.NewArchLimits(p.Arch, p.ConsidersNoarch), p.Arch)
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
	coming := d.begin(ctx, listings)
	defer coming.stop()
	err := packages.Each(ctx, d.Job, listings, func(ctx context.Context, i int) (err error) {
		if listings[i].IsRemote() {
			complete[i], err = d.file(ctx, listings[i], coming.files[i])
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

// atOnce is how many packages are asked for at a time. Who waits for a mirror needs no
// core: how many there are does not count.
const atOnce = 8

// coming are packages that are being downloaded, in their order.
type coming struct {
	files []*arrival // by place of the listing
	stop  func()     // gives up what is not there yet
}

// arrival is a package that is there when done is closed.
type arrival struct {
	done     chan struct{}
	file     cache.Digest
	err      error
	panicked any
}

func (d *downloader) begin(ctx context.Context, listings []*packages.Listing) *coming {
	ctx, cancel := context.WithCancel(ctx)
	c := &coming{files: make([]*arrival, len(listings))}
	queue := make(chan int, len(listings))
	for i, l := range listings {
		if l.IsRemote() {
			c.files[i] = &arrival{done: make(chan struct{})}
			queue <- i
		}
	}
	close(queue)
	var all sync.WaitGroup
	for range min(atOnce, len(queue)) {
		all.Go(func() {
			for i := range queue {
				c.files[i].bring(ctx, d, listings[i])
			}
		})
	}
	c.stop = func() {
		cancel()
		all.Wait()
	}
	return c
}

func (a *arrival) bring(ctx context.Context, d *downloader, l *packages.Listing) {
	defer close(a.done)
	defer func() { a.panicked = recover() }()
	if a.err = ctx.Err(); a.err == nil {
		a.file, a.err = d.Download(ctx, rules.Download{Repository: l.Remote.Repository, Href: l.Remote.Href, SHA256: l.SHA256, Size: l.Remote.Size})
	}
}

// wait returns the package when it is there.
func (a *arrival) wait(ctx context.Context) (cache.Digest, error) {
	select {
	case <-a.done:
	case <-ctx.Done():
		return cache.Digest{}, ctx.Err()
	}
	if a.panicked != nil {
		panic(a.panicked)
	}
	return a.file, a.err
}

// file returns the listing that the header of a package makes, when it is there.
func (d *downloader) file(ctx context.Context, l *packages.Listing, coming *arrival) (*packages.Listing, error) {
	file, err := coming.wait(ctx)
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
	return packages.RewriteList(ctx, d.Job, in, out, func(l *packages.Listed) (err error) {
		if got, ok := d.listings[l.File]; ok {
			*l, err = got.List(l.Tree, l.Flags)
		}
		return err
	})
}
