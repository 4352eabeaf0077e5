package repodata

import "io"

// FileWriter writes one file of repodata, frame by frame, and computes what
// the file's Record says. The frames were packed before, maybe elsewhere.
type FileWriter struct {
	w           io.Writer
	compression Compression
	packed      *Sum
	index       *xzIndex // of XZ; nil before the first frame
}

// NewFileWriter starts a file of frames of one compression.
func NewFileWriter(w io.Writer, c Compression, t ChecksumType) *FileWriter {
	return &FileWriter{w: w, compression: c, packed: NewSum(t)}
}

// Append writes a frame, as it is packed by Compression.AppendFrame.
func (f *FileWriter) Append(packed []byte) error {
	if f.compression == XZ {
		if err := f.start(); err != nil {
			return err
		}
		if err := f.index.add(packed); err != nil {
			return err
		}
	}
	return f.write(packed)
}

// Close writes what a file has behind its frames. The writer below stays open.
func (f *FileWriter) Close() error {
	if f.compression != XZ {
		return nil
	}
	if err := f.start(); err != nil {
		return err
	}
	return f.write(f.index.appendEnd(nil))
}

// start writes what a file of XZ has before its frames.
func (f *FileWriter) start() error {
	if f.index != nil {
		return nil
	}
	f.index = new(xzIndex)
	return f.write(f.index.appendHead(nil))
}

func (f *FileWriter) write(b []byte) error {
	f.packed.Add(b)
	_, err := f.w.Write(b)
	return err
}

// Record describes the file that was written and closed, and whose plain text has the
// sum open. The name lacks the suffix of the compression ("primary.xml"); with unique
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

// WriteFile writes a file of repodata whose plain text is at hand, in one frame, and
// returns what its Record says (see FileWriter.Record).
func WriteFile(w io.Writer, c Compression, t ChecksumType, kind, name string, unique bool, timestamp int64, plain []byte) (Record, error) {
	f, open := NewFileWriter(w, c, t), NewSum(t)
	open.Add(plain)
	err := f.Append(c.AppendFrame(nil, plain))
	if err == nil {
		err = f.Close()
	}
	return f.Record(kind, name, unique, timestamp, open), err
}
