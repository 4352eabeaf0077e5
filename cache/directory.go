package cache

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds of what a tree may hold: those of Linux for a name and a link, and for
// the rest what leaves room above anything that a compose is made of.
const (
	maxName      = 255
	maxTarget    = 4095
	maxDepth     = 256
	maxDirectory = 64 << 20 // bytes of one Directory message: half a million entries
)

// Marshal returns the stored form of the directory. The order of the nodes does
// not matter; what Check finds fault with is not to be stored.
func (dir Directory) Marshal() []byte {
	dir = dir.sorted()
	b := make([]byte, 0, dir.sizeHint())
	var msg []byte
	for num, kind := range []Kind{FileKind, DirKind, SymlinkKind} {
		for i := range dir {
			if dir[i].Kind != kind {
				continue
			}
			msg = appendNode(msg[:0], &dir[i])
			b = appendBytes(b, protowire.Number(num+1), msg)
		}
	}
	return b
}

// sorted returns the directory in order; a copy, if it has to change it.
func (dir Directory) sorted() Directory {
	if slices.IsSortedFunc(dir, compareNames) {
		return dir
	}
	dir = slices.Clone(dir)
	slices.SortStableFunc(dir, compareNames)
	return dir
}

func compareNames(a, b Node) int { return strings.Compare(a.Name, b.Name) }

// sizeHint is at least the size of the message, and not much more.
func (dir Directory) sizeHint() int {
	const digestAndTags = 120
	n := 0
	for i := range dir {
		n += len(dir[i].Name) + len(dir[i].Target) + digestAndTags
	}
	return n
}

// appendNode appends a FileNode, DirectoryNode or SymlinkNode message.
func appendNode(b []byte, n *Node) []byte {
	b = appendString(b, 1, n.Name)
	switch n.Kind {
	case FileKind:
		b = appendDigest(b, 2, n.Digest)
		if n.Executable {
			b = appendVarint(b, 4, 1)
		}
		b = appendModTime(b, 6, n.ModTime)
	case DirKind:
		b = appendDigest(b, 2, n.Digest)
	case SymlinkKind:
		b = appendString(b, 2, n.Target)
	}
	return b
}

// Fields of the message Directory, and of FileNode, DirectoryNode and
// SymlinkNode, which share theirs as far as they go.
const (
	directoryFiles    = 1<<3 | bytesType
	directoryDirs     = 2<<3 | bytesType
	directorySymlinks = 3<<3 | bytesType

	nodeName       = 1<<3 | bytesType
	nodeDigest     = 2<<3 | bytesType
	nodeTarget     = 2<<3 | bytesType
	nodeExecutable = 4<<3 | varintType
	nodeProperties = 6<<3 | bytesType
)

// ParseDirectory reads a stored directory whose digests are of fn. It takes only
// what Marshal writes: a tree has one digest. Errors wrap ErrCorrupt.
func ParseDirectory(fn Function, b []byte) (Directory, error) {
	if len(b) > maxDirectory {
		return nil, fmt.Errorf("directory of %d bytes, want at most %d: %w", len(b), maxDirectory, ErrCorrupt)
	}
	dir, err := parseNodes(fn, b)
	if err == nil {
		err = dir.Check()
	}
	if err == nil && !bytes.Equal(dir.Marshal(), b) {
		err = errors.New("not in the canonical encoding")
	}
	if err != nil {
		return nil, fmt.Errorf("directory: %w: %w", err, ErrCorrupt)
	}
	return dir, nil
}

func parseNodes(fn Function, b []byte) (Directory, error) {
	var dir Directory
	err := eachField(b, func(f field) error {
		var kind Kind
		switch f.tag {
		case directoryFiles:
			kind = FileKind
		case directoryDirs:
			kind = DirKind
		case directorySymlinks:
			kind = SymlinkKind
		default:
			return fmt.Errorf("unknown field %d", f.tag>>3)
		}
		n, err := parseNode(fn, kind, f.bytes)
		if err != nil {
			return fmt.Errorf("entry %q: %w", n.Name, err)
		}
		dir = append(dir, n)
		return nil
	})
	return dir.sorted(), err
}

func parseNode(fn Function, kind Kind, b []byte) (Node, error) {
	n := Node{Kind: kind}
	err := eachField(b, func(f field) (err error) {
		switch {
		case f.tag == nodeName:
			n.Name = string(f.bytes)
		case f.tag == nodeTarget && kind == SymlinkKind:
			n.Target = string(f.bytes)
		case f.tag == nodeDigest:
			n.Digest, err = parseDigestMessage(fn, f.bytes)
		case f.tag == nodeExecutable && kind == FileKind:
			n.Executable = f.varint != 0
		case f.tag == nodeProperties && kind == FileKind:
			n.ModTime, err = parseModTime(f.bytes)
		}
		return err
	})
	return n, err
}

// Find returns the node with the given name.
func (dir Directory) Find(name string) (Node, bool) {
	i, ok := slices.BinarySearchFunc(dir, name, func(n Node, name string) int {
		return strings.Compare(n.Name, name)
	})
	if !ok {
		return Node{}, false
	}
	return dir[i], true
}

// Check reports what keeps the directory from being stored: a name that is no
// name, is not in order or comes twice, a file without digest, an absolute link.
func (dir Directory) Check() error {
	for i := range dir {
		if err := checkName(dir[i].Name); err != nil {
			return err
		}
		if err := dir[i].check(); err != nil {
			return fmt.Errorf("entry %q: %w", dir[i].Name, err)
		}
		if i == 0 {
			continue
		}
		switch compareNames(dir[i-1], dir[i]) {
		case 0:
			return fmt.Errorf("entry %q comes twice", dir[i].Name)
		case 1:
			return fmt.Errorf("entry %q comes after %q", dir[i].Name, dir[i-1].Name)
		}
	}
	return nil
}

// check looks at all of a node but its name.
func (n Node) check() error {
	switch n.Kind {
	case FileKind, DirKind:
		if n.Digest.IsZero() {
			return errors.New("no digest")
		}
	case SymlinkKind:
		return checkTarget(n.Target)
	default:
		return fmt.Errorf("kind %d is not known", n.Kind)
	}
	return nil
}

func checkTarget(target string) error {
	switch {
	case target == "" || len(target) > maxTarget:
		return fmt.Errorf("link target of %d bytes, want 1 to %d", len(target), maxTarget)
	case target[0] == '/':
		return fmt.Errorf("link target %q is absolute", target)
	case strings.ContainsRune(target, 0) || !utf8.ValidString(target):
		return fmt.Errorf("link target %q is not UTF-8 without NUL", target)
	}
	return nil
}

// LinkedPath returns the path in a tree that a symbolic link at a path leads to, "." for
// the root, or false if it leads out of the tree. Links on the way are not followed.
func LinkedPath(at, target string) (string, bool) {
	to := path.Join(path.Dir(at), target)
	return to, target != "" && !path.IsAbs(target) && to != ".." && !strings.HasPrefix(to, "../")
}

func checkName(name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("name of %d bytes, want 1 to %d", len(name), maxName)
	case name == "." || name == "..":
		return fmt.Errorf("name %q leaves its directory", name)
	case strings.IndexByte(name, '/') >= 0 || strings.IndexByte(name, 0) >= 0 || !utf8.ValidString(name):
		return fmt.Errorf("name %q is not UTF-8 without slash and NUL", name)
	}
	return nil
}

// checkPath checks a relative path of names, with single slashes between them.
func checkPath(path string) error {
	depth := 0
	for name := range strings.SplitSeq(path, "/") {
		if err := checkName(name); err != nil {
			return fmt.Errorf("path %q: %w", path, err)
		}
		if depth++; depth > maxDepth {
			return fmt.Errorf("path %q: more than %d levels", path, maxDepth)
		}
	}
	return nil
}
