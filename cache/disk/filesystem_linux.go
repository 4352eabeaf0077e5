package disk

import (
	"errors"
	"fmt"
	"os"

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
	unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// clone makes to share the content of from, where the file system can (btrfs,
// XFS). Otherwise, and between file systems, it reports false.
func clone(to, from *os.File) bool {
	return unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil
}
