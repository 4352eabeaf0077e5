package disk

import (
	"io"
	"io/fs"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// recording is a fileSystem in memory that logs every change, so that the state
// after any prefix of them can be had again, and knows of all content and names
// whether they were synced.
//
// It is as hard as POSIX allows a disk to be: a sync of a file is of its content
// only, names are durable when their directory was synced, and SyncAll is the
// one call that does both.
type recording struct {
	mu    sync.Mutex
	nodes []*node // by inode number; 0 is the root directory
	log   []change
}

// change is one logged change, to be made again on another recording.
type change func(*recording)

// node is an inode: content of a file or entries of a directory, as they are and
// as they were when last synced.
type node struct {
	dir             bool
	mode            fs.FileMode
	content, synced []byte
	entries, named  map[string]int
}

func newDir(mode fs.FileMode) *node {
	return &node{dir: true, mode: mode | fs.ModeDir, entries: map[string]int{}, named: map[string]int{}}
}

func newRecording() *recording { return &recording{nodes: []*node{newDir(0o755)}} }

// length is the number of changes so far.
func (r *recording) length() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.log)
}

// states yields the state after every prefix of the changes; each is good until
// the next.
func (r *recording) states() iter.Seq2[int, *recording] {
	return func(yield func(int, *recording) bool) {
		state := newRecording()
		for i := range len(r.log) + 1 {
			if i > 0 {
				r.log[i-1](state)
			}
			if !yield(i, state) {
				return
			}
		}
	}
}

// A crash decides what becomes of what was not synced.
type crash struct {
	name                  string
	keepContent, keepName bool
}

var crashes = []crash{
	{"all unsynced lost", false, false},
	{"unsynced content lost", false, true},
	{"unsynced names lost", true, false},
}

// after returns a file system as it is when the machine has come up again.
func (r *recording) after(c crash) *recording {
	left := &recording{}
	for _, n := range r.nodes {
		again := *n
		if !c.keepContent {
			again.content = n.synced
		}
		again.content = slices.Clip(again.content) // shared, and appended to
		if !c.keepName {
			again.entries = n.named
		}
		again.entries = maps.Clone(again.entries)
		left.nodes = append(left.nodes, &again)
	}
	return left
}

// do makes a change and logs it. The caller holds mu.
func (r *recording) do(c change) {
	r.log = append(r.log, c)
	c(r)
}

// lookup returns the inode number at a path. The caller holds mu.
func (r *recording) lookup(path string) (int, error) {
	at := 0
	for _, name := range strings.FieldsFunc(path, func(c rune) bool { return c == '/' }) {
		next, ok := r.nodes[at].entries[name]
		if !ok {
			return 0, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
		}
		at = next
	}
	return at, nil
}

// parent returns the directory that holds, or is to hold, the entry at a path.
func (r *recording) parent(path string) (*node, string, error) {
	at, err := r.lookup(filepath.Dir(path))
	if err != nil {
		return nil, "", err
	}
	return r.nodes[at], filepath.Base(path), nil
}

// link makes a new inode at a path.
func (r *recording) link(path string, n func() *node) (int, error) {
	dir, name, err := r.parent(path)
	if err != nil {
		return 0, err
	}
	if _, ok := dir.entries[name]; ok {
		return 0, &fs.PathError{Op: "create", Path: path, Err: syscall.EEXIST}
	}
	id := len(r.nodes)
	r.do(func(r *recording) {
		dir, name, _ := r.parent(path)
		r.nodes = append(r.nodes, n())
		dir.entries[name] = id
	})
	return id, nil
}

func (r *recording) Open(name string) (file, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, err := r.lookup(name)
	if err != nil {
		return nil, err
	}
	return &recordedFile{fs: r, id: id, name: name}, nil
}

func (r *recording) Create(name string) (file, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, err := r.link(name, func() *node { return &node{mode: 0o600} })
	if err != nil {
		return nil, err
	}
	return &recordedFile{fs: r, id: id, name: name}, nil
}

func (r *recording) MkdirAll(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for path := range ancestors(name) {
		if _, err := r.lookup(path); err == nil {
			continue
		}
		if _, err := r.link(path, func() *node { return newDir(0o755) }); err != nil {
			return err
		}
	}
	return nil
}

// ancestors yields the directories of a path from the top, and the path.
func ancestors(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, c := range path + "/" {
			if c == '/' && i > 0 && !yield(path[:i]) {
				return
			}
		}
	}
}

func (r *recording) Mkdir(name string, mode fs.FileMode) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.link(name, func() *node { return newDir(mode) })
	return err
}

func (r *recording) Rename(from, to string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.lookup(from); err != nil {
		return err
	}
	if _, _, err := r.parent(to); err != nil {
		return err
	}
	r.do(func(r *recording) {
		fromDir, fromName, _ := r.parent(from)
		toDir, toName, _ := r.parent(to)
		toDir.entries[toName] = fromDir.entries[fromName]
		delete(fromDir.entries, fromName)
	})
	return nil
}

func (r *recording) Remove(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, err := r.lookup(name)
	if err != nil {
		return err
	}
	if len(r.nodes[id].entries) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	r.do(func(r *recording) {
		dir, base, _ := r.parent(name)
		delete(dir.entries, base)
	})
	return nil
}

func (r *recording) ReadDir(name string) ([]fs.DirEntry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, err := r.lookup(name)
	if err != nil {
		return nil, err
	}
	var entries []fs.DirEntry
	for _, base := range slices.Sorted(maps.Keys(r.nodes[at].entries)) {
		entries = append(entries, fs.FileInfoToDirEntry(r.info(base, r.nodes[at].entries[base])))
	}
	return entries, nil
}

func (r *recording) Stat(name string) (fs.FileInfo, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, err := r.lookup(name)
	if err != nil {
		return nil, err
	}
	return r.info(filepath.Base(name), at), nil
}

func (r *recording) Writable(string) error { return nil }

// Chtimes does nothing: no test reads times.
func (r *recording) Chtimes(string, int64) error { return nil }

func (r *recording) Touch(name string) error {
	_, err := r.Stat(name)
	return err
}

func (r *recording) Free(string) (int64, error) { return 1 << 40, nil }

func (r *recording) SyncDir(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, err := r.lookup(name)
	if err != nil {
		return err
	}
	r.do(func(r *recording) { r.nodes[at].named = maps.Clone(r.nodes[at].entries) })
	return nil
}

func (r *recording) SyncAll(string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.do(func(r *recording) {
		for _, n := range r.nodes {
			n.named = maps.Clone(n.entries)
			n.synced = slices.Clip(n.content)
		}
	})
	return nil
}

// info describes an inode. The caller holds mu.
func (r *recording) info(name string, id int) recordedInfo {
	n := r.nodes[id]
	return recordedInfo{name, int64(len(n.content)), n.mode}
}

type recordedInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i recordedInfo) Name() string       { return i.name }
func (i recordedInfo) Size() int64        { return i.size }
func (i recordedInfo) Mode() fs.FileMode  { return i.mode }
func (i recordedInfo) ModTime() time.Time { return time.Now() }
func (i recordedInfo) IsDir() bool        { return i.mode.IsDir() }
func (i recordedInfo) Sys() any           { return nil }

// recordedFile is an open file of a recording.
type recordedFile struct {
	fs     *recording
	id     int
	name   string
	offset int64
}

func (f *recordedFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	id, p := f.id, slices.Clone(p)
	f.fs.do(func(r *recording) { r.nodes[id].content = append(r.nodes[id].content, p...) })
	return len(p), nil
}

func (f *recordedFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	id, p := f.id, slices.Clone(p)
	f.fs.do(func(r *recording) {
		content := slices.Clone(r.nodes[id].content) // what is synced stays as it is
		copy(content[off:], p)
		r.nodes[id].content = content
	})
	return len(p), nil
}

func (f *recordedFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.offset)
	f.offset += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *recordedFile) ReadAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	content := f.fs.nodes[f.id].content
	if offset >= int64(len(content)) {
		return 0, io.EOF
	}
	n := copy(p, content[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *recordedFile) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.fs.info(filepath.Base(f.name), f.id), nil
}

func (f *recordedFile) Chmod(mode fs.FileMode) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	id := f.id
	f.fs.do(func(r *recording) { r.nodes[id].mode = mode })
	return nil
}

func (f *recordedFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	id := f.id
	f.fs.do(func(r *recording) { r.nodes[id].synced = slices.Clip(r.nodes[id].content) })
	return nil
}

func (f *recordedFile) Close() error { return nil }
