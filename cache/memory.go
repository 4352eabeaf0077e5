package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Memory is a Store, a Discarder and an ActionCache in memory, for tests and for
// what need not be kept. It holds the stored forms, so that what is read went
// through the codecs.
type Memory struct {
	fn Function

	mu      sync.RWMutex
	blobs   map[Digest][]byte
	results map[Digest][]byte
}

// NewMemory returns an empty store whose digests are of fn.
func NewMemory(fn Function) *Memory {
	return &Memory{fn: fn, blobs: map[Digest][]byte{}, results: map[Digest][]byte{}}
}

// Function implements Files.
func (m *Memory) Function() Function { return m.fn }

// Get implements Blobs.
func (m *Memory) Get(ctx context.Context, d Digest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d == m.fn.Sum(nil) {
		return nil, nil
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	data, ok := m.blobs[d]
	if !ok {
		return nil, &BlobError{d, ErrNotFound}
	}
	return data, nil
}

// Put implements Blobs.
func (m *Memory) Put(ctx context.Context, data []byte) (Digest, error) {
	if err := ctx.Err(); err != nil {
		return Digest{}, err
	}
	return m.put(bytes.Clone(data)), nil
}

func (m *Memory) put(data []byte) Digest {
	d := m.fn.Sum(data)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs[d] = data
	return d
}

// Missing implements Blobs.
func (m *Memory) Missing(ctx context.Context, digests []Digest) ([]Digest, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	empty := m.fn.Sum(nil)
	var missing []Digest
	for _, d := range digests {
		if _, ok := m.blobs[d]; !ok && d != empty {
			missing = append(missing, d)
		}
	}
	return missing, ctx.Err()
}

// Open implements Files.
func (m *Memory) Open(ctx context.Context, d Digest) (File, error) {
	data, err := m.Get(ctx, d)
	if err != nil {
		return nil, err
	}
	return FileOf(data), nil
}

// FileOf returns a File over content that is in memory.
func FileOf(data []byte) File { return memoryFile{bytes.NewReader(data)} }

type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }

// Create implements Files.
func (m *Memory) Create(ctx context.Context) (Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &memoryWriter{memory: m}, nil
}

type memoryWriter struct {
	memory *Memory
	buf    bytes.Buffer
	ended  bool
}

var errEnded = errors.New("blob is committed or aborted already")

func (w *memoryWriter) Write(p []byte) (int, error) {
	if w.ended {
		return 0, errEnded
	}
	return w.buf.Write(p)
}

func (w *memoryWriter) Commit() (Digest, error) {
	if w.ended {
		return Digest{}, errEnded
	}
	w.ended = true
	return w.memory.put(w.buf.Bytes()), nil
}

func (w *memoryWriter) Abort() {
	w.ended = true
	w.buf = bytes.Buffer{}
}

// Discard implements Discarder.
func (m *Memory) Discard(ctx context.Context, d Digest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, d)
	return ctx.Err()
}

// Lookup implements ActionCache.
func (m *Memory) Lookup(ctx context.Context, key Digest) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	m.mu.RLock()
	b, ok := m.results[key]
	m.mu.RUnlock()
	if !ok {
		return Result{}, fmt.Errorf("result of %s: %w", key.Short(), ErrNotFound)
	}
	r, err := ParseResult(m.fn, b)
	if err != nil {
		return Result{}, fmt.Errorf("result of %s: %w: %w", key.Short(), err, ErrNotFound)
	}
	return r, nil
}

// Record implements ActionCache.
func (m *Memory) Record(ctx context.Context, key Digest, r Result) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := r.Encode()
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results[key] = b
	return nil
}

// Draft implements Files.
func (m *Memory) Draft(ctx context.Context, size int64) (Draft, error) {
	return &memoryDraft{memory: m}, ctx.Err()
}

type memoryDraft struct {
	memory *Memory
	data   []byte
	ended  bool
}

func (d *memoryDraft) Write(p []byte) (int, error) {
	if d.ended {
		return 0, errEnded
	}
	d.data = append(d.data, p...)
	return len(p), nil
}

func (d *memoryDraft) WriteAt(p []byte, off int64) (int, error) {
	if d.ended {
		return 0, errEnded
	}
	if off < 0 || off+int64(len(p)) > int64(len(d.data)) {
		return 0, fmt.Errorf("bytes %d to %d of a draft of %d", off, off+int64(len(p)), len(d.data))
	}
	return copy(d.data[off:], p), nil
}

func (d *memoryDraft) Commit(ctx context.Context, readers ...io.Writer) (Digest, error) {
	if d.ended {
		return Digest{}, errEnded
	}
	d.ended = true
	if err := ReadOnce(ctx, bytes.NewReader(d.data), readers...); err != nil {
		return Digest{}, err
	}
	return d.memory.put(d.data), nil
}

func (d *memoryDraft) Abort() {
	d.ended = true
	d.data = nil
}

var _ interface {
	Store
	Discarder
	ActionCache
} = (*Memory)(nil)
