package repodata

import (
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxRepomd is the largest index that is read, in bytes. That of openSUSE
// Tumbleweed, with a record per language, has a hundredth of it.
const maxRepomd = 4 << 20

// ParseRepomd reads an index. The locations in it are foreign text: they may
// be absolute or lead out of the repository. What a Record has no room for, such
// as an xml:base or the header checksums of zchunk, is ignored.
//
// It is an error if the index is larger than 4 MiB or not well-formed, and if
// a record lacks its type, location or checksum, has a checksum of an unknown
// type or the wrong length, or a number that is none or negative.
func ParseRepomd(r io.Reader) (*Repomd, error) {
	limited := &io.LimitedReader{R: r, N: maxRepomd + 1}
	var doc xmlRepomd
	if err := xml.NewDecoder(limited).Decode(&doc); err != nil {
		if limited.N == 0 {
			return nil, fmt.Errorf("repomd.xml: more than %d bytes", maxRepomd)
		}
		return nil, fmt.Errorf("repomd.xml: %w", err)
	}
	index := &Repomd{Revision: strings.TrimSpace(doc.Revision)}
	index.Tags.Content = doc.Tags.Content
	index.Tags.Repo = doc.Tags.Repo
	for _, d := range doc.Tags.Distro {
		index.Tags.Distro = append(index.Tags.Distro, DistroTag(d))
	}
	for i := range doc.Data {
		rec, err := doc.Data[i].record()
		if err != nil {
			return nil, fmt.Errorf("repomd.xml: data %q: %w", doc.Data[i].Type, err)
		}
		index.Records = append(index.Records, rec)
	}
	return index, nil
}

// xmlRepomd is the document as encoding/xml sees it. Names have no namespace
// here, since not every tool writes the right one.
type xmlRepomd struct {
	XMLName  xml.Name `xml:"repomd"`
	Revision string   `xml:"revision"`
	Tags     struct {
		Content []string `xml:"content"`
		Repo    []string `xml:"repo"`
		Distro  []struct {
			CPE  string `xml:"cpeid,attr"`
			Name string `xml:",chardata"`
		} `xml:"distro"`
	} `xml:"tags"`
	Data []xmlData `xml:"data"`
}

type xmlData struct {
	Type     string `xml:"type,attr"`
	Location struct {
		Href string `xml:"href,attr"`
	} `xml:"location"`
	Checksum        xmlChecksum  `xml:"checksum"`
	OpenChecksum    *xmlChecksum `xml:"open-checksum"`
	Timestamp       string       `xml:"timestamp"`
	Size            string       `xml:"size"`
	OpenSize        string       `xml:"open-size"`
	DatabaseVersion string       `xml:"database_version"`
}

type xmlChecksum struct {
	Type string `xml:"type,attr"`
	Hex  string `xml:",chardata"`
}

func (d *xmlData) record() (Record, error) {
	rec := Record{Type: d.Type, Location: d.Location.Href}
	if rec.Type == "" {
		return rec, fmt.Errorf("no type")
	}
	if rec.Location == "" {
		return rec, fmt.Errorf("no location")
	}
	var err error
	if rec.Checksum, err = d.Checksum.parse(); err != nil {
		return rec, fmt.Errorf("checksum: %w", err)
	}
	if d.OpenChecksum != nil {
		if rec.OpenChecksum, err = d.OpenChecksum.parse(); err != nil {
			return rec, fmt.Errorf("open-checksum: %w", err)
		}
	}
	if rec.Size, err = parseNumber("size", d.Size, 64); err != nil {
		return rec, err
	}
	if rec.OpenSize, err = parseNumber("open-size", d.OpenSize, 64); err != nil {
		return rec, err
	}
	if rec.Timestamp, err = parseNumber("timestamp", d.Timestamp, 64); err != nil {
		return rec, err
	}
	version, err := parseNumber("database_version", d.DatabaseVersion, 31)
	rec.DatabaseVersion = int(version)
	return rec, err
}

func (c *xmlChecksum) parse() (Checksum, error) {
	t, err := ParseChecksumType(c.Type)
	if err != nil {
		return Checksum{}, err
	}
	text := strings.ToLower(strings.TrimSpace(c.Hex))
	b, err := hex.DecodeString(text)
	if want := t.New().Size(); err != nil || len(b) != want {
		return Checksum{}, fmt.Errorf("%q, want %d hex digits of %s", text, 2*want, t)
	}
	return Checksum{Type: t, Hex: text}, nil
}

// parseNumber reads an element that may be missing, which is 0. Old tools
// write times as fractions ("1257425464.63"), which are cut off.
func parseNumber(element, text string, bits int) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	whole, _, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, bits)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q, want a number from 0", element, text)
	}
	return n, nil
}
