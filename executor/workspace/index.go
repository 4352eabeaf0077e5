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
	"github.com/pungo-build/pungo/rules"
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
	records []record // sorted by path, each once
	added   []record // newer than those, in any order
}

// record is what a file was when its digest was taken.
type record struct {
	file
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

// lookup sets the digests of those files of a source that are as the index knows
// them. It drops the records of files that the source had and has no more.
func (x *index) lookup(src *rules.Source, found *listing, digests []cache.Digest) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.load()
	from, to := x.at(src.Path)
	if found.folder {
		from, to = x.below(src)
	}
	files := found.files
	left := x.records[from:from]
	for i := from; i < to; i++ {
		r := &x.records[i]
		for len(files) > 0 && files[0].path < r.path {
			files, digests = files[1:], digests[1:]
		}
		switch {
		case len(files) > 0 && files[0].path == r.path:
			if r.status == files[0].status {
				digests[0] = r.digest
			}
		case strings.HasSuffix(r.path, src.Suffix):
			x.changed = true
			continue
		}
		left = append(left, *r)
	}
	x.records = slices.Delete(x.records, from+len(left), to)
}

// at returns where the record of a path is.
func (x *index) at(p string) (from, to int) {
	from, found := slices.BinarySearchFunc(x.records, p, func(r record, p string) int { return strings.Compare(r.path, p) })
	if found {
		return from, from + 1
	}
	return from, from
}

// below returns where the records of a folder's files are.
func (x *index) below(src *rules.Source) (from, to int) {
	prefix := below(src)
	from, _ = x.at(prefix)
	for to = from; to < len(x.records) && strings.HasPrefix(x.records[to].path, prefix); to++ {
	}
	return from, to
}

// add notes the digest of a file that was read at the time now, in nanoseconds,
// unless it had changed just before. Of its two times only that of the change
// (ctime) cannot be set at will; but not all file systems keep it.
func (x *index) add(f *file, d cache.Digest, now int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	age, racy := now-f.mtime, int64(racy)
	if f.ctime > now-racy || -racy < age && age < racy || len(f.path) > 1<<16-1 {
		return
	}
	x.added = append(x.added, record{*f, d})
	x.changed = true
}

// forget drops the records of a source, a file or a folder.
func (x *index) forget(src *rules.Source) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.load()
	for _, where := range []func() (from, to int){
		func() (int, int) { return x.at(src.Path) },
		func() (int, int) { return x.below(src) },
	} {
		if from, to := where(); from < to {
			x.records = slices.Delete(x.records, from, to)
			x.changed = true
		}
	}
}

// load reads the index from disk, once, and puts what was added in its place. The
// caller holds the lock.
func (x *index) load() {
	if !x.loaded {
		x.loaded = true
		x.read()
	}
	if len(x.added) == 0 {
		return
	}
	// Of a path's records the one that came last stands.
	all := append(x.records, x.added...)
	slices.SortStableFunc(all, func(a, b record) int { return strings.Compare(a.path, b.path) })
	x.records, x.added = all[:0], nil
	for i, r := range all {
		if i+1 == len(all) || all[i+1].path != r.path {
			x.records = append(x.records, r)
		}
	}
}

func (x *index) read() {
	f, err := os.Open(x.name)
	if err != nil {
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > maxIndex {
		return
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
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
	x.load()
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

func encodeIndex(records []record, fn cache.Function) []byte {
	size := len(indexMagic) + 1 + 4 + 32
	for i := range records {
		size += recordSize + len(records[i].path)
	}
	le := binary.LittleEndian
	b := append(make([]byte, 0, size), indexMagic...)
	b = append(b, byte(fn))
	b = le.AppendUint32(b, uint32(len(records)))
	for i := range records {
		r := &records[i]
		hash := r.digest.Hash()
		b = le.AppendUint16(b, uint16(len(r.path)))
		b = append(b, r.path...)
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

// decodeIndex reads what encodeIndex wrote. It copies the paths.
func decodeIndex(b []byte, fn cache.Function) ([]record, error) {
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
	records := make([]record, count)
	for i := range records {
		var err error
		if body, err = records[i].decode(body, fn); err != nil {
			return nil, err
		}
		if i > 0 && records[i-1].path >= records[i].path {
			return nil, errIndex
		}
	}
	if len(body) > 0 {
		return nil, errIndex
	}
	return records, nil
}

func (r *record) decode(b []byte, fn cache.Function) (rest []byte, err error) {
	le := binary.LittleEndian
	if len(b) < recordSize || len(b) < recordSize+int(le.Uint16(b)) {
		return nil, errIndex
	}
	n := int(le.Uint16(b))
	r.path, b = string(b[2:2+n]), b[2+n:]
	r.status = status{
		dev: le.Uint64(b), ino: le.Uint64(b[8:]), size: int64(le.Uint64(b[16:])),
		mtime: int64(le.Uint64(b[24:])), ctime: int64(le.Uint64(b[32:])), mode: le.Uint32(b[40:]),
	}
	r.digest, err = cache.NewDigest(fn, b[44:44+32], r.size)
	return b[44+32:], err
}
