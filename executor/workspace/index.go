package workspace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// index knows the digests of files by path and status. On disk it is
//
//	"pungo stat index 1\n"
//	digest function   1 byte
//	number of records 4 bytes
//	records, sorted by path:
//	  length of path 2 | path | dev 8 | inode 8 | size 8 | mtime 8 | ctime 8 | mode 4 | hash 32
//	BLAKE3 of all that 32 bytes
//
// with little-endian numbers. Losing it costs time only, so it is not synced, and
// a file that is anything else than this is as good as none.
type index struct {
	name string
	fn   cache.Function

	mu      sync.Mutex
	loaded  bool
	changed bool
	records map[string]record
}

// record is what a file was when its digest was taken.
type record struct {
	status
	digest cache.Digest
}

const (
	indexMagic = "pungo stat index 1\n"
	// recordSize is the size of a record without its path.
	recordSize = 2 + 5*8 + 4 + 32
	// maxIndex is far above what a workspace needs: four million files.
	maxIndex = 1 << 29
)

// racy is the age of a change below which a file does not enter the index: in the
// same tick of the file system's clock it may change again, which its status does
// not show. Two seconds is the coarsest clock of a file system in use (FAT).
const racy = 2 * time.Second

func newIndex(name string, fn cache.Function) *index {
	return &index{name: name, fn: fn}
}

// lookup sets the digests of those files that are as the index knows them.
func (x *index) lookup(files []file, digests []cache.Digest) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.load()
	for i := range files {
		if r, ok := x.records[files[i].path]; ok && r.status == files[i].status {
			digests[i] = r.digest
		}
	}
}

// add notes the digest of a file that was read at the time now, in nanoseconds,
// unless it had changed just before. Of its two times only that of the change
// (ctime) cannot be set at will; but not all file systems keep it.
func (x *index) add(f *file, d cache.Digest, now int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.load()
	age, racy := now-f.mtime, int64(racy)
	if f.ctime > now-racy || -racy < age && age < racy || len(f.path) > 1<<16-1 {
		return
	}
	x.records[f.path] = record{f.status, d}
	x.changed = true
}

// remove drops the records of the paths that match.
func (x *index) remove(match func(path string) bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.load()
	for p := range x.records {
		if match(p) {
			delete(x.records, p)
			x.changed = true
		}
	}
}

// keepOnly drops records of files that are gone: of all below prefix with the
// given suffix only files, sorted by path, are left.
func (x *index) keepOnly(prefix, suffix string, files []file) {
	x.remove(func(p string) bool {
		if !strings.HasPrefix(p, prefix) || !strings.HasSuffix(p, suffix) {
			return false
		}
		_, found := slices.BinarySearchFunc(files, p, func(f file, p string) int { return strings.Compare(f.path, p) })
		return !found
	})
}

// load reads the index from disk, once. The caller holds the lock.
func (x *index) load() {
	if x.loaded {
		return
	}
	x.loaded = true
	x.records = map[string]record{}
	f, err := os.Open(x.name)
	if err != nil {
		return
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return
	}
	if records, err := decodeIndex(b, x.fn); err == nil {
		x.records = records
	}
}

// save writes the index, if it has changed since it was loaded or saved.
func (x *index) save() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.changed {
		return nil
	}
	if err := writeFile(x.name, encodeIndex(x.records, x.fn)); err != nil {
		return fmt.Errorf("stat index %w", err)
	}
	x.changed = false
	return nil
}

// writeFile writes a file under a temporary name and renames it.
func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

func encodeIndex(records map[string]record, fn cache.Function) []byte {
	paths := make([]string, 0, len(records))
	size := len(indexMagic) + 1 + 4 + 32
	for p := range records {
		paths = append(paths, p)
		size += recordSize + len(p)
	}
	slices.Sort(paths)
	le := binary.LittleEndian
	b := append(make([]byte, 0, size), indexMagic...)
	b = append(b, byte(fn))
	b = le.AppendUint32(b, uint32(len(paths)))
	for _, p := range paths {
		r := records[p]
		hash := r.digest.Hash()
		b = le.AppendUint16(b, uint16(len(p)))
		b = append(b, p...)
		b = r.status.append(b)
		b = append(b, hash[:]...)
	}
	return append(b, checksum(b)...)
}

// append appends the numbers of a status.
func (s *status) append(b []byte) []byte {
	le := binary.LittleEndian
	for _, n := range []uint64{s.dev, s.ino, uint64(s.size), uint64(s.mtime), uint64(s.ctime)} {
		b = le.AppendUint64(b, n)
	}
	return le.AppendUint32(b, s.mode)
}

func checksum(b []byte) []byte {
	sum := cache.BLAKE3.Sum(b).Hash()
	return sum[:]
}

var errIndex = errors.New("not a stat index")

func decodeIndex(b []byte, fn cache.Function) (map[string]record, error) {
	head := len(indexMagic) + 1 + 4
	if len(b) < head+32 || string(b[:len(indexMagic)]) != indexMagic || b[len(indexMagic)] != byte(fn) {
		return nil, errIndex
	}
	body, sum := b[:len(b)-32], b[len(b)-32:]
	if !bytes.Equal(checksum(body), sum) {
		return nil, errIndex
	}
	count := int64(binary.LittleEndian.Uint32(body[head-4:]))
	body = body[head:]
	if count > int64(len(body)/recordSize) {
		return nil, errIndex
	}
	records := make(map[string]record, count)
	for range count {
		p, r, rest, err := decodeRecord(body, fn)
		if err != nil {
			return nil, err
		}
		records[p] = r
		body = rest
	}
	if len(body) > 0 || len(records) != int(count) {
		return nil, errIndex
	}
	return records, nil
}

func decodeRecord(b []byte, fn cache.Function) (p string, r record, rest []byte, err error) {
	le := binary.LittleEndian
	if len(b) < recordSize || len(b) < recordSize+int(le.Uint16(b)) {
		return "", r, nil, errIndex
	}
	n := int(le.Uint16(b))
	p, b = string(b[2:2+n]), b[2+n:]
	r.status = status{
		dev: le.Uint64(b), ino: le.Uint64(b[8:]), size: int64(le.Uint64(b[16:])),
		mtime: int64(le.Uint64(b[24:])), ctime: int64(le.Uint64(b[32:])), mode: le.Uint32(b[40:]),
	}
	r.digest, err = cache.NewDigest(fn, b[44:44+32], r.size)
	return p, r, b[44+32:], err
}
