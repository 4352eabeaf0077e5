package repodata

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/ulikunitz/xz/lzma"
)

// A frame of XZ is one block of a stream. createrepo_c and libsolv, and with it dnf,
// stop at the end of the first stream, and libsolv without an error, so whole streams
// cannot follow each other. Blocks can:
//
//	head   FD '7zXZ' 00 | flags 2 | CRC-32 of the flags
//	block  length of its head / 4 | flags | size, packed | size, plain |
//	       filter, with the window | zeros up to 4 | CRC-32 of these
//	       LZMA2 | zeros up to 4 | CRC-32 of the text
//	block  …
//	index  00 | number of blocks | of each: size without its last zeros, size, plain |
//	       zeros up to 4 | CRC-32 of these
//	foot   CRC-32 of what follows | length of the index / 4 - 1 | flags 2 | 'YZ'
//
// Lengths and CRCs have a fixed width, sizes are varints, all in little endian. The
// format is that of https://tukaani.org/xz/xz-file-format.txt.
const (
	xzHead  = "\xfd7zXZ\x00" + xzFlags
	xzFlags = "\x00\x01" // the check of a block is a CRC-32, as createrepo_c has it
	xzFoot  = xzFlags + "YZ"

	xzBlockFlags = 0xc0 // one filter; both sizes are there
	xzLZMA2      = 0x21 // id of the filter
	xzCheckSize  = crc32.Size

	// maxXZWindow is that of xz -6, many times the text of most frames.
	maxXZWindow = 8 << 20
)

// appendXZBlock appends src packed as a block, or nothing if src is empty.
func appendXZBlock(dst, src []byte) []byte {
	if len(src) == 0 {
		return dst
	}
	window := min(max(len(src), lzma.MinDictCap), maxXZWindow)
	var packed sliceWriter
	w, err := lzma.Writer2Config{DictCap: window}.NewWriter2(&packed)
	if err == nil {
		_, err = w.Write(src)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("internal error: xz: " + err.Error()) // options that do not fit: a sliceWriter does not fail
	}
	start := len(dst)
	dst = append(dst, 0, xzBlockFlags)
	dst = binary.AppendUvarint(dst, uint64(len(packed)))
	dst = binary.AppendUvarint(dst, uint64(len(src)))
	dst = append(dst, xzLZMA2, 1, lzma.EncodeDictCap(int64(window)))
	dst = appendXZPadding(dst, len(dst)-start)
	dst[start] = byte((len(dst)-start+crc32.Size)/4) - 1
	dst = appendCRC32(dst, dst[start:])
	dst = append(dst, packed...)
	dst = appendXZPadding(dst, len(packed))
	return appendCRC32(dst, src)
}

// appendXZPadding appends zeros that make n bytes a multiple of four.
func appendXZPadding(b []byte, n int) []byte {
	return append(b, "\x00\x00\x00"[:-n&3]...)
}

func appendCRC32(b, of []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(of))
}

// xzIndex is what the index of a stream says of its blocks.
type xzIndex struct {
	blocks  uint64
	records []byte
}

// add notes a block that appendXZBlock made.
func (x *xzIndex) add(block []byte) error {
	if len(block) == 0 {
		return nil
	}
	head := 4 * (int(block[0]) + 1)
	if len(block) < head || block[1] != xzBlockFlags {
		return errors.New("xz: a frame that is no block")
	}
	packed, n := binary.Uvarint(block[2:head])
	plain, m := binary.Uvarint(block[2+max(n, 0) : head])
	if n <= 0 || m <= 0 {
		return errors.New("xz: a block without sizes")
	}
	x.blocks++
	x.records = binary.AppendUvarint(x.records, uint64(head)+packed+xzCheckSize)
	x.records = binary.AppendUvarint(x.records, plain)
	return nil
}

// appendHead appends what comes before the blocks.
func (x *xzIndex) appendHead(b []byte) []byte {
	return appendCRC32(append(b, xzHead...), []byte(xzFlags))
}

// appendEnd appends what comes after the blocks: index and foot.
func (x *xzIndex) appendEnd(b []byte) []byte {
	start := len(b)
	b = binary.AppendUvarint(append(b, 0), x.blocks)
	b = append(b, x.records...)
	b = appendXZPadding(b, len(b)-start)
	b = appendCRC32(b, b[start:])
	foot := binary.LittleEndian.AppendUint32(nil, uint32((len(b)-start)/4-1))
	foot = append(foot, xzFoot...)
	return append(appendCRC32(b, foot[:len(foot)-2]), foot...)
}
