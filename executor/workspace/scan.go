package workspace

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"golang.org/x/sys/unix"
)

// status is what stat(2) says of a file's content having changed or not. Times
// are nanoseconds since 1970.
type status struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64
	mode         uint32
}

func statusOf(st *unix.Stat_t) status {
	return status{
		dev: st.Dev, ino: st.Ino, size: st.Size,
		mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), mode: st.Mode,
	}
}

func (s *status) executable() bool { return s.mode&unix.S_IXUSR != 0 }

// file is a regular file of a source. Its path is relative to the workspace's
// root; its status is that of what the path leads to.
type file struct {
	path string
	status
}

// node is the file in a tree, with no name yet.
func (f *file) node(d cache.Digest) cache.Node {
	return cache.Node{Kind: cache.FileKind, Digest: d, Executable: f.executable()}
}

// listing is what a source is on disk.
type listing struct {
	folder bool
	files  []file   // sorted by path; exactly one if it is no folder
	dirs   []string // paths of folders below, sorted
}

// scan lists the files of a source.
func (w *Workspace) scan(ctx context.Context, src *rules.Source) (*listing, error) {
	if err := checkPath(src.Path); err != nil {
		return nil, err
	}
	s := &scanner{w: w, suffix: src.Suffix, slots: make(chan struct{}, w.jobs)}
	real, st, err := w.follow(src.Path)
	if err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG {
		return &listing{files: []file{{src.Path, statusOf(&st)}}}, nil
	}
	s.slots <- struct{}{}
	s.scanDir(ctx, &folder{path: src.Path, real: real})
	return s.listing(ctx)
}

// follow returns what a path relative to the root leads to, a file or a folder
// inside the root, as an absolute path without symbolic links.
func (w *Workspace) follow(p string) (real string, st unix.Stat_t, err error) {
	name := filepath.Join(w.root, p)
	what := fmt.Sprintf("%q", p)
	var target [unix.PathMax]byte
	if n, err := unix.Readlink(name, target[:]); err == nil {
		what += fmt.Sprintf(": symbolic link to %q", target[:n])
	}
	if err = unix.Stat(name, &st); err == nil {
		real, err = filepath.EvalSymlinks(name)
	}
	if err != nil {
		return "", st, fmt.Errorf("%s: %w", what, bare(err))
	}
	if real != w.root && !strings.HasPrefix(real, strings.TrimSuffix(w.root, "/")+"/") {
		return "", st, fmt.Errorf("%s, which is outside of the workspace", what)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFDIR:
		return real, st, nil
	}
	return "", st, fmt.Errorf("%s: %s, want a file or a folder", what, special(st.Mode))
}

// special names the type of a file that no source can be.
func special(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return "a named pipe"
	case unix.S_IFSOCK:
		return "a socket"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "a device"
	}
	return fmt.Sprintf("a file of unknown type %#o", mode&unix.S_IFMT)
}

// scanner lists a folder and those below it. Several goroutines stat the entries,
// a buffer of getdents(2) at a time.
type scanner struct {
	w      *Workspace
	suffix string
	// slots holds a token for every goroutine that looks, and for none that waits.
	slots chan struct{}

	mu     sync.Mutex
	files  [][]*file // batches, each in order
	dirs   []string
	faults []fault
}

// fault is an error about a path.
type fault struct {
	path string
	err  error
}

// folder is a folder being scanned: its path relative to the root, and where that
// really is. above is the folder it was found in, nil for the source itself.
type folder struct {
	path, real string
	above      *folder
}

// listing returns what was found, or the error with the smallest path: scanning
// goes on after an error, so it is always the same one.
func (s *scanner) listing(ctx context.Context) (*listing, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if len(s.faults) > 0 {
		return nil, slices.MinFunc(s.faults, func(a, b fault) int { return strings.Compare(a.path, b.path) }).err
	}
	slices.Sort(s.dirs)
	return &listing{folder: true, files: merged(s.files), dirs: s.dirs}, nil
}

// inOrder returns references to files, by path: to move files takes longer than to
// compare them.
func inOrder(files []file) []*file {
	refs := make([]*file, len(files))
	for i := range files {
		refs[i] = &files[i]
	}
	slices.SortFunc(refs, byPath)
	return refs
}

func byPath(a, b *file) int { return strings.Compare(a.path, b.path) }

// merged returns the files of batches that are in order, in order.
func merged(batches [][]*file) []file {
	for len(batches) > 1 {
		var fewer [][]*file
		for pair := range slices.Chunk(batches, 2) {
			if len(pair) == 2 {
				pair[0] = merge(pair[0], pair[1])
			}
			fewer = append(fewer, pair[0])
		}
		batches = fewer
	}
	var files []file
	for _, batch := range batches {
		files = make([]file, len(batch))
		for i, f := range batch {
			files[i] = *f
		}
	}
	return files
}

func merge(a, b []*file) []*file {
	all := make([]*file, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if byPath(a[0], b[0]) <= 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}

func (s *scanner) fault(p string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fault{p, err})
}

// buffers hold directory entries as the kernel gives them, about 800 of packages.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// scanDir lists a folder. Every buffer full of entries goes to another goroutine
// if one is free; else this one looks at them itself.
func (s *scanner) scanDir(ctx context.Context, dir *folder) {
	fd, err := openat(unix.AT_FDCWD, dir.real, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		s.fault(dir.path, fmt.Errorf("%q: %w", dir.path, err))
		return
	}
	defer unix.Close(fd)
	var wg sync.WaitGroup
	defer func() {
		<-s.slots
		wg.Wait()
		s.slots <- struct{}{}
	}()
	for ctx.Err() == nil {
		buf := buffers.Get().(*[64 << 10]byte)
		n, err := unix.ReadDirent(fd, buf[:])
		if err != nil {
			s.fault(dir.path, fmt.Errorf("%q: %w", dir.path, err))
		}
		if n <= 0 {
			buffers.Put(buf)
			return
		}
		look := func() {
			s.look(ctx, dir, fd, buf[:n])
			buffers.Put(buf)
		}
		select {
		case s.slots <- struct{}{}:
			wg.Go(func() {
				look()
				<-s.slots
			})
		default:
			look()
		}
	}
}

// look stats the entries in a buffer of getdents64(2), then scans the folders
// among them.
func (s *scanner) look(ctx context.Context, dir *folder, fd int, entries []byte) {
	files := make([]file, 0, len(entries)/64)
	var dirs []*folder
	prefix := ""
	if dir.path != "." {
		prefix = dir.path + "/"
	}
	eachEntry(entries, func(kind byte, name []byte) {
		p := prefix + string(name)
		f, sub, err := s.entry(dir, fd, kind, p[len(prefix):], p)
		switch {
		case err != nil:
			s.fault(p, err)
		case sub != nil:
			dirs = append(dirs, sub)
		case f.path != "":
			files = append(files, f)
		}
	})
	batch := inOrder(files)
	s.mu.Lock()
	s.files = append(s.files, batch)
	for _, sub := range dirs {
		s.dirs = append(s.dirs, sub.path)
	}
	s.mu.Unlock()
	for _, sub := range dirs {
		s.scanDir(ctx, sub)
	}
}

// entry looks at one entry of an open folder, whose path is p: it is a file of
// the source, or a folder to scan, or neither. kind is what getdents64(2) knows.
func (s *scanner) entry(dir *folder, fd int, kind byte, name, p string) (f file, sub *folder, err error) {
	wanted := strings.HasSuffix(name, s.suffix)
	if !wanted && kind == unix.DT_REG {
		return f, nil, nil
	}
	var st unix.Stat_t
	if kind == unix.DT_DIR {
		st.Mode = unix.S_IFDIR // more is not asked of a folder
	} else if err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return f, nil, fmt.Errorf("%q: %w", p, err)
	}
	real := ""
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		if real, st, err = s.w.follow(p); err != nil && !wanted {
			return f, nil, nil
		}
	}
	switch typ := st.Mode & unix.S_IFMT; {
	case err != nil:
	case typ == unix.S_IFDIR && isOutput(fd, name):
	case typ == unix.S_IFDIR:
		sub, err = dir.enter(name, p, real)
	case !wanted:
	case typ == unix.S_IFREG:
		f, err = file{p, statusOf(&st)}, checkName(name, p)
	default:
		err = fmt.Errorf("%q: %s, want a file or a folder", p, special(st.Mode))
	}
	return f, sub, err
}

// isOutput reports whether the folder at an entry is the output of builds, or what
// marks another folder as that.
func isOutput(fd int, name string) bool {
	var st unix.Stat_t
	return name == rules.StateDir || unix.Fstatat(fd, name+"/"+rules.StateDir, &st, 0) == nil
}

// enter returns the folder at an entry of dir. If the entry is a symbolic link,
// real is where it leads.
func (f *folder) enter(name, p, real string) (*folder, error) {
	if err := checkName(name, p); err != nil {
		return nil, err
	}
	if real == "" {
		return &folder{path: p, real: f.real + "/" + name, above: f}, nil
	}
	for above := f; above != nil; above = above.above {
		if above.real == real {
			return nil, fmt.Errorf("%q: symbolic link to a folder that it is in", p)
		}
	}
	return &folder{path: p, real: real, above: f}, nil
}

// checkName reports names that a Directory message, or a list with a path a line,
// could not hold.
func checkName(name, p string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("%q: the name is not UTF-8", p)
	}
	if strings.ContainsRune(name, '\n') {
		return fmt.Errorf("%q: the name has a line break", p)
	}
	return nil
}

// eachEntry calls fn for the entries in a buffer that getdents64(2) filled:
//
//	inode 8 | offset 8 | length of the entry 2 | kind 1 | name, NUL, padding
//
// except "." and "..".
func eachEntry(buf []byte, fn func(kind byte, name []byte)) {
	const header = 8 + 8 + 2 + 1
	for len(buf) > header {
		size := int(binary.NativeEndian.Uint16(buf[16:]))
		if size <= header || size > len(buf) {
			return // the kernel would have to be wrong
		}
		name := buf[header:size]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		if string(name) != "." && string(name) != ".." {
			fn(buf[18], name)
		}
		buf = buf[size:]
	}
}

// openat is open(2), again for as long as a signal interrupts it.
func openat(parent int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(parent, name, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
