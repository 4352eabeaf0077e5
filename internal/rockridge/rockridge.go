// Package rockridge lists what is on an ISO 9660 image, by the names of Rock Ridge.
//
// It reads the records of folders, and of no file the content. A name may be in several
// pieces, and these in a place beside the folder; a folder that is too deep for ISO 9660
// lies elsewhere, and is listed where it belongs. The formats are those of ECMA-119,
// IEEE P1281 (System Use Sharing Protocol) and P1282 (Rock Ridge).
package rockridge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

const (
	sector = 2048
	// maxFolders bounds the bytes of all records, maxPaths those of all paths, and maxPath
	// those of one, as Linux does: a DVD of 60,000 files has some 15 MB of records.
	maxFolders = 128 << 20
	maxPaths   = 512 << 20
	maxPath    = 4096
	// maxAreas is in how many places one record may go on, and maxArea the size of one.
	maxAreas = 64
	maxArea  = 32 << 10
)

// Paths returns the paths of all files and folders of an image of size bytes, with a slash
// in front, in no order. Of a name without Rock Ridge it is that of ISO 9660, without the
// version.
func Paths(r io.ReaderAt, size int64) ([]string, error) {
	v := &reader{r: r, size: size, seen: map[uint32]bool{}}
	root, err := v.root()
	if err != nil {
		return nil, err
	}
	for v.open(root); len(v.todo) > 0; {
		f := v.todo[len(v.todo)-1]
		v.todo = v.todo[:len(v.todo)-1]
		if err := v.list(f); err != nil {
			return nil, fmt.Errorf("folder %q: %w", f.path+"/", err)
		}
	}
	return v.paths, nil
}

type reader struct {
	r          io.ReaderAt
	size       int64
	skip       int // bytes before what Rock Ridge has in a record
	paths      []string
	todo       []folder
	seen       map[uint32]bool // where folders begin
	read, long int             // bytes of records, of paths
}

// folder is where the records of a folder are.
type folder struct {
	path  string
	at    uint32 // sector
	bytes uint32
}

// open puts a folder on the list of those that are to be read.
func (v *reader) open(f folder) { v.todo = append(v.todo, f) }

// bytes returns n bytes of the image.
func (v *reader) bytes(at, n int64) ([]byte, error) {
	if v.read += int(n); v.read > maxFolders {
		return nil, fmt.Errorf("folders have more than %d bytes", maxFolders)
	}
	if at+n > v.size {
		return nil, fmt.Errorf("%d bytes from byte %d on are behind the end", n, at)
	}
	b := make([]byte, n)
	if _, err := v.r.ReadAt(b, at); err != nil && err != io.EOF {
		return nil, err
	}
	return b, nil
}

// root finds the top folder: the primary volume descriptor says where it is, and its own
// record how to read others.
func (v *reader) root() (folder, error) {
	for at := int64(16); at < 16+64; at++ {
		b, err := v.bytes(at*sector, sector)
		if err != nil {
			return folder{}, err
		}
		if string(b[1:6]) != "CD001" || b[0] == 255 {
			break
		}
		if b[0] != 1 {
			continue
		}
		if n := binary.LittleEndian.Uint16(b[128:]); n != sector {
			return folder{}, fmt.Errorf("blocks of %d bytes, want %d", n, sector)
		}
		root := record(b[156:190]).folder("")
		self, err := v.self(root.at)
		if err != nil {
			return folder{}, err
		}
		if use := self.use(0); len(use) >= 7 && string(use[:2]) == "SP" && use[4] == 0xbe && use[5] == 0xef {
			v.skip = int(use[6])
		}
		return root, nil
	}
	return folder{}, errors.New("no ISO 9660 image: it has no primary volume descriptor")
}

// self returns the record that a folder has of itself.
func (v *reader) self(at uint32) (record, error) {
	b, err := v.bytes(int64(at)*sector, sector)
	if err != nil {
		return nil, err
	}
	return cut(b)
}

// list goes through the records of a folder.
func (v *reader) list(f folder) error {
	if v.seen[f.at] {
		return errors.New("it is in two places")
	}
	v.seen[f.at] = true
	b, err := v.bytes(int64(f.at)*sector, int64(f.bytes))
	if err != nil {
		return err
	}
	for at := 0; at < len(b); {
		if b[at] == 0 { // none ends in the next sector
			at += sector - at%sector
			continue
		}
		rec, err := cut(b[at:])
		if err != nil {
			return err
		}
		at += len(rec)
		// What is longer than 4 GiB has several records, of which the last one counts.
		if own := rec.name(); own == "\x00" || own == "\x01" || rec.flags()&moreRecords != 0 {
			continue
		}
		if err := v.entry(f, rec); err != nil {
			return err
		}
	}
	return nil
}

// entry adds what a record is of.
func (v *reader) entry(f folder, rec record) error {
	s, err := v.system(rec)
	if err != nil || s.relocated {
		return err
	}
	name := string(s.name)
	if name == "" {
		name, _, _ = strings.Cut(rec.name(), ";")
		name = strings.TrimSuffix(name, ".")
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("a file is called %q", name)
	}
	if len(f.path)+1+len(name) > maxPath {
		return fmt.Errorf("a path of more than %d bytes", maxPath)
	}
	at := f.path + "/" + name
	if v.long += len(at); v.long > maxPaths {
		return fmt.Errorf("paths have more than %d bytes", maxPaths)
	}
	v.paths = append(v.paths, at)
	switch {
	case s.child != 0:
		self, err := v.self(s.child)
		if err != nil {
			return fmt.Errorf("%s: %w", path.Base(at), err)
		}
		v.open(folder{at, s.child, self.folder("").bytes})
	case rec.flags()&isFolder != 0:
		v.open(rec.folder(at))
	}
	return nil
}

// system is what Rock Ridge says of a file.
type system struct {
	name      []byte
	child     uint32 // where a folder is that is not here
	relocated bool   // it is here, and belongs elsewhere
}

// system reads the fields of a record, in all places that it goes on in.
func (v *reader) system(rec record) (s system, err error) {
	use := rec.use(v.skip)
	for range maxAreas {
		next := s.fields(use)
		if next == nil {
			return s, nil
		}
		block, offset, n := binary.LittleEndian.Uint32(next), binary.LittleEndian.Uint32(next[8:]), binary.LittleEndian.Uint32(next[16:])
		if n > maxArea {
			return s, fmt.Errorf("a record goes on for %d bytes, want at most %d", n, maxArea)
		}
		if use, err = v.bytes(int64(block)*sector+int64(offset), int64(n)); err != nil {
			return s, err
		}
	}
	return s, fmt.Errorf("a record goes on in more than %d places", maxAreas)
}

// fields reads the fields of one place, and returns what says where they go on.
func (s *system) fields(use []byte) (next []byte) {
	for len(use) >= 4 {
		n := int(use[2])
		if n < 4 || n > len(use) {
			return next // padding
		}
		field := use[4:n]
		switch kind := string(use[:2]); {
		case kind == "ST":
			return next
		case kind == "RE":
			s.relocated = true
		case kind == "NM" && len(field) > 0 && field[0]&0x06 == 0: // and not of the folder itself or the one above
			s.name = append(s.name, field[1:]...)
		case kind == "CL" && len(field) >= 8:
			s.child = binary.LittleEndian.Uint32(field)
		case kind == "CE" && len(field) >= 24:
			next = field
		}
		use = use[n:]
	}
	return next
}

// record is that of a file in its folder.
type record []byte

// Flags of a record.
const (
	isFolder    = 0x02
	moreRecords = 0x80
)

// cut returns the record that b begins with.
func cut(b []byte) (record, error) {
	if len(b) < 34 || int(b[0]) < 34 || int(b[0]) > len(b) || 33+int(b[32]) > int(b[0]) {
		return nil, fmt.Errorf("no record of a file: %x", b[:min(34, len(b))])
	}
	return record(b[:b[0]]), nil
}

func (r record) flags() byte  { return r[25] }
func (r record) name() string { return string(r[33 : 33+int(r[32])]) }

func (r record) folder(path string) folder {
	return folder{path, binary.LittleEndian.Uint32(r[2:]), binary.LittleEndian.Uint32(r[10:])}
}

// use is what is behind the name, at an even byte.
func (r record) use(skip int) []byte {
	at := (33+int(r[32])+1)&^1 + skip
	return r[min(at, len(r)):]
}
