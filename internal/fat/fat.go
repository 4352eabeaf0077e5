// Package fat makes FAT file systems, and changes files in them: what UEFI firmware
// finds boot loaders in. The file system is go-diskfs's; this package holds it to bytes
// that are the same everywhere, and to images that anybody may have made.
package fat

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/filesystem"
	"github.com/diskfs/go-diskfs/filesystem/fat12"
	"github.com/diskfs/go-diskfs/filesystem/fat16"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
)

// File is a file to be written. Its folders are there by themselves, and have the time of
// their newest file.
type File struct {
	Path    string // relative, clean, with slashes
	Data    []byte // not empty
	ModTime int64  // seconds since 1970; what is before 1980 cannot be written and becomes that
}

const (
	// MaxSize bounds what Write makes and Replace takes: a boot partition has some MiB.
	MaxSize = 1 << 30
	// minSize is what a FAT16 of clusters of 1 KiB has at least, and a little more.
	minSize = 5 << 20
	// maxCluster is the size of a cluster in a file system of MaxSize.
	maxCluster = 16 << 10
	// maxFolders bounds the bytes that are read of folders for one file. The library takes
	// microseconds for each entry of 32.
	maxFolders = 1 << 20
	label      = "EFIBOOT"
	// oldest and latest are the times that FAT can say: 1980 and 2107.
	oldest, latest = 315532800, 4354819198
)

// Write returns a FAT16 file system of files, labelled EFIBOOT. The same files make the
// same bytes.
func Write(files []File) (image []byte, err error) {
	defer recovered(&err)
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	size, newest := minSize, int64(0)
	folders := map[string]int64{} // and their times
	for _, f := range files {
		if err := f.check(); err != nil {
			return nil, err
		}
		newest = max(newest, f.ModTime)
		size += len(f.Data) + maxCluster + len(f.Data)/64 // of the tables, too
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			folders[dir] = max(folders[dir], f.ModTime)
			size += maxCluster
		}
	}
	if size > MaxSize {
		return nil, fmt.Errorf("the files have no room in a file system of %d bytes, which is the most", MaxSize)
	}
	m := newMemory(make([]byte, (size+1023)&^1023))
	fsys, err := fat16.Create(m, int64(len(m.data)), 0, 512, label, true)
	if err != nil {
		return nil, err
	}
	if err := fill(fsys, files, folders); err != nil {
		return nil, err
	}
	// The library writes the time of day wherever it makes something.
	times := map[string]int64{label: newest}
	for dir, t := range folders {
		times[dir], times[dir+"/."], times[dir+"/.."] = t, t, t
	}
	for _, f := range files {
		times[f.Path] = f.ModTime
	}
	for _, name := range slices.Sorted(maps.Keys(times)) {
		t := time.Unix(min(max(times[name], oldest), latest), 0).UTC()
		if err := fsys.Chtimes(name, t, t, t); err != nil {
			return nil, err
		}
	}
	g, err := parse(m.data)
	if err != nil {
		return nil, err
	}
	// It takes a cluster for the top folder, which has none in FAT16.
	for _, table := range g.tables() {
		copy(table[4:], []byte{0, 0})
	}
	return m.data, g.check()
}

// check reports a file that cannot be, or that the library would write wrongly.
func (f *File) check() error {
	if !fs.ValidPath(f.Path) || f.Path == "." {
		return fmt.Errorf("path %q, want a clean relative one", f.Path)
	}
	for name := range strings.SplitSeq(f.Path, "/") {
		if len(name) > 255 || strings.ContainsAny(name, "\\:*?\"<>|") || name[0] == '.' || strings.Trim(name, " ") != name || strings.HasSuffix(name, ".") {
			return fmt.Errorf("path %q: FAT has no file of the name %q", f.Path, name)
		}
		if i := strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			return fmt.Errorf("path %q: the name %q is not printable ASCII", f.Path, name)
		}
	}
	if len(f.Data) == 0 {
		return fmt.Errorf("path %q: the file is empty", f.Path)
	}
	return nil
}

// fill writes files. Names of a folder differ, also without case, and as DOS has them.
func fill(fsys filesystem.FileSystem, files []File, folders map[string]int64) error {
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if err := fsys.Mkdir(dir); err != nil {
			return err
		}
	}
	for _, f := range files {
		if _, found, err := find(fsys, f.Path); err != nil {
			return err
		} else if found {
			return fmt.Errorf("path %q is there twice", f.Path)
		}
		if err := put(fsys, f.Path, f.Data, os.O_CREATE); err != nil {
			return err
		}
	}
	return distinct(fsys, files)
}

// distinct wants every file to be there under its name. The library takes one name for
// another if DOS does, or writes both: "a b" and "ab" are AB.
func distinct(fsys filesystem.FileSystem, files []File) error {
	for _, f := range files {
		_, found, err := find(fsys, f.Path)
		if err != nil {
			return err
		}
		entries, err := fsys.ReadDir(path.Dir(f.Path))
		if err != nil {
			return err
		}
		short := map[string]bool{}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return err
			}
			name := info.(fat12.FileInfo).ShortName()
			found = found && !short[name]
			short[name] = true
		}
		if !found {
			return fmt.Errorf("path %q: in its folder are two names that are one to DOS", f.Path)
		}
	}
	return nil
}

// Replace returns a FAT12, FAT16 or FAT32 file system with the content of files changed,
// by path, where it has such a file; names have no case. All else stays as it is, times
// too. It takes images that anybody made, but for what the library cannot write, which is
// an error: a folder that has lost so many files that clusters of it are empty, or with
// short names beyond ASCII.
func Replace(image []byte, changed map[string][]byte) (_ []byte, err error) {
	defer recovered(&err)
	g, err := parse(image)
	if err != nil {
		return nil, err
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	m := newMemory(bytes.Clone(image)[:g.size])
	fsys, err := g.open(m)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		m.left = maxFolders
		at, found, err := find(fsys, name)
		if m.left = 0; err == nil && found {
			err = replace(fsys, at, changed[name], g.size)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if bytes.Equal(m.data, image[:g.size]) {
		return image, nil
	}
	g.image = m.data
	g.countFree()
	return append(m.data, image[g.size:]...), g.check()
}

// replace changes the content of a file of a file system of that many bytes.
func replace(fsys filesystem.FileSystem, at string, text []byte, most int) error {
	f, err := fsys.OpenFile(at, os.O_RDWR)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("a folder, want a file")
	case info.Size() == 0 || len(text) == 0:
		return errors.New("the file is empty, or is to be")
	case info.Size() > int64(most):
		return fmt.Errorf("%d bytes in a file system of %d", info.Size(), most)
	}
	old := make([]byte, info.Size()) // in one piece: what reads on from within a cluster reads too much
	if n, _ := f.Read(old); n < len(old) {
		return fmt.Errorf("it ends after %d bytes, want %d", n, len(old))
	}
	if bytes.Equal(old, text) {
		return nil
	}
	return put(fsys, at, text, os.O_TRUNC)
}

// find returns a path in the case that it has there.
func find(fsys filesystem.FileSystem, name string) (at string, found bool, err error) {
	at = "."
	for part := range strings.SplitSeq(name, "/") {
		entries, err := fsys.ReadDir(at)
		if err != nil {
			return "", false, err
		}
		i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return strings.EqualFold(e.Name(), part) })
		if i < 0 {
			return "", false, nil
		}
		at = path.Join(at, entries[i].Name())
	}
	return at, true, nil
}

func put(fsys filesystem.FileSystem, name string, data []byte, flag int) error {
	f, err := fsys.OpenFile(name, os.O_RDWR|flag)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return err
}

// open returns the library's view.
func (g *geometry) open(m *memory) (filesystem.FileSystem, error) {
	switch g.bits {
	case 12:
		return fat12.Read(m, int64(g.size), 0, 512)
	case 16:
		return fat16.Read(m, int64(g.size), 0, 512)
	}
	return fat32.Read(m, int64(g.size), 0, 512)
}

// recovered makes an error of a panic: the library has some for file systems that are
// not what it expects.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the file system cannot be read: %v", r)
	}
}

// memory is a file system's place. It does not grow, and is no file of the machine: what
// Storage has for those is not called.
type memory struct {
	backend.Storage
	data []byte
	r    *bytes.Reader
	// left bounds what is read, if it is not 0.
	left int
}

func newMemory(data []byte) *memory { return &memory{data: data, r: bytes.NewReader(data)} }

func (m *memory) Read(p []byte) (int, error)                   { return m.r.Read(p) }
func (m *memory) Seek(offset int64, whence int) (int64, error) { return m.r.Seek(offset, whence) }
func (m *memory) Close() error                                 { return nil }
func (m *memory) Writable() (backend.WritableFile, error)      { return m, nil }

// ReadAt implements io.ReaderAt. The library goes on after an error, so there is none if
// too much is read.
func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	if m.left > 0 {
		if m.left -= len(p); m.left <= 0 {
			panic("folders are too large")
		}
	}
	return m.r.ReadAt(p, at)
}

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > int64(len(m.data)) {
		return 0, errors.New("the file system is full")
	}
	return copy(m.data[at:], p), nil
}
