// Package repodata writes the metadata of a repository, and reads its index.
//
// The index, repodata/repomd.xml (see Repomd), lists three documents with an
// element per package: primary has what a solver needs, filelists every path,
// and other the changelogs.
//
// A document is its opening (PrimaryOpen), the elements of its packages
// (AppendPrimary) and its closing (PrimaryClose), one after the other. Since
// packed frames can be strung together as well (see Compression.AppendFrame), so
// can packed parts of documents: what did not change is copied.
//
// Nothing but their readers specifies these formats. The elements are, once
// parsed, equal to those that createrepo_c writes of the same package.
package repodata

import (
	"strconv"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Location is what the header of a package does not know of its file.
type Location struct {
	Href        string   // path or URL relative to the directory that holds repodata
	Checksum    Checksum // of the whole file; serves as the package's id
	PackageSize int64    // bytes of the file
	FileTime    int64    // modification time, seconds since 1970
}

// FilelistsOpen is the head of a filelists document of n packages.
func FilelistsOpen(n int) []byte {
	return open(`<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="`, n)
}

// FilelistsClose is the end of a filelists document.
func FilelistsClose() []byte { return []byte("</filelists>\n") }

// OtherOpen is the head of an other document of n packages.
func OtherOpen(n int) []byte {
	return open(`<otherdata xmlns="http://linux.duke.edu/metadata/other" packages="`, n)
}

// OtherClose is the end of an other document.
func OtherClose() []byte { return []byte("</otherdata>\n") }

// open starts a document of n packages; root lacks only their number.
func open(root string, n int) []byte {
	b := append([]byte(xmlDeclaration), root...)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, "\">\n"...)
}

// AppendFilelists appends the package's element of a filelists document.
func AppendFilelists(b []byte, p *rpm.Package, at Location) []byte {
	b = appendHead(b, p, at)
	for i := range p.Files {
		b = appendFile(b, &p.Files[i])
	}
	return append(b, "</package>\n"...)
}

// DefaultChangelogLimit is the number of changelog entries that createrepo_c
// and Pungi keep. Whole changelogs would be most of a repository's metadata.
const DefaultChangelogLimit = 10

// AppendOther appends the package's element of an other document. It has the
// newest limit entries of the changelog, or all if limit is negative, oldest
// first.
//
// Entries of one day have one time in the header (noon), but readers sort by
// it: as in createrepo_c each entry is at least a second later than the one
// before it.
func AppendOther(b []byte, p *rpm.Package, at Location, limit int) []byte {
	b = appendHead(b, p, at)
	log := p.Text.Changelog
	if limit >= 0 && len(log) > limit {
		log = log[:limit]
	}
	var older, date int64
	for i := len(log) - 1; i >= 0; i-- {
		c := &log[i]
		if i == len(log)-1 || c.Time < older {
			date = c.Time // a changelog out of order keeps its dates
		} else {
			date = max(c.Time, date+1)
		}
		older = c.Time
		b = appendChange(b, c, date)
	}
	return append(b, "</package>\n"...)
}

func appendChange(b []byte, c *rpm.Change, date int64) []byte {
	author := c.Author
	for len(author) > 1 && author[len(author)-1] == ' ' {
		author = author[:len(author)-1]
	}
	b = AppendAttr(append(b, `  <changelog author="`...), author)
	b = strconv.AppendInt(append(b, `" date="`...), date, 10)
	b = AppendText(append(b, `">`...), c.Text)
	return append(b, "</changelog>\n"...)
}

// appendHead starts the element of a package in filelists and other, which
// name it alike.
func appendHead(b []byte, p *rpm.Package, at Location) []byte {
	b = AppendAttr(append(b, `<package pkgid="`...), at.Checksum.Hex)
	b = AppendAttr(append(b, `" name="`...), p.Name)
	b = AppendAttr(append(b, `" arch="`...), arch(p))
	b = append(b, "\">\n"...)
	return appendVersion(b, p)
}

func appendVersion(b []byte, p *rpm.Package) []byte {
	b = strconv.AppendUint(append(b, `  <version epoch="`...), uint64(p.Epoch), 10)
	b = AppendAttr(append(b, `" ver="`...), p.Version)
	b = AppendAttr(append(b, `" rel="`...), p.Release)
	return append(b, "\"/>\n"...)
}

func appendFile(b []byte, f *rpm.File) []byte {
	switch {
	case f.Dir: // also of a ghost
		b = append(b, `  <file type="dir">`...)
	case f.Ghost:
		b = append(b, `  <file type="ghost">`...)
	default:
		b = append(b, `  <file>`...)
	}
	return append(AppendText(b, f.Path), "</file>\n"...)
}

// arch is the architecture that repodata gives a package: every source
// package is "src" there, also one whose sources may not be distributed.
func arch(p *rpm.Package) string {
	if p.Arch == "nosrc" {
		return "src"
	}
	return p.Arch
}
