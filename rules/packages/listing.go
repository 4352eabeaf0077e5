package packages

import (
	"slices"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

// Listing is a package as the metadata of a repository lists it, encoded as sets keep it:
// of 60,000 packages a third of the memory of entries, and nothing for the collector of
// garbage to look through.
type Listing struct {
	Ident
	meta, files []byte
}

// NewListing makes a listing of what primary says of a package, the checksum of its file,
// and where that is. Of p.Files it leaves only those that a set keeps.
func NewListing(p *rpm.Package, sha256 [32]byte, at Remote) (*Listing, error) {
	file, err := fileName(p.NEVRA)
	if err != nil {
		return nil, err
	}
	files := slices.DeleteFunc(p.Files, func(f rpm.File) bool { return !repodata.PrimaryPath(f.Path) })
	return &Listing{
		Ident: Ident{File: file, SHA256: sha256, Remote: at},
		meta:  p.AppendMeta(nil), files: filesRecord(files),
	}, nil
}

// Record returns the header record of the package, without text, with all of its files;
// nil are those that primary has. Whoever stores it sets l.Header.
func (l *Listing) Record(files []rpm.File) []byte {
	all := l.files
	if files != nil {
		all = filesRecord(files)
	}
	return joinHeader(l.SHA256, l.meta, all, new(rpm.Package).AppendText(nil))
}

func filesRecord(files []rpm.File) []byte { return (&rpm.Package{Files: files}).AppendFiles(nil) }

func (l *Listing) appendMeta(b []byte) []byte { return l.Ident.appendMeta(b, l.files, l.meta) }

// Node returns the package file as an entry of a tree, as that of an Entry.
func (l *Listing) Node() cache.Node { return l.node(0) }
