package dnf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

// document is one file of repodata.
type document struct {
	kind        string
	open, close []byte
	add         func([]byte, *rpm.Package, repodata.Location) []byte
}

func documentsOf(n int) []document {
	other := func(b []byte, p *rpm.Package, at repodata.Location) []byte { return repodata.AppendOther(b, p, at, 0) }
	return []document{
		{"primary", repodata.PrimaryOpen(n), repodata.PrimaryClose(), repodata.AppendPrimary},
		{"filelists", repodata.FilelistsOpen(n), repodata.FilelistsClose(), repodata.AppendFilelists},
		{"other", repodata.OtherOpen(n), repodata.OtherClose(), other},
	}
}

// Write writes the repodata of packages below dir. The package files are nowhere:
// who solves does not look for them. Their checksums are invented.
func Write(dir string, packages []*rpm.Package) error {
	if err := os.MkdirAll(filepath.Join(dir, "repodata"), 0o777); err != nil {
		return err
	}
	repomd := repodata.Repomd{Revision: "1"}
	for _, d := range documentsOf(len(packages)) {
		record, err := d.write(dir, packages)
		if err != nil {
			return err
		}
		repomd.Records = append(repomd.Records, record)
	}
	var index bytes.Buffer
	if _, err := repomd.WriteTo(&index); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "repodata", "repomd.xml"), index.Bytes(), 0o666)
}

func (d *document) write(dir string, packages []*rpm.Package) (repodata.Record, error) {
	text := d.open
	for _, p := range packages {
		text = d.add(text, p, locationOf(p))
	}
	text = append(text, d.close...)
	f := repodata.File{Type: d.kind, Name: d.kind + ".xml", Compression: repodata.Gzip, Checksum: repodata.SHA256, Timestamp: 1}
	var file bytes.Buffer
	record, err := f.Write(&file, text)
	if err != nil {
		return repodata.Record{}, err
	}
	return record, os.WriteFile(filepath.Join(dir, record.Location), file.Bytes(), 0o666)
}

func locationOf(p *rpm.Package) repodata.Location {
	sum := sha256.Sum256([]byte(p.NEVRA.String()))
	return repodata.Location{
		Href:        p.FileName(),
		Checksum:    repodata.Checksum{Type: repodata.SHA256, Hex: hex.EncodeToString(sum[:])},
		PackageSize: 1, FileTime: 1,
	}
}
