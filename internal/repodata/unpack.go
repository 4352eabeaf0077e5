package repodata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxUnpacked bounds what one frame may unpack to: 1 GiB, several times the
// filelists of the largest distribution.
const maxUnpacked = 1 << 30

// AppendUnpacked appends the text of a file that a FileWriter wrote, of any number of
// frames. What is cut off, not of this compression, or larger than 1 GiB is an error.
func (c Compression) AppendUnpacked(dst, packed []byte) ([]byte, error) {
	switch c {
	case Plain:
		return append(dst, packed...), nil
	case Gzip:
		return appendUnzipped(dst, packed)
	case Zstd:
		d := zstdDecoders.Get().(*zstd.Decoder)
		defer zstdDecoders.Put(d)
		return d.DecodeAll(packed, dst)
	case XZ:
		r, err := xz.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		return appendAll(dst, r)
	}
	return nil, fmt.Errorf("compression %q is not known", string(c))
}

var (
	zstdDecoders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
		if err != nil {
			panic("internal error: " + err.Error()) // options that do not fit
		}
		return d
	}}
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

func appendUnzipped(dst, packed []byte) ([]byte, error) {
	r := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(packed)); err != nil {
		return nil, err
	}
	return appendAll(dst, r)
}

// appendAll appends what a reader yields.
func appendAll(dst []byte, r io.Reader) ([]byte, error) {
	out := sliceWriter(dst)
	n, err := io.Copy(&out, io.LimitReader(r, maxUnpacked+1))
	if err == nil && n > maxUnpacked {
		err = errors.New("unpacks to more than 1 GiB")
	}
	return out, err
}
