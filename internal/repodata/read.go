package repodata

import (
	"bufio"
	"bytes"
	"encoding/xml"
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

// Unpack returns what a document is packed as: gzip, Zstandard or XZ, as its first bytes
// tell, or plain. Of more than max bytes the reader yields an error.
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
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		r, err = xz.ReaderConfig{DictCap: maxWindow}.NewReader(b)
	}
	return &bounded{r: r, left: max, max: max}, err
}

// SourceName is the name under which a document is kept: its type, and what its file is
// packed as ("primary.xml.gz").
func SourceName(rec Record) string {
	_, packed, _ := strings.Cut(path.Base(rec.Location), ".xml")
	return rec.Type + ".xml" + packed
}

// maxWindow is how far back packed text may refer: what `zstd --long` and `xz -9` need.
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

// ReadPrimary calls fn for each package of a primary document, plain. Of its Files there
// are those that the document lists (see PrimaryPath).
//
// It is an error if the document is not well-formed, has entities of its own (a DOCTYPE),
// or is cut off, and if a package lacks its name, version, arch, checksum or location, has
// a line break or NUL in them, or a location that leads out of the repository.
func ReadPrimary(r io.Reader, fn func(*rpm.Package, Location) error) error {
	return eachPackage(r, "metadata", func(x *xmlPackage) error {
		p, at, err := x.primary()
		if err != nil {
			return fmt.Errorf("package %q: %w", x.Name, err)
		}
		return fn(p, at)
	})
}

// ReadFilelists calls fn for each package of a filelists document, plain: with the
// checksum of its file, and all its paths.
func ReadFilelists(r io.Reader, fn func(pkgid string, files []rpm.File) error) error {
	return eachPackage(r, "filelists", func(x *xmlPackage) error {
		if x.PkgID == "" {
			return errors.New("a package has no pkgid")
		}
		return fn(x.PkgID, filesOf(x.Files))
	})
}

// xmlPackage is a package element of primary or filelists. Names have no namespace here,
// since not every tool writes the right one.
type xmlPackage struct {
	PkgID    string      `xml:"pkgid,attr"`
	Name     string      `xml:"name"`
	Arch     string      `xml:"arch"`
	Version  xmlVersion  `xml:"version"`
	Checksum xmlChecksum `xml:"checksum"`
	Summary  string      `xml:"summary"`
	Time     struct {
		File  int64 `xml:"file,attr"`
		Build int64 `xml:"build,attr"`
	} `xml:"time"`
	Size struct {
		Package   int64 `xml:"package,attr"`
		Installed int64 `xml:"installed,attr"`
		Archive   int64 `xml:"archive,attr"`
	} `xml:"size"`
	Location struct {
		Href string `xml:"href,attr"`
	} `xml:"location"`
	Format struct {
		SourceRPM   string     `xml:"sourcerpm"`
		Provides    []xmlEntry `xml:"provides>entry"`
		Requires    []xmlEntry `xml:"requires>entry"`
		Conflicts   []xmlEntry `xml:"conflicts>entry"`
		Obsoletes   []xmlEntry `xml:"obsoletes>entry"`
		Recommends  []xmlEntry `xml:"recommends>entry"`
		Suggests    []xmlEntry `xml:"suggests>entry"`
		Supplements []xmlEntry `xml:"supplements>entry"`
		Enhances    []xmlEntry `xml:"enhances>entry"`
		Files       []xmlFile  `xml:"file"`
	} `xml:"format"`
	Files []xmlFile `xml:"file"`
}

type xmlVersion struct {
	Epoch string `xml:"epoch,attr"`
	Ver   string `xml:"ver,attr"`
	Rel   string `xml:"rel,attr"`
}

type xmlEntry struct {
	Name  string `xml:"name,attr"`
	Flags string `xml:"flags,attr"`
	xmlVersion
	Pre string `xml:"pre,attr"`
}

type xmlFile struct {
	Type string `xml:"type,attr"`
	Path string `xml:",chardata"`
}

// eachPackage decodes the package elements of a document, one at a time.
func eachPackage(r io.Reader, root string, fn func(*xmlPackage) error) error {
	limit := &elementLimit{r: r}
	d := xml.NewDecoder(limit)
	depth, begun := 0, false
	for {
		limit.left = maxElement
		token, err := d.Token()
		switch {
		case err == io.EOF && begun && depth == 0:
			return nil
		case err == io.EOF:
			return fmt.Errorf("no <%s>", root)
		case err != nil:
			return err
		}
		switch t := token.(type) {
		case xml.Directive:
			return errors.New("a document type, want none")
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth == 0 && (begun || t.Name.Local != root) {
				return fmt.Errorf("found <%s>, want one <%s>", t.Name.Local, root)
			}
			begun = true
			if depth != 1 || t.Name.Local != "package" {
				depth++
				continue
			}
			var x xmlPackage
			if err := d.DecodeElement(&x, &t); err != nil {
				return err
			}
			if err := fn(&x); err != nil {
				return err
			}
		}
	}
}

// elementLimit bounds how much is read for one token or element. The decoder reads ahead
// a little.
type elementLimit struct {
	r    io.Reader
	left int
}

func (l *elementLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("an element of more than %d bytes", maxElement)
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

func (x *xmlPackage) primary() (*rpm.Package, Location, error) {
	at := Location{Href: x.Location.Href, PackageSize: x.Size.Package, FileTime: x.Time.File}
	evr, err := x.Version.evr()
	if err != nil {
		return nil, at, err
	}
	for _, part := range []struct{ what, text string }{
		{"name", x.Name}, {"arch", x.Arch}, {"version", evr.Version}, {"release", evr.Release}, {"location", at.Href},
	} {
		if part.text == "" || len(part.text) > maxText || strings.ContainsAny(part.text, "\x00\n\r") {
			return nil, at, fmt.Errorf("%s %.80q, want a line of text", part.what, part.text)
		}
	}
	if err := checkHref(at.Href); err != nil {
		return nil, at, err
	}
	if at.PackageSize < 0 {
		return nil, at, fmt.Errorf("size %d", at.PackageSize)
	}
	if at.Checksum, err = x.Checksum.parse(); err != nil {
		return nil, at, err
	}
	p := &rpm.Package{
		NEVRA:     rpm.NEVRA{Name: x.Name, EVR: evr, Arch: x.Arch},
		SourceRPM: x.Format.SourceRPM, BuildTime: x.Time.Build,
		InstalledSize: x.Size.Installed, ArchiveSize: x.Size.Archive,
		Files: filesOf(x.Format.Files),
		Text:  rpm.Text{Summary: x.Summary},
	}
	return p, at, x.dependencies(p)
}

// dependencies sets the lists of dependencies.
func (x *xmlPackage) dependencies(p *rpm.Package) error {
	f := &x.Format
	for _, list := range []struct {
		to   *[]rpm.Dependency
		from []xmlEntry
	}{
		{&p.Provides, f.Provides}, {&p.Requires, f.Requires}, {&p.Conflicts, f.Conflicts}, {&p.Obsoletes, f.Obsoletes},
		{&p.Recommends, f.Recommends}, {&p.Suggests, f.Suggests}, {&p.Supplements, f.Supplements}, {&p.Enhances, f.Enhances},
	} {
		for i := range list.from {
			d, err := list.from[i].dependency()
			if err != nil {
				return err
			}
			*list.to = append(*list.to, d)
		}
	}
	return nil
}

// senses are the names of comparisons, see flagName.
var senses = map[string]rpm.Sense{
	"": 0, "LT": rpm.Less, "LE": rpm.Less | rpm.Equal, "EQ": rpm.Equal, "GE": rpm.Greater | rpm.Equal, "GT": rpm.Greater,
}

func (e *xmlEntry) dependency() (d rpm.Dependency, err error) {
	sense, ok := senses[e.Flags]
	if !ok {
		return d, fmt.Errorf("entry %.80q: flags %.20q are not known", e.Name, e.Flags)
	}
	if e.Name == "" || strings.ContainsAny(e.Name, "\x00\n\r") {
		return d, fmt.Errorf("entry %.80q, want a line of text", e.Name)
	}
	d = rpm.Dependency{Name: e.Name, Sense: sense, Pre: e.Pre == "1"}
	if sense != 0 {
		d.EVR, err = e.evr()
	}
	return d, err
}

func (v *xmlVersion) evr() (rpm.EVR, error) {
	e := rpm.EVR{Version: v.Ver, Release: v.Rel}
	if v.Epoch == "" {
		return e, nil
	}
	epoch, err := strconv.ParseUint(v.Epoch, 10, 32)
	if err != nil {
		return e, fmt.Errorf("epoch %.20q is not a number", v.Epoch)
	}
	e.Epoch = uint32(epoch)
	return e, nil
}

func filesOf(list []xmlFile) []rpm.File {
	files := make([]rpm.File, len(list))
	for i, f := range list {
		files[i] = rpm.File{Path: f.Path, Dir: f.Type == "dir", Ghost: f.Type == "ghost"}
	}
	return files
}

// checkHref checks that a location is a path that stays in its repository.
func checkHref(href string) error {
	if !fs.ValidPath(href) || strings.Contains(href, "://") {
		return fmt.Errorf("location %.80q, want a path in the repository", href)
	}
	return nil
}
