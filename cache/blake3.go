package cache

import (
	"math/bits"
	"sync"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"
)

// block is what BLAKE3 hashes at once: 16 chunks of a KiB, side by side in the
// registers of the processor.
const block = guts.MaxSIMD * guts.ChunkSize

// sumBLAKE3 is the hash of data.
func sumBLAKE3(data []byte) (hash [32]byte) {
	if len(data) <= guts.ChunkSize {
		return blake3.Sum256(data)
	}
	last := blocks.Get().(*[block]byte)
	defer blocks.Put(last)
	var t blake3Tree
	return t.root(last, copy(last[:], t.blocks(data)))
}

// blocks are buffers for the ends of data, which take longer to clear than to hash.
var blocks = sync.Pool{New: func() any { return new([block]byte) }}

// blake3Hash is a hash.Hash like that of the blake3 package, which starts a goroutine
// for every power of two of chunks. Here files are hashed several at a time, so that
// would be more work for nothing: hashed block by block, a MiB takes half as much of
// the processors.
type blake3Hash struct {
	tree blake3Tree
	buf  [block]byte // what is behind the last block: a root is told from other nodes
	n    int
}

// Write implements io.Writer. It never fails.
func (h *blake3Hash) Write(p []byte) (int, error) {
	total := len(p)
	if h.n > 0 {
		n := copy(h.buf[h.n:], p)
		h.n += n
		p = p[n:]
		if len(p) == 0 {
			return total, nil
		}
		h.tree.add(&h.buf)
	}
	h.n = copy(h.buf[:], h.tree.blocks(p))
	return total, nil
}

// Sum implements hash.Hash.
func (h *blake3Hash) Sum(b []byte) []byte {
	t, last := h.tree, h.buf
	sum := t.root(&last, h.n)
	return append(b, sum[:]...)
}

func (h *blake3Hash) Reset()         { *h = blake3Hash{} }
func (h *blake3Hash) Size() int      { return 32 }
func (h *blake3Hash) BlockSize() int { return guts.BlockSize }

// blake3Tree is the hash tree over whole blocks: for each bit of their number that is
// set the chaining value of a complete subtree, of so many blocks as the bit counts.
type blake3Tree struct {
	stack [50][8]uint32
	count uint64
}

// blocks adds whole blocks of data, as long as something comes behind them, and
// returns the rest: at least one byte, unless there is no data.
func (t *blake3Tree) blocks(data []byte) (rest []byte) {
	for ; len(data) > block; data = data[block:] {
		t.add((*[block]byte)(data))
	}
	return data
}

func (t *blake3Tree) add(b *[block]byte) {
	cv := guts.ChainingValue(guts.CompressBuffer(b, block, &guts.IV, t.count*guts.MaxSIMD, 0))
	height := bits.TrailingZeros64(^t.count)
	for i := range height {
		cv = guts.ChainingValue(guts.ParentNode(t.stack[i], cv, &guts.IV, 0))
	}
	t.stack[height] = cv
	t.count++
}

// root returns the hash of the blocks and of the n bytes behind them.
func (t *blake3Tree) root(last *[block]byte, n int) (hash [32]byte) {
	node := guts.CompressBuffer(last, n, &guts.IV, t.count*guts.MaxSIMD, 0)
	for i := range t.stack {
		if t.count>>i&1 == 1 {
			node = guts.ParentNode(t.stack[i], guts.ChainingValue(node), &guts.IV, 0)
		}
	}
	node.Flags |= guts.FlagRoot
	words := guts.WordsToBytes(guts.CompressNode(node))
	copy(hash[:], words[:])
	return hash
}
