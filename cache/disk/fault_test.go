package disk

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// faulty is a file system on which changes fail: those whose number is left to
// count down to, and all after it.
type faulty struct {
	fileSystem
	errno syscall.Errno
	left  *atomic.Int64 // changes that still succeed
}

func newFaulty(fsys fileSystem, errno syscall.Errno) faulty {
	f := faulty{fsys, errno, new(atomic.Int64)}
	f.mend()
	return f
}

func (f faulty) failAfter(changes int) { f.left.Store(int64(changes)) }
func (f faulty) mend()                 { f.left.Store(1 << 60) }

func (f faulty) change(op, name string) error {
	if f.left.Add(-1) < 0 {
		return &fs.PathError{Op: op, Path: name, Err: f.errno}
	}
	return nil
}

func (f faulty) Create(name string) (file, error) {
	if err := f.change("create", name); err != nil {
		return nil, err
	}
	opened, err := f.fileSystem.Create(name)
	return faultyFile{opened, f, name}, err
}

func (f faulty) Mkdir(name string, mode fs.FileMode) error {
	if err := f.change("mkdir", name); err != nil {
		return err
	}
	return f.fileSystem.Mkdir(name, mode)
}

func (f faulty) Writable(name string) error {
	if f.left.Load() <= 0 {
		return &fs.PathError{Op: "write in", Path: name, Err: f.errno}
	}
	return nil
}

func (f faulty) Chtimes(name string, seconds int64) error {
	if err := f.change("chtimes", name); err != nil {
		return err
	}
	return f.fileSystem.Chtimes(name, seconds)
}

func (f faulty) Rename(from, to string) error {
	if err := f.change("rename", from); err != nil {
		return err
	}
	return f.fileSystem.Rename(from, to)
}

func (f faulty) SyncAll(name string) error {
	if err := f.change("sync", name); err != nil {
		return err
	}
	return f.fileSystem.SyncAll(name)
}

func (f faulty) SyncDir(name string) error {
	if err := f.change("sync", name); err != nil {
		return err
	}
	return f.fileSystem.SyncDir(name)
}

type faultyFile struct {
	file
	fs   faulty
	name string
}

func (f faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.change("write", f.name); err != nil {
		n, _ := f.file.Write(p[:len(p)/2]) // as a full disk does
		return n, err
	}
	return f.file.Write(p)
}

func (f faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.change("write", f.name); err != nil {
		return 0, err
	}
	return f.file.WriteAt(p, off)
}

func (f faultyFile) Sync() error {
	if err := f.fs.change("sync", f.name); err != nil {
		return err
	}
	return f.file.Sync()
}

// When the disk is full from any moment on, the error says so, nothing that is
// not whole is found, nothing is left behind; and when there is room again,
// everything works, and what was recorded before is written.
func TestFull(t *testing.T) {
	for failing, done := 0, false; !done; failing++ {
		rec := newRecording()
		disk := newFaulty(rec, syscall.ENOSPC)
		w := &worker{t: t, fs: disk}
		c := w.open()
		key := cache.BLAKE3.Sum([]byte("action"))

		disk.failAfter(failing)
		err := tryToStore(t, c, key)
		done = err == nil
		if err != nil && (!errors.Is(err, cache.ErrFull) || !strings.Contains(err.Error(), `"/cache"`)) {
			t.Errorf("full after %d changes: got error %v, want ErrFull and the folder", failing, err)
		}
		checkWhole(t, c)
		if left, err := rec.ReadDir("/cache/tmp"); err != nil || len(left) != 0 {
			t.Errorf("full after %d changes: left in tmp: %v, %v", failing, left, err)
		}

		disk.mend()
		w.must(c.Flush(t.Context()))
		w.must(tryToStore(t, c, key))
		w.close(c)
		c = w.open()
		checkStored(t, c, key)
		w.close(c)
	}
}

func tryToStore(t *testing.T, c *Cache, key cache.Digest) error {
	var r cache.Result
	for i, content := range some.each() {
		try := tryToStoreBlob
		if i == 2 {
			try = tryToStoreDraft
		}
		d, err := try(t, c, content, i == 1)
		if err != nil {
			return err
		}
		r.Outputs = append(r.Outputs, cache.Node{Name: string(rune('a' + i)), Kind: cache.FileKind, Digest: d})
	}
	if err := c.Record(t.Context(), key, r); err != nil {
		return err
	}
	return c.Flush(t.Context())
}

func tryToStoreBlob(t *testing.T, c *Cache, content []byte, create bool) (cache.Digest, error) {
	if !create {
		return c.Put(t.Context(), content)
	}
	w, err := c.Create(t.Context())
	if err != nil {
		return cache.Digest{}, err
	}
	defer w.Abort()
	if _, err := w.Write(content); err != nil {
		return cache.Digest{}, err
	}
	return w.Commit()
}

// tryToStoreDraft stores a content whose first byte is written last.
func tryToStoreDraft(t *testing.T, c *Cache, content []byte, _ bool) (cache.Digest, error) {
	w, err := c.Draft(t.Context(), int64(len(content)))
	if err != nil {
		return cache.Digest{}, err
	}
	defer w.Abort()
	if _, err := w.Write(append([]byte{^content[0]}, content[1:]...)); err != nil {
		return cache.Digest{}, err
	}
	if _, err := w.WriteAt(content[:1], 0); err != nil {
		return cache.Digest{}, err
	}
	return w.Commit(t.Context())
}

// checkWhole sees that each of the contents is there as it should be, or not.
func checkWhole(t *testing.T, c *Cache) {
	t.Helper()
	for i, content := range some.each() {
		d := cache.BLAKE3.Sum(content)
		b, err := c.Get(t.Context(), d)
		missing, missingErr := c.Missing(t.Context(), []cache.Digest{d})
		whole := err == nil && cache.BLAKE3.Sum(b) == d && len(missing) == 0
		absent := errors.Is(err, cache.ErrNotFound) && len(missing) == 1
		if missingErr != nil || !whole && !absent {
			t.Errorf("content %d: got %d bytes, %v; missing %v, %v", i, len(b), err, missing, missingErr)
		}
	}
}

// A flush that fails in the background is told to whoever stores next, and is
// tried again.
func TestFlushFailsInBackground(t *testing.T) {
	disk := newFaulty(newRecording(), syscall.ENOSPC)
	c, err := open(disk, "/cache", Options{FlushEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	disk.failAfter(0)
	wait := func(what string, done func(error) bool) {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			_, err := c.Put(t.Context(), []byte("content"))
			if err == nil {
				err = c.Record(t.Context(), cache.BLAKE3.Sum([]byte("action")), cache.Result{ExitCode: 1})
			}
			if done(err) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: after a minute the error is %v", what, err)
			}
		}
	}
	wait("full", func(err error) bool { return errors.Is(err, cache.ErrFull) })
	if _, err := c.Lookup(t.Context(), cache.BLAKE3.Sum([]byte("action"))); err != nil {
		t.Errorf("what could not be written is gone: %v", err)
	}
	disk.mend()
	wait("mended", func(err error) bool { return err == nil })
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestUnwritable(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EROFS, syscall.EACCES, syscall.EPERM} {
		t.Run(errno.Error(), func(t *testing.T) {
			disk := newFaulty(newRecording(), errno)
			w := &worker{t: t, fs: disk}
			c := w.open()
			store(t, c)
			disk.failAfter(0)
			// Something that has no file yet, so that there is one to make.
			_, err := tryToStoreBlob(t, c, noiseOf(9, 10), true)
			if !errors.Is(err, cache.ErrReadOnly) || !strings.Contains(err.Error(), "create /cache/tmp/") {
				t.Errorf("Commit: got error %v, want ErrReadOnly and the path", err)
			}
			if _, err := open(disk, "/cache", Options{}); !errors.Is(err, cache.ErrReadOnly) || !strings.HasPrefix(err.Error(), `cache folder "/cache": `) {
				t.Errorf("Open: got error %v, want ErrReadOnly and the folder", err)
			}
			disk.mend()
			w.close(c)
		})
	}
}
