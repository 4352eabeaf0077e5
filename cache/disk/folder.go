package disk

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pungo-build/pungo/cache"
)

const readme = `This folder is a cache of pungo, which composes RPM distributions.

It can be deleted at any time when no pungo is running; what is needed again is
then made again. "pungo cache gc" makes it smaller, also while others run. Do not
change the files in it: they are named by their content.
The file FORMAT says how the folder is laid out.
`

// formatWord begins the file FORMAT; the version follows.
const formatWord = "pungo-cache "

// prepare makes the folder what the package comment says, or sees that it is.
func (c *Cache) prepare() error {
	if c.opts.ReadOnly {
		return c.checkFormat()
	}
	if err := c.makeRoot(); err != nil {
		return err
	}
	err := c.checkFormat()
	if errors.Is(err, fs.ErrNotExist) {
		err = c.writeFormat()
	}
	if err != nil {
		return err
	}
	if err := c.fs.Writable(c.path("tmp")); err != nil {
		return err
	}
	c.sweep()
	return nil
}

// makeRoot makes the folder and those in it. What is above it has the mode that
// the umask gives; what is in it is as open to others as the folder itself.
func (c *Cache) makeRoot() error {
	info, err := c.fs.Stat(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := c.fs.MkdirAll(c.dir); err != nil {
			return err
		}
		// Where the folder above cannot even be opened, a crash may cost the cache
		// all it has, but not its soundness.
		_ = c.fs.SyncDir(filepath.Dir(c.dir))
		info, err = c.fs.Stat(c.dir)
	}
	if err != nil {
		return err
	}
	c.mode = info.Mode() & (fs.ModePerm | fs.ModeSetgid)
	c.sticky = info.Mode()&fs.ModeSticky != 0
	return c.makeDirs(c.path("tmp"), c.path("running"), c.path("blobs"), c.blobDir(), c.path("packs"), c.packDir())
}

// makeDirs makes directories of the cache, durably: later a sync of such a
// directory itself is all that a file in it needs.
func (c *Cache) makeDirs(dirs ...string) error {
	for _, dir := range dirs {
		made, err := c.mkdir(dir)
		if err == nil && made {
			err = c.fs.SyncDir(filepath.Dir(dir))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes a directory of the cache unless it is there.
func (c *Cache) mkdir(dir string) (made bool, err error) {
	err = c.fs.Mkdir(dir, c.mode)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// Folder returns a folder inside the cache for what others keep beside it: an index
// of a workspace's files, say. The cache never looks into it, and as with all of the
// cache, whoever removes it costs time and nothing else.
func (c *Cache) Folder(name string) (string, error) {
	dir := c.path(name)
	if _, err := c.mkdir(dir); err != nil {
		return "", c.explain(err)
	}
	return dir, nil
}

// checkFormat reports whether the folder is one that this package understands.
func (c *Cache) checkFormat() error {
	f, err := c.fs.Open(c.path("FORMAT"))
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return err
	}
	if len(text) == 0 {
		// Disks that lie about syncs leave an empty file after a crash.
		return fs.ErrNotExist
	}
	rest, ok := strings.CutPrefix(string(text), formatWord)
	version, err := strconv.Atoi(strings.TrimSpace(rest))
	switch {
	case !ok || err != nil:
		return fmt.Errorf("FORMAT is %q, want %q", text, formatWord+strconv.Itoa(format))
	case version != format:
		return fmt.Errorf("format %d, this pungo knows %d", version, format)
	}
	return nil
}

func (c *Cache) writeFormat() error {
	if err := c.writeFile(c.path("README"), readme); err != nil {
		return err
	}
	return c.writeFile(c.path("FORMAT"), formatWord+strconv.Itoa(format)+"\n")
}

func (c *Cache) writeFile(name, text string) error {
	t, err := c.createTemp()
	if err != nil {
		return err
	}
	defer t.remove()
	if _, err := io.WriteString(t, text); err != nil {
		return err
	}
	return t.install(name, durable)
}

// staleAfter is the age from which a temporary file of no living process is
// litter. It is for those of other machines, whose processes cannot be seen.
const staleAfter = time.Hour

// sweep removes what killed processes left in tmp. What it cannot remove it
// leaves to somebody who can.
func (c *Cache) sweep() {
	entries, err := c.fs.ReadDir(c.path("tmp"))
	if err != nil {
		return
	}
	for _, entry := range entries {
		pid, _, _ := strings.Cut(entry.Name(), "-")
		if n, err := strconv.Atoi(pid); err == nil && processLives(n) {
			continue
		}
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > staleAfter {
			c.fs.Remove(c.path("tmp", entry.Name()))
		}
	}
}

func (c *Cache) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

func (c *Cache) blobDir() string { return c.path("blobs", c.opts.Function.String()) }
func (c *Cache) packDir() string { return c.path("packs", c.opts.Function.String()) }

// temp is a file in the making: it is installed under its final name, or removed.
type temp struct {
	file
	cache *Cache
	name  string
	done  bool
}

func (c *Cache) createTemp() (*temp, error) {
	if c.opts.ReadOnly {
		return nil, fmt.Errorf("opened for reading: %w", cache.ErrReadOnly)
	}
	name := c.path("tmp", strconv.Itoa(syscall.Getpid())+"-"+randomName()+".tmp")
	f, err := c.fs.Create(name)
	if err != nil {
		return nil, err
	}
	return &temp{file: f, cache: c, name: name}, nil
}

func randomName() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// persistence says whether an installed file survives a crash of the machine.
type persistence bool

const (
	volatile persistence = false // until somebody syncs it
	durable  persistence = true
)

// install makes the file readable for all and gives it its final name, in place
// of a file that has it.
func (t *temp) install(name string, p persistence) error {
	if err := t.Chmod(0o444); err != nil {
		return err
	}
	if p == durable {
		if err := t.Sync(); err != nil {
			return err
		}
	}
	// Some file systems (NFS, quotas) report a full disk only here.
	if err := t.Close(); err != nil {
		return err
	}
	err := t.cache.fs.Rename(t.name, name)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = t.cache.mkdir(filepath.Dir(name)); err == nil {
			err = t.cache.fs.Rename(t.name, name)
		}
	}
	t.done = err == nil
	if t.done && p == durable {
		err = t.cache.fs.SyncDir(filepath.Dir(name))
	}
	return err
}

// remove removes the file unless it was installed.
func (t *temp) remove() {
	if !t.done {
		t.Close()
		t.cache.fs.Remove(t.name)
		t.done = true
	}
}

// explain says what an error of the file system means to the cache, and where.
func (c *Cache) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		err = fmt.Errorf("%w: %w", cache.ErrFull, err)
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: %w", cache.ErrReadOnly, err)
	}
	return fmt.Errorf("cache folder %q: %w", c.dir, err)
}
