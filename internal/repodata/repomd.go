package repodata

import (
	"io"
	"strings"
)

// Repomd is a repository's index: repodata/repomd.xml.
type Repomd struct {
	// Revision identifies a state of the repository. By custom, but not always,
	// it is a time in seconds since 1970.
	Revision string
	Tags     Tags
	Records  []Record
}

// Tags describe a repository to those who browse it.
type Tags struct {
	Content []string
	Repo    []string
	Distro  []DistroTag
}

// DistroTag names a distribution that the repository is for.
type DistroTag struct {
	CPE  string // may be empty
	Name string
}

// ParseDistroTag reads a tag in the form of createrepo_c's --distro: "cpeid,name" or "name".
func ParseDistroTag(text string) DistroTag {
	if cpe, name, ok := strings.Cut(text, ","); ok {
		return DistroTag{CPE: cpe, Name: name}
	}
	return DistroTag{Name: text}
}

// Record says where one file of the repository's metadata is, and what.
type Record struct {
	Type     string // "primary", "group", "modules" and so on
	Location string // path or URL relative to the repository
	Checksum Checksum
	Size     int64 // bytes of the file
	// OpenChecksum and OpenSize are those of the unpacked file; zero for a file
	// that is not packed.
	OpenChecksum Checksum
	OpenSize     int64
	Timestamp    int64 // modification time, seconds since 1970
	// DatabaseVersion is the version of the schema of an SQLite file. Only the
	// types "primary_db", "filelists_db" and "other_db" have one.
	DatabaseVersion int
}

// Record returns the first record of a type.
func (r *Repomd) Record(kind string) (Record, bool) {
	for _, rec := range r.Records {
		if rec.Type == kind {
			return rec, true
		}
	}
	return Record{}, false
}

// GroupType is the type of the record of a comps file: "group" where the file
// is plain, "group_gz", "group_xz" or "group_zst" where it is packed. createrepo_c
// writes both.
func GroupType(c Compression) string {
	return "group" + strings.ReplaceAll(string(c), ".", "_")
}

// UniqueName is a name for a file of repodata that no other content has:
// "<checksum>-primary.xml.gz". With such names a mirror can never serve the
// index of one day and the files of another.
func UniqueName(sum Checksum, name string) string { return sum.Hex + "-" + name }

// WriteTo writes the index as createrepo_c does, byte by byte.
func (r *Repomd) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(r.append(nil))
	return int64(n), err
}

func (r *Repomd) append(b []byte) []byte {
	b = append(b, xmlDeclaration...)
	b = append(b, `<repomd xmlns="http://linux.duke.edu/metadata/repo"`+
		` xmlns:rpm="http://linux.duke.edu/metadata/rpm">`+"\n"...)
	b = appendElement(b, "  <revision>", r.Revision, "</revision>\n")
	b = r.Tags.append(b)
	for i := range r.Records {
		b = r.Records[i].append(b)
	}
	return append(b, "</repomd>\n"...)
}

func (t *Tags) append(b []byte) []byte {
	if len(t.Content)+len(t.Repo)+len(t.Distro) == 0 {
		return b
	}
	b = append(b, "  <tags>\n"...)
	for _, tag := range t.Content {
		b = appendElement(b, "    <content>", tag, "</content>\n")
	}
	for _, tag := range t.Repo {
		b = appendElement(b, "    <repo>", tag, "</repo>\n")
	}
	for _, tag := range t.Distro {
		b = append(b, "    <distro"...)
		if tag.CPE != "" {
			b = append(AppendAttr(append(b, ` cpeid="`...), tag.CPE), '"')
		}
		b = appendElement(b, ">", tag.Name, "</distro>\n")
	}
	return append(b, "  </tags>\n"...)
}

func (r *Record) append(b []byte) []byte {
	b = AppendAttr(append(b, `  <data type="`...), r.Type)
	b = append(b, "\">\n"...)
	b = r.Checksum.append(b, "checksum")
	if r.OpenChecksum != (Checksum{}) {
		b = r.OpenChecksum.append(b, "open-checksum")
	}
	b = AppendAttr(append(b, `    <location href="`...), r.Location)
	b = appendNumber(b, "\"/>\n    <timestamp>", r.Timestamp)
	b = appendNumber(b, "</timestamp>\n    <size>", r.Size)
	b = append(b, "</size>\n"...)
	if r.OpenChecksum != (Checksum{}) || r.OpenSize != 0 {
		b = appendNumber(b, "    <open-size>", r.OpenSize)
		b = append(b, "</open-size>\n"...)
	}
	if r.DatabaseVersion != 0 {
		b = appendNumber(b, "    <database_version>", int64(r.DatabaseVersion))
		b = append(b, "</database_version>\n"...)
	}
	return append(b, "  </data>\n"...)
}

func (c Checksum) append(b []byte, element string) []byte {
	b = append(append(b, "    <"...), element...)
	b = AppendAttr(append(b, ` type="`...), string(c.Type))
	b = AppendText(append(b, `">`...), c.Hex)
	b = append(append(b, "</"...), element...)
	return append(b, ">\n"...)
}
