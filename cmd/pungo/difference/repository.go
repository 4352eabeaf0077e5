package difference

import (
	"context"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/pungo-build/pungo/internal/comps"
	"github.com/pungo-build/pungo/internal/crew"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

// repository is the metadata of a repository.
type repository struct {
	in    confined
	dir   string // the folder that repodata is in; "." at the top
	index *repodata.Repomd
}

// openRepository reads the index of a repository; nil if there is none.
func openRepository(in confined, dir string) (*repository, error) {
	index, err := parsed(in, path.Join(dir, "repodata", "repomd.xml"), repodata.ParseRepomd)
	if index == nil || err != nil {
		return nil, err
	}
	return &repository{in: in, dir: dir, index: *index}, nil
}

// record finds the record of a document; that of comps has other names if it is packed.
func (r *repository) record(kind string) (repodata.Record, bool) {
	for _, suffix := range []string{"", "_zst", "_gz", "_xz", "_bz2"} {
		if rec, ok := r.index.Record(kind + suffix); ok {
			return rec, true
		}
	}
	return repodata.Record{}, false
}

// open opens a document, unpacked. Its name is for errors.
func (r *repository) open(rec repodata.Record, max int64) (f *os.File, text io.Reader, name string, err error) {
	name = rec.Location
	if r.dir != "." {
		name = r.dir + "/" + rec.Location // which may be anything
	}
	if f, err = r.in.open(name); err != nil {
		return nil, nil, name, err
	}
	if text, err = repodata.Unpack(f, max); err != nil {
		f.Close()
		return nil, nil, name, r.in.errorf(name, err)
	}
	return f, text, name, nil
}

// cut has the pieces of a document read side by side, if it is there.
func (r *repository) cut(ctx context.Context, kind string, d repodata.Document, read func(*repodata.Piece) error) error {
	rec, ok := r.record(kind)
	if !ok {
		return nil
	}
	f, text, name, err := r.open(rec, maxDocument)
	if err != nil {
		return err
	}
	defer f.Close()
	readers := crew.New(0)
	err = d.Cut(text, 2*runtime.GOMAXPROCS(0), func(pieces []repodata.Piece) error {
		return readers.Each(ctx, len(pieces), func(_ context.Context, i int) error { return read(&pieces[i]) })
	})
	if err != nil {
		return r.in.errorf(name, err)
	}
	return nil
}

// packages calls fn for each package of primary, one at a time; it is fn's until it
// returns. Whole packages have their source package, too.
func (r *repository) packages(ctx context.Context, whole bool, fn func(*rpm.Package, repodata.Location)) error {
	var one sync.Mutex
	each := func(pkg *rpm.Package, at repodata.Location) error {
		one.Lock()
		defer one.Unlock()
		fn(pkg, at)
		return nil
	}
	return r.cut(ctx, "primary", repodata.Primary, func(p *repodata.Piece) error {
		if whole {
			return p.Primary(each)
		}
		return p.Locations(each)
	})
}

// changelogs returns those that are wanted, by the checksums of packages: newest entry
// first.
func (r *repository) changelogs(ctx context.Context, wanted map[string]bool) (map[string][]rpm.Change, error) {
	logs := map[string][]rpm.Change{}
	var one sync.Mutex
	err := r.cut(ctx, "other", repodata.Other, func(p *repodata.Piece) error {
		return p.Other(func(id string) bool { return wanted[id] }, func(id string, log []rpm.Change) error {
			one.Lock()
			defer one.Unlock()
			logs[id] = cloned(log)
			return nil
		})
	})
	return logs, err
}

// cloned copies a changelog whose texts are parts of something large.
func cloned(log []rpm.Change) []rpm.Change {
	own := make([]rpm.Change, len(log))
	for i, c := range log {
		own[i] = rpm.Change{Author: strings.Clone(c.Author), Time: c.Time, Text: strings.Clone(c.Text)}
	}
	return own
}

// groups returns the repository's comps; nil if it has none.
func (r *repository) groups() (*comps.Comps, error) {
	rec, ok := r.record("group")
	if !ok {
		return nil, nil
	}
	f, text, name, err := r.open(rec, maxComps)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := comps.Parse(text)
	if err != nil {
		return nil, r.in.errorf(name, err)
	}
	return c, nil
}

// ofMetadata is a package as primary has it. Its texts are its own.
func ofMetadata(p *rpm.Package, at repodata.Location, in *repository) Package {
	pkg := ofHeader(p)
	pkg.Path, pkg.Size = path.Join(in.dir, strings.Clone(at.Href)), at.PackageSize
	pkg.Checksum = repodata.Checksum{Type: at.Checksum.Type, Hex: strings.Clone(at.Checksum.Hex)}
	pkg.in = in
	return pkg
}

// NewPackage returns a package of which nothing is known but what it is called, and the
// file name of its source package, "" of a source package.
func NewPackage(n rpm.NEVRA, source string) Package {
	return Package{NEVRA: n, Category: categoryOf(n), Source: sourceOf(n, source)}
}

// ofHeader is what a header says of a package.
func ofHeader(p *rpm.Package) Package {
	pkg := NewPackage(rpm.NEVRA{
		Name: strings.Clone(p.Name), Arch: strings.Clone(p.Arch),
		EVR: rpm.EVR{Epoch: p.Epoch, Version: strings.Clone(p.Version), Release: strings.Clone(p.Release)},
	}, p.SourceRPM)
	pkg.BuildTime = p.BuildTime
	return pkg
}

// sourceOf is the source package by the name of its file, which lacks the epoch: that of
// a package of the same version is taken.
func sourceOf(n rpm.NEVRA, file string) rpm.NEVRA {
	if file == "" || n.IsSource() {
		return n
	}
	source, err := rpm.ParseFileName(strings.Clone(file))
	if err != nil {
		source = n
		source.Arch = "src"
	}
	if source.Version == n.Version && source.Release == n.Release {
		source.Epoch = n.Epoch
	}
	return source
}
