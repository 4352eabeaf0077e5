package debrpm

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// unpack unpacks what the ending of a file name says it is packed with.
func unpack(packed []byte, ending string, limit int64) ([]byte, error) {
	switch ending {
	case "":
		return packed, nil
	case ".gz":
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		return readAll(r, limit)
	case ".xz":
		// The library takes what memory a file asks for as its dictionary: 64 MiB at
		// the highest level of dpkg. It is for packages that apt has verified.
		r, err := xz.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		return readAll(r, limit)
	case ".zst":
		r, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return readAll(r, limit)
	}
	return nil, fmt.Errorf("compression %q, want none, .gz, .xz or .zst", ending)
}

// maxWindow bounds the memory of decoders: dpkg's highest levels use 64 MiB, and
// zstd with --ultra 128 MiB.
const maxWindow = 128 << 20

// readAll reads r to its end, which must come within limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("more than %d bytes unpacked", limit)
	}
	return b.Bytes(), nil
}
