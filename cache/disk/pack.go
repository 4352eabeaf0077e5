package disk

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// A pack is one immutable file of many records:
//
//	magic                8 bytes
//	payloads             one behind the other
//	entries              48 bytes each, sorted by hash, then kind:
//	    hash             32
//	    kind             1
//	    offset           7   of the payload in the file
//	    length           4   of the payload
//	    checksum         4   of hash, kind and payload
//	fan-out              256 times, by the first byte of the hash:
//	    entries          4   how many
//	    checksum         4   of those entries
//	footer               24 bytes
//	    offset           8   of the entries
//	    version          4
//	    function         4
//	    checksum         4   of the fan-out and of the footer up to here
//	    end              4   "pnd\n"
//
// Integers are big endian, checksums CRC-32C. A look-up reads the fan-out once,
// one bucket of entries the first time it is needed, and the payload.
const (
	packMagic   = "pungopk\n"
	packEnd     = "pnd\n"
	packVersion = 1

	entrySize  = 48
	fanoutSize = 256 * 8
	footerSize = 24
	tailSize   = fanoutSize + footerSize
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func recordChecksum(key recordKey, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, key.hash[:])
	sum = crc32.Update(sum, castagnoli, []byte{byte(key.kind)})
	return crc32.Update(sum, castagnoli, payload)
}

// entry says where in a pack a record is.
type entry struct {
	key      recordKey
	offset   uint64
	length   uint32
	checksum uint32
}

func (e entry) append(b []byte) []byte {
	b = append(b, e.key.hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.key.kind)<<56|e.offset)
	b = binary.BigEndian.AppendUint32(b, e.length)
	return binary.BigEndian.AppendUint32(b, e.checksum)
}

func parseEntry(b []byte) entry {
	place := binary.BigEndian.Uint64(b[32:])
	return entry{
		key:      recordKey{[32]byte(b[:32]), recordKind(place >> 56)},
		offset:   place & (1<<56 - 1),
		length:   binary.BigEndian.Uint32(b[40:]),
		checksum: binary.BigEndian.Uint32(b[44:]),
	}
}

// compareTo orders entries as bytes do: by hash, then kind. Eight bytes of a hash
// tell almost always.
func (k recordKey) compareTo(other recordKey) int {
	a, b := k.prefix(), other.prefix()
	if a != b {
		return cmp.Compare(a, b)
	}
	return cmp.Or(bytes.Compare(k.hash[8:], other.hash[8:]), int(k.kind)-int(other.kind))
}

func (k recordKey) prefix() uint64 { return binary.BigEndian.Uint64(k.hash[:]) }

// packWriter writes a pack: payloads as they come, entries at the end.
type packWriter struct {
	w       *bufio.Writer
	offset  uint64
	entries []entry
}

func newPackWriter(w io.Writer, records int) (*packWriter, error) {
	pw := &packWriter{
		w:       bufio.NewWriterSize(w, piece),
		offset:  uint64(len(packMagic)),
		entries: make([]entry, 0, records),
	}
	_, err := pw.w.WriteString(packMagic)
	return pw, err
}

func (w *packWriter) add(key recordKey, payload []byte) error {
	w.entries = append(w.entries, entry{
		key:      key,
		offset:   w.offset,
		length:   uint32(len(payload)),
		checksum: recordChecksum(key, payload),
	})
	w.offset += uint64(len(payload))
	_, err := w.w.Write(payload)
	return err
}

func (w *packWriter) finish(fn cache.Function) error {
	slices.SortFunc(w.entries, func(a, b entry) int { return a.key.compareTo(b.key) })
	var tail []byte
	rest := w.entries
	for first := range 256 {
		n := 0
		for n < len(rest) && int(rest[n].key.hash[0]) == first {
			n++
		}
		bucket := make([]byte, 0, n*entrySize)
		for _, e := range rest[:n] {
			bucket = e.append(bucket)
		}
		rest = rest[n:]
		if _, err := w.w.Write(bucket); err != nil {
			return err
		}
		tail = binary.BigEndian.AppendUint32(tail, uint32(n))
		tail = binary.BigEndian.AppendUint32(tail, crc32.Checksum(bucket, castagnoli))
	}
	tail = binary.BigEndian.AppendUint64(tail, w.offset)
	tail = binary.BigEndian.AppendUint32(tail, packVersion)
	tail = binary.BigEndian.AppendUint32(tail, uint32(fn))
	tail = binary.BigEndian.AppendUint32(tail, crc32.Checksum(tail, castagnoli))
	tail = append(tail, packEnd...)
	if _, err := w.w.Write(tail); err != nil {
		return err
	}
	return w.w.Flush()
}

// pack is a pack in the folder. It is opened by the first look-up and keeps the
// buckets it has read: 48 bytes a record.
type pack struct {
	fs         fileSystem
	fn         cache.Function
	path       string
	name       string
	generation uint64
	modified   time.Time // of one that is being merged

	opening sync.Once
	// broken is set when the file could not be read: it was merged away by
	// another process, or its disk fails.
	broken atomic.Bool
	// ignored is set when it is broken and still there.
	ignored atomic.Bool

	file    file
	foreign bool // it is sound, and somebody else's: of a newer pungo, say
	fanout  [256]fan
	buckets [256]atomic.Pointer[[]byte]
}

// fan is where the entries with one first byte are in the file.
type fan struct {
	offset, size int64
	checksum     uint32
	payloads     int64 // where the payloads end, which entries must respect
}

// errUnreadable is the error of a pack that is broken.
var errUnreadable = errors.New("pack cannot be read")

// open reads the fan-out. A file that is no sound pack of our version and
// function is like one without records.
func (p *pack) open() error {
	p.opening.Do(func() {
		f, err := p.fs.Open(p.path)
		if err != nil {
			p.broken.Store(true)
			return
		}
		p.file = f
		p.readTail()
	})
	if p.broken.Load() {
		return errUnreadable
	}
	return nil
}

func (p *pack) readTail() {
	info, err := p.file.Stat()
	if err != nil {
		p.broken.Store(true)
		return
	}
	tailAt := info.Size() - tailSize
	if tailAt < int64(len(packMagic)) {
		return
	}
	tail := make([]byte, tailSize)
	if _, err := p.file.ReadAt(tail, tailAt); err != nil {
		p.broken.Store(true)
		return
	}
	p.fanout, err = parseTail(p.fn, tail, tailAt)
	p.foreign = errors.Is(err, errForeign)
}

// errForeign is the error of a sound pack that is not of our version and function.
var errForeign = errors.New("pack of another kind")

// tailChecksum is that of a tail up to where it is stored.
func tailChecksum(tail []byte) uint32 { return crc32.Checksum(tail[:tailSize-8], castagnoli) }

// parseTail reads the fan-out and footer that begin at the given offset of a
// pack. Every fan lies within the file.
func parseTail(fn cache.Function, tail []byte, at int64) (fans [256]fan, err error) {
	footer := tail[fanoutSize:]
	switch {
	case string(footer[20:]) != packEnd || binary.BigEndian.Uint32(footer[16:]) != tailChecksum(tail):
		return fans, errors.New("pack has no sound footer")
	case binary.BigEndian.Uint32(footer[8:]) != packVersion:
		return fans, fmt.Errorf("%w: version %d, want %d", errForeign, binary.BigEndian.Uint32(footer[8:]), packVersion)
	case binary.BigEndian.Uint32(footer[12:]) != uint32(fn):
		return fans, fmt.Errorf("%w: function %d, want %s", errForeign, binary.BigEndian.Uint32(footer[12:]), fn)
	}
	entries := binary.BigEndian.Uint64(footer)
	if entries < uint64(len(packMagic)) || entries > uint64(at) {
		return fans, fmt.Errorf("pack has its entries at %d, want them before %d", entries, at)
	}
	offset := int64(entries)
	for i := range fans {
		size := int64(binary.BigEndian.Uint32(tail[8*i:])) * entrySize
		fans[i] = fan{offset, size, binary.BigEndian.Uint32(tail[8*i+4:]), int64(entries)}
		offset += size
	}
	if offset != at {
		return [256]fan{}, fmt.Errorf("pack has entries up to %d, want %d", offset, at)
	}
	return fans, nil
}

// bucket returns the entries whose hashes begin with the given byte; none, if
// their checksum is wrong.
func (p *pack) bucket(first byte) ([]byte, error) {
	if err := p.open(); err != nil {
		return nil, err
	}
	fan := p.fanout[first]
	if fan.size == 0 {
		return nil, nil
	}
	if b := p.buckets[first].Load(); b != nil {
		return *b, nil
	}
	b := make([]byte, fan.size)
	if _, err := p.file.ReadAt(b, fan.offset); err != nil {
		p.broken.Store(true)
		return nil, errUnreadable
	}
	if crc32.Checksum(b, castagnoli) != fan.checksum {
		b = nil
	}
	p.buckets[first].Store(&b)
	return b, nil
}

// search returns the entry under key, if the pack has it and it lies within the
// file.
func (p *pack) search(key recordKey) (e entry, ok bool, err error) {
	b, err := p.bucket(key.hash[0])
	if err != nil {
		return entry{}, false, err
	}
	want := key.prefix()
	for i := place(b, want); i < len(b) && binary.BigEndian.Uint64(b[i:]) == want; i += entrySize {
		if e = parseEntry(b[i : i+entrySize]); e.key == key {
			return e, p.contains(e), nil
		}
	}
	return entry{}, false, nil
}

// place returns where in a bucket the first entry is whose hash does not begin with
// less than want. Hashes are spread evenly, so it is near where it would be if they
// lay at equal distances.
func place(bucket []byte, want uint64) int {
	at := func(i int) uint64 { return binary.BigEndian.Uint64(bucket[i*entrySize:]) }
	n := len(bucket) / entrySize
	const rest = 1<<32 - 1 // the first byte is that of the bucket
	i := int(want >> 24 & rest * uint64(n) >> 32)
	for i > 0 && at(i-1) >= want {
		i--
	}
	for i < n && at(i) < want {
		i++
	}
	return i * entrySize
}

func (p *pack) contains(e entry) bool {
	end := uint64(p.fanout[e.key.hash[0]].payloads)
	return e.offset >= uint64(len(packMagic)) && e.offset <= end && uint64(e.length) <= end-e.offset
}

// read returns the payload of an entry that search or entries returned, or an
// error that wraps cache.ErrCorrupt.
func (p *pack) read(e entry) ([]byte, error) {
	payload := make([]byte, e.length)
	if _, err := p.file.ReadAt(payload, int64(e.offset)); err != nil {
		p.broken.Store(true)
		return nil, errUnreadable
	}
	if recordChecksum(e.key, payload) != e.checksum {
		return nil, cache.ErrCorrupt
	}
	return payload, nil
}

// entries returns all entries that lie within the file.
func (p *pack) entries() ([]entry, error) {
	var all []entry
	for first := range 256 {
		b, err := p.bucket(byte(first))
		if err != nil {
			return nil, err
		}
		for ; len(b) >= entrySize; b = b[entrySize:] {
			if e := parseEntry(b); p.contains(e) {
				all = append(all, e)
			}
		}
	}
	return all, nil
}

func (p *pack) close() {
	p.opening.Do(func() { p.broken.Store(true) })
	if p.file != nil {
		p.file.Close()
	}
}
