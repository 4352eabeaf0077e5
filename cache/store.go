// Package cache keeps what is known: blobs named by their content, trees of
// blobs, and the results of actions.
//
// Three ideas carry it. A Digest names bytes. A tree is a Directory message
// that names files and further directories by digest, so a tree is a digest
// too, and merging, comparing or walking trees touches only what differs. A
// Result says which outputs the action with a certain key had.
//
// Store and ActionCache are the seams. They are implemented in memory here and
// over a folder in cache/disk; cachetest is the suite that every implementation
// passes. Decorators add one concern each: Verified, Complete.
package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// Store holds blobs. What was put in one way can be read in the other.
type Store interface {
	Blobs
	Files
}

// Blobs is the half of a store for content that fits in memory: messages,
// records, fragments.
type Blobs interface {
	// Get returns the content of a blob, or an error that wraps ErrNotFound. The
	// caller does not change the returned bytes.
	Get(ctx context.Context, d Digest) ([]byte, error)
	// Put stores data. When it returns, Get finds it in this process; it is
	// durable once a record that needs it is.
	Put(ctx context.Context, data []byte) (Digest, error)
	// Missing returns those of digests that the store does not hold, in order.
	// The empty blob is never missing.
	Missing(ctx context.Context, digests []Digest) ([]Digest, error)
}

// Files is the half of a store for content of any size.
type Files interface {
	// Open opens a blob for reading, or returns an error that wraps ErrNotFound.
	Open(ctx context.Context, d Digest) (File, error)
	// Create starts a new blob. Nothing of it can be seen before Commit.
	Create(ctx context.Context) (Writer, error)
	// Draft starts a blob of about size bytes whose begin is known last: an image that
	// carries a sum of itself. If there is no room for as many, the error wraps ErrFull.
	Draft(ctx context.Context, size int64) (Draft, error)
	// Function is the digest function of everything in the store.
	Function() Function
}

// Untouched is the modification time, in seconds since 1970, of a blob's file that
// nobody has linked to yet, where a store keeps blobs in files. Who links to it
// first may give it another; a file whose time is neither Untouched nor one that
// was given to it has been written to by somebody, and is to be read and verified
// before it is used.
const Untouched = 0

// File is an open blob. Reading it from begin to end with Read verifies it,
// where the store is Verified: instead of io.EOF comes an error that wraps
// ErrCorrupt. ReadAt does not verify.
type File interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64
}

// Writer is a blob in the making. Write wants pieces of a MiB.
type Writer interface {
	io.Writer
	// Commit stores what was written and returns its digest.
	Commit() (Digest, error)
	// Abort drops what was written; after Commit it does nothing.
	Abort()
}

// Draft is a blob in the making that is not hashed while it is written, since it may
// change. Nothing of it can be seen before Commit.
type Draft interface {
	io.Writer
	// WriteAt writes over what was written.
	io.WriterAt
	// Commit reads the blob, once, from begin to end, and stores it. Each of readers gets
	// all of it, too, in pieces, in a goroutine of its own.
	Commit(ctx context.Context, readers ...io.Writer) (Digest, error)
	// Abort drops what was written; after Commit it does nothing.
	Abort()
}

// Discarder is a Store that can forget a blob, which heals it: what is missing
// is made again, what is corrupt is not.
type Discarder interface {
	// Discard sets a blob aside. It is no error if the blob is not there.
	Discard(ctx context.Context, d Digest) error
}

// Recaller is a Store that has in memory still what was just put: nobody need
// verify that.
type Recaller interface {
	// Recall returns a blob that Put was given and that has been in memory since.
	Recall(d Digest) (data []byte, ok bool)
}

// Note is what a store found out of a blob while it took it in.
type Note struct {
	// SHA256 of the blob: repositories state it of every package, and one reading
	// yields both.
	SHA256 [sha256.Size]byte
	// Head has the CRC-32C of each HeadChunk bytes of the first HeadSize, or of all if
	// there are fewer. It tells whether these are as they came in, for who does not
	// read the rest.
	Head []uint32
}

// HeadSize is how much of a blob Note.Head is of, and HeadChunk how much each of its
// checksums.
const (
	HeadSize  = 64 * HeadChunk
	HeadChunk = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Vouches reports whether a chunk of the head is as it came in: the bytes from
// n*HeadChunk on, HeadChunk of them or up to the end of the blob.
func (n *Note) Vouches(chunk int, b []byte) bool {
	return chunk < len(n.Head) && n.Head[chunk] == crc32.Checksum(b, castagnoli)
}

// Noter is a Store that took notes of blobs.
type Noter interface {
	// Noted returns the note of a blob, or false if none was taken.
	Noted(ctx context.Context, d Digest) (n Note, ok bool)
	// TakeNote keeps the note of a blob, by who read it while he stored it.
	TakeNote(ctx context.Context, d Digest, n Note) error
}

// Noted returns the note of a blob: that of the store, or one of a blob that it reads
// to the end.
func Noted(ctx context.Context, s Store, d Digest) (n Note, err error) {
	if noter, ok := s.(Noter); ok {
		if n, ok := noter.Noted(ctx, d); ok {
			return n, nil
		}
	}
	f, err := s.Open(ctx, d)
	if err != nil {
		return n, err
	}
	defer f.Close()
	w := NewNoteWriter(d.Function())
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, f, make([]byte, min(d.Size()+1, 1<<20))); err != nil {
		return n, err
	}
	return w.Note(d), nil
}

// NoteWriter takes a note of what is written to it.
type NoteWriter struct {
	sum  hash.Hash // nil, if the digest will tell
	head []uint32
	n    int // bytes written, HeadSize at most
}

// NewNoteWriter returns a NoteWriter of nothing yet, for a blob with digests of fn.
func NewNoteWriter(fn Function) *NoteWriter {
	if fn == SHA256 {
		return &NoteWriter{}
	}
	return &NoteWriter{sum: sha256.New()}
}

// Write implements io.Writer. It never fails.
func (w *NoteWriter) Write(p []byte) (int, error) {
	for head := p[:min(len(p), HeadSize-w.n)]; len(head) > 0; {
		if w.n%HeadChunk == 0 {
			w.head = append(w.head, 0)
		}
		last := &w.head[len(w.head)-1]
		n := min(len(head), HeadChunk-w.n%HeadChunk)
		*last = crc32.Update(*last, castagnoli, head[:n])
		head = head[n:]
		w.n += n
	}
	if w.sum == nil {
		return len(p), nil
	}
	return w.sum.Write(p)
}

// Note returns the note of everything written so far, which has the digest d.
func (w *NoteWriter) Note(d Digest) Note {
	n := Note{SHA256: d.hash, Head: w.head}
	if w.sum != nil {
		w.sum.Sum(n.SHA256[:0])
	}
	return n
}

// ActionCache knows the results of actions.
type ActionCache interface {
	// Lookup returns the result recorded under key, or an error that wraps
	// ErrNotFound. Anything odd about a record is a miss.
	Lookup(ctx context.Context, key Digest) (Result, error)
	// Record stores a result under key, in place of an older one.
	Record(ctx context.Context, key Digest, r Result) error
}

// Caller is an ActionCache that wants to know of what a result was made: who finds
// it later does not look that up, and still it is in use.
type Caller interface {
	// Called says that the action of a key looked up, or ran, those of other keys.
	Called(ctx context.Context, key Digest, called []Digest) error
}

// ErrNotFound says that a store does not hold a blob or a record.
var ErrNotFound = errors.New("not in the cache")

// ErrCorrupt says that stored bytes do not have the digest they are stored under.
var ErrCorrupt = errors.New("corrupt in the cache")

// ErrFull and ErrReadOnly say that a store cannot take more, which is for a
// person to mend and no fault of an action.
var (
	ErrFull     = errors.New("no space left for the cache")
	ErrReadOnly = errors.New("the cache cannot be written")
)

// BlobError is an error about one blob. It wraps ErrNotFound or ErrCorrupt, and
// tells an executor which blob to have made again.
type BlobError struct {
	Digest Digest
	Err    error
}

func (e *BlobError) Error() string { return fmt.Sprintf("blob %s: %v", e.Digest, e.Err) }
func (e *BlobError) Unwrap() error { return e.Err }
