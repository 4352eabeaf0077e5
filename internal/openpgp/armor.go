package openpgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
)

// block is a part of a file: an armored block, or all of a file that is not armored.
type block struct {
	kind string // "" if it was not armored
	data []byte
}

var (
	armorBegin = []byte("-----BEGIN PGP ")
	armorEnd   = []byte("-----END PGP ")
)

// unarmored returns the blocks of a file, which have to be of one of some kinds. Text
// between blocks is passed over: key files have their owners in it.
func unarmored(data []byte, kinds ...string) ([]block, error) {
	if !bytes.Contains(data, armorBegin) {
		return []block{{data: data}}, nil
	}
	var blocks []block
	for {
		begin := bytes.Index(data, armorBegin)
		if begin < 0 {
			return blocks, nil
		}
		data = data[begin:]
		end := bytes.Index(data, armorEnd)
		if end < 0 {
			return nil, errors.New("armor without an end")
		}
		if i := bytes.IndexByte(data[end:], '\n'); i >= 0 {
			end += i + 1
		} else {
			end = len(data)
		}
		b, err := unarmor(data[:end], kinds)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
		data = data[end:]
	}
}

func unarmor(data []byte, kinds []string) (block, error) {
	b, err := armor.Decode(bytes.NewReader(data))
	if err != nil {
		return block{}, errors.New("armor that cannot be read")
	}
	if !slices.Contains(kinds, b.Type) {
		return block{}, fmt.Errorf("a %s, want a %s", strings.TrimSpace(b.Type), kinds[0])
	}
	body, err := io.ReadAll(b.Body)
	if err != nil {
		return block{}, fmt.Errorf("armor: %w", plain(err))
	}
	return block{b.Type, body}, nil
}
