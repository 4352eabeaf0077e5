package disk

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// Packs are named GENERATION-RANDOM.pack. The generation is greater than that of
// every pack the writer knew of, so that what is recorded again, because it had
// turned out bad, stands before what it replaces; clocks of several machines
// would not tell.
const packSuffix = ".pack"

func packName(generation uint64) string {
	return fmt.Sprintf("%016x-%s%s", generation, randomName(), packSuffix)
}

func parsePackName(name string) (generation uint64, ok bool) {
	base, ok := strings.CutSuffix(name, packSuffix)
	number, _, dash := strings.Cut(base, "-")
	generation, err := strconv.ParseUint(number, 16, 62)
	return generation, ok && dash && len(number) == 16 && err == nil
}

func (c *Cache) newPack(name string, generation uint64) *pack {
	return &pack{
		fs:         c.fs,
		fn:         c.opts.Function,
		path:       filepath.Join(c.packDir(), name),
		name:       name,
		generation: generation,
	}
}

// newestFirst is the order in which packs are searched.
func newestFirst(a, b *pack) int {
	return -cmp.Or(cmp.Compare(a.generation, b.generation), cmp.Compare(a.name, b.name))
}

// find returns the newest sound record under key. Its error is
// cache.ErrNotFound, or cache.ErrCorrupt if there are records and none is sound.
func (c *Cache) find(key recordKey) ([]byte, error) {
	for {
		payload, listed, err := c.findKnown(key)
		switch {
		case err == nil:
			return payload, nil
		case errors.Is(err, cache.ErrCorrupt):
			return nil, err
		case !c.refresh(err, listed):
			return nil, cache.ErrNotFound
		}
	}
}

// hasBlob reports whether a pack, or the batch for one, has a blob, sound or not.
func (c *Cache) hasBlob(d cache.Digest) bool {
	for {
		listed, err := c.hasKnown(d)
		if err == nil || !c.refresh(err, listed) {
			return err == nil
		}
	}
}

// findKnown looks where records are known to be, and returns which list of packs that
// was.
func (c *Cache) findKnown(key recordKey) (payload []byte, listed int, err error) {
	payload, ok, packs, listed := c.batched(key)
	if ok {
		return payload, listed, nil
	}
	err = searchPacks(packs, key, func(p *pack, e entry) (err error) {
		payload, err = p.read(e)
		return err
	})
	return payload, listed, err
}

func (c *Cache) hasKnown(d cache.Digest) (listed int, err error) {
	key := blobKey(d)
	payload, ok, packs, listed := c.batched(key)
	if ok && int64(len(payload)) == d.Size() {
		return listed, nil
	}
	return listed, searchPacks(packs, key, func(_ *pack, e entry) error {
		if int64(e.length) != d.Size() {
			return cache.ErrNotFound
		}
		return nil
	})
}

// batched returns the record under key if it is in a batch, and the packs to search
// if it is not: none, if it is a blob that was discarded and not made again. A batch
// that is flushed before they are searched is among them.
func (c *Cache) batched(key recordKey) (payload []byte, ok bool, packs []*pack, listed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if payload, ok = c.pending.records[key]; ok {
		return payload, true, nil, c.listed
	}
	if key.kind == blobRecord && c.discarded[key.hash] {
		return nil, false, nil, c.listed
	}
	if c.flushing != nil {
		payload, ok = c.flushing.records[key]
	}
	return payload, ok, c.packs, c.listed
}

// Recall implements cache.Recaller.
func (c *Cache) Recall(d cache.Digest) ([]byte, bool) {
	if d.Function() != c.opts.Function {
		return nil, false
	}
	data, ok, _, _ := c.batched(blobKey(d))
	return data, ok && int64(len(data)) == d.Size()
}

// searchPacks calls found for the entries under key, until it returns no error.
// The error is that of the worst thing that happened: errUnreadable, then
// cache.ErrCorrupt, then cache.ErrNotFound.
func searchPacks(packs []*pack, key recordKey, found func(*pack, entry) error) error {
	worst := cache.ErrNotFound
	for _, p := range packs {
		if p.ignored.Load() {
			continue
		}
		e, ok, err := p.search(key)
		if ok {
			err = found(p, e)
		}
		switch {
		case ok && err == nil:
			return nil
		case err == errUnreadable, err != nil && worst == cache.ErrNotFound:
			worst = err
		}
	}
	return worst
}

// refreshEvery is how often at most a miss looks for packs of other processes:
// 60,000 misses in a row are not to read the folder 60,000 times.
const refreshEvery = time.Second

// refresh reads the folder again after a search ended with the error missed, and
// reports whether to search again.
//
// A pack that cannot be read may have been merged away after it was listed: then the
// list that was searched is not the one there is, whoever made that.
func (c *Cache) refresh(missed error, listed int) bool {
	if missed != errUnreadable && c.scannedLately() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return false
	case listed != c.listed:
		return true
	case missed != errUnreadable && c.scannedLately():
		return false
	}
	return c.rescan()
}

// list replaces the packs. The caller holds mu.
func (c *Cache) list(packs []*pack) {
	c.packs = packs
	c.listed++
}

func (c *Cache) scannedLately() bool {
	return time.Now().UnixNano()-c.scanned.Load() < int64(refreshEvery)
}

// rescan makes packs what the folder holds, and reports whether that is any news.
// The caller holds mu.
func (c *Cache) rescan() (news bool) {
	c.scanned.Store(time.Now().UnixNano())
	names, err := c.fs.ReadDir(c.packDir())
	if err != nil {
		return false
	}
	known := make(map[string]*pack, len(c.packs))
	for _, p := range c.packs {
		known[p.name] = p
	}
	packs := make([]*pack, 0, len(names))
	for _, entry := range names {
		generation, ok := parsePackName(entry.Name())
		if !ok {
			continue
		}
		p := known[entry.Name()]
		delete(known, entry.Name())
		if p == nil {
			p, news = c.newPack(entry.Name(), generation), true
		}
		p.ignored.Store(p.broken.Load())
		packs = append(packs, p)
	}
	for _, p := range known {
		p.close()
		news = true
	}
	slices.SortFunc(packs, newestFirst)
	if news {
		c.list(packs)
	}
	return news
}
