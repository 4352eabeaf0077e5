package repodata

import "io"

// FileWriter writes one file of repodata, frame by frame, and computes what
// the file's Record says. The frames were packed before, maybe elsewhere.
type FileWriter struct {
	w           io.Writer
	compression Compression
	packed      *Sum
}

// NewFileWriter starts a file of frames of one compression.
func NewFileWriter(w io.Writer, c Compression, t ChecksumType) *FileWriter {
	return &FileWriter{w: w, compression: c, packed: NewSum(t)}
}

// Append writes a frame, as it is packed by Compression.AppendFrame.
func (f *FileWriter) Append(packed []byte) error {
	f.packed.Add(packed)
	_, err := f.w.Write(packed)
	return err
}

// Record describes the file that was written, and whose plain text has the sum
// open. The name lacks the suffix of the compression ("primary.xml"); with unique
// it becomes a UniqueName.
func (f *FileWriter) Record(kind, name string, unique bool, timestamp int64, open *Sum) Record {
	r := Record{
		Type:      kind,
		Checksum:  f.packed.Checksum(),
		Size:      f.packed.Size(),
		Timestamp: timestamp,
	}
	if f.compression != Plain {
		r.OpenChecksum, r.OpenSize = open.Checksum(), open.Size()
	}
	name += string(f.compression)
	if unique {
		name = UniqueName(r.Checksum, name)
	}
	r.Location = "repodata/" + name
	return r
}
