package workspace

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// FS is a workspace as evaluation sees it (see starlark.FoldersFS). Links cannot
// lead out of it.
type FS struct {
	fs.FS
	root *os.Root
}

// OpenFS opens the workspace in a folder.
func OpenFS(dir string) (*FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &FS{root.FS(), root}, nil
}

// Close lets go of the folder.
func (f *FS) Close() error { return f.root.Close() }

// Folders implements starlark.FoldersFS.
func (f *FS) Folders(name string) ([]string, error) {
	if info, err := fs.Stat(f.FS, name); err != nil || !info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	return folders(filepath.Join(f.root.Name(), filepath.FromSlash(name)))
}

// folders returns the names of the folders in a folder, sorted. Links are none.
func folders(dir string) ([]string, error) {
	fd, err := openat(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	if isLeaf(fd) {
		return nil, nil
	}
	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	var names []string
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		if err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: dir, Err: err}
		}
		if n <= 0 {
			slices.Sort(names)
			return names, nil
		}
		eachEntry(buf[:n], func(kind byte, name []byte) {
			if kind == unix.DT_UNKNOWN {
				var st unix.Stat_t
				if unix.Fstatat(fd, string(name), &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
					kind = unix.DT_DIR
				}
			}
			if kind == unix.DT_DIR {
				names = append(names, string(name))
			}
		})
	}
}

// isLeaf reports that an open folder has certainly no folders in it, without reading
// it: each would be one more link to it. That is how find(1) does it, and like that
// it trusts only file systems which are known to count.
func isLeaf(fd int) bool {
	var st unix.Stat_t
	var statfs unix.Statfs_t
	if unix.Fstat(fd, &st) != nil || st.Nlink != 2 || unix.Fstatfs(fd, &statfs) != nil {
		return false
	}
	switch statfs.Type {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return true
	}
	return false
}
