package materialize

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/pungo-build/pungo/internal/crew"
	"golang.org/x/sys/unix"
)

// Remove removes the file or folder name and everything below it, without
// following symbolic links. Unlike os.RemoveAll it also empties folders that
// their owner made read-only, and it works on several folders at a time. It is
// no error if there is nothing.
func Remove(name string) error {
	r := remover{crew.New(0)}
	if err := r.remove(unix.AT_FDCWD, name, name); err != nil {
		return fmt.Errorf("remove %w", err)
	}
	return nil
}

type remover struct{ crew.Crew }

// remove removes the entry name of the directory parent; at is its path.
func (r remover) remove(parent int, name, at string) error {
	err := unlink(parent, name)
	if errors.Is(err, unix.EISDIR) {
		if err := r.empty(parent, name, at); err != nil {
			return err
		}
		err = unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("%q: %w", at, err)
	}
	return nil
}

// empty removes everything in a directory. Its files go first: what is left is
// one entry for each folder, which the crew shares.
func (r remover) empty(parent int, name, at string) error {
	dir, err := openWritable(parent, name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%q: %w", at, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("%q: %w", at, err)
	}
	fd := int(dir.Fd())
	folders := names[:0]
	for _, name := range names {
		switch err := unlink(fd, name); {
		case err == nil || errors.Is(err, unix.ENOENT):
		case errors.Is(err, unix.EISDIR):
			folders = append(folders, name)
		default:
			return fmt.Errorf("%q: %w", path.Join(at, name), err)
		}
	}
	return r.Each(context.Background(), len(folders), func(_ context.Context, i int) error {
		return r.remove(fd, folders[i], path.Join(at, folders[i]))
	})
}

// unlink removes what is not a directory; for a directory the error is EISDIR.
func unlink(dir int, name string) error { return unix.Unlinkat(dir, name, 0) }

// openWritable opens a directory whose entries can be removed, which needs all
// three permissions of its owner.
func openWritable(parent int, name string) (*os.File, error) {
	fd, err := openDir(parent, name)
	if errors.Is(err, unix.EACCES) {
		if err := unix.Fchmodat(parent, name, 0o700, 0); err != nil {
			return nil, err
		}
		fd, err = openDir(parent, name)
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err == nil && st.Mode&0o700 != 0o700 {
		// If it is not ours, removing says why it cannot be done.
		_ = unix.Fchmod(fd, 0o700)
	}
	return os.NewFile(uintptr(fd), name), nil
}
