package disk

import (
	"cmp"
	"io"
	"slices"
	"time"
)

// Every flush adds a pack, and every look-up of what is new searches them all, so
// packs are merged as they grow: the newest ones, as long as the next older one
// is not much larger than they are together. A record is copied as often as its
// pack doubles, and of n flushes some mergeWidth*log(n) packs remain.
const (
	mergeWidth = 16
	// maxMerged is the size from which a pack stays as it is.
	maxMerged = 128 << 20
)

// mergeable returns how many of the newest packs, whose sizes are given newest
// first, are to be merged; 0 if none.
func mergeable(sizes []int64) int {
	n := 0
	var total int64
	for n < len(sizes) && (n == 0 || sizes[n] <= 2*total) && total+sizes[n] <= maxMerged {
		total += sizes[n]
		n++
	}
	if n < mergeWidth {
		return 0
	}
	return n
}

// merge makes one pack of several where that is due. It is no more than tidying
// up: whatever goes wrong, the packs stay as they are. The caller holds flushMu.
func (c *Cache) merge() {
	old := c.toMerge()
	if len(old) == 0 {
		return
	}
	merged := c.newPack(packName(old[0].generation), old[0].generation)
	if err := c.writeMerged(merged.name, old); err != nil {
		return
	}
	// The new pack is durable and known here before the old ones go. Another
	// process notices that they went, and reads the folder again.
	c.replace(old, merged)
	for _, p := range old {
		c.fs.Remove(p.path)
	}
}

// toMerge returns the packs that are to be merged, newest first, as new values,
// so that nobody closes their files meanwhile.
func (c *Cache) toMerge() (old []*pack) {
	packs := c.mayMerge()
	var sizes []int64
	var modified []time.Time
	for _, p := range packs {
		info, err := c.fs.Stat(p.path)
		if err != nil || p.ignored.Load() || p.open() != nil || p.foreign {
			break
		}
		sizes, modified = append(sizes, info.Size()), append(modified, info.ModTime())
	}
	for _, p := range packs[:mergeable(sizes)] {
		p := c.newPack(p.name, p.generation)
		p.modified = modified[len(old)]
		old = append(old, p)
	}
	return old
}

// mayMerge returns the packs there are, if they are so many that a merge may be due.
func (c *Cache) mayMerge() []*pack {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.packs) < mergeWidth || c.sticky {
		return nil
	}
	c.rescan()
	return c.packs
}

// writeMerged writes a pack of all sound records in old, which are given newest
// first; of records under one key the newest.
func (c *Cache) writeMerged(name string, old []*pack) error {
	entries := make([][]entry, len(old))
	total := 0
	var modified time.Time
	for i, p := range old {
		defer p.close()
		if p.modified.After(modified) {
			modified = p.modified
		}
		var err error
		if entries[i], err = p.entries(); err != nil {
			return err
		}
		total += len(entries[i])
	}
	return c.writePack(name, total, modified, func(w *packWriter) error {
		taken := make(map[recordKey]bool, total)
		for i, p := range old {
			if err := copyRecords(w, p, entries[i], taken); err != nil {
				return err
			}
		}
		return nil
	})
}

// copyRecords copies the sound records of a pack whose keys are not taken yet.
func copyRecords(w *packWriter, p *pack, entries []entry, taken map[recordKey]bool) error {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.offset, b.offset) })
	payloads := &window{r: p.file}
	for _, e := range entries {
		if taken[e.key] {
			continue
		}
		payload, err := payloads.read(int64(e.offset), int(e.length))
		if err != nil {
			return err
		}
		if recordChecksum(e.key, payload) != e.checksum {
			continue
		}
		taken[e.key] = true
		if err := w.add(e.key, payload); err != nil {
			return err
		}
	}
	return nil
}

// window reads parts of a file that come in the order of their offsets, many with
// one system call.
type window struct {
	r   io.ReaderAt
	at  int64 // where buf begins
	buf []byte
}

// read returns a part that is there until the next call.
func (w *window) read(offset int64, length int) ([]byte, error) {
	if skip := offset - w.at; skip >= 0 && skip+int64(length) <= int64(len(w.buf)) {
		return w.buf[skip:][:length], nil
	}
	w.at, w.buf = offset, slices.Grow(w.buf[:0], max(length, piece))
	n, err := w.r.ReadAt(w.buf[:cap(w.buf)], offset)
	w.buf = w.buf[:n]
	if n < length {
		return nil, cmp.Or(err, io.ErrUnexpectedEOF)
	}
	return w.buf[:length], nil
}

// replace puts a pack in the place of old ones.
func (c *Cache) replace(old []*pack, merged *pack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := make(map[string]bool, len(old))
	for _, p := range old {
		gone[p.name] = true
	}
	packs := slices.DeleteFunc(slices.Clone(c.packs), func(p *pack) bool {
		if gone[p.name] {
			p.close()
		}
		return gone[p.name]
	})
	c.list(packs)
	c.insert(merged)
}

// insert makes a pack known. The caller holds mu.
func (c *Cache) insert(p *pack) {
	packs := append(slices.Clone(c.packs), p)
	slices.SortFunc(packs, newestFirst)
	c.list(packs)
}
