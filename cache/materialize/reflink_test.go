//go:build reflink

package materialize

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
)

// reflinkVariable names a folder on a file system with reflinks. "make test-root" makes
// one; whoever asks for this test with the tag and has none is told so by its failure.
const reflinkVariable = "PUNGO_REFLINK_DIR"

// A file, its blob and the file that is made of the blob share all of their extents, and
// still nobody sees what is written to another.
func TestReflink(t *testing.T) {
	at := os.Getenv(reflinkVariable)
	if at == "" {
		t.Fatalf("%s is not set: want a folder on btrfs or XFS", reflinkVariable)
	}
	dir, err := os.MkdirTemp(at, "reflink-")
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 5<<20)
	rand.NewChaCha8([32]byte{1}).Read(content)
	src := filepath.Join(dir, "src")
	if err := os.WriteFile(src, content, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, fn := range []cache.Function{cache.BLAKE3, cache.SHA256} {
		t.Run(fn.String(), func(t *testing.T) { testReflink(t, filepath.Join(dir, fn.String()), fn, src, content) })
	}
}

func testReflink(t *testing.T, dir string, fn cache.Function, src string, content []byte) {
	store, err := disk.Open(filepath.Join(dir, "cache"), disk.Options{Function: fn})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d := importFile(t, store, src)
	blob, _ := store.Path(d)
	wantShared(t, src, blob)

	trees := cache.NewTrees(store)
	n := cache.Node{Name: "file", Kind: cache.FileKind, Digest: d, ModTime: 1e9}
	root, err := trees.Write(t.Context(), cache.Directory{n})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	if err := Tree(t.Context(), trees, root, out, Options{Paths: store}); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(out, "file")
	wantShared(t, blob, made)

	// A program that writes to it writes to nothing else.
	if err := os.Chmod(made, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(made, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("written to"), 1<<20); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{src, blob} {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s is not what it was: %v", name, err)
		}
	}
}

func importFile(t *testing.T, store *disk.Cache, src string) cache.Digest {
	t.Helper()
	f, err := os.Open(src)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := store.Import(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wantShared checks that two files are two inodes with the same extents.
func wantShared(t *testing.T, a, b string) {
	t.Helper()
	first, err1 := os.Stat(a)
	second, err2 := os.Stat(b)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if os.SameFile(first, second) {
		t.Errorf("%s and %s are one inode, want reflinks", a, b)
	}
	extentsA, extentsB := extents(t, a), extents(t, b)
	if len(extentsA) == 0 || !slices.Equal(extentsA, extentsB) {
		t.Fatalf("%s has extents %v, %s has %v; want the same", a, extentsA, b, extentsB)
	}
	for _, e := range extentsA {
		if e.flags&extentShared == 0 {
			t.Errorf("%s: extent at %d is not shared", a, e.logical)
		}
	}
}

// extent is where a part of a file is on the disk.
type extent struct {
	logical, physical, length uint64
	flags                     uint32
}

// What the system's headers call FS_IOC_FIEMAP, FIEMAP_FLAG_SYNC and
// FIEMAP_EXTENT_SHARED.
const (
	fiemap       = 0xc020660b
	fiemapSync   = 1
	extentShared = 0x2000
)

// extents asks the file system where a file is.
func extents(t *testing.T, name string) []extent {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// struct fiemap is 32 bytes: start, length, flags, extents found, room for as many,
	// reserved. struct fiemap_extent is 56.
	const head, each, room = 32, 56, 64
	b := make([]byte, head+each*room)
	binary.NativeEndian.PutUint64(b[8:], ^uint64(0))
	binary.NativeEndian.PutUint32(b[16:], fiemapSync)
	binary.NativeEndian.PutUint32(b[24:], room)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fiemap, uintptr(unsafe.Pointer(&b[0])))
	if errno != 0 {
		t.Fatalf("%s: extents: %v", name, errno)
	}
	var found []extent
	for n := range binary.NativeEndian.Uint32(b[20:]) {
		e := b[head+each*n:]
		found = append(found, extent{
			binary.NativeEndian.Uint64(e), binary.NativeEndian.Uint64(e[8:]), binary.NativeEndian.Uint64(e[16:]),
			binary.NativeEndian.Uint32(e[40:]),
		})
	}
	return found
}
