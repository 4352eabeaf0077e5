package packages

import (
	"bytes"
	"context"
	"slices"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
)

// Listing is a package as sets keep it, encoded but for what it is. Who passes packages on
// does not decode what they require: of 60,000 listings there is a third of the memory of
// entries, and hardly anything for the collector of garbage to look through.
type Listing struct {
	Ident
	built       int64 // seconds since 1970, of a package whose file is at hand
	meta, files []byte
	from        *shard // that it was read from, nil if from none
}

// shard is where listings were read from. A set that has all of them, and nothing else of
// its shard, has the shard as it is.
type shard struct {
	node     cache.Node
	packages int
}

// ListMetadata makes a listing of what primary says of a package, the checksum of its file,
// and where that is. Of p.Files it leaves only those that a set keeps.
func ListMetadata(p *rpm.Package, sha256 [32]byte, at Remote) (*Listing, error) {
	file, err := fileName(p.NEVRA)
	if err != nil {
		return nil, err
	}
	p.Files = slices.DeleteFunc(p.Files, notPrimary)
	return &Listing{Ident: Ident{File: file, SHA256: sha256, Remote: at}, meta: p.AppendMeta(nil), files: p.AppendFiles(nil)}, nil
}

func notPrimary(f rpm.File) bool { return !repodata.PrimaryPath(f.Path) }

// ListFile makes a listing of a header record, the digest of the package file, and that of
// the record. The package is named after what it is, whatever name the file came with.
func ListFile(record []byte, file, header cache.Digest) (*Listing, error) {
	sha, parts, err := splitHeader(record)
	if err != nil {
		return nil, err
	}
	l := &Listing{Ident: Ident{SHA256: sha, Digest: file, Header: header}, meta: bytes.Clone(parts[0])}
	p, err := l.Identity()
	if err != nil {
		return nil, err
	}
	if err := rpm.DecodeFiles(parts[1], p); err != nil {
		return nil, err
	}
	p.Files = slices.DeleteFunc(p.Files, notPrimary)
	l.files, l.built = p.AppendFiles(nil), p.BuildTime
	l.File, err = fileName(p.NEVRA)
	return l, err
}

// ListRPM makes the listing of a package file, of the record that rpm_header makes of its
// header. With verify, what the header says of the payload has to be true.
func ListRPM(ctx context.Context, j *rules.Job, file cache.Digest, verify bool) (*Listing, error) {
	call := rules.Call{
		Tool:   "rpm_header",
		Args:   []string{"--rpm", "rpm", "--output", "header"},
		Inputs: []cache.Node{{Name: "rpm", Kind: cache.FileKind, Digest: file}},
	}
	if verify {
		call.Args = append(call.Args, "--verify", "true")
	}
	r, err := j.Call(ctx, call)
	if err != nil {
		return nil, err
	}
	record, err := j.Trees.Store().Get(ctx, r.Outputs[0].Digest)
	if err != nil {
		return nil, err
	}
	return ListFile(record, file, r.Outputs[0].Digest)
}

// LoadListings returns the packages of the set with a root, in the order of LoadEntries. They
// are not kept for the next who asks: to read them takes no longer.
func LoadListings(ctx context.Context, j *rules.Job, root cache.Digest) ([]*Listing, error) {
	return loadShards(ctx, j, root, func(ctx context.Context, in cache.Node, meta cache.Digest) ([]*Listing, error) {
		b, err := j.Trees.Store().Get(ctx, meta)
		if err != nil {
			return nil, err
		}
		all, err := decodeListings(b)
		from := &shard{in, len(all)}
		for _, l := range all {
			l.from = from
		}
		return all, err
	})
}

func decodeListings(b []byte) ([]*Listing, error) {
	return decodeMeta(b, func(id Ident, files, meta []byte) (*Listing, error) {
		l := &Listing{Ident: id, meta: meta, files: files}
		if id.IsRemote() {
			return l, nil
		}
		p, err := l.Identity()
		if err == nil {
			l.built, err = p.BuildTime, id.checkFile(p.NEVRA, nil)
		}
		return l, err
	})
}

// Identity returns what the package is: all but dependencies, files and text.
func (l *Listing) Identity() (*rpm.Package, error) {
	p := new(rpm.Package)
	return p, rpm.DecodeIdentity(l.meta, p)
}

// Record returns the header record of the package, without text, with all of its files;
// nil are those that primary has. Whoever stores it sets l.Header.
func (l *Listing) Record(files []rpm.File) []byte {
	all := l.files
	if files != nil {
		all = (&rpm.Package{Files: files}).AppendFiles(nil)
	}
	return joinHeader(l.SHA256, l.meta, all, new(rpm.Package).AppendText(nil))
}

func (l *Listing) appendMeta(b []byte) []byte { return l.Ident.appendMeta(b, l.files, l.meta) }
