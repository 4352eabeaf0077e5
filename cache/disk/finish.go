package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// finish lets those batches go that nobody can know of any more, see removed.go.
func (c *Cache) finish(ctx context.Context, limits Limits, now time.Time, done *Collected) error {
	others, err := c.others()
	if err != nil {
		return c.explain(err)
	}
	var ready []*aside
	waitedFor := map[string]bool{}
	done.Waiting = 0
	for _, a := range c.listAside() {
		defer a.close()
		waits, err := c.waits(a, others)
		if err != nil {
			return c.explain(err)
		}
		if len(waits) == 0 {
			ready = append(ready, a)
			continue
		}
		for _, name := range waits {
			waitedFor[name] = true
		}
		err = c.eachFile(a.dir, func(_ string, info fs.FileInfo) { done.Waiting += info.Size() })
		if err != nil {
			return c.explain(err)
		}
	}
	done.Processes = len(waitedFor)
	if len(ready) == 0 {
		return nil
	}
	if err := c.putBack(ctx, ready, limits, now, done); err != nil {
		return err
	}
	for _, a := range ready {
		c.removeBatch(a, done)
	}
	// Where it is not there, builds need not look into it.
	c.fs.Remove(c.removedDir())
	return nil
}

// waits returns the processes that a batch has to wait for still. If it was not told
// for which, it is for those that run now.
func (c *Cache) waits(a *aside, others map[string]bool) ([]string, error) {
	if owner, _, _ := strings.Cut(filepath.Base(a.dir), "-"); others[owner] {
		return []string{owner}, nil // it may grow still
	}
	path := filepath.Join(a.dir, "waits")
	text, err := c.readFile(path)
	names, parseErr := parseWaits(string(text))
	if err != nil || parseErr != nil {
		names = nil
		for name := range others {
			names = append(names, name)
		}
		slices.Sort(names)
		err := c.writeFile(path, waitsText(names))
		if _, gone := c.fs.Stat(a.dir); err != nil && errors.Is(gone, fs.ErrNotExist) {
			return nil, nil // somebody else finished it meanwhile
		}
		if err != nil && len(names) > 0 {
			return nil, err
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !others[name] }), nil
}

// putBack moves back what is needed still of batches that are to go: by the results in
// the folder, and by those in batches that stay.
func (c *Cache) putBack(ctx context.Context, ready []*aside, limits Limits, now time.Time, done *Collected) error {
	s, err := c.survey(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if len(s.unreadable) > 0 {
		return c.explain(fmt.Errorf("pack %s cannot be read, so nobody knows what it needs", s.unreadable[0]))
	}
	need := s.marks()
	if err := s.keepComposes(ctx, need, limits, now, done); err != nil {
		return err
	}
	for hash := range s.results {
		if err := need.result(ctx, hash); err != nil {
			return err
		}
	}
	goes := map[string]bool{}
	for _, a := range ready {
		delete(s.asideResults, a.dir)
		goes[a.dir] = true
	}
	for _, r := range s.asideResults {
		if err := need.closure(ctx, r.names(c.opts.Function)); err != nil {
			return err
		}
	}
	return c.explain(c.moveBack(s, need, goes, done))
}

// moveBack moves back what is needed and is in a batch that goes, by its folder. It is
// durable before that: who stored a file may have found it gone when it was to be synced.
func (c *Cache) moveBack(s *survey, need *marks, goes map[string]bool, done *Collected) error {
	var records []record
	var files []cache.Digest
	for _, hash := range sortedHashes(need.blobs) {
		b := s.blobs[hash]
		if !b.aside || !goes[b.batch()] {
			continue
		}
		done.After += b.bytes
		done.Kept.Blobs++
		if b.found.p != nil {
			records = append(records, b.found)
			continue
		}
		d, err := cache.NewDigest(c.opts.Function, hash[:], b.size)
		if err != nil {
			return err
		}
		err = c.fs.Rename(b.file, c.loosePath(d))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // else somebody took it back
			return err
		}
		files = append(files, d)
	}
	if err := c.syncBlobs(files); err != nil {
		return err
	}
	return c.putRecordsBack(records)
}

// putRecordsBack writes a pack of records of several. It is as old as the newest of
// theirs.
func (c *Cache) putRecordsBack(records []record) error {
	if len(records) == 0 {
		return nil
	}
	var modified time.Time
	for _, r := range records {
		if r.p.modified.After(modified) {
			modified = r.p.modified
		}
	}
	slices.SortFunc(records, func(a, b record) int {
		return cmp.Or(strings.Compare(a.p.path, b.p.path), cmp.Compare(a.e.offset, b.e.offset))
	})
	c.mu.Lock()
	c.rescan()
	generation := c.nextGeneration()
	c.mu.Unlock()
	return c.writePack(packName(generation), len(records), modified, func(w *packWriter) error {
		for len(records) > 0 {
			n := 1
			for n < len(records) && records[n].p == records[0].p {
				n++
			}
			var entries []entry
			for _, r := range records[:n] {
				entries = append(entries, r.e)
			}
			if err := copyRecords(w, records[0].p.pack, entries, map[recordKey]bool{}); err != nil {
				return err
			}
			records = records[n:]
		}
		return nil
	})
}

// removeBatch removes a batch for good; waits goes last, or what is left would be taken
// for new.
func (c *Cache) removeBatch(a *aside, done *Collected) {
	for _, name := range []string{"packs", "blobs"} {
		dir := filepath.Join(a.dir, name)
		c.removeAll(dir, done)
		c.fs.Remove(dir)
	}
	if err := c.fs.Remove(filepath.Join(a.dir, "waits")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		done.leave(c, a.dir, err)
	}
	c.fs.Remove(a.dir)
}
