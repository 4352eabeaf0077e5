package disk

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
)

// Amount is how many things there are, and what they take.
type Amount struct {
	Count int   `json:"count"`
	Bytes int64 `json:"bytes"`
}

func (a *Amount) add(bytes int64) {
	a.Count++
	a.Bytes += bytes
}

// Stats is what the folder holds.
type Stats struct {
	Files    Amount `json:"files"`     // blobs that stand alone
	Packs    Amount `json:"packs"`     // files of records
	Blobs    Amount `json:"blobs"`     // of the records in packs, blobs
	Results  Amount `json:"results"`   // … results, and what their actions called
	Notes    Amount `json:"notes"`     // … notes of blobs that stand alone
	SetAside Amount `json:"set_aside"` // files that go when no process can know of them
	Corrupt  Amount `json:"corrupt"`   // files that were found damaged
	Other    Amount `json:"other"`     // all other files, those of other digest functions too
	Bytes    int64  `json:"bytes"`     // of all files
	// Composes that output folders have.
	Composes []ComposeStats `json:"composes"`
}

// ComposeStats is what a compose takes in the folder.
type ComposeStats struct {
	Folder string `json:"folder"`
	ID     string `json:"id"`
	Blobs  int    `json:"blobs"`
	Bytes  int64  `json:"bytes"`
	// Own bytes are in no other compose.
	Own int64 `json:"own"`
	// Missing blobs were removed, or got lost.
	Missing int `json:"missing"`
}

// Stats looks at everything in the folder.
func (c *Cache) Stats(ctx context.Context) (*Stats, error) {
	s, err := c.survey(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	stats := &Stats{Composes: []ComposeStats{}}
	if err := c.countFiles(ctx, c.dir, stats); err != nil {
		return nil, c.explain(err)
	}
	for _, p := range s.packs {
		for _, e := range p.entries {
			stats.countRecord(e)
		}
	}
	return stats, s.composes(ctx, stats)
}

func (stats *Stats) countRecord(e entry) {
	bytes := int64(e.length) + entrySize
	switch e.key.kind {
	case blobRecord:
		stats.Blobs.add(bytes)
	case resultRecord:
		stats.Results.add(bytes)
	case callsRecord:
		stats.Results.Bytes += bytes
	case noteRecord:
		stats.Notes.add(bytes)
	}
}

// countFiles counts the files below a folder by what they are.
func (c *Cache) countFiles(ctx context.Context, dir string, stats *Stats) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.eachFile(dir, func(path string, info fs.FileInfo) {
		stats.Bytes += info.Size()
		amount := &stats.Other
		switch {
		case below(path, c.blobDir()):
			amount = &stats.Files
		case below(path, c.packDir()):
			amount = &stats.Packs
		case below(path, c.removedDir()):
			amount = &stats.SetAside
		case below(path, c.path("corrupt")):
			amount = &stats.Corrupt
		}
		amount.add(info.Size())
	})
}

func below(path, dir string) bool { return strings.HasPrefix(path, dir+string(filepath.Separator)) }

// eachFile calls fn for every file below a folder, which need not be there. What goes
// meanwhile is passed over.
func (c *Cache) eachFile(dir string, fn func(path string, info fs.FileInfo)) error {
	entries, err := c.readDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if entry.IsDir() {
			if err := c.eachFile(path, fn); err != nil {
				return err
			}
			continue
		}
		if info, err := c.fs.Stat(path); err == nil {
			fn(path, info)
		}
	}
	return nil
}

// composes counts what the composes take, by folder, the newest first.
func (s *survey) composes(ctx context.Context, stats *Stats) error {
	all, err := s.c.AllRoots()
	if err != nil {
		return err
	}
	users := map[[32]byte]int{}
	var sets []*marks
	for _, roots := range all {
		for _, r := range roots.Roots {
			m := s.marks()
			if err := m.closure(ctx, []child{{r.Tree, true}}); err != nil {
				return err
			}
			for hash := range m.blobs {
				users[hash]++
			}
			sets = append(sets, m)
			stats.Composes = append(stats.Composes, ComposeStats{
				Folder: roots.Folder, ID: r.ID, Blobs: len(m.blobs), Bytes: m.bytes, Missing: m.lacking,
			})
		}
	}
	for i, m := range sets {
		for hash := range m.blobs {
			if b := s.blobs[hash]; !b.aside && users[hash] == 1 {
				stats.Composes[i].Own += b.bytes
			}
		}
	}
	return nil
}
