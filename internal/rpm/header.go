package rpm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A header is an index and a store of data, all numbers big-endian:
//
//	8e ad e8 01  00 00 00 00  ENTRIES  BYTES     16 bytes of introduction
//	TAG  KIND  OFFSET  COUNT                     16 bytes for each entry
//	...
//	BYTES bytes of data, into which the offsets point
const (
	headerMagic   = 0x8eade801
	headerIntro   = 16
	entrySize     = 16
	maxEntries    = 65535     // rpm refuses more
	maxHeaderData = 256 << 20 // bytes; rpm refuses more
)

// header gives access to the facts of a header. The strings that its methods
// return share its data. The first fact that is not well-formed is kept in err,
// and whatever is asked afterwards is empty.
type header struct {
	what    string // "header" or "signature header", for errors
	entries []entry
	data    string
	err     error
}

type entry struct {
	tag    tag
	kind   kind
	offset uint32
	count  uint32
}

// headerSize is what an introduction announces.
type headerSize struct{ entries, data int64 }

func (s headerSize) total() int64 { return headerIntro + s.entries*entrySize + s.data }

func parseIntro(what string, b []byte) (headerSize, error) {
	if magic := binary.BigEndian.Uint32(b); magic != headerMagic {
		return headerSize{}, fmt.Errorf("%s: magic 0x%08x, want 0x%08x", what, magic, uint32(headerMagic))
	}
	s := headerSize{int64(binary.BigEndian.Uint32(b[8:])), int64(binary.BigEndian.Uint32(b[12:]))}
	if s.entries > maxEntries {
		return headerSize{}, fmt.Errorf("%s: %d entries, want at most %d", what, s.entries, maxEntries)
	}
	if s.data > maxHeaderData {
		return headerSize{}, fmt.Errorf("%s: %d bytes of data, want at most %d", what, s.data, maxHeaderData)
	}
	return s, nil
}

// parseHeader reads a whole header, whose introduction said s.
func parseHeader(what string, s headerSize, b []byte) (*header, error) {
	index := b[headerIntro : headerIntro+s.entries*entrySize]
	h := &header{
		what:    what,
		entries: make([]entry, s.entries),
		data:    string(b[headerIntro+len(index) : s.total()]),
	}
	sorted := true
	for i := range h.entries {
		raw := index[i*entrySize:]
		e := entry{
			tag:    tag(binary.BigEndian.Uint32(raw)),
			kind:   kind(binary.BigEndian.Uint32(raw[4:])),
			offset: binary.BigEndian.Uint32(raw[8:]),
			count:  binary.BigEndian.Uint32(raw[12:]),
		}
		if err := e.check(len(h.data)); err != nil {
			return nil, fmt.Errorf("%s index entry %d (tag %d): %w", what, i, e.tag, err)
		}
		sorted = sorted && (i == 0 || h.entries[i-1].tag <= e.tag)
		h.entries[i] = e
	}
	if !sorted {
		slices.SortStableFunc(h.entries, func(a, b entry) int { return cmp.Compare(a.tag, b.tag) })
	}
	return h, nil
}

// check tells whether the entry can lie within size bytes of data.
func (e entry) check(size int) error {
	if e.kind < kindChar || e.kind > kindI18N {
		return fmt.Errorf("unknown type %d", e.kind)
	}
	if uint64(e.offset) > uint64(size) {
		return fmt.Errorf("offset %d lies outside the %d bytes of data", e.offset, size)
	}
	if need := uint64(e.count) * uint64(e.kind.width()); need > uint64(size)-uint64(e.offset) {
		return fmt.Errorf("%d items (%s) at offset %d lie outside the %d bytes of data", e.count, e.kind, e.offset, size)
	}
	if e.kind == kindString && e.count != 1 {
		return fmt.Errorf("%d items, want 1 string", e.count)
	}
	return nil
}

// find returns the first entry of tag t.
func (h *header) find(t tag) (entry, bool) {
	if h.err != nil {
		return entry{}, false
	}
	i, ok := slices.BinarySearchFunc(h.entries, t, func(e entry, t tag) int { return cmp.Compare(e.tag, t) })
	if !ok {
		return entry{}, false
	}
	return h.entries[i], true
}

func (h *header) has(t tag) bool {
	_, ok := h.find(t)
	return ok
}

func (h *header) fail(t tag, format string, args ...any) {
	if h.err == nil {
		h.err = fmt.Errorf("%s tag %d: %w", h.what, t, fmt.Errorf(format, args...))
	}
}

// text is the string of tag t, the first if there are several, "" if there is none.
func (h *header) text(t tag) string {
	s := h.array(t)
	return s.next()
}

// binary is the raw bytes of tag t.
func (h *header) binary(t tag) string {
	e, ok := h.find(t)
	if !ok {
		return ""
	}
	if e.kind != kindBinary {
		h.fail(t, "type %s, want binary", e.kind)
		return ""
	}
	return h.data[e.offset : e.offset+e.count]
}

// stringCursor walks over an array of strings.
type stringCursor struct {
	header *header
	tag    tag
	data   string // from the next string on
	left   int
}

// array is a cursor over the strings of tag t; an empty one if there are none.
func (h *header) array(t tag) stringCursor {
	e, ok := h.find(t)
	if !ok {
		return stringCursor{header: h, tag: t}
	}
	if !e.kind.isString() {
		h.fail(t, "type %s, want string", e.kind)
		return stringCursor{header: h, tag: t}
	}
	return stringCursor{h, t, h.data[e.offset:], int(e.count)}
}

// next is the next string; "" when there are no more.
func (c *stringCursor) next() string {
	if c.left == 0 {
		return ""
	}
	i := strings.IndexByte(c.data, 0)
	if i < 0 {
		c.left = 0
		c.header.fail(c.tag, "string is not terminated")
		return ""
	}
	s := c.data[:i]
	c.data = c.data[i+1:]
	c.left--
	return s
}

// list is all strings of tag t; nil if there are none.
func (h *header) list(t tag) []string {
	c := h.array(t)
	if c.left == 0 {
		return nil
	}
	list := make([]string, c.left)
	for i := range list {
		list[i] = c.next()
	}
	return list
}

// numbers is a view of an array of unsigned integers.
type numbers struct {
	data  string
	width int
}

// numbers is a view of the integers of tag t; an empty one if there are none.
func (h *header) numbers(t tag) numbers {
	e, ok := h.find(t)
	if !ok {
		return numbers{width: 1}
	}
	if !e.kind.isInt() {
		h.fail(t, "type %s, want an integer", e.kind)
		return numbers{width: 1}
	}
	w := e.kind.width()
	return numbers{h.data[e.offset : int(e.offset)+int(e.count)*w], w}
}

func (n numbers) len() int { return len(n.data) / n.width }

// at is the number at index i, or 0 if the array ends before.
func (n numbers) at(i int) uint64 {
	if i >= n.len() {
		return 0
	}
	var v uint64
	for _, c := range []byte(n.data[i*n.width : (i+1)*n.width]) {
		v = v<<8 | uint64(c)
	}
	return v
}

// number is the first integer of the first tag that the header has, else 0.
func (h *header) number(tags ...tag) int64 {
	for _, t := range tags {
		if n := h.numbers(t); n.len() > 0 {
			return int64(n.at(0))
		}
	}
	return 0
}

// window is the front of a file, read piece by piece as far as it is asked for.
type window struct {
	r    io.ReaderAt
	size int64 // of the file
	buf  []byte
}

// need makes sure that the first n bytes of the file are in buf. What is the
// part of the file that ends there.
func (w *window) need(n int64, what string) error {
	if n <= int64(len(w.buf)) {
		return nil
	}
	if n > w.size {
		return fmt.Errorf("truncated: %s needs %d bytes, the file has %d", what, n, w.size)
	}
	have := len(w.buf)
	w.buf = slices.Grow(w.buf, int(n)-have)[:n]
	if got, err := w.r.ReadAt(w.buf[have:], int64(have)); got < int(n)-have {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
