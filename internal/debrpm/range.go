package debrpm

import "encoding/binary"

// rangeDecoder decodes single bits of given probabilities from packed bytes. It
// reads zeros behind the end of its input; finish tells.
type rangeDecoder struct {
	in       []byte
	at       int
	size     uint32 // of the range
	code     uint32 // the place in the range
	overread bool
}

// minRange is where a range needs another byte.
const minRange = 1 << 24

// newRange reads the first five bytes, of which the first is always zero.
func newRange(in []byte) (*rangeDecoder, error) {
	if len(in) < 5 || in[0] != 0 {
		return nil, errLZMA
	}
	return &rangeDecoder{in: in, at: 5, size: 1<<32 - 1, code: binary.BigEndian.Uint32(in[1:])}, nil
}

// finish wants all of the input, and no more, to have been used.
func (r *rangeDecoder) finish() error {
	r.size, r.code = r.refill(r.size, r.code)
	if r.overread || r.at != len(r.in) || r.code != 0 {
		return errLZMA
	}
	return nil
}

// refill takes a byte into a range that is too small for another bit.
func (r *rangeDecoder) refill(size, code uint32) (uint32, uint32) {
	if size >= minRange {
		return size, code
	}
	return size << 8, code<<8 | r.next()
}

func (r *rangeDecoder) next() uint32 {
	if r.at == len(r.in) {
		r.overread = true
		return 0
	}
	b := r.in[r.at]
	r.at++
	return uint32(b)
}

// decide decodes a bit and moves its probability towards what it is. It returns
// the bit as a mask: all ones for 0. No branch depends on the bit, which no
// processor could predict; with one, unpacking takes a tenth longer.
func decide(size, code uint32, p probability) (uint32, uint32, probability, uint32) {
	bound := size >> probabilityBits * uint32(p)
	zero := uint32((int64(code) - int64(bound)) >> 63)
	// Towards certainty for 0; towards 31 for 1, for the shift rounds down.
	goal := (1<<adaption - 1) + (1<<probabilityBits-1<<adaption+1)&zero
	p += probability(int32(goal-uint32(p)) >> adaption)
	return bound&zero | (size-bound)&^zero, code - bound&^zero, p, zero
}

// bit decodes a bit and learns from it.
func (r *rangeDecoder) bit(p *probability) uint32 {
	var zero uint32
	size, code := r.refill(r.size, r.code)
	r.size, r.code, *p, zero = decide(size, code, *p)
	return 1 &^ zero
}

// tree decodes a number, highest bit first. The number of probabilities is the
// number of values.
func (r *rangeDecoder) tree(list []probability) uint32 {
	size, code := r.size, r.code
	var zero uint32
	n := uint(1)
	for n < uint(len(list)) {
		size, code = r.refill(size, code)
		size, code, list[n], zero = decide(size, code, list[n])
		n = n<<1 | uint(1&^zero)
	}
	r.size, r.code = size, code
	return uint32(n) - uint32(len(list))
}

// reverseTree decodes a number of some bits, lowest bit first.
func (r *rangeDecoder) reverseTree(list []probability, bits int) uint32 {
	n, value := 1, uint32(0)
	for i := range bits {
		b := r.bit(&list[n])
		n = n<<1 | int(b)
		value |= b << i
	}
	return value
}

// direct decodes a number whose bits are as likely 0 as 1.
func (r *rangeDecoder) direct(bits int) uint32 {
	var value uint32
	for range bits {
		r.size, r.code = r.refill(r.size, r.code)
		r.size >>= 1
		value <<= 1
		if r.code >= r.size {
			r.code -= r.size
			value |= 1
		}
	}
	return value
}

// unlike decodes a byte that is likely to differ from another. As long as their
// bits are the same, the other byte's next bit chooses the context.
func (r *rangeDecoder) unlike(list *[0x300]probability, other byte) byte {
	size, code := r.size, r.code
	var zero uint32
	n, offset, rest := uint32(1), uint32(0x100), uint32(other)
	for n < 0x100 {
		rest <<= 1
		expected := rest & offset
		p := &list[offset+expected+n]
		size, code = r.refill(size, code)
		size, code, *p, zero = decide(size, code, *p)
		n = n<<1 | 1&^zero
		offset &= expected ^ zero
	}
	r.size, r.code = size, code
	return byte(n)
}
