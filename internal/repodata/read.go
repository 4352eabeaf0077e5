package repodata

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Unpack returns what a document is packed as: gzip, Zstandard, XZ or bzip2, as its first
// bytes tell, or plain. Of more than max bytes the reader yields an error.
func Unpack(packed io.Reader, max int64) (io.Reader, error) {
	b := bufio.NewReaderSize(packed, 64<<10)
	head, _ := b.Peek(6)
	var r io.Reader = b
	var err error
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		r, err = gzip.NewReader(b)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxWindow))
	case bytes.HasPrefix(head, []byte("BZh")):
		r = bzip2.NewReader(b)
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		r, err = xz.NewReader(b)
	}
	return &bounded{r: r, left: max, max: max}, err
}

// SourceName is the name under which a document is kept: its type, and what its file is
// packed as ("primary.xml.gz", "modules.yaml.zst").
func SourceName(rec Record) string {
	format := ".xml"
	if rec.Type == "modules" {
		format = ".yaml"
	}
	_, packed, _ := strings.Cut(path.Base(rec.Location), format)
	return rec.Type + format + packed
}

// maxWindow is how far back text packed by Zstandard may refer: what `zstd --long` needs.
// The library has no such bound for XZ: there it is what the file says, 4 GiB at most, of
// which as much is used as text is there.
const maxWindow = 128 << 20

// bounded yields an error after max bytes.
type bounded struct {
	r         io.Reader
	left, max int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		var one [1]byte
		if n, err := b.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, fmt.Errorf("unpacks to more than %d bytes", b.max)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// Bounds of what is read of one package: far above what any has.
const (
	maxElement = 64 << 20 // bytes of its element
	maxText    = 4 << 10  // bytes of a name, version or path of a location
)

// Document is a kind of document, named after its root.
type Document string

// The documents.
const (
	Primary   Document = "metadata"
	Filelists Document = "filelists"
)

// Piece is a part of a document, which can be read apart from the others: some packages,
// one at least.
type Piece struct {
	text string
	cuts []cut
}

// cut is where the text of a package is in that of its piece, and in the document.
type cut struct {
	start, end int
	at         int64
}

// pieceSize is about how many bytes of packages are in a piece.
const pieceSize = 256 << 10

// Cut cuts a document, plain, into pieces, and calls fn for some of them at a time, in
// their order: for as many, up to most, as were cut while it was at the last ones. It is
// an error if the document has entities of its own (a DOCTYPE), or is cut off.
func (d Document) Cut(r io.Reader, most int, fn func([]Piece) error) error {
	ready, stop := make(chan Piece, most), make(chan struct{})
	var failed error // of who cuts; there when ready is closed
	go func() {
		defer close(ready)
		failed = cutUp(&elements{r: r, root: string(d)}, ready, stop)
	}()
	for piece := range ready {
		pieces := append(make([]Piece, 0, most), piece)
		for more := true; more && len(pieces) < most; {
			select {
			case piece, more = <-ready:
				if more {
					pieces = append(pieces, piece)
				}
			default:
				more = false
			}
		}
		if err := fn(pieces); err != nil {
			close(stop)
			for range ready { // nobody cuts when this returns
			}
			return err
		}
	}
	if failed != io.EOF {
		return failed
	}
	return nil
}

// cutUp hands over the pieces of a document until that ends, which is io.EOF, or until
// nobody wants more.
func cutUp(e *elements, ready chan<- Piece, stop <-chan struct{}) error {
	_, err := e.next(true)
	for err == nil {
		var text strings.Builder
		text.Grow(pieceSize + pieceSize/4)
		var piece Piece
		for err == nil && text.Len() < pieceSize {
			var one []byte
			if one, err = e.next(false); err == nil {
				piece.cuts = append(piece.cuts, cut{text.Len(), text.Len() + len(one), e.at + int64(e.from-len(one))})
				text.Write(one)
			}
		}
		if len(piece.cuts) == 0 {
			break
		}
		piece.text = text.String()
		select {
		case ready <- piece:
		case <-stop:
			return nil
		}
	}
	return err
}

// each reads the packages of a piece one by one.
func (p *Piece) each(read func(*packageReader) error) error {
	x := &packageReader{}
	for _, c := range p.cuts {
		*x = packageReader{cursor: cursor{s: p.text[c.start:c.end], attrs: x.attrs}, at: c.at}
		if err := read(x); err != nil {
			return err
		}
	}
	return nil
}

// Primary calls fn for each package of a piece of primary. Of its Files there are those
// that the document lists (see PrimaryPath). The package is fn's until it returns.
//
// It is an error if the text is not well-formed, and if a package lacks its name, version,
// arch, checksum or location, has a line break or NUL in them, or a location that leads
// out of the repository.
func (p *Piece) Primary(fn func(*rpm.Package, Location) error) error {
	pkg := new(rpm.Package)
	return p.each(func(x *packageReader) error {
		reset(pkg)
		open, err := x.next()
		if err != nil {
			return x.errorf("%w", err)
		}
		at, err := x.primary(open, pkg)
		if err == nil {
			err = x.end()
		}
		if err != nil {
			return x.errorf("%w", err)
		}
		return fn(pkg, at)
	})
}

// Locations is Primary for who wants to know which files there are: of the package there
// are name, version, arch and the time when it was built. What comes behind the location,
// its dependencies and files, is not read, and so not checked either.
func (p *Piece) Locations(fn func(*rpm.Package, Location) error) error {
	pkg := new(rpm.Package)
	return p.each(func(x *packageReader) error {
		*pkg = rpm.Package{}
		x.brief = true
		open, err := x.next()
		if err != nil {
			return x.errorf("%w", err)
		}
		at, err := x.primary(open, pkg)
		if err == nil && !x.enough {
			err = x.end()
		}
		if err != nil {
			return x.errorf("%w", err)
		}
		return fn(pkg, at)
	})
}

// reset empties a package, and keeps the room of its lists.
func reset(p *rpm.Package) {
	old := *p
	*p = rpm.Package{
		Provides: old.Provides[:0], Requires: old.Requires[:0], Conflicts: old.Conflicts[:0], Obsoletes: old.Obsoletes[:0],
		Recommends: old.Recommends[:0], Suggests: old.Suggests[:0], Supplements: old.Supplements[:0], Enhances: old.Enhances[:0],
		Files: old.Files[:0],
	}
}

// Filelists calls fn for each package of a piece of filelists: with the checksum of its
// file, and all its paths, which are fn's until it returns.
func (p *Piece) Filelists(fn func(pkgid string, files []rpm.File) error) error {
	var files []rpm.File
	return p.each(func(x *packageReader) error {
		open, err := x.next()
		if err != nil {
			return x.errorf("%w", err)
		}
		x.about = open.attr("name")
		id := open.attr("pkgid")
		files = files[:0]
		err = x.children(open, func(t token) error {
			if t.name == "file" {
				return x.file(t, &files)
			}
			return x.skip(t)
		})
		if err == nil && id == "" {
			err = errors.New("no pkgid")
		}
		if err == nil {
			err = x.end()
		}
		if err != nil {
			return x.errorf("%w", err)
		}
		return fn(id, files)
	})
}

// packageReader goes through a package element.
type packageReader struct {
	cursor
	at    int64  // in the document
	about string // the name of the package, as soon as it is known
	// brief is whether to end where the location is known: then there is enough.
	brief, enough bool
}

// errEnough ends the reading of an element.
var errEnough = errors.New("enough was read")

func (x *packageReader) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: package %.80q: %w", x.at, x.about, fmt.Errorf(format, args...))
}

// end reports what is behind the element. Elements are cut at the first </package>; if one
// ended before, as <package/> or with a space in the tag, there is a second one, which must
// not get lost.
func (x *packageReader) end() error {
	if x.i < len(x.s) {
		return errors.New("its element ends before the first </package>")
	}
	return nil
}

// children calls fn for each element in the one that begins with t, which reads it to its
// end. Text between is passed over.
func (x *packageReader) children(t token, fn func(token) error) error {
	if t.kind == emptyTag {
		return nil
	}
	for {
		in, err := x.next()
		switch {
		case err != nil:
			return err
		case in.kind == endTag && in.name == t.name:
			return nil
		case in.kind == endTag:
			return fmt.Errorf("found </%.40s>, want </%s>", in.name, t.name)
		case in.kind == text:
			continue
		}
		if err := fn(in); err != nil {
			return err
		}
	}
}

// skip reads an element to its end. None is as deep as maxDepth.
func (x *packageReader) skip(t token) error { return x.skipAt(t, 0) }

const maxDepth = 100

func (x *packageReader) skipAt(t token, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("elements of more than %d levels", maxDepth)
	}
	return x.children(t, func(in token) error { return x.skipAt(in, depth+1) })
}

// content reads the text in an element, to its end.
func (x *packageReader) content(t token) (string, error) {
	var all string
	for t.kind != emptyTag {
		in, err := x.next()
		if err != nil {
			return "", err
		}
		switch {
		case in.kind == text && all == "":
			all = in.text
		case in.kind == text:
			all += in.text
		case in.kind == endTag && in.name == t.name:
			return all, nil
		case in.kind == endTag:
			return "", fmt.Errorf("found </%.40s>, want </%s>", in.name, t.name)
		default:
			return "", fmt.Errorf("found <%.40s> in <%s>, want text", in.name, t.name)
		}
	}
	return all, nil
}

// primary reads the rest of a package of primary.
func (x *packageReader) primary(open token, p *rpm.Package) (at Location, err error) {
	var version, checksum bool
	err = x.children(open, func(t token) (err error) {
		switch t.name {
		case "name":
			p.Name, err = x.content(t)
			x.about = p.Name
			return err
		case "arch":
			p.Arch, err = x.content(t)
			return err
		case "summary":
			p.Text.Summary, err = x.content(t)
			return err
		case "version":
			version = true
			if p.EVR, err = evr(&t); err != nil {
				return err
			}
		case "checksum":
			checksum = true
			c := xmlChecksum{Type: t.attr("type")}
			if c.Hex, err = x.content(t); err == nil {
				at.Checksum, err = c.parse()
			}
			return err
		case "time":
			err = errors.Join(number(&t, "file", &at.FileTime), number(&t, "build", &p.BuildTime))
		case "size":
			err = errors.Join(number(&t, "package", &at.PackageSize), number(&t, "installed", &p.InstalledSize), number(&t, "archive", &p.ArchiveSize))
		case "location":
			// "find . | createrepo_c --pkglist -" makes locations that begin so.
			at.Href = strings.TrimPrefix(t.attr("href"), "./")
		case "format":
			if x.brief && version && checksum && at.Href != "" {
				x.enough = true
				return errEnough
			}
			return x.format(t, p)
		}
		if err != nil {
			return err
		}
		return x.skip(t)
	})
	switch {
	case err != nil && !x.enough:
	case !version || !checksum:
		err = errors.New("want a version and a checksum")
	default:
		err = checkPackage(p, &at)
	}
	return at, err
}

func checkPackage(p *rpm.Package, at *Location) error {
	for _, part := range []struct{ what, text string }{
		{"name", p.Name}, {"arch", p.Arch}, {"version", p.Version}, {"release", p.Release}, {"location", at.Href},
	} {
		if part.text == "" || len(part.text) > maxText || strings.ContainsAny(part.text, "\x00\n\r") {
			return fmt.Errorf("%s %.80q, want a line of text", part.what, part.text)
		}
	}
	if at.PackageSize < 0 {
		return fmt.Errorf("size %d", at.PackageSize)
	}
	return checkHref(at.Href)
}

// format reads what is particular to RPM.
func (x *packageReader) format(open token, p *rpm.Package) error {
	return x.children(open, func(t token) (err error) {
		if list := dependencyList(p, t.name); list != nil {
			return x.dependencies(t, list)
		}
		switch t.name {
		case "sourcerpm":
			p.SourceRPM, err = x.content(t)
			return err
		case "file":
			return x.file(t, &p.Files)
		}
		return x.skip(t)
	})
}

// dependencyList is the list that an element has; nil if it has none.
func dependencyList(p *rpm.Package, element string) *[]rpm.Dependency {
	switch element {
	case "provides":
		return &p.Provides
	case "requires":
		return &p.Requires
	case "conflicts":
		return &p.Conflicts
	case "obsoletes":
		return &p.Obsoletes
	case "recommends":
		return &p.Recommends
	case "suggests":
		return &p.Suggests
	case "supplements":
		return &p.Supplements
	case "enhances":
		return &p.Enhances
	}
	return nil
}

// senses are the names of comparisons, see flagName.
var senses = map[string]rpm.Sense{
	"": 0, "LT": rpm.Less, "LE": rpm.Less | rpm.Equal, "EQ": rpm.Equal, "GE": rpm.Greater | rpm.Equal, "GT": rpm.Greater,
}

func (x *packageReader) dependencies(open token, list *[]rpm.Dependency) error {
	return x.children(open, func(t token) (err error) {
		d := rpm.Dependency{Name: t.attr("name"), Pre: t.attr("pre") == "1"}
		flags := t.attr("flags")
		sense, ok := senses[flags]
		switch d.Sense = sense; {
		case t.name != "entry":
			return x.skip(t)
		case !ok:
			return fmt.Errorf("entry %.80q: flags %.20q are not known", d.Name, flags)
		case d.Name == "" || strings.ContainsAny(d.Name, "\x00\n\r"):
			return fmt.Errorf("entry %.80q, want a line of text", d.Name)
		case sense != 0:
			if d.EVR, err = evr(&t); err != nil {
				return fmt.Errorf("entry %.80q: %w", d.Name, err)
			}
		}
		*list = append(*list, d)
		return x.skip(t)
	})
}

func (x *packageReader) file(t token, list *[]rpm.File) error {
	f := rpm.File{Dir: t.attr("type") == "dir", Ghost: t.attr("type") == "ghost"}
	var err error
	if f.Path, err = x.content(t); err == nil {
		*list = append(*list, f)
	}
	return err
}

// evr is the version that a tag has.
func evr(t *token) (rpm.EVR, error) {
	e := rpm.EVR{Version: t.attr("ver"), Release: t.attr("rel")}
	text := t.attr("epoch")
	if text == "" || text == "0" {
		return e, nil
	}
	epoch, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return e, fmt.Errorf("epoch %.20q is not a number", text)
	}
	e.Epoch = uint32(epoch)
	return e, nil
}

// number reads an attribute that is a number, if it is there.
func number(t *token, name string, place *int64) (err error) {
	if text := t.attr(name); text != "" {
		if *place, err = strconv.ParseInt(text, 10, 64); err != nil {
			return fmt.Errorf("%s %.20q is not a number", name, text)
		}
	}
	return nil
}

// checkHref checks that a location is a path that stays in its repository.
func checkHref(href string) error {
	if !fs.ValidPath(href) || strings.Contains(href, ":/") {
		return fmt.Errorf("location %.80q, want a path in the repository", href)
	}
	return nil
}
