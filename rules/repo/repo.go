// Package repo is where packages come from that somebody else has: repo reads the
// metadata of a repository, and package_download brings the files that are wanted.
//
// Between the two packages are known by name, checksum and place: sets are chosen and
// dependencies solved before any of them is downloaded.
package repo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/repodata"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// Star is the rule's source.
//
//go:embed repo.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "repo_index", Version: 3, Params: indexParams{}, Run: index},
		{Name: "repo_modules", Version: 1, Params: modulesParams{}, Run: modules},
		{Name: "package_download", Version: 1, Params: downloadParams{}, Run: download},
	}
}

type indexParams struct {
	Metadata   string   `arg:"metadata,required"`
	Repository string   `arg:"repository,required"`
	Include    []string `arg:"include"`
	Exclude    []string `arg:"exclude"`
	// Signed: repomd.xml has to be signed with one of the keys, files and their names.
	Signed    bool        `arg:"signed"`
	Keys      [][2]string `arg:"gpgkey"`
	Output    string      `arg:"output,required"`
	Decisions string      `arg:"decisions,required"`
}

// index makes a package set of the metadata of a repository.
func index(ctx context.Context, j *rules.Job) error {
	var p indexParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	if err := errors.Join(packages.CheckGlobs(p.Include), packages.CheckGlobs(p.Exclude)); err != nil {
		return err
	}
	r := &reader{Job: j, indexParams: p, byID: map[[32]byte]*packages.Listing{}}
	set, err := r.read(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Repository, err)
	}
	j.Output(p.Output, set)
	return j.Write(ctx, p.Decisions, packages.EncodeDecisions(r.left))
}

// reader reads the metadata of a repository.
type reader struct {
	*rules.Job
	indexParams
	repomd *repodata.Repomd
	all    []*packages.Listing
	byID   map[[32]byte]*packages.Listing // by checksum, which the documents call pkgid
	left   []packages.Decision
}

func (r *reader) read(ctx context.Context) (set cache.Node, err error) {
	if err := r.readIndex(ctx); err != nil {
		return set, err
	}
	if err := r.document(ctx, "primary", repodata.Primary, r.readPrimary); err != nil {
		return set, err
	}
	if err := r.document(ctx, "filelists", repodata.Filelists, r.readFilelists); err != nil {
		return set, err
	}
	for _, l := range r.all {
		if !l.Header.IsZero() {
			continue
		}
		// filelists does not have it.
		if l.Header, err = r.Trees.Store().Put(ctx, l.Record(nil)); err != nil {
			return set, err
		}
	}
	return packages.Write(ctx, r.Job, r.all)
}

// readIndex reads repomd.xml.
func (r *reader) readIndex(ctx context.Context) error {
	data, err := r.Read(ctx, r.Metadata+"/repomd.xml")
	if err != nil {
		return err
	}
	if err := r.checkSignature(ctx, data); err != nil {
		return err
	}
	r.repomd, err = repodata.ParseRepomd(bytes.NewReader(data))
	return err
}

// maxDocument is the largest document that is read, unpacked, in bytes.
const maxDocument = 4 << 30

// pieces is how many pieces of a document are read at a time, where there are slots.
const pieces = 16

// document reads a document, and holds it against what repomd.xml says of it unpacked.
func (r *reader) document(ctx context.Context, kind string, d repodata.Document, read func(context.Context, []repodata.Piece) error) error {
	rec, _ := r.repomd.Record(kind)
	return r.unpack(ctx, rec, func(in io.Reader) error {
		return d.Cut(in, pieces, func(all []repodata.Piece) error { return read(ctx, all) })
	})
}

// unpack has a file read, and holds what was read against what repomd.xml says of the
// file unpacked.
func (r *reader) unpack(ctx context.Context, rec repodata.Record, read func(io.Reader) error) error {
	f, err := r.Open(ctx, r.Metadata+"/"+repodata.SourceName(rec))
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(maxDocument)
	if rec.OpenSize > 0 {
		size = min(size, rec.OpenSize)
	}
	in, err := repodata.Unpack(struct{ io.Reader }{f}, size)
	if err != nil {
		return fmt.Errorf("%s: %w", rec.Type, err)
	}
	var sum hash.Hash
	if rec.OpenChecksum.Type != "" {
		sum = rec.OpenChecksum.Type.New()
		in = io.TeeReader(in, sum)
	}
	if err := read(in); err != nil {
		return fmt.Errorf("%s: %w", rec.Type, err)
	}
	if sum == nil {
		return nil
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != rec.OpenChecksum.Hex {
		return fmt.Errorf("%s: unpacked it has the %s %s, repomd.xml says %s", rec.Type, rec.OpenChecksum.Type, got, rec.OpenChecksum.Hex)
	}
	return nil
}

// readPrimary adds the packages of pieces of primary that includes and excludes leave in.
func (r *reader) readPrimary(ctx context.Context, all []repodata.Piece) error {
	read := make([]struct {
		listed []*packages.Listing
		left   []packages.Decision
	}, len(all))
	err := r.Each(ctx, len(all), func(_ context.Context, i int) error {
		return all[i].Primary(func(pkg *format.Package, at repodata.Location) error {
			if d := r.unwanted(pkg); d != nil {
				read[i].left = append(read[i].left, *d)
				return nil
			}
			l, err := r.list(pkg, at)
			read[i].listed = append(read[i].listed, l)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, piece := range read {
		r.left = append(r.left, piece.left...)
		for _, l := range piece.listed {
			if r.byID[l.SHA256] == nil { // else one file under two names
				r.byID[l.SHA256] = l
				r.all = append(r.all, l)
			}
		}
	}
	return nil
}

func (r *reader) list(pkg *format.Package, at repodata.Location) (*packages.Listing, error) {
	sum, err := checksum(at.Checksum)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pkg.NEVRA, err)
	}
	l, err := packages.ListMetadata(pkg, sum, packages.Remote{Repository: r.Repository, Href: strings.Clone(at.Href), Size: at.PackageSize})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Href, err)
	}
	return l, nil
}

func checksum(c repodata.Checksum) (sum [32]byte, err error) {
	if c.Type != repodata.SHA256 {
		return sum, fmt.Errorf("checksum is of type %q, want sha256\n  hint: `createrepo_c --checksum sha256` makes such metadata", c.Type)
	}
	if n, err := hex.Decode(sum[:], []byte(c.Hex)); err != nil || n != len(sum) || len(c.Hex) != 2*len(sum) {
		return sum, errors.New("sha256 is not 64 hex digits")
	}
	return sum, nil
}

// readFilelists completes the packages of pieces of filelists.
func (r *reader) readFilelists(ctx context.Context, all []repodata.Piece) error {
	type stored struct {
		*packages.Listing
		header cache.Digest
	}
	read := make([][]stored, len(all))
	err := r.Each(ctx, len(all), func(ctx context.Context, i int) error {
		return all[i].Filelists(func(id string, files []format.File) error {
			sum, err := hex.DecodeString(id)
			if err != nil || len(sum) != 32 {
				return nil
			}
			l := r.byID[[32]byte(sum)]
			if l == nil {
				return nil // it is not wanted
			}
			header, err := r.Trees.Store().Put(ctx, l.Record(files))
			read[i] = append(read[i], stored{l, header})
			return err
		})
	})
	for _, piece := range read {
		for _, s := range piece {
			if s.Header.IsZero() { // what the document says first counts
				s.Header = s.header
			}
		}
	}
	return err
}

// unwanted returns the decision of includes and excludes against a package, if it is one.
func (r *reader) unwanted(pkg *format.Package) *packages.Decision {
	if glob, ok := packages.Globs(r.Exclude).Find(pkg.NEVRA); ok {
		return &packages.Decision{Package: pkg.NEVRA.String(), Step: "excludepkgs", Dropped: fmt.Sprintf("excludepkgs of %s has %q", r.Repository, glob)}
	}
	if _, ok := packages.Globs(r.Include).Find(pkg.NEVRA); !ok && len(r.Include) > 0 {
		return &packages.Decision{Package: pkg.NEVRA.String(), Step: "includepkgs", Dropped: "includepkgs of " + r.Repository + " does not have it"}
	}
	return nil
}
