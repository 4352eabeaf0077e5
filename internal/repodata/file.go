package repodata

import "io"

// File says what a file of repodata is.
type File struct {
	Type        string // of its record
	Name        string // without the suffix of the compression: "primary.xml"
	Compression Compression
	Checksum    ChecksumType
	Unique      bool  // it has a UniqueName
	Timestamp   int64 // modification time, seconds since 1970
}

// Write writes a file whose text is at hand, in one frame, and returns its record.
func (f *File) Write(w io.Writer, text []byte) (Record, error) {
	out, open := NewFileWriter(w, f), NewSum(f.Checksum)
	open.Add(text)
	if err := out.Append(f.Compression.AppendFrame(nil, text)); err != nil {
		return Record{}, err
	}
	if err := out.Close(); err != nil {
		return Record{}, err
	}
	return out.Record(open), nil
}

// FileWriter writes a file of repodata, frame by frame, and computes what its Record
// says. The frames were packed before, maybe elsewhere.
type FileWriter struct {
	file   *File
	w      io.Writer
	packed *Sum
	index  *xzIndex // of XZ; nil before the first frame
}

// NewFileWriter starts a file, which has frames of its compression.
func NewFileWriter(w io.Writer, f *File) *FileWriter {
	return &FileWriter{file: f, w: w, packed: NewSum(f.Checksum)}
}

// Append writes a frame, as it is packed by Compression.AppendFrame.
func (f *FileWriter) Append(packed []byte) error {
	if f.file.Compression == XZ {
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
	if f.file.Compression != XZ {
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

// Record describes the file, which is closed, and whose text has the sum open.
func (f *FileWriter) Record(open *Sum) Record {
	r := Record{
		Type:      f.file.Type,
		Checksum:  f.packed.Checksum(),
		Size:      f.packed.Size(),
		Timestamp: f.file.Timestamp,
	}
	if f.file.Compression != Plain {
		r.OpenChecksum, r.OpenSize = open.Checksum(), open.Size()
	}
	name := f.file.Name + string(f.file.Compression)
	if f.file.Unique {
		name = UniqueName(r.Checksum, name)
	}
	r.Location = "repodata/" + name
	return r
}
