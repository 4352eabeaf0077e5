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
		{Name: "repo_index", Version: 1, Params: indexParams{}, Run: index},
		{Name: "package_download", Version: 1, Params: downloadParams{}, Run: download},
	}
}

type indexParams struct {
	Metadata   string   `arg:"metadata,required"`
	Repository string   `arg:"repository,required"`
	Include    []string `arg:"include"`
	Exclude    []string `arg:"exclude"`
	// Signed: repomd.xml has to be signed with one of the keys, files and their names.
	Signed bool        `arg:"signed"`
	Keys   [][2]string `arg:"gpgkey"`
	Output string      `arg:"output,required"`
}

// index makes a package set of the metadata of a repository.
func index(ctx context.Context, j *rules.Job) error {
	var p indexParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	r := &reader{Job: j, indexParams: p, include: p.Include, exclude: p.Exclude, byID: map[string]*listed{}}
	if err := errors.Join(packages.CheckGlobs(r.include), packages.CheckGlobs(r.exclude)); err != nil {
		return err
	}
	if err := r.read(ctx); err != nil {
		return fmt.Errorf("%s: %w", p.Repository, err)
	}
	entries := make([]*packages.Entry, len(r.all))
	err := j.Each(ctx, len(r.all), func(ctx context.Context, i int) (err error) {
		if entries[i], err = r.entry(ctx, r.all[i]); err != nil {
			err = fmt.Errorf("%s: %s: %w", p.Repository, r.all[i].at.Href, err)
		}
		return err
	})
	if err != nil {
		return err
	}
	set, err := packages.Write(ctx, j.Trees, entries)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Repository, err)
	}
	j.Output(p.Output, set)
	return nil
}

// reader reads the metadata of a repository.
type reader struct {
	*rules.Job
	indexParams
	include, exclude packages.Globs
	repomd           *repodata.Repomd
	all              []*listed
	byID             map[string]*listed // by checksum, which the documents call pkgid
}

// listed is a package as the metadata describes it: decoded, until it is known whole.
type listed struct {
	pkg    *format.Package
	record []byte
	at     repodata.Location
}

func (l *listed) encode() error {
	sum, err := hex.DecodeString(l.at.Checksum.Hex)
	if err != nil || len(sum) != 32 {
		return errors.New("sha256 is not 64 hex digits")
	}
	l.record, l.pkg = packages.EncodeHeader(l.pkg, [32]byte(sum)), nil
	return nil
}

func (r *reader) read(ctx context.Context) error {
	data, err := r.Read(ctx, r.Metadata+"/repomd.xml")
	if err != nil {
		return err
	}
	if err := r.checkSignature(ctx, data); err != nil {
		return err
	}
	if r.repomd, err = repodata.ParseRepomd(bytes.NewReader(data)); err != nil {
		return err
	}
	err = r.document(ctx, "primary", func(in io.Reader) error { return repodata.ReadPrimary(in, r.add) })
	if err != nil {
		return err
	}
	return r.document(ctx, "filelists", func(in io.Reader) error {
		return repodata.ReadFilelists(in, r.addFiles)
	})
}

// maxDocument is the largest document whose size repomd.xml does not state, in bytes.
const maxDocument = 4 << 30

// document reads a document, and holds it against what repomd.xml says of it unpacked.
func (r *reader) document(ctx context.Context, kind string, read func(io.Reader) error) error {
	rec, _ := r.repomd.Record(kind)
	n, err := r.Input(ctx, r.Metadata+"/"+repodata.SourceName(rec))
	if err != nil {
		return err
	}
	f, err := r.Trees.Store().Open(ctx, n.Digest)
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(maxDocument)
	if rec.OpenSize > 0 {
		size = rec.OpenSize
	}
	in, err := repodata.Unpack(struct{ io.Reader }{f}, size)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	var sum hash.Hash
	if rec.OpenChecksum.Type != "" {
		sum = rec.OpenChecksum.Type.New()
		in = io.TeeReader(in, sum)
	}
	if err := read(in); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if sum == nil {
		return nil
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != rec.OpenChecksum.Hex {
		return fmt.Errorf("%s: unpacked it has the %s %s, repomd.xml says %s", kind, rec.OpenChecksum.Type, got, rec.OpenChecksum.Hex)
	}
	return nil
}

func (r *reader) add(pkg *format.Package, at repodata.Location) error {
	if len(r.include) > 0 && !r.include.Match(pkg.NEVRA) || r.exclude.Match(pkg.NEVRA) {
		return nil
	}
	if at.Checksum.Type != repodata.SHA256 {
		return fmt.Errorf("%s: checksum is of type %q, want sha256", pkg.NEVRA, at.Checksum.Type)
	}
	if _, ok := r.byID[at.Checksum.Hex]; ok {
		return nil // one file under two names
	}
	l := &listed{pkg: new(format.Package), at: at}
	// What was read refers to all of the text, of which little is wanted.
	if err := format.DecodeMeta(pkg.AppendMeta(nil), l.pkg); err != nil {
		return err
	}
	r.all = append(r.all, l)
	r.byID[at.Checksum.Hex] = l
	return nil
}

// addFiles encodes a package, which is known whole now: encoded it takes a part of the
// room.
func (r *reader) addFiles(id string, files []format.File) error {
	l, ok := r.byID[id]
	if !ok || l.record != nil {
		return nil // not wanted, or told already
	}
	l.pkg.Files = files
	return l.encode()
}

// entry makes the entry of a package, whose header record is of what the metadata says.
func (r *reader) entry(ctx context.Context, l *listed) (*packages.Entry, error) {
	if l.record == nil { // filelists does not have it
		if err := l.encode(); err != nil {
			return nil, err
		}
	}
	header, err := r.Trees.Store().Put(ctx, l.record)
	if err != nil {
		return nil, err
	}
	e, err := packages.NewEntry(l.record, cache.Digest{}, header)
	if err != nil {
		return nil, err
	}
	e.Remote = packages.Remote{Repository: r.Repository, Href: l.at.Href, Size: l.at.PackageSize}
	l.record = nil
	return e, nil
}
