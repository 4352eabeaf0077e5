package repodata

import (
	"hash"
	"io"
)

// FileWriter writes one file of repodata, frame by frame, and computes what
// the file's Record says. The frames may have been packed before, elsewhere.
type FileWriter struct {
	w           io.Writer
	compression Compression
	checksum    ChecksumType
	packed      measure
	plain       measure
}

// measure is a checksum and a size in the making.
type measure struct {
	hash hash.Hash
	size int64
}

func (m *measure) add(b []byte) {
	m.hash.Write(b)
	m.size += int64(len(b))
}

// NewFileWriter starts a file of frames of one compression.
func NewFileWriter(w io.Writer, c Compression, t ChecksumType) *FileWriter {
	f := &FileWriter{w: w, compression: c, checksum: t, packed: measure{hash: t.New()}}
	if c != Plain {
		f.plain.hash = t.New()
	}
	return f
}

// Append writes a frame: plain as it is packed by Compression.AppendFrame.
// Of a plain file both are the same.
func (f *FileWriter) Append(plain, packed []byte) error {
	if f.compression != Plain {
		f.plain.add(plain)
	}
	f.packed.add(packed)
	_, err := f.w.Write(packed)
	return err
}

// Record describes the file that was written. The name lacks the suffix of
// the compression ("primary.xml"); with unique it becomes a UniqueName.
func (f *FileWriter) Record(kind, name string, unique bool, timestamp int64) Record {
	r := Record{
		Type:      kind,
		Checksum:  f.checksum.of(f.packed.hash),
		Size:      f.packed.size,
		Timestamp: timestamp,
	}
	if f.compression != Plain {
		r.OpenChecksum = f.checksum.of(f.plain.hash)
		r.OpenSize = f.plain.size
	}
	name += string(f.compression)
	if unique {
		name = UniqueName(r.Checksum, name)
	}
	r.Location = "repodata/" + name
	return r
}
