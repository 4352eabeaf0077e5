// Package packages is the form in which package sets travel between phases.
//
// A package set is a tree. It is sharded by digest, so that 60,000 packages are
// many small folders and one changed package changes one of them:
//
//	4b/meta                            what a solver reads, of all packages here
//	4b/header/bash-5.2-1.x86_64.rpm    everything the header says, a record
//	4b/rpm/bash-5.2-1.x86_64.rpm       the package file
//	e0/…
//	e0/remote                          there are packages here without their files
//
// where 4b is the start of the package file's digest. Sets share shards: what a
// phase keeps whole it names by the same digest. A list is the same choice as
// text, small enough for a diff.
//
// A package of a set is read as what its reader needs, Ident being in all three:
//
//	Entry    what a solver reads           LoadEntries
//	Head     name, epoch and build time    LoadHeads
//	Listing  encoded, to be passed on      LoadListings, ListFile …; Write takes these
//
// Listed is something else: a line of a list.
package packages

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/rpm"
)

// Entry is one package of a set. Entries are shared: nobody changes one.
type Entry struct {
	// Package has what a solver reads. Its Files are those that primary metadata
	// lists (see repodata.PrimaryPath), which most requirements on files are
	// about; all files, and Text, are in the header record.
	rpm.Package
	Ident
}

// Head is what is known of a package at a glance, for who does not solve: to load
// heads takes a fifth of the time and memory of entries. Heads are shared, too.
type Head struct {
	Ident
	Name      string
	Epoch     uint32 // which the file's name does not tell
	BuildTime int64  // seconds since 1970
}

// Ident says which package it is.
type Ident struct {
	File   string       // name of the file: "bash-5.2-1.x86_64.rpm"
	SHA256 [32]byte     // checksum of the file
	Digest cache.Digest // the file; zero, if it is in a repository still
	Header cache.Digest // the header record
	// Remote is where the file is that has no digest yet; else it is zero.
	Remote Remote
}

// Remote is a package file in a repository. What is known of it comes from the
// repository's metadata.
type Remote struct {
	Repository string // name, see rules.Repository
	Href       string // path in the repository
	Size       int64
}

// IsRemote reports whether the package file was not downloaded yet.
func (id *Ident) IsRemote() bool { return id.Digest.IsZero() }

func (id *Ident) ident() *Ident { return id }

// identified is an Entry, a Head or a Listing.
type identified interface{ ident() *Ident }

// Shard is the name of the folder the package is in: two hex digits, of the file's
// digest, or of its checksum as long as there is none.
func (id *Ident) Shard() string {
	if id.IsRemote() {
		return hex.EncodeToString(id.SHA256[:1])
	}
	return id.Digest.Shard()
}

// Letter is the name of the folder that a repository with hashed directories
// has a file in: its first letter in lower case, as in Pungi.
func Letter(file string) string {
	first, _ := utf8.DecodeRuneInString(file)
	return strings.ToLower(string(first))
}

// fileName is how a package file is named: after what it is, whatever it was named.
func fileName(n rpm.NEVRA) (string, error) {
	name := n.FileName()
	if strings.ContainsAny(name, "/\x00\n") || name[0] == '.' {
		return "", fmt.Errorf("the header names the package %q, which no file can be named", n.String())
	}
	// Lists and logs name packages so: a version with a dash, say, would make another of it.
	if again, err := rpm.ParseNEVRA(n.String()); err != nil || again != n {
		return "", fmt.Errorf("the header names the package %q, want name-epoch:version-release.arch, with no dash in version and release", n.String())
	}
	return name, nil
}

// formatVersion begins every record. A reader meets an old one only if the
// version of the tool that wrote it was not raised with it.
const formatVersion = 1

var errRecord = errors.New("package record: cut off or of another format")

// EncodeHeader returns the record of one package: its checksum and its header.
//
//	version 1 | SHA-256 32 | length, meta | length, files | length, text
func EncodeHeader(p *rpm.Package, sha256 [32]byte) []byte {
	return joinHeader(sha256, p.AppendMeta(nil), p.AppendFiles(nil), p.AppendText(nil))
}

func joinHeader(sha256 [32]byte, meta, files, text []byte) []byte {
	b := make([]byte, 0, 1+len(sha256)+3*binary.MaxVarintLen32+len(meta)+len(files)+len(text))
	b = append(append(b, formatVersion), sha256[:]...)
	return appendBytes(appendBytes(appendBytes(b, meta), files), text)
}

// HeaderNEVRA reads of a header record what the package is called.
func HeaderNEVRA(record []byte) (rpm.NEVRA, error) {
	_, parts, err := splitHeader(record)
	if err != nil {
		return rpm.NEVRA{}, err
	}
	var p rpm.Package
	err = rpm.DecodeIdentity(parts[0], &p)
	return p.NEVRA, err
}

// DecodeHeader reads what EncodeHeader wrote: a whole package and its checksum.
func DecodeHeader(b []byte) (*rpm.Package, [32]byte, error) {
	sha, parts, err := splitHeader(b)
	if err != nil {
		return nil, sha, err
	}
	p := new(rpm.Package)
	decoders := []func([]byte, *rpm.Package) error{rpm.DecodeMeta, rpm.DecodeFiles, rpm.DecodeText}
	for i, decode := range decoders {
		if err := decode(parts[i], p); err != nil {
			return nil, sha, err
		}
	}
	return p, sha, nil
}

// EachPath calls fn for each path in the list of files of a header record, as
// rpm.EachPath does.
func EachPath(b []byte, fn func(path []byte)) error {
	_, parts, err := splitHeader(b)
	if err != nil {
		return err
	}
	return rpm.EachPath(parts[1], fn)
}

func splitHeader(b []byte) (sha [32]byte, parts [3][]byte, err error) {
	if len(b) < 1+len(sha) || b[0] != formatVersion {
		return sha, parts, errRecord
	}
	copy(sha[:], b[1:])
	r := reader{b: b[1+len(sha):]}
	for i := range parts {
		parts[i] = r.bytes()
	}
	if len(r.b) > 0 {
		r.err = errRecord
	}
	return sha, parts, r.err
}

// appendMeta appends a package to a shard's meta file:
//
//	length of the rest | file name | SHA-256 32 | digest | digest of the record |
//	length, files | meta
//
// where a digest is its function, 32 bytes of hash and the size. Of a package in a
// repository it is a zero byte, the name of the repository, the path, and the size.
func (id *Ident) appendMeta(b, files, meta []byte) []byte {
	var m []byte
	m = appendBytes(m, []byte(id.File))
	m = append(m, id.SHA256[:]...)
	if id.IsRemote() {
		m = append(m, 0)
		m = appendBytes(m, []byte(id.Remote.Repository))
		m = appendBytes(m, []byte(id.Remote.Href))
		m = binary.AppendUvarint(m, uint64(id.Remote.Size))
	} else {
		m = appendDigest(m, id.Digest)
	}
	m = appendDigest(m, id.Header)
	m = appendBytes(m, files)
	b = binary.AppendUvarint(b, uint64(len(m)+len(meta)))
	b = append(b, m...)
	return append(b, meta...)
}

// decodeShard reads a meta file.
func decodeShard(b []byte) ([]*Entry, error) {
	return decodeMeta(b, func(id Ident, files, meta []byte) (*Entry, error) {
		e := &Entry{Ident: id}
		err := errors.Join(rpm.DecodeNeeds(meta, &e.Package), rpm.DecodeFiles(files, &e.Package))
		return e, id.checkFile(e.NEVRA, err)
	})
}

// decodeHeads reads what a meta file says first of each package.
func decodeHeads(b []byte) ([]*Head, error) {
	return decodeMeta(b, func(id Ident, _, meta []byte) (*Head, error) {
		var p rpm.Package
		err := rpm.DecodeIdentity(meta, &p)
		return &Head{Ident: id, Name: strings.Clone(p.Name), Epoch: p.Epoch, BuildTime: p.BuildTime}, id.checkFile(p.NEVRA, err)
	})
}

// checkFile wraps the error of decoding a package, or reports that it is another one.
func (id *Ident) checkFile(n rpm.NEVRA, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("%q: %w", id.File, err)
	case id.File != n.FileName():
		return fmt.Errorf("%q: the record is of %q", id.File, n)
	}
	return nil
}

func decodeMeta[T any](b []byte, decode func(id Ident, files, meta []byte) (T, error)) ([]T, error) {
	if len(b) < 1 || b[0] != formatVersion {
		return nil, errRecord
	}
	r := reader{b: b[1:]}
	var all []T
	for len(r.b) > 0 && r.err == nil {
		m := reader{b: r.bytes()}
		id := Ident{File: string(m.bytes())}
		copy(id.SHA256[:], m.take(len(id.SHA256)))
		if len(m.b) > 0 && m.b[0] == 0 {
			m.take(1)
			id.Remote = Remote{Repository: string(m.bytes()), Href: string(m.bytes()), Size: m.size()}
		} else {
			id.Digest = m.digest()
		}
		id.Header = m.digest()
		files := m.bytes()
		if r.err != nil || m.err != nil {
			return nil, errRecord
		}
		one, err := decode(id, files, m.b)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, r.err
}

func appendBytes(b, data []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

func appendDigest(b []byte, d cache.Digest) []byte {
	h := d.Hash()
	b = append(b, byte(d.Function()))
	b = append(b, h[:]...)
	return binary.AppendUvarint(b, uint64(d.Size()))
}

// reader takes a record apart. After an error it yields nothing more.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		r.err = errRecord
		return nil
	}
	part := r.b[:n:n]
	r.b = r.b[n:]
	return part
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 { // cut off, or longer than needed
		r.err = errRecord
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if r.err != nil || n > uint64(len(r.b)) {
		r.err = errRecord
		return nil
	}
	return r.take(int(n))
}

func (r *reader) size() int64 {
	n := r.uvarint()
	if n > math.MaxInt64 {
		r.err = errRecord
		return 0
	}
	return int64(n)
}

func (r *reader) digest() cache.Digest {
	fn, hash, size := r.take(1), r.take(32), r.size()
	if r.err != nil {
		return cache.Digest{}
	}
	d, err := cache.NewDigest(cache.Function(fn[0]), hash, size)
	if err != nil {
		r.err = err
	}
	return d
}
