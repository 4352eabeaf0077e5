package disk

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
)

// How a folder shrinks while builds use it, without locks:
//
// Nothing is removed at once. Collect first sets things aside: it moves blobs, and
// packs of which it has written what stays into new ones, into a batch:
//
//	removed/ID/blobs/HEX
//	removed/ID/packs/GEN-*.pack
//	removed/ID/waits          the processes that ran when all that had been moved
//
// A batch goes for good when every process that waits names has ended, and then
// only after what is needed still was put back: by the results in the folder, and by
// those in batches that stay. That is right for this reason. Let a process that runs
// know of a blob in a batch that is about to go.
//
//   - If it began before the batch was complete, it had its file in running before
//     it looked at anything, so waits names it, and the batch stays. Whatever the
//     process asks for meanwhile it takes back (again).
//   - If it began later, it did not see the blob in the folder, or took it back. So it
//     knows it by a result that it found there, and that needs the blob. This result is
//     in the folder still; or it was set aside since, and its batch waits for the
//     process and stays; so the blob is put back.
//
// And let a result that is in the folder need a blob that went. Then the process that
// recorded it knew of the blob, and either runs, see above, or has ended; but its last
// record was written before that, and so the result was there when somebody looked what
// to put back.
//
// Two who collect at once each wait for the other, as for any process. Who is killed
// at any moment leaves a batch that the next one finishes; one without waits it treats
// as complete as of then, unless its owner, after whom it is named, runs and may go on.
//
// What is left to those who can make a lost blob again, as builds can: a process that
// is wrongly taken for dead, and one that takes a blob to be there without asking, as a
// workspace does of a file that has not changed, when those it asks for are there.

const waitsMagic = "pungo waits 1\n"

// waitsText is the file waits for the processes of the given names.
func waitsText(names []string) string {
	return waitsMagic + strings.Join(append(names, ""), "\n") + "end\n"
}

// parseWaits reads a file waits. One that is not whole was not finished.
func parseWaits(text string) ([]string, error) {
	rest, ok := strings.CutPrefix(text, waitsMagic)
	names, whole := strings.CutSuffix(rest, "end\n")
	if !ok || !whole || names != "" && !strings.HasSuffix(names, "\n") {
		return nil, errors.New("no file of processes to wait for")
	}
	return strings.FieldsFunc(names, func(r rune) bool { return r == '\n' }), nil
}

// aside is a batch of what was set aside.
type aside struct {
	dir   string
	packs []*pack
}

func (a *aside) blob(d cache.Digest) string { return filepath.Join(a.dir, "blobs", d.Hex()) }

func (a *aside) close() {
	for _, p := range a.packs {
		p.close()
	}
}

// removedDir is the folder of the batches: those of one function are apart.
func (c *Cache) removedDir() string { return c.path("removed", c.opts.Function.String()) }

// listAside returns the batches there are, their packs not opened yet.
func (c *Cache) listAside() []*aside {
	entries, err := c.readDir(c.removedDir())
	if err != nil {
		return nil
	}
	var all []*aside
	for _, entry := range entries {
		a := &aside{dir: filepath.Join(c.removedDir(), entry.Name())}
		packs, _ := c.readDir(filepath.Join(a.dir, "packs"))
		for _, e := range packs {
			if generation, ok := parsePackName(e.Name()); ok {
				p := c.newPack(e.Name(), generation)
				p.path = filepath.Join(a.dir, "packs", e.Name())
				a.packs = append(a.packs, p)
			}
		}
		slices.SortFunc(a.packs, newestFirst)
		all = append(all, a)
	}
	return all
}

// maxAgain is how often a blob is looked for that moves, in and out of what was set
// aside, between the looks: for each it takes two who collect at the same instant.
const maxAgain = 4

// again looks once more for a blob that was not found: it may have been set aside, or
// put back, just now. Then it is in the folder again, where the caller looks, and calls
// again if it is gone by then.
func (c *Cache) again(d cache.Digest, try *int) bool {
	if c.opts.ReadOnly {
		return false
	}
	for *try < maxAgain {
		*try++
		if len(c.takeBack([]cache.Digest{d})) == 0 {
			return true
		}
	}
	return false
}

// stillMissing returns those of digests that are not even among what was set aside; what
// is, it takes back. Where nothing is set aside that costs one system call.
func (c *Cache) stillMissing(digests []cache.Digest) []cache.Digest {
	if len(digests) == 0 || c.opts.ReadOnly {
		return digests
	}
	if _, err := c.fs.Stat(c.removedDir()); err != nil {
		return digests
	}
	return c.takeBack(digests)
}

// takeBack puts blobs that the folder lacks back from where they were set aside. It
// returns those that are neither here nor there.
func (c *Cache) takeBack(digests []cache.Digest) []cache.Digest {
	c.asideMu.Lock()
	defer c.asideMu.Unlock()
	batches := c.openAside()
	c.rescanNow()
	var lacking []cache.Digest
	for _, d := range digests {
		if !c.takeFrom(batches, d) && !c.holds(d) {
			lacking = append(lacking, d)
		}
	}
	return lacking
}

func (c *Cache) rescanNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.rescan()
	}
}

// openAside lists the batches. Packs that were opened stay open. The caller holds
// asideMu.
func (c *Cache) openAside() []*aside {
	batches := c.listAside()
	for _, a := range batches {
		for i, p := range a.packs {
			if known := c.aside[p.path]; known != nil {
				a.packs[i] = known
			} else {
				c.aside[p.path] = p
			}
		}
	}
	return batches
}

func (c *Cache) takeFrom(batches []*aside, d cache.Digest) bool {
	if d.Function() != c.opts.Function || c.isDiscarded(d) {
		return false
	}
	for _, a := range batches {
		if c.takeFile(a, d) || c.takeRecord(a, d) {
			return true
		}
	}
	return false
}

func (c *Cache) takeFile(a *aside, d cache.Digest) bool {
	err := c.fs.Rename(a.blob(d), c.loosePath(d))
	if err == nil {
		c.made(d)
		return true
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	// In a sticky folder nobody moves what others own.
	return c.takeCopy(a, d)
}

func (c *Cache) takeCopy(a *aside, d cache.Digest) bool {
	f, err := c.fs.Open(a.blob(d))
	if err != nil {
		return false
	}
	defer f.Close()
	w, err := c.Create(context.Background())
	if err != nil {
		return false
	}
	defer w.Abort()
	if _, err := io.Copy(w, f); err != nil {
		return false
	}
	got, err := w.Commit()
	return err == nil && got == d
}

func (c *Cache) takeRecord(a *aside, d cache.Digest) bool {
	if d.Size() > maxPacked || len(a.packs) == 0 {
		return false
	}
	var data []byte
	err := searchPacks(a.packs, blobKey(d), func(p *pack, e entry) (err error) {
		data, err = p.read(e)
		return err
	})
	if err != nil || int64(len(data)) != d.Size() {
		return false
	}
	return c.add(blobKey(d), data) == nil
}
