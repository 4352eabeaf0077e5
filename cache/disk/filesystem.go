package disk

import (
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// fileSystem is what the cache asks of the system, so that a test can record the
// order of writes and syncs, lose what was not synced, and make any call fail.
// Names are whole paths; errors are those of the os package.
type fileSystem interface {
	// Open opens a file for reading.
	Open(name string) (file, error)
	// Create makes a new file that only its owner can read yet.
	Create(name string) (file, error)
	// MkdirAll makes a directory and what is above it, as the umask has it.
	MkdirAll(name string) error
	// Mkdir makes a directory, with exactly the given mode.
	Mkdir(name string, mode fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	// Chtimes sets the modification time of a file, in seconds since 1970.
	Chtimes(name string, seconds int64) error
	// Touch sets the modification time of a file to what the file system, not this
	// machine, takes for now.
	Touch(name string) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	// Writable reports why no file can be made in a directory; that it is full
	// shows only later.
	Writable(name string) error
	// SyncDir makes the names in a directory durable.
	SyncDir(name string) error
	// SyncAll makes everything durable on the file system that name is on. Where
	// the system has no such call, the error is errors.ErrUnsupported.
	SyncAll(name string) error
	// Free returns how many bytes can still be written where name is.
	Free(name string) (int64, error)
}

// file is an open file: *os.File, or what a test puts in its place.
type file interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Chmod(mode fs.FileMode) error
	Sync() error
}

// system is the fileSystem of the machine.
type system struct{}

func (system) Open(name string) (file, error) { return openFile(name, syscall.O_RDONLY) }

func (system) Create(name string) (file, error) {
	return openFile(name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL)
}

// openFile is os.OpenFile without the four system calls in which that finds out that no
// file on a disk can be waited for: a third of what it takes to read a small blob.
func openFile(name string, flags int) (file, error) {
	for {
		fd, err := syscall.Open(name, flags|syscall.O_CLOEXEC, 0o600)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), name), nil
		case syscall.EINTR:
		default:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

func (system) Mkdir(name string, mode fs.FileMode) error {
	if err := os.Mkdir(name, mode); err != nil {
		return err
	}
	return os.Chmod(name, mode) // whatever the umask
}

func (system) Rename(from, to string) error { return os.Rename(from, to) }
func (system) Remove(name string) error     { return os.Remove(name) }
func (system) Chtimes(name string, seconds int64) error {
	t := time.Unix(seconds, 0)
	return os.Chtimes(name, t, t)
}
func (system) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (system) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (system) MkdirAll(name string) error                 { return os.MkdirAll(name, 0o777) }
func (system) Writable(name string) error                 { return writable(name) }
func (system) SyncAll(name string) error                  { return syncAll(name) }
func (system) Touch(name string) error                    { return touch(name) }
func (system) Free(name string) (int64, error)            { return free(name) }

func (system) SyncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// writable asks the system, which knows of read-only mounts and foreign owners,
// and costs less than to make a file and remove it.
func writable(name string) error {
	const mayWrite = 2 // W_OK
	if err := syscall.Access(name, mayWrite); err != nil {
		return &fs.PathError{Op: "write in", Path: name, Err: err}
	}
	return nil
}

// processLives reports whether a process with the id runs on this machine.
func processLives(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}
