package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// syncAll writes out the whole file system that name is on. One call costs what
// the dirty pages cost; an fsync for each of 60,000 files would cost 100 s.
func syncAll(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	switch err := unix.Syncfs(int(dir.Fd())); {
	case err == unix.ENOSYS:
		return errors.ErrUnsupported
	case err != nil:
		return fmt.Errorf("sync the file system of %s: %w", name, err)
	}
	return nil
}

// startWriteback makes the system begin to write out what is in a file, so that there
// is less to wait for when it is synced. It is a hint, whose failure means nothing.
func startWriteback(f *os.File) {
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// clone makes to share the content of from, where the file system can (btrfs,
// XFS). Otherwise, and between file systems, it reports false.
func clone(to, from *os.File) bool {
	return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil
}

func touch(name string) error {
	now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, name, now, 0); err != nil {
		return &fs.PathError{Op: "touch", Path: name, Err: err}
	}
	return nil
}

func free(name string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(name, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: name, Err: err}
	}
	return int64(s.Bavail) * s.Bsize, nil
}

// lastChange is when somebody last wrote a file, or linked to it, which cannot be set
// at will.
func lastChange(info fs.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Sec, s.Ctim.Nsec)
	}
	return info.ModTime()
}
