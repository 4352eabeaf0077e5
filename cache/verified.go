package cache

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Verified returns a Store that checks what it reads against its digest: Get
// before it returns, a File when it is read to its end with Read or WriteTo.
// Bytes that have another digest are set aside, if store is a Discarder, and
// reported as a BlobError that wraps ErrCorrupt; then the blob is missing, and
// made again.
func Verified(store Store) Store { return &verified{store} }

type verified struct{ Store }

func (v *verified) Get(ctx context.Context, d Digest) ([]byte, error) {
	if r, ok := v.Store.(Recaller); ok {
		if data, ok := r.Recall(d); ok {
			return data, ctx.Err()
		}
	}
	data, err := v.Store.Get(ctx, d)
	if err == nil && d.Function().Sum(data) != d {
		err = &BlobError{d, ErrCorrupt}
	}
	if err != nil {
		return nil, v.setAside(ctx, d, err)
	}
	return data, nil
}

func (v *verified) Open(ctx context.Context, d Digest) (File, error) {
	file, err := v.Store.Open(ctx, d)
	if err != nil {
		return nil, v.setAside(ctx, d, err)
	}
	return &verifiedFile{File: file, want: d, corrupt: func() error {
		// The reader has his bytes already; whether he still wants to wait for
		// more is no reason to leave the blob in place.
		return v.setAside(context.WithoutCancel(ctx), d, &BlobError{d, ErrCorrupt})
	}}, nil
}

// setAside returns err after it discarded the blob, if that is what err is about.
func (v *verified) setAside(ctx context.Context, d Digest, err error) error {
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	return errors.Join(err, v.Discard(ctx, d))
}

// Discard implements Discarder: as the store below does.
func (v *verified) Discard(ctx context.Context, d Digest) error {
	if below, ok := v.Store.(Discarder); ok {
		return below.Discard(ctx, d)
	}
	return nil
}

// Noted implements Noter: as the store below does.
func (v *verified) Noted(ctx context.Context, d Digest) (Note, bool) {
	if below, ok := v.Store.(Noter); ok {
		return below.Noted(ctx, d)
	}
	return Note{}, false
}

// TakeNote implements Noter: as the store below does.
func (v *verified) TakeNote(ctx context.Context, d Digest, n Note) error {
	if below, ok := v.Store.(Noter); ok {
		return below.TakeNote(ctx, d, n)
	}
	return nil
}

// verifiedFile hashes what Read and WriteTo give, in order. ReadAt does not
// touch the position of either.
type verifiedFile struct {
	File
	want    Digest
	hasher  *Hasher // from the first Read on: many a file is only looked into
	corrupt func() error
	err     error // of the end that was no good, for whoever reads on
}

func (f *verifiedFile) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.File.Read(p)
	if f.hasher == nil {
		f.hasher = f.want.Function().New()
	}
	f.hasher.Write(p[:n])
	if f.hasher.size > f.want.size || err == io.EOF && f.hasher.Digest() != f.want {
		f.err = f.corrupt()
		return n, f.err
	}
	return n, err
}

// pieces are the buffers of WriteTo; BLAKE3 wants a MiB at once.
var pieces = sync.Pool{New: func() any { return new([1 << 20]byte) }}

// WriteTo implements io.WriterTo, which io.Copy prefers over 32 KiB pieces.
func (f *verifiedFile) WriteTo(w io.Writer) (int64, error) {
	piece := pieces.Get().(*[1 << 20]byte)
	defer pieces.Put(piece)
	var total int64
	for {
		n, err := f.Read(piece[:])
		if n > 0 {
			written, werr := w.Write(piece[:n])
			total += int64(written)
			if werr != nil {
				return total, werr
			}
		}
		switch {
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		}
	}
}
