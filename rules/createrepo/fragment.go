package createrepo

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// fragmentParams describe one package of a repository.
type fragmentParams struct {
	Header         string `arg:"header,required"`
	Href           string `arg:"href,required"`
	Size           int64  `arg:"size,required"`
	ChecksumType   string `arg:"checksum-type,required"`
	Checksum       string `arg:"checksum,required"`
	ChangelogLimit int    `arg:"changelog-limit"`
	Output         string `arg:"output,required"`
}

// fragmentGrowth is how much larger a fragment is at most, as a rule, than the
// record it is made of: up to 2.3 was measured of generated packages. It spares
// them the growing.
const fragmentGrowth = 3

// fragment makes the package's elements of all documents, as one blob: for each
// document the length of its element, then the element.
func fragment(ctx context.Context, j *rules.Job) error {
	var p fragmentParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	kind, err := repodata.ParseChecksumType(p.ChecksumType)
	if err != nil {
		return err
	}
	record, err := j.Read(ctx, p.Header)
	if err != nil {
		return err
	}
	pkg, _, err := packages.DecodeHeader(record)
	if err != nil {
		return err
	}
	at := repodata.Location{
		Href: p.Href, Checksum: repodata.Checksum{Type: kind, Hex: p.Checksum},
		PackageSize: p.Size, FileTime: pkg.BuildTime,
	}
	b := make([]byte, 0, fragmentGrowth*len(record))
	b = appendElement(b, func(b []byte) []byte { return repodata.AppendPrimary(b, pkg, at) })
	b = appendElement(b, func(b []byte) []byte { return repodata.AppendFilelists(b, pkg, at) })
	b = appendElement(b, func(b []byte) []byte { return repodata.AppendOther(b, pkg, at, p.ChangelogLimit) })
	return j.Write(ctx, p.Output, b)
}

func appendElement(b []byte, add func([]byte) []byte) []byte {
	at := len(b)
	b = add(append(b, 0, 0, 0, 0))
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// splitFragment returns the elements in a fragment.
func splitFragment(b []byte) (elements [len(documents)][]byte, err error) {
	for i := range elements {
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return elements, errors.New("repodata fragment: cut off")
		}
		n := int(binary.LittleEndian.Uint32(b))
		elements[i], b = b[4:4+n], b[4+n:]
	}
	if len(b) > 0 {
		return elements, errors.New("repodata fragment: longer than its elements")
	}
	return elements, nil
}

// frameParams describe a group of packages of a repository.
type frameParams struct {
	Compressions   []string  `arg:"compression,required"` // of each document, in their order
	Checksum       string    `arg:"checksum,required"`
	ChangelogLimit int       `arg:"changelog-limit"`
	Packages       []located `arg:"package"`
}

// located is a package where a repository has it.
type located struct {
	Href     string
	Size     string
	Checksum string
	Header   string // path of the header record
}

// frame compresses the metadata of a group of packages, one frame a document, and
// its text (see repodata.PackText).
func frame(ctx context.Context, j *rules.Job) error {
	var p frameParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	if len(p.Compressions) != len(documents) {
		return fmt.Errorf("%d compressions, want one for each of %d documents", len(p.Compressions), len(documents))
	}
	var elements [len(documents)][][]byte
	for _, pkg := range p.Packages {
		list, err := p.elements(ctx, j, pkg)
		if err != nil {
			return fmt.Errorf("%s: %w", pkg.Href, err)
		}
		for i, e := range list {
			elements[i] = append(elements[i], e)
		}
	}
	for i, doc := range documents {
		c, err := repodata.ParseCompression(p.Compressions[i])
		if err != nil {
			return err
		}
		plain := slices.Concat(elements[i]...)
		if err := j.Write(ctx, doc.kind, c.AppendFrame(nil, plain)); err != nil {
			return err
		}
		if err := j.Write(ctx, doc.kind+textSuffix, repodata.PackText(plain)); err != nil {
			return err
		}
	}
	return nil
}

func (p *frameParams) elements(ctx context.Context, j *rules.Job, pkg located) (elements [len(documents)][]byte, err error) {
	header, err := j.Input(ctx, pkg.Header)
	if err != nil {
		return elements, err
	}
	header.Name = "header"
	r, err := j.Call(ctx, rules.Call{
		Tool: "repodata_fragment",
		Args: []string{
			"--header", "header", "--href", pkg.Href, "--size", pkg.Size, "--checksum-type", p.Checksum, "--checksum", pkg.Checksum,
			"--changelog-limit", strconv.Itoa(p.ChangelogLimit), "--output", "fragment",
		},
		Inputs: []cache.Node{header},
	})
	if err != nil {
		return elements, err
	}
	b, err := j.Trees.Store().Get(ctx, r.Outputs[0].Digest)
	if err != nil {
		return elements, err
	}
	return splitFragment(b)
}

type checksumParams struct {
	Checksum string `arg:"checksum,required"`
	RPM      string `arg:"rpm,required"`
	Output   string `arg:"output,required"`
}

// checksum computes the checksum of a package file, in hex.
func checksum(ctx context.Context, j *rules.Job) error {
	var p checksumParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	kind, err := repodata.ParseChecksumType(p.Checksum)
	if err != nil {
		return err
	}
	f, err := j.Open(ctx, p.RPM)
	if err != nil {
		return err
	}
	defer f.Close()
	h := kind.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, f, make([]byte, 1<<20)); err != nil {
		return err
	}
	return j.Write(ctx, p.Output, []byte(hex.EncodeToString(h.Sum(nil))))
}
