package debrpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"slices"
)

const (
	xzMagic       = "\xfd7zXZ\x00"
	xzFooterMagic = "YZ"
	xzHeaderSize  = 12
	xzFooterSize  = 12
	filterLZMA2   = 0x21
)

var (
	errXZ     = errors.New("damaged xz data")
	crc64ECMA = crc64.MakeTable(crc64.ECMA)
)

// unpackXZ unpacks a file of one stream, as dpkg writes it.
//
//	magic 6 | flags 2 | crc32 4                                    header
//	size 1 | flags 1 | [sizes] | filter | padding | crc32 4        block
//	   data | padding to 4 | check of the unpacked data            ...
//	0 1 | number of blocks | their sizes | padding | crc32 4       index
//	crc32 4 | size of the index / 4 - 1 4 | flags 2 | magic 2      footer
//
// Numbers are little endian; sizes have 7 bits a byte, lowest first. The format is
// described at https://tukaani.org/xz/xz-file-format.txt.
func unpackXZ(in []byte, limit int64) ([]byte, error) {
	if len(in) < xzHeaderSize || string(in[:6]) != xzMagic || !sumIs32(in[6:8], in[8:]) || in[6] != 0 {
		return nil, errXZ
	}
	check, err := newCheck(in[7])
	if err != nil {
		return nil, err
	}
	flags := in[6:8]
	d := &lzma2{limit: limit}
	in = in[xzHeaderSize:]
	for len(in) > 0 && in[0] != 0 {
		n, err := d.block(in, check)
		if err != nil {
			return nil, err
		}
		in = in[n:]
	}
	return d.out, checkXZEnd(in, flags)
}

// checkXZEnd checks the index and the footer. What the index says of the blocks
// is known from the blocks.
func checkXZEnd(in, flags []byte) error {
	n := len(in) - xzFooterSize
	if n < 8 || n%4 != 0 {
		return errXZ
	}
	index, footer := in[:n], in[n:]
	switch {
	case string(footer[10:]) != xzFooterMagic, !bytes.Equal(footer[8:10], flags),
		!sumIs32(footer[4:10], footer), !sumIs32(index[:n-4], index[n-4:]),
		uint64(n) != (uint64(binary.LittleEndian.Uint32(footer[4:]))+1)*4:
		return errXZ
	}
	return nil
}

// sumIs32 tells whether the checksum of b stands at the beginning of sum.
func sumIs32(b, sum []byte) bool { return crc32.ChecksumIEEE(b) == binary.LittleEndian.Uint32(sum) }

// block unpacks one block and returns its length in the file.
func (d *lzma2) block(in []byte, check xzCheck) (int, error) {
	header := (int(in[0]) + 1) * 4
	if len(in) < header || !sumIs32(in[:header-4], in[header-4:]) {
		return 0, errXZ
	}
	unpacked, err := readBlockHeader(in[1 : header-4])
	if err != nil {
		return 0, err
	}
	// The size is only a hint: LZMA packs a few hundred to one at the very best.
	d.out = slices.Grow(d.out, int(min(unpacked, uint64(d.limit), uint64(len(in))*16)))
	before := len(d.out)
	packed, err := d.unpack(in[header:])
	if err != nil {
		return 0, err
	}
	packed += header
	end := (packed + 3) &^ 3
	if len(in)-end < check.size || string(in[packed:end]) != "\x00\x00\x00"[:end-packed] {
		return 0, errXZ
	}
	if !bytes.Equal(check.sum(d.out[before:]), in[end:end+check.size]) {
		return 0, fmt.Errorf("checksum of the unpacked data differs from that in the file")
	}
	return end + check.size, nil
}

// readBlockHeader wants LZMA2 to be the only filter, and returns the unpacked
// size, or 0 where the header does not tell.
func readBlockHeader(h []byte) (unpacked uint64, err error) {
	flags := h[0]
	h = h[1:]
	if flags&0x3f != 0 {
		return 0, fmt.Errorf("flags %#x of an xz block, want one filter", flags)
	}
	if flags&0x40 != 0 {
		if _, h, err = readSize(h); err != nil {
			return 0, err
		}
	}
	if flags&0x80 != 0 {
		if unpacked, h, err = readSize(h); err != nil {
			return 0, err
		}
	}
	if len(h) < 3 || h[0] != filterLZMA2 || h[1] != 1 {
		return 0, fmt.Errorf("filter %x of an xz block, want LZMA2", h[:min(len(h), 2)])
	}
	return unpacked, nil
}

// readSize reads a size of up to 9 bytes.
func readSize(b []byte) (size uint64, rest []byte, err error) {
	size, n := binary.Uvarint(b[:min(len(b), 9)])
	if n <= 0 {
		return 0, nil, errXZ
	}
	return size, b[n:], nil
}

// xzCheck is a kind of checksum.
type xzCheck struct {
	size int
	sum  func([]byte) []byte
}

// newCheck returns the checksum with a number of xz's.
func newCheck(number byte) (xzCheck, error) {
	switch number {
	case 0:
		return xzCheck{0, func([]byte) []byte { return nil }}, nil
	case 1:
		return xzCheck{4, func(b []byte) []byte { return binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)) }}, nil
	case 4:
		return xzCheck{8, func(b []byte) []byte { return binary.LittleEndian.AppendUint64(nil, crc64.Checksum(b, crc64ECMA)) }}, nil
	case 10:
		return xzCheck{32, func(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }}, nil
	}
	return xzCheck{}, fmt.Errorf("xz check %d, want none, CRC32, CRC64 or SHA-256", number)
}
