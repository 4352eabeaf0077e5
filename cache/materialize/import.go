package materialize

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/pungo-build/pungo/cache"
)

// pieceSize is how much is read at a time: BLAKE3 wants pieces of a MiB.
const pieceSize = 1 << 20

var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// Import stores what is left to read of f. It reads f to the end, so what was
// written to f meanwhile may be in it or not; callers who mind compare the file's
// status before and after.
func Import(ctx context.Context, store cache.Files, f *os.File) (cache.Digest, error) {
	w, err := store.Create(ctx)
	if err != nil {
		return cache.Digest{}, err
	}
	defer w.Abort()
	if err := copyPieces(ctx, w, f); err != nil {
		return cache.Digest{}, err
	}
	return w.Commit()
}

// copyPieces copies src to dst by pieces that are full, but for the last.
func copyPieces(ctx context.Context, dst io.Writer, src io.Reader) error {
	piece := pieces.Get().(*[pieceSize]byte)
	defer pieces.Put(piece)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(src, piece[:])
		if n > 0 {
			if _, err := dst.Write(piece[:n]); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}
