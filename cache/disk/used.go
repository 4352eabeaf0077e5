package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// What was used when is told by sets: each process writes one when it ends, of the
// results that it found or made, and the time of the file is that of their use.
//
//	magic      "pungo used 1\n"
//	results    8 bytes each, sorted: how the digest of the action begins
//	checksum   4 bytes, CRC-32C of all that
//
// To note a result costs 8 bytes of memory, and the file is not synced: what gets
// lost makes a result look older, which nobody relies on. A set is named after what
// is in it, so who builds the same again replaces its file. Collect removes the sets
// that newer ones cover.
const usedMagic = "pungo used 1\n"

func (c *Cache) usedDir() string { return c.path("used", c.opts.Function.String()) }

// prefixOf is what stands for a digest where it need not be certain.
func prefixOf(hash [32]byte) uint64 { return binary.BigEndian.Uint64(hash[:]) }

// use notes that a result was used.
func (c *Cache) use(key cache.Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = append(c.used, prefixOf(key.Hash()))
}

// appendPrefixes appends the distinct prefixes in order, and sorts them for that.
func appendPrefixes(b []byte, prefixes []uint64) []byte {
	slices.Sort(prefixes)
	for _, p := range slices.Compact(prefixes) {
		b = binary.BigEndian.AppendUint64(b, p)
	}
	return b
}

// writeUsed writes the set of this process.
func (c *Cache) writeUsed() error {
	c.mu.Lock()
	used := c.used
	c.used = nil
	c.mu.Unlock()
	if len(used) == 0 || c.opts.ReadOnly {
		return nil
	}
	return c.explain(c.writeSet(used, time.Time{}))
}

// writeSet writes a set that was used at a time, by default now.
func (c *Cache) writeSet(used []uint64, at time.Time) error {
	b := appendPrefixes([]byte(usedMagic), used)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	for _, dir := range []string{c.path("used"), c.usedDir()} {
		if _, err := c.mkdir(dir); err != nil {
			return err
		}
	}
	t, err := c.createTemp()
	if err != nil {
		return err
	}
	defer t.remove()
	if _, err := t.Write(b); err != nil {
		return err
	}
	if !at.IsZero() {
		if err := c.fs.Chtimes(t.name, at.Unix()); err != nil {
			return err
		}
	}
	// In a sticky folder nobody replaces the file of another user.
	sum := c.opts.Function.Sum(b)
	return t.install(filepath.Join(c.usedDir(), sum.Hex()[:32]+"-"+strconv.Itoa(syscall.Getuid())), volatile)
}

var errUsed = errors.New("no sound set of what was used")

// parseUsed reads a set.
func parseUsed(b []byte) ([]uint64, error) {
	body, ok := bytes.CutPrefix(b, []byte(usedMagic))
	if !ok || len(body) < 4 || len(body)%8 != 4 {
		return nil, errUsed
	}
	sum := binary.BigEndian.Uint32(body[len(body)-4:])
	if crc32.Checksum(b[:len(b)-4], castagnoli) != sum {
		return nil, errUsed
	}
	return parsePrefixes(body[:len(body)-4]), nil
}

func parsePrefixes(b []byte) []uint64 {
	prefixes := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		prefixes = append(prefixes, binary.BigEndian.Uint64(b))
	}
	return prefixes
}

// usedSet is a set in the folder.
type usedSet struct {
	path     string
	time     time.Time
	bytes    int64
	prefixes []uint64
}

// usedSets returns the sets in the folder, newest first. What is no set is as old as
// can be and has nothing in it.
func (c *Cache) usedSets() ([]usedSet, error) {
	entries, err := c.readDir(c.usedDir())
	if err != nil {
		return nil, err
	}
	var sets []usedSet
	for _, entry := range entries {
		s := usedSet{path: filepath.Join(c.usedDir(), entry.Name())}
		info, err := c.fs.Stat(s.path)
		if err != nil {
			continue
		}
		s.bytes = info.Size()
		if b, err := c.readFile(s.path); err == nil {
			if s.prefixes, err = parseUsed(b); err == nil {
				s.time = info.ModTime()
			}
		}
		sets = append(sets, s)
	}
	slices.SortFunc(sets, func(a, b usedSet) int {
		if n := b.time.Compare(a.time); n != 0 {
			return n
		}
		return bytes.Compare([]byte(a.path), []byte(b.path))
	})
	return sets, nil
}

func (c *Cache) readFile(name string) ([]byte, error) {
	f, err := c.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// An action that calls others names them in a record of its own, as 8 bytes each:
// who finds its result looks none of them up, and still they are what makes the next
// run cheap. So they count as used when it is.

func callsKey(d cache.Digest) recordKey { return recordKey{d.Hash(), callsRecord} }
