package disk

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// survey is what the folder holds of one digest function at a moment. It has opened
// the packs for itself, so that nobody closes their files meanwhile.
type survey struct {
	c     *Cache
	packs []*surveyedPack
	// asidePacks are those that were set aside, and asideResults what they hold, by the
	// folder of their batch.
	asidePacks   []*surveyedPack
	asideResults map[string]*heldResult
	blobs        map[[32]byte]*held
	// results by the digest of their action.
	results map[[32]byte]*heldResult
	// children of directories that were read.
	children map[[32]byte][]child
	// unreadable are packs of which nobody can tell what is in them.
	unreadable []string
}

type surveyedPack struct {
	*pack
	size     int64
	modified time.Time
	entries  []entry
}

// held is a blob in the folder.
type held struct {
	size  int64
	bytes int64     // that it takes: its file, its records and its note
	time  time.Time // of its last change, where nothing else tells when it was used
	file  string    // path, if it stands alone
	found record    // newest record, if it has one
	aside bool      // it is in a batch of what was set aside, and nowhere else
}

// batch is the folder of the batch that a blob is in.
func (b *held) batch() string {
	path := b.file
	if b.found.p != nil {
		path = b.found.p.path
	}
	return filepath.Dir(filepath.Dir(path))
}

// record is where in a pack a record is.
type record struct {
	p *surveyedPack
	e entry
}

// heldResult is a result in the folder: all that are recorded under one key, and what
// their action called.
type heldResult struct {
	bytes   int64
	time    time.Time
	records []record
	calls   []record
}

// child is what a directory or a result names.
type child struct {
	d   cache.Digest
	dir bool
}

// survey looks at packs and files of blobs.
func (c *Cache) survey(ctx context.Context) (*survey, error) {
	s := &survey{
		c: c, blobs: map[[32]byte]*held{}, results: map[[32]byte]*heldResult{}, children: map[[32]byte][]child{},
		asideResults: map[string]*heldResult{},
	}
	err := s.lookAtPacks(ctx)
	if err == nil {
		err = s.lookAtFiles(ctx)
	}
	if err == nil {
		err = s.lookAside()
	}
	if err != nil {
		s.close()
		return nil, c.explain(err)
	}
	return s, nil
}

func (s *survey) close() {
	for _, p := range append(s.packs, s.asidePacks...) {
		p.close()
	}
}

// lookAtPacks opens the packs there are. Those that running processes merge meanwhile
// are in the merged one; it begins anew until none got lost in between.
func (s *survey) lookAtPacks(ctx context.Context) error {
	for {
		names, err := s.c.packNames()
		if err != nil {
			return err
		}
		s.close()
		s.packs, s.unreadable = nil, nil
		whole := true
		for i := 0; i < len(names) && whole; i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			whole = s.openPack(names[i])
		}
		if whole {
			break
		}
	}
	slices.SortFunc(s.packs, func(a, b *surveyedPack) int { return newestFirst(a.pack, b.pack) })
	for _, p := range s.packs {
		s.take(p)
	}
	return nil
}

// packNames lists the packs. A folder that changes while it is read may hide both a
// pack that went and the one it went into, so it is read until it stays the same.
func (c *Cache) packNames() ([]string, error) {
	var last []string
	for {
		entries, err := c.readDir(c.packDir())
		if err != nil {
			return nil, err
		}
		var names []string
		for _, entry := range entries {
			if _, ok := parsePackName(entry.Name()); ok {
				names = append(names, entry.Name())
			}
		}
		slices.Sort(names)
		if len(names) == 0 || slices.Equal(names, last) {
			return names, nil
		}
		last = names
	}
}

// openPack reads the entries of a pack. It returns false if there is none any more.
func (s *survey) openPack(name string) bool {
	generation, _ := parsePackName(name)
	p := &surveyedPack{pack: s.c.newPack(name, generation)}
	info, err := s.c.fs.Stat(p.path)
	if err == nil {
		p.size, p.modified = info.Size(), info.ModTime()
		p.entries, err = p.pack.entries()
	}
	if err != nil {
		p.close()
		if _, err := s.c.fs.Stat(p.path); errors.Is(err, fs.ErrNotExist) {
			return false
		}
		s.unreadable = append(s.unreadable, p.name)
		return true
	}
	s.packs = append(s.packs, p)
	return true
}

// take takes in the records of a pack that is older than those before it.
func (s *survey) take(p *surveyedPack) {
	for _, e := range p.entries {
		r := record{p, e}
		bytes := int64(e.length) + entrySize
		switch e.key.kind {
		case blobRecord:
			b := s.blob(e.key.hash, int64(e.length), p.modified)
			b.bytes += bytes
			if b.found.p == nil {
				b.found = r
			}
		case noteRecord:
			// Its blob stands alone, and may be gone: then the note has no worth.
			if b := s.blobs[e.key.hash]; b != nil {
				b.bytes += bytes
			}
		case resultRecord:
			h := s.result(e.key.hash, p.modified)
			h.bytes += bytes
			h.records = append(h.records, r)
		case callsRecord:
			h := s.result(e.key.hash, p.modified)
			h.bytes += bytes
			h.calls = append(h.calls, r)
		}
	}
}

func (s *survey) blob(hash [32]byte, size int64, at time.Time) *held {
	b := s.blobs[hash]
	if b == nil {
		b = &held{size: size}
		s.blobs[hash] = b
	}
	if at.After(b.time) {
		b.time = at
	}
	return b
}

func (s *survey) result(hash [32]byte, at time.Time) *heldResult {
	h := s.results[hash]
	if h == nil {
		h = &heldResult{}
		s.results[hash] = h
	}
	if at.After(h.time) {
		h.time = at
	}
	return h
}

func (s *survey) lookAtFiles(ctx context.Context) error {
	shards, err := s.c.readDir(s.c.blobDir())
	if err != nil {
		return err
	}
	for _, shard := range shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir := filepath.Join(s.c.blobDir(), shard.Name())
		files, err := s.c.readDir(dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			if hash, ok := blobName(f.Name()); ok {
				s.takeFile(hash, filepath.Join(dir, f.Name()))
			}
		}
	}
	return nil
}

// lookAside takes in what was set aside, as far as the folder has no such blobs itself.
func (s *survey) lookAside() error {
	for _, a := range s.c.listAside() {
		s.asideResults[a.dir] = &heldResult{}
		for _, p := range a.packs {
			s.takeAside(a, &surveyedPack{pack: p})
		}
		files, err := s.c.readDir(filepath.Join(a.dir, "blobs"))
		if err != nil {
			return err
		}
		for _, f := range files {
			path := filepath.Join(a.dir, "blobs", f.Name())
			info, err := s.c.fs.Stat(path)
			if hash, ok := blobName(f.Name()); ok && err == nil && s.blobs[hash] == nil {
				s.blobs[hash] = &held{size: info.Size(), bytes: info.Size(), file: path, aside: true}
			}
		}
	}
	return nil
}

func (s *survey) takeAside(a *aside, p *surveyedPack) {
	s.asidePacks = append(s.asidePacks, p)
	if info, err := s.c.fs.Stat(p.path); err == nil {
		p.modified = info.ModTime()
	}
	p.entries, _ = p.pack.entries() // of one that just went for good there are none
	results := s.asideResults[a.dir]
	for _, e := range p.entries {
		r := record{p, e}
		switch {
		case e.key.kind == resultRecord:
			results.records = append(results.records, r)
		case e.key.kind == blobRecord && s.blobs[e.key.hash] == nil:
			s.blobs[e.key.hash] = &held{size: int64(e.length), bytes: int64(e.length) + entrySize, found: r, aside: true}
		}
	}
}

// blobName reads the name of a blob's file.
func blobName(name string) (hash [32]byte, ok bool) {
	if len(name) != 64 || strings.ToLower(name) != name {
		return hash, false
	}
	n, err := hex.Decode(hash[:], []byte(name))
	return hash, err == nil && n == len(hash)
}

func (s *survey) takeFile(hash [32]byte, path string) {
	info, err := s.c.fs.Stat(path)
	if err != nil {
		return // it was discarded just now
	}
	b := s.blob(hash, info.Size(), lastChange(info))
	b.size, b.file = info.Size(), path
	b.bytes += info.Size()
}

// read returns the content of a blob that is a record or a small file.
func (s *survey) read(hash [32]byte) ([]byte, bool) {
	b := s.blobs[hash]
	if b == nil {
		return nil, false
	}
	if b.found.p != nil {
		if data, err := b.found.p.read(b.found.e); err == nil {
			return data, true
		}
	}
	if b.file == "" {
		return nil, false
	}
	data, err := s.c.readFile(b.file)
	return data, err == nil
}

// below returns what a directory names: nothing, if it cannot be read.
func (s *survey) below(d cache.Digest) []child {
	hash := d.Hash()
	if names, ok := s.children[hash]; ok {
		return names
	}
	var names []child
	if data, ok := s.read(hash); ok {
		dir, err := cache.ParseDirectory(s.c.opts.Function, data)
		if err == nil {
			names = namesOf(dir)
		}
	}
	s.children[hash] = names
	return names
}

func namesOf(nodes []cache.Node) []child {
	var names []child
	for _, n := range nodes {
		if !n.Digest.IsZero() {
			names = append(names, child{n.Digest, n.Kind == cache.DirKind})
		}
	}
	return names
}

// names returns what all results that are recorded under one key name.
func (h *heldResult) names(fn cache.Function) []child {
	var names []child
	for _, r := range h.records {
		payload, err := r.p.read(r.e)
		if err != nil {
			continue
		}
		result, err := cache.ParseResult(fn, payload)
		if err != nil {
			continue
		}
		names = append(names, namesOf(result.Outputs)...)
		for _, d := range []cache.Digest{result.Stdout, result.Stderr} {
			if !d.IsZero() {
				names = append(names, child{d, false})
			}
		}
	}
	return names
}

// marks are blobs and results that belong together: to what is kept, or to a
// compose.
type marks struct {
	s       *survey
	blobs   map[[32]byte]bool
	dirs    map[[32]byte]bool // those whose children are marked, too
	results map[[32]byte]bool
	bytes   int64 // that all of it takes
	lacking int   // blobs that are named and not there
	// fresh is what was marked since it was last emptied, to take it back.
	fresh []mark
}

type mark struct {
	set  map[[32]byte]bool
	hash [32]byte
}

func (s *survey) marks() *marks {
	return &marks{s: s, blobs: map[[32]byte]bool{}, dirs: map[[32]byte]bool{}, results: map[[32]byte]bool{}}
}

func (m *marks) set(set map[[32]byte]bool, hash [32]byte) {
	set[hash] = true
	m.fresh = append(m.fresh, mark{set, hash})
}

// undo takes back what was marked since fresh was emptied, and what it took.
func (m *marks) undo(bytes int64) {
	for _, f := range m.fresh {
		delete(f.set, f.hash)
	}
	m.fresh, m.bytes = m.fresh[:0], bytes
}

// closure marks blobs with all that is below them.
func (m *marks) closure(ctx context.Context, names []child) error {
	stack := slices.Clone(names)
	for len(stack) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		m.blob(n.d)
		if hash := n.d.Hash(); n.dir && !m.dirs[hash] {
			m.set(m.dirs, hash)
			stack = append(stack, m.s.below(n.d)...)
		}
	}
	return nil
}

func (m *marks) blob(d cache.Digest) {
	hash := d.Hash()
	if m.blobs[hash] || m.s.c.isEmpty(d) {
		return
	}
	b := m.s.blobs[hash]
	if b == nil {
		m.lacking++
		return
	}
	m.set(m.blobs, hash)
	if !b.aside {
		m.bytes += b.bytes
	}
}

// result marks a result with all that it needs.
func (m *marks) result(ctx context.Context, hash [32]byte) error {
	if m.results[hash] {
		return nil
	}
	h := m.s.results[hash]
	m.set(m.results, hash)
	m.bytes += h.bytes
	return m.closure(ctx, h.names(m.s.c.opts.Function))
}

// keeps reports whether a record belongs to what is marked. One whose kind is not
// known here is a newer pungo's.
func (m *marks) keeps(e entry) bool {
	switch e.key.kind {
	case blobRecord, noteRecord:
		return m.blobs[e.key.hash]
	case resultRecord, callsRecord:
		return m.results[e.key.hash]
	}
	return true
}
