package debrpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// lzma2 unpacks LZMA2, the compression inside of xz: a sequence of chunks, each
// with a control byte and its sizes.
//
//	00                                        end
//	01 or 02 | size-1 2 | bytes               stored; 01 forgets what came before
//	80-ff    | size-1 2 | packed-1 2 | [properties] | packed bytes
//
// In the last form the low 5 bits of the control byte are the high bits of the
// size, and two more say what begins anew. All numbers are big endian.
//
// What matches refer to lies in the output, so there is no dictionary to allocate,
// whatever size the file asks for. That is also why this is here: the library
// that writes xz for our tests allocates up to 4 GiB when a file says so, and
// takes twice as long (27 to 13 ns of processor time a byte of libc6; xz(1) takes 15).
type lzma2 struct {
	out   []byte
	start int // of what matches may refer to
	limit int64
	model
	ready bool // properties are known
}

var errLZMA = errors.New("damaged LZMA2 data")

// unpack appends what is packed at the beginning of in to the output, and
// returns the length of that.
func (d *lzma2) unpack(in []byte) (int, error) {
	begun := false
	for at := 0; at < len(in); {
		control := in[at]
		switch {
		case control == 0:
			return at + 1, nil
		case control == 1 || control >= 0xe0:
			begun = true
			d.start, d.ready = len(d.out), false
		case !begun:
			return 0, errLZMA
		}
		n, err := d.chunk(control, in[at:])
		if err != nil {
			return 0, err
		}
		at += n
	}
	return 0, errLZMA
}

// chunk unpacks one chunk and returns its length.
func (d *lzma2) chunk(control byte, in []byte) (int, error) {
	header := 3
	switch {
	case control >= 0xc0:
		header = 6
	case control >= 0x80:
		header = 5
	case control > 2:
		return 0, errLZMA
	}
	if len(in) < header {
		return 0, errLZMA
	}
	size := int(binary.BigEndian.Uint16(in[1:])) + 1
	packed := size
	if control >= 0x80 {
		size += int(control&0x1f) << 16
		packed = int(binary.BigEndian.Uint16(in[3:])) + 1
	}
	if len(in)-header < packed {
		return 0, errLZMA
	}
	if int64(len(d.out)+size) > d.limit {
		return 0, fmt.Errorf("more than %d bytes unpacked", d.limit)
	}
	body := in[header : header+packed]
	if control < 0x80 {
		d.out = append(d.out, body...)
		return header + packed, nil
	}
	if err := d.reset(control>>5&3, in[5]); err != nil {
		return 0, err
	}
	return header + packed, d.decode(body, size)
}

// reset does what two bits of the control byte ask for: 0 nothing, 1 forget what
// was learnt, 2 and 3 take new properties too.
func (d *lzma2) reset(what, properties byte) error {
	if what >= 2 {
		if properties >= (4*5+4)*9+9 {
			return errLZMA
		}
		lc, lp, pb := properties%9, properties/9%5, properties/45
		if lc+lp > 4 {
			return errLZMA
		}
		d.literalBits, d.literalMask, d.positionMask = lc, 1<<lp-1, 1<<pb-1
		d.ready = true
	}
	if !d.ready {
		return errLZMA
	}
	if what >= 1 {
		d.forget()
	}
	return nil
}

const (
	states       = 12
	literalState = 7 // states from here on follow a match
	positions    = 16
	minMatch     = 2

	probabilityBits = 11
	half            = 1 << probabilityBits / 2
	adaption        = 5 // bits by which a probability moves towards what came
)

// probability is how likely a bit is 0, out of 1<<probabilityBits.
type probability = uint16

// model is what a decoder has learnt: the kind of the latest symbols, the latest
// distances, and a probability for every bit in its context.
type model struct {
	literalBits               byte // of the byte before that are a literal's context
	literalMask, positionMask int  // of the position

	state     int
	distances [4]uint32 // less one; latest first

	isMatch, isLongRepeat            [states][positions]probability
	isRepeat, isOlder, isOld, oldest [states]probability
	slots                            [4][64]probability
	middle                           [128]probability
	low                              [16]probability
	matchLength, repeatLength        lengths
	literals                         [0x300 << 4]probability
}

// lengths is what was learnt of the lengths of matches.
type lengths struct {
	beyondShort, beyondMedium probability
	short, medium             [positions][8]probability
	long                      [256]probability
}

// forget returns to the beginning; the properties stay.
func (d *model) forget() {
	*d = model{literalBits: d.literalBits, literalMask: d.literalMask, positionMask: d.positionMask}
	for i := range states {
		fill(d.isMatch[i][:])
		fill(d.isLongRepeat[i][:])
	}
	for i := range d.slots {
		fill(d.slots[i][:])
	}
	for _, list := range [][]probability{
		d.isRepeat[:], d.isOlder[:], d.isOld[:], d.oldest[:], d.middle[:], d.low[:], d.literals[:],
	} {
		fill(list)
	}
	d.matchLength.forget()
	d.repeatLength.forget()
}

func (l *lengths) forget() {
	l.beyondShort, l.beyondMedium = half, half
	for i := range positions {
		fill(l.short[i][:])
		fill(l.medium[i][:])
	}
	fill(l.long[:])
}

func fill(list []probability) {
	for i := range list {
		list[i] = half
	}
}

// decode appends size bytes, which are packed as the whole of in.
func (d *lzma2) decode(in []byte, size int) error {
	r, err := newRange(in)
	if err != nil {
		return err
	}
	d.out = slices.Grow(d.out, size)
	for end := len(d.out) + size; len(d.out) < end; {
		position := (len(d.out) - d.start) & d.positionMask
		if r.bit(&d.isMatch[d.state][position]) == 0 {
			d.literal(r)
			continue
		}
		n := d.match(r, position)
		distance := int(d.distances[0]) + 1
		if distance > len(d.out)-d.start || n > end-len(d.out) {
			return errLZMA
		}
		d.copy(distance, n)
	}
	return r.finish()
}

// copy repeats n bytes from a distance, which may be shorter than n.
func (d *lzma2) copy(distance, n int) {
	for n > 0 {
		from := len(d.out) - distance
		part := min(n, distance)
		d.out = append(d.out, d.out[from:from+part]...)
		n -= part
		distance += part
	}
}

// literal decodes one byte.
func (d *lzma2) literal(r *rangeDecoder) {
	var before byte
	if len(d.out) > d.start {
		before = d.out[len(d.out)-1]
	}
	context := ((len(d.out)-d.start)&d.literalMask)<<d.literalBits + int(before)>>(8-d.literalBits)
	list := (*[0x300]probability)(d.literals[0x300*context:])
	if d.state < literalState {
		d.out = append(d.out, byte(r.tree(list[:0x100])))
	} else {
		// What would have continued the match is unlikely: the match ended here.
		d.out = append(d.out, r.unlike(list, d.out[len(d.out)-1-int(d.distances[0])]))
	}
	switch {
	case d.state < 4:
		d.state = 0
	case d.state < 10:
		d.state -= 3
	default:
		d.state -= 6
	}
}

// match decodes the length of a match, and makes its distance the latest one.
func (d *model) match(r *rangeDecoder, position int) int {
	state := d.state
	if r.bit(&d.isRepeat[state]) == 0 {
		d.state = after(state, 7, 10)
		n := d.matchLength.decode(r, position)
		copy(d.distances[1:], d.distances[:3])
		d.distances[0] = d.distance(r, n)
		return n
	}
	if r.bit(&d.isOlder[state]) == 0 {
		if r.bit(&d.isLongRepeat[state][position]) == 0 {
			d.state = after(state, 9, 11)
			return 1
		}
	} else {
		which := 1
		if r.bit(&d.isOld[state]) == 1 {
			which = 2 + int(r.bit(&d.oldest[state]))
		}
		distance := d.distances[which]
		copy(d.distances[1:which+1], d.distances[:which])
		d.distances[0] = distance
	}
	d.state = after(state, 8, 11)
	return d.repeatLength.decode(r, position)
}

// after is the state that follows: one of two, by whether a literal came before.
func after(state, literal, match int) int {
	if state < literalState {
		return literal
	}
	return match
}

// decode decodes the length of a match, at least 2.
func (l *lengths) decode(r *rangeDecoder, position int) int {
	if r.bit(&l.beyondShort) == 0 {
		return minMatch + int(r.tree(l.short[position][:]))
	}
	if r.bit(&l.beyondMedium) == 0 {
		return minMatch + 8 + int(r.tree(l.medium[position][:]))
	}
	return minMatch + 16 + int(r.tree(l.long[:]))
}

// distance decodes the distance, less one, of a match of n bytes: a slot, which
// is the number of bits and the two highest of them, and the other bits.
func (d *model) distance(r *rangeDecoder, n int) uint32 {
	slot := r.tree(d.slots[min(n-minMatch, len(d.slots)-1)][:])
	if slot < 4 {
		return slot
	}
	bits := int(slot>>1 - 1)
	high := (2 | slot&1) << bits
	if slot < 14 {
		return high + r.reverseTree(d.middle[high-slot:], bits)
	}
	return high + r.direct(bits-4)<<4 + r.reverseTree(d.low[:], 4)
}
