package repodata

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

// PackText packs text for our own keeping with S2: it takes three times the room of
// gzip, and a tenth of the time to unpack.
func PackText(text []byte) []byte { return s2.Encode(nil, text) }

// UnpackText unpacks what PackText packed, into buffer if that is large enough. What
// is not of S2, or larger than 1 GiB, is an error.
func UnpackText(buffer, packed []byte) ([]byte, error) {
	n, err := s2.DecodedLen(packed)
	if err == nil && n > maxUnpacked {
		err = fmt.Errorf("unpacks to %d bytes, more than 1 GiB", n)
	}
	if err != nil {
		return nil, err
	}
	return s2.Decode(buffer[:cap(buffer)], packed)
}
