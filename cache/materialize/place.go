package materialize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"github.com/pungo-build/pungo/cache"
	"golang.org/x/sys/unix"
)

// placer puts single files into open directories.
type placer struct {
	store   cache.Store
	paths   Paths
	private bool
	// clone and link are FICLONE and linkat(2), or what a test makes of them.
	clone func(dst, src int) error
	link  func(blob string, dir int, name string) error
	// noClone is set when the first file shows that reflinks are not to be had.
	noClone *atomic.Bool
}

func newPlacer(store cache.Store, opts Options) placer {
	return placer{
		store:   store,
		paths:   opts.Paths,
		private: opts.Private,
		clone:   unix.IoctlFileClone,
		link: func(blob string, dir int, name string) error {
			return unix.Linkat(unix.AT_FDCWD, blob, dir, name, 0)
		},
		noClone: new(atomic.Bool),
	}
}

// place makes the file n in the directory dir.
func (p *placer) place(ctx context.Context, dir int, n *cache.Node) error {
	if n.Digest.Size() == 0 {
		// There is no need of a blob. And were there one, it would reach the number
		// of links that a file can have (65,000 on ext4) before any other.
		return create(dir, n, func(*os.File) error { return nil })
	}
	if p.paths != nil {
		if blob, ok := p.paths.Path(n.Digest); ok {
			err := p.placeFile(ctx, dir, n, blob)
			if !errors.Is(err, unix.ENOENT) {
				return err
			}
		}
	}
	return p.fetch(ctx, dir, n)
}

// placeFile makes n of the file blob. If there is no such file, the error is
// ENOENT, and nothing is made.
func (p *placer) placeFile(ctx context.Context, dir int, n *cache.Node, blob string) error {
	if !p.noClone.Load() {
		if done, err := p.reflink(dir, n, blob); done {
			return err
		}
	}
	if p.private {
		return copyFile(dir, n, blob)
	}
	return p.hardlink(ctx, dir, n, blob)
}

// reflink makes n a reflink of blob. It reports false, and leaves nothing, if the
// file systems cannot do that.
func (p *placer) reflink(dir int, n *cache.Node, blob string) (done bool, err error) {
	err = createFrom(dir, n, blob, func(dst, src *os.File) error {
		return p.clone(int(dst.Fd()), int(src.Fd()))
	})
	if !isAny(err, unix.EOPNOTSUPP, unix.EXDEV, unix.EINVAL, unix.ENOTTY, unix.ENOSYS, unix.EPERM) {
		return true, err
	}
	p.noClone.Store(true)
	err = unix.Unlinkat(dir, n.Name, 0)
	return err != nil, err
}

// adoption guards the attributes of blobs between link and stat, see hardlink. A
// blob is guarded by the lock that its hash selects; all trees of this process
// share the locks, as they share blobs.
var adoption [64]sync.Mutex

// hardlink makes n a hard link of blob, or a copy if that is not to be had.
//
// If the inode is untouched and has exactly two links, that of the store and ours,
// it takes the mode and time of n. Else another tree has it, with a mode and time
// that we must not touch, or somebody wrote to a file that is linked to it: if they
// do not fit, n is a copy, which is verified as it is read.
func (p *placer) hardlink(ctx context.Context, dir int, n *cache.Node, blob string) error {
	hash := n.Digest.Hash()
	lock := &adoption[hash[0]%uint8(len(adoption))]
	lock.Lock()
	defer lock.Unlock()
	if err := p.link(blob, dir, n.Name); err != nil {
		if isAny(err, unix.EXDEV, unix.EMLINK, unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS) {
			return copyFile(dir, n, blob)
		}
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(dir, n.Name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if err := checkSize(n, &st); err != nil {
		return err
	}
	if fitsMode(n, &st) && fitsTime(n, &st) {
		return nil
	}
	if st.Nlink == 2 && st.Mtim.Sec == cache.Untouched && st.Mtim.Nsec == 0 {
		// In a cache that users share the blob may be somebody else's.
		if err := adopt(dir, n, &st); !errors.Is(err, unix.EPERM) {
			return err
		}
	}
	if err := unix.Unlinkat(dir, n.Name, 0); err != nil {
		return err
	}
	return p.fetch(ctx, dir, n)
}

func fitsMode(n *cache.Node, st *unix.Stat_t) bool { return st.Mode&0o7777 == mode(n) }

// fitsTime reports whether an inode has the time that n wants. Where n wants none,
// any would do, but for what it says: that nobody wrote to the inode.
func fitsTime(n *cache.Node, st *unix.Stat_t) bool {
	want := n.ModTime
	if want == 0 {
		want = cache.Untouched
	}
	return want == st.Mtim.Sec && st.Mtim.Nsec == 0
}

// adopt gives an inode the mode and time of n, as far as it has others.
func adopt(dir int, n *cache.Node, st *unix.Stat_t) error {
	if !fitsMode(n, st) {
		if err := unix.Fchmodat(dir, n.Name, mode(n), 0); err != nil {
			return err
		}
	}
	if fitsTime(n, st) {
		return nil
	}
	return setModTime(dir, n.Name, n.ModTime)
}

func mode(n *cache.Node) uint32 {
	if n.Executable {
		return 0o555
	}
	return 0o444
}

func checkSize(n *cache.Node, st *unix.Stat_t) error {
	if st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == n.Digest.Size() {
		return nil
	}
	return &cache.BlobError{Digest: n.Digest, Err: fmt.Errorf("its file has %d bytes: %w", st.Size, cache.ErrCorrupt)}
}

// fetch makes n a copy of a blob that is not kept as a file.
func (p *placer) fetch(ctx context.Context, dir int, n *cache.Node) error {
	src, err := p.store.Open(ctx, n.Digest)
	if err != nil {
		return err
	}
	defer src.Close()
	return create(dir, n, func(dst *os.File) error {
		return copyPieces(ctx, dst, src)
	})
}

// copyFile makes n a copy of blob, inside the kernel where it can do that.
func copyFile(dir int, n *cache.Node, blob string) error {
	return createFrom(dir, n, blob, func(dst, src *os.File) error {
		_, err := io.Copy(dst, src)
		return err
	})
}

// createFrom creates n and has it filled from the file blob.
func createFrom(dir int, n *cache.Node, blob string, fill func(dst, src *os.File) error) error {
	src, err := os.Open(blob)
	if err != nil {
		return err
	}
	defer src.Close()
	return create(dir, n, func(dst *os.File) error { return fill(dst, src) })
}

// create creates the file n, has it filled, and gives it its mode and time.
func create(dir int, n *cache.Node, fill func(*os.File) error) error {
	fd, err := openat(dir, n.Name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), n.Name)
	defer f.Close()
	if err := fill(f); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if err := checkSize(n, &st); err != nil {
		return err
	}
	// Only Close says whether a network file system has taken the bytes.
	if err := f.Close(); err != nil {
		return err
	}
	return adopt(dir, n, &st)
}

func isAny(err error, errnos ...unix.Errno) bool {
	for _, errno := range errnos {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
