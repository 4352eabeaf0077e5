package disk

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// Limits say what Collect is to reach; nil is none.
type Limits struct {
	Size *int64         // bytes that the folder takes at most
	Free *int64         // bytes that are free on its file system at least
	Age  *time.Duration // how long ago what is kept was used at most
	// KeepComposes of each output folder, the newest, are kept whatever the limits;
	// but with Age not where nobody has built for as long.
	KeepComposes int
	// DryRun only tells what would go.
	DryRun bool
}

// Collected is what Collect did.
type Collected struct {
	Before  int64  `json:"before"`  // bytes that the folder took
	After   int64  `json:"after"`   // and takes, when all that was set aside has gone
	Results Amount `json:"results"` // that went
	Blobs   Amount `json:"blobs"`   // that went
	Kept    struct {
		Results  int `json:"results"`
		Blobs    int `json:"blobs"`
		Composes int `json:"composes"`
	} `json:"kept"`
	// Waiting bytes were set aside, now or before, and go with a later Collect, since
	// Processes that run may know of them.
	Waiting   int64 `json:"waiting"`
	Processes int   `json:"processes"`
	// Left are files that could not be removed, with the reason.
	Left []string `json:"left,omitempty"`
	// Missed is set if what cannot be removed is above the limit.
	Missed bool `json:"missed,omitempty"`
}

// Collect removes what was used least recently until the limits hold: results, each
// with the blobs that no other one needs, and blobs that no result needs. It is safe
// while others use the folder, see removed.go. What cannot be removed, since it is
// somebody else's, stays and is told.
func (c *Cache) Collect(ctx context.Context, limits Limits) (*Collected, error) {
	if err := c.Flush(ctx); err != nil {
		return nil, err
	}
	done := &Collected{}
	err := c.collect(ctx, limits, done)
	if errors.Is(err, cache.ErrFull) && !limits.DryRun {
		// Packs could not be written anew. What was removed has made room.
		again := &Collected{}
		if err = c.collect(ctx, limits, again); err == nil {
			again.add(done)
			done = again
		}
	}
	return done, err
}

// add adds what went in an earlier attempt.
func (done *Collected) add(earlier *Collected) {
	done.Before = earlier.Before
	done.Results.Count += earlier.Results.Count
	done.Results.Bytes += earlier.Results.Bytes
	done.Blobs.Count += earlier.Blobs.Count
	done.Blobs.Bytes += earlier.Blobs.Bytes
}

func (c *Cache) collect(ctx context.Context, limits Limits, done *Collected) error {
	now, err := c.clock()
	if err != nil {
		return c.explain(err)
	}
	s, err := c.survey(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if len(s.unreadable) > 0 {
		return c.explain(fmt.Errorf("pack %s cannot be read, so nobody knows what it needs", s.unreadable[0]))
	}
	keep, err := s.choose(ctx, limits, now, done)
	if err != nil {
		return err
	}
	c.removeSets(keep, limits.DryRun, done)
	if limits.DryRun {
		return nil
	}
	setAside := c.setAside(keep, done)
	finished := c.finish(ctx, limits, now, done)
	return errors.Join(setAside, finished)
}

// unit is what goes or stays as a whole: a result, or a blob that no result needs.
type unit struct {
	time   time.Time
	hash   [32]byte
	result bool
}

// choose marks what is kept: the composes, and then from what was used last on, as
// long as the limits allow.
func (s *survey) choose(ctx context.Context, limits Limits, now time.Time, done *Collected) (*marks, error) {
	keep := s.marks()
	if err := s.keepComposes(ctx, keep, limits, now, done); err != nil {
		return nil, err
	}
	size, err := s.size(limits, done)
	if err != nil {
		return nil, err
	}
	done.Missed = size != nil && keep.bytes > *size
	units, err := s.units(ctx)
	if err != nil {
		return nil, err
	}
	var full time.Time // of what did not fit
	for _, u := range units {
		tooOld := limits.Age != nil && now.Sub(u.time) > *limits.Age
		if tooOld || u.time.Before(full) {
			break
		}
		before := keep.bytes
		keep.fresh, keep.lacking = keep.fresh[:0], 0
		if err := keep.unit(ctx, u); err != nil {
			return nil, err
		}
		if keep.lacking > 0 {
			keep.undo(before) // it has lost blobs, and is no use to anybody
			continue
		}
		if size != nil && keep.bytes > *size {
			keep.undo(before)
			full = u.time // what was used at the same time may be smaller
		}
	}
	s.count(keep, done)
	return keep, nil
}

func (m *marks) unit(ctx context.Context, u unit) error {
	if u.result {
		return m.result(ctx, u.hash)
	}
	if b := m.s.blobs[u.hash]; !m.blobs[u.hash] {
		m.set(m.blobs, u.hash)
		m.bytes += b.bytes
	}
	return nil
}

// keepComposes marks the composes that are kept whatever the limits.
func (s *survey) keepComposes(ctx context.Context, keep *marks, limits Limits, now time.Time, done *Collected) error {
	all, err := s.c.AllRoots()
	if err != nil {
		return err
	}
	done.Kept.Composes = 0
	for _, roots := range all {
		if limits.Age != nil && now.Sub(roots.Time) > *limits.Age {
			continue
		}
		for _, r := range roots.Roots[:min(len(roots.Roots), limits.KeepComposes)] {
			done.Kept.Composes++
			if err := keep.closure(ctx, []child{{r.Tree, true}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// size returns how many bytes blobs and results may take, nil if there is no limit.
// What else is in the folder counts, too, but for what goes anyway.
func (s *survey) size(limits Limits, done *Collected) (*int64, error) {
	var stats Stats
	if err := s.c.countFiles(context.Background(), s.c.dir, &stats); err != nil {
		return nil, s.c.explain(err)
	}
	done.Before = stats.Bytes
	going := stats.SetAside.Bytes + stats.Corrupt.Bytes
	done.After = done.Before - going
	fixed := done.After
	for _, b := range s.blobs {
		if !b.aside {
			fixed -= b.bytes
		}
	}
	for _, r := range s.results {
		fixed -= r.bytes
	}
	var size *int64
	if limits.Size != nil {
		size = new(int64)
		*size = *limits.Size - fixed
	}
	if limits.Free != nil {
		free, err := s.c.fs.Free(s.c.dir)
		if err != nil {
			return nil, s.c.explain(err)
		}
		lacking := *limits.Free - free - going
		if most := done.After - fixed - lacking; lacking > 0 && (size == nil || most < *size) {
			size = &most
		}
	}
	return size, nil
}

// units lists what may go, from what was used last on.
func (s *survey) units(ctx context.Context) ([]unit, error) {
	if err := s.setTimes(); err != nil {
		return nil, err
	}
	needed := s.marks()
	var units []unit
	for hash, r := range s.results {
		units = append(units, unit{r.time, hash, true})
		if err := needed.result(ctx, hash); err != nil {
			return nil, err
		}
	}
	for hash, b := range s.blobs {
		if !needed.blobs[hash] && !b.aside {
			units = append(units, unit{b.time, hash, false})
		}
	}
	slices.SortFunc(units, func(a, b unit) int {
		return cmp.Or(b.time.Compare(a.time), bytes.Compare(a.hash[:], b.hash[:]))
	})
	return units, nil
}

// setTimes sets the times of results to those of their last use. For one in no set
// that of its pack stands: a process that was killed wrote none.
func (s *survey) setTimes() error {
	sets, err := s.c.usedSets()
	if err != nil {
		return s.c.explain(err)
	}
	used := map[uint64]time.Time{}
	for _, set := range sets {
		for _, p := range set.prefixes {
			if _, ok := used[p]; !ok {
				used[p] = set.time
			}
		}
	}
	byPrefix := map[uint64]*heldResult{}
	for hash, r := range s.results {
		if t, ok := used[prefixOf(hash)]; ok {
			r.time = t
		}
		byPrefix[prefixOf(hash)] = r
	}
	s.spread(byPrefix)
	return nil
}

// spread makes what an action called no older than the action's result. Actions whose
// callers are used last come first, so that what was called passes it on.
func (s *survey) spread(byPrefix map[uint64]*heldResult) {
	var callers []*heldResult
	for _, r := range s.results {
		if len(r.calls) > 0 {
			callers = append(callers, r)
		}
	}
	for changed := true; changed; {
		changed = false
		for _, r := range callers {
			for _, p := range r.called() {
				if other := byPrefix[p]; other != nil && other.time.Before(r.time) {
					other.time, changed = r.time, true
				}
			}
		}
	}
}

func (r *heldResult) called() []uint64 {
	payload, err := r.calls[0].p.read(r.calls[0].e)
	if err != nil {
		return nil
	}
	return parsePrefixes(payload)
}

// count says what goes and what stays.
func (s *survey) count(keep *marks, done *Collected) {
	for hash, b := range s.blobs {
		switch {
		case b.aside:
		case keep.blobs[hash]:
			done.Kept.Blobs++
		default:
			done.Blobs.add(b.bytes)
		}
	}
	for hash, r := range s.results {
		if keep.results[hash] {
			done.Kept.Results++
		} else {
			done.Results.add(r.bytes)
		}
	}
	done.After -= done.Blobs.Bytes + done.Results.Bytes
}

// setAside moves what is not kept into a batch: results first, so that nobody finds
// one whose blobs have gone. The error says that a pack could not be written anew.
func (c *Cache) setAside(keep *marks, done *Collected) error {
	c.removeAll(c.path("corrupt"), done)
	// The batch tells whose it is: nobody else says for whom it has to wait, as long
	// as it may grow.
	a := &aside{dir: filepath.Join(c.removedDir(), filepath.Base(c.marker)+"-"+randomName())}
	m := &mover{c: c, to: a, done: done}
	var failed error
	for _, p := range keep.s.packs {
		if err := m.pack(p, keep); err != nil && failed == nil {
			failed = c.explain(err)
		}
	}
	for _, hash := range sortedHashes(keep.s.blobs) {
		if b := keep.s.blobs[hash]; b.file != "" && !b.aside && !keep.blobs[hash] {
			if err := m.move(b.file, filepath.Join(a.dir, "blobs", filepath.Base(b.file))); err != nil {
				m.left(b.file, err)
				done.After += b.bytes
			}
		}
	}
	if err := m.sync(); err != nil && failed == nil {
		failed = c.explain(err)
	}
	return failed
}

func sortedHashes[V any](m map[[32]byte]V) [][32]byte {
	hashes := make([][32]byte, 0, len(m))
	for hash := range m {
		hashes = append(hashes, hash)
	}
	slices.SortFunc(hashes, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	return hashes
}

// mover moves files into a batch, which it makes when there is something to move.
type mover struct {
	c     *Cache
	to    *aside
	done  *Collected
	moved bool
}

func (m *mover) move(from, to string) error {
	err := m.makeBatch()
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody who finished found the folder of batches empty, and removed it.
		err = m.makeBatch()
	}
	if err == nil {
		err = m.c.fs.Rename(from, to)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // somebody else was faster
	}
	return err
}

func (m *mover) makeBatch() error {
	if m.moved {
		return nil
	}
	dirs := []string{m.c.path("removed"), m.c.removedDir(), m.to.dir, filepath.Join(m.to.dir, "blobs"), filepath.Join(m.to.dir, "packs")}
	err := m.c.makeDirs(dirs...)
	// Somebody else who collects removes the folder of the batches where it is empty: it
	// may go between it and the first batch in it.
	for range maxAgain {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		err = m.c.makeDirs(dirs...)
	}
	m.moved = err == nil
	return err
}

// sync makes durable that packs have moved. Before anything goes for good its old name
// has to, or a crash would bring back results without their blobs.
func (m *mover) sync() error {
	if !m.moved {
		return nil
	}
	for _, dir := range []string{filepath.Join(m.to.dir, "blobs"), filepath.Join(m.to.dir, "packs"), m.c.packDir()} {
		if err := m.c.fs.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// left tells of a file that stays.
func (m *mover) left(path string, err error) { m.done.leave(m.c, path, err) }

func (done *Collected) leave(c *Cache, path string, err error) {
	done.Left = append(done.Left, leftAs(c, path, err))
}

// leftAs tells of a file that stays, by its place in the folder.
func leftAs(c *Cache, path string, err error) string {
	name, relErr := filepath.Rel(c.dir, path)
	if relErr != nil {
		name = path
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = errno
	}
	return fmt.Sprintf("%s: %v", name, err)
}

// pack writes what is kept of a pack into a new one, and moves the old one away.
// What cannot be moved stays; its records are found as before.
func (m *mover) pack(p *surveyedPack, keep *marks) error {
	if p.foreign {
		return nil
	}
	stay := slices.DeleteFunc(slices.Clone(p.entries), func(e entry) bool { return !keep.keeps(e) })
	if len(stay) == len(p.entries) && len(stay) > 0 {
		return nil // a pack without any sound entry is of no use either
	}
	anew := ""
	if len(stay) > 0 {
		anew = packName(p.generation)
		if err := m.c.rewrite(anew, p, stay); err != nil {
			m.done.After += lost(p, stay)
			return err
		}
	}
	err := m.move(p.path, filepath.Join(m.to.dir, "packs", p.name))
	if err != nil {
		m.left(p.path, err)
		m.done.After += lost(p, stay)
		if anew != "" {
			m.c.fs.Remove(filepath.Join(m.c.packDir(), anew))
		}
	}
	return nil
}

// lost is what a pack would have shrunk by.
func lost(p *surveyedPack, stay []entry) int64 {
	var n int64
	for _, e := range p.entries {
		n += int64(e.length) + entrySize
	}
	for _, e := range stay {
		n -= int64(e.length) + entrySize
	}
	return n
}

// rewrite writes a pack of some records of another, and as old.
func (c *Cache) rewrite(name string, p *surveyedPack, stay []entry) error {
	return c.writePack(name, len(stay), p.modified, func(w *packWriter) error {
		return copyRecords(w, p.pack, stay, map[recordKey]bool{})
	})
}

// removeAll removes the files in a folder for good.
func (c *Cache) removeAll(dir string, done *Collected) {
	entries, err := c.readDir(dir)
	if err != nil {
		done.leave(c, dir, err)
		return
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if entry.IsDir() {
			c.removeAll(path, done)
		}
		if err := c.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			done.leave(c, path, err)
		}
	}
}

// removeSets removes the sets of used results that tell nothing any more: newer ones
// do, or the results are gone.
func (c *Cache) removeSets(keep *marks, dryRun bool, done *Collected) {
	sets, err := c.usedSets()
	if err != nil {
		return
	}
	open := map[uint64]bool{}
	for hash := range keep.results {
		open[prefixOf(hash)] = true
	}
	for _, set := range sets {
		news := false
		for _, p := range set.prefixes {
			news = news || open[p]
			delete(open, p)
		}
		if news {
			continue
		}
		if dryRun {
			done.After -= set.bytes
			continue
		}
		if err := c.fs.Remove(set.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			done.leave(c, set.path, err)
			continue
		}
		done.After -= set.bytes
	}
}
