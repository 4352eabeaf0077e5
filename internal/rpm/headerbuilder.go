package rpm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// headerBuilder collects facts and lays them out as a header. Facts without
// content (empty strings, empty lists) are left out. The first fact that a
// header cannot hold is kept in err.
type headerBuilder struct {
	facts []fact
	err   error
}

type fact struct {
	tag   tag
	kind  kind
	count int
	data  []byte
}

func (b *headerBuilder) add(t tag, k kind, count int, data []byte) {
	if count > 0 {
		b.facts = append(b.facts, fact{t, k, count, data})
	}
}

func (b *headerBuilder) text(t tag, s string) {
	if s != "" {
		b.add(t, kindString, 1, b.terminated(t, s))
	}
}

// translated adds a string in the C locale, the only one of our I18N table.
func (b *headerBuilder) translated(t tag, s string) {
	if s != "" {
		b.add(t, kindI18N, 1, b.terminated(t, s))
	}
}

func (b *headerBuilder) array(t tag, list []string) {
	b.add(t, kindArray, len(list), b.terminated(t, list...))
}

func (b *headerBuilder) terminated(t tag, list ...string) []byte {
	var data []byte
	for _, s := range list {
		if i := strings.IndexByte(s, 0); i >= 0 && b.err == nil {
			b.err = fmt.Errorf("header tag %d: %q has a NUL", t, s)
		}
		data = append(append(data, s...), 0)
	}
	return data
}

func (b *headerBuilder) binary(t tag, data []byte) {
	b.add(t, kindBinary, len(data), data)
}

func (b *headerBuilder) int16s(t tag, list ...uint16) {
	var data []byte
	for _, v := range list {
		data = binary.BigEndian.AppendUint16(data, v)
	}
	b.add(t, kindInt16, len(list), data)
}

func (b *headerBuilder) int32s(t tag, list ...uint32) {
	var data []byte
	for _, v := range list {
		data = binary.BigEndian.AppendUint32(data, v)
	}
	b.add(t, kindInt32, len(list), data)
}

// time adds seconds since 1970, for which a header has 32 bits.
func (b *headerBuilder) time(t tag, list ...int64) {
	short := make([]uint32, len(list))
	for i, v := range list {
		if short[i] = uint32(v); int64(short[i]) != v && b.err == nil {
			b.err = fmt.Errorf("header tag %d: time %d, want 32 bits", t, v)
		}
	}
	b.int32s(t, short...)
}

// bytes is the header, whose facts are covered by a region of the given tag: an
// entry in front whose data, at the very end, points back at all entries.
func (b *headerBuilder) bytes(region tag) []byte {
	slices.SortStableFunc(b.facts, func(x, y fact) int { return cmp.Compare(x.tag, y.tag) })
	index := make([]byte, 0, (len(b.facts)+1)*entrySize)
	var data []byte
	for _, f := range b.facts {
		for len(data)%f.kind.width() != 0 {
			data = append(data, 0)
		}
		index = appendEntry(index, entry{f.tag, f.kind, uint32(len(data)), uint32(f.count)})
		data = append(data, f.data...)
	}
	entries := len(b.facts) + 1
	first := appendEntry(nil, entry{region, kindBinary, uint32(len(data)), entrySize})
	data = appendEntry(data, entry{region, kindBinary, uint32(-entries * entrySize), entrySize})

	out := binary.BigEndian.AppendUint32(nil, headerMagic)
	out = binary.BigEndian.AppendUint32(out, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(entries))
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	return slices.Concat(out, first, index, data)
}

func appendEntry(b []byte, e entry) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(e.tag))
	b = binary.BigEndian.AppendUint32(b, uint32(e.kind))
	b = binary.BigEndian.AppendUint32(b, e.offset)
	return binary.BigEndian.AppendUint32(b, e.count)
}
