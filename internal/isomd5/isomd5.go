// Package isomd5 computes the MD5 sum that an ISO image carries within itself, by
// which an installer checks its medium, and reads it back.
//
// The sum is that of isomd5sum: implantisomd5(1) writes it, checkisomd5(1) and
// Anaconda's media check read it. It stands in the field of the primary volume
// descriptor that is for applications, at byte 883, 512 bytes padded with spaces:
//
//	ISO MD5SUM = 32 digits;SKIPSECTORS = 15;RHLISOSTATUS=0;FRAGMENT SUMS = 60 digits;FRAGMENT COUNT = 20;THIS IS NOT …
//
// It is the MD5 of the volume without its last 15 sectors, with spaces where it is
// itself. So that a bad disc is found early, there are the sums of 20 fragments: of
// the sum up to about n/21 of the volume, the higher digit of each of the first
// three bytes, or what "%x" prints first.
package isomd5

import (
	"bytes"
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

const (
	sector = 2048
	// descriptor is where the primary volume descriptor stands, behind the system area.
	descriptor = 16 * sector
	// applicationUse is where the descriptor has the field, and fieldSize its size.
	applicationUse = 883
	fieldSize      = 512
	// volumeSpaceSize is where it has the number of sectors, big endian.
	volumeSpaceSize = 84
	// skipped are the sectors at the end that do not count: drives have trouble there.
	skipped = 15
	// fragments is the number of fragment sums, and step the bytes after which it is
	// seen whether a fragment is over: the buffer of implantisomd5.
	fragments = 20
	step      = 32 << 10
)

// Sum takes an image that is written to it from begin to end.
type Sum struct {
	md5   hash.Hash
	again bool   // the image has its sum already
	head  []byte // the image up to the end of the descriptor
	// size is that of the part that counts; 0 before the descriptor was read.
	size, done int64
	fragment   int64 // the last one that has its sum
	sums       []byte
	pending    []byte // less than a step
	err        error
}

// New returns a Sum for an image that is to have it.
func New() *Sum { return &Sum{md5: md5.New()} }

// Again returns a Sum for an image that has one: what is to be the same. It leaves it to
// Finish to say what is wrong.
func Again() *Sum { return &Sum{md5: md5.New(), again: true} }

// Write implements io.Writer. It fails if what is written is no ISO image, or a new one
// whose field for applications is in use.
func (s *Sum) Write(p []byte) (int, error) {
	total := len(p)
	if s.size == 0 && s.err == nil {
		p = s.begin(p)
	}
	if s.size > 0 && s.err == nil {
		s.steps(p)
	}
	if s.err != nil && !s.again {
		return 0, s.err
	}
	return total, nil
}

// begin gathers the head, and returns what of p comes behind it.
func (s *Sum) begin(p []byte) []byte {
	const whole = descriptor + sector
	n := min(whole-len(s.head), len(p))
	s.head = append(s.head, p[:n]...)
	if len(s.head) < whole {
		return nil
	}
	d := s.head[descriptor:]
	if d[0] != 1 || string(d[1:6]) != "CD001" {
		s.err = errors.New("no ISO 9660 image: it has no primary volume descriptor at sector 16")
		return nil
	}
	field := d[applicationUse : applicationUse+fieldSize]
	if s.again {
		copy(field, bytes.Repeat([]byte{' '}, fieldSize))
	}
	if len(bytes.Trim(field, " ")) > 0 {
		s.err = errors.New("the image has something where its MD5 sum is to be implanted")
		return nil
	}
	if s.size = (int64(binary.BigEndian.Uint32(d[volumeSpaceSize:])) - skipped) * sector; s.size <= whole {
		s.err = fmt.Errorf("an image of %d bytes is too small for an implanted MD5 sum", s.size+skipped*sector)
		return nil
	}
	s.steps(s.head)
	return p[n:]
}

// steps sums up whole steps, and keeps the rest.
func (s *Sum) steps(p []byte) {
	if len(s.pending) > 0 {
		n := min(step-len(s.pending), len(p))
		s.pending = append(s.pending, p[:n]...)
		p = p[n:]
		if len(s.pending) < step {
			return
		}
		s.step(s.pending)
		s.pending = s.pending[:0]
	}
	for ; len(p) >= step; p = p[step:] {
		s.step(p[:step])
	}
	s.pending = append(s.pending, p...)
}

// step sums up a step. Whether a fragment is over is seen by where the step began.
func (s *Sum) step(p []byte) {
	left := s.size - s.done
	if left <= 0 {
		return
	}
	s.md5.Write(p[:min(int64(len(p)), left)])
	if fragment := s.done * (fragments + 1) / s.size; fragment != s.fragment {
		s.fragment = fragment
		s.sums = append(s.sums, s.fragmentSum()...)
	}
	s.done += int64(len(p))
}

// fragmentSum is what is kept of the sum so far: what "%x" prints first of three bytes.
func (s *Sum) fragmentSum() []byte {
	state, err := s.md5.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // it has no reason to fail
	}
	h := md5.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		panic(err)
	}
	digest := h.Sum(nil)
	sum := make([]byte, 3)
	for i := range sum {
		sum[i] = strconv.FormatInt(int64(digest[i]), 16)[0]
	}
	return sum
}

// Implanted is the sum that an image has within itself.
type Implanted struct {
	MD5 string // 32 hexadecimal digits
	// Supported is a flag for installers: the release is one that is supported.
	Supported bool
	// FragmentSums are 3 digits for each fragment. An image of less than 700 kB has
	// fewer than 20 fragments, which checkisomd5 takes for a damage.
	FragmentSums string
}

// Finish returns the sum of all that was written.
func (s *Sum) Finish() (Implanted, error) {
	if s.size > 0 && s.err == nil {
		s.step(s.pending)
	}
	switch {
	case s.err != nil:
		return Implanted{}, s.err
	case s.size == 0:
		return Implanted{}, fmt.Errorf("no ISO 9660 image: it has %d bytes", len(s.head))
	case s.done < s.size:
		return Implanted{}, fmt.Errorf("the image ends after %d bytes, and says that it has %d", s.done, s.size+skipped*sector)
	}
	return Implanted{MD5: hex.EncodeToString(s.md5.Sum(nil)), FragmentSums: string(s.sums)}, nil
}

// VolumeID returns the volume id of an image that was written.
func (s *Sum) VolumeID() string {
	if s.size == 0 {
		return ""
	}
	return volumeID(s.head[descriptor:])
}

func volumeID(d []byte) string { return strings.TrimRight(string(d[40:72]), " \x00") }

// Offset is where in an image the field begins that Field has the content of.
const Offset = descriptor + applicationUse

// Field is what is written at Offset.
func (i *Implanted) Field() []byte {
	supported := 0
	if i.Supported {
		supported = 1
	}
	text := fmt.Sprintf("ISO MD5SUM = %s;SKIPSECTORS = %d;RHLISOSTATUS=%d;FRAGMENT SUMS = %s;FRAGMENT COUNT = %d;THIS IS NOT THE SAME AS RUNNING MD5SUM ON THIS ISO!!",
		i.MD5, skipped, supported, i.FragmentSums, fragments)
	return append([]byte(text), bytes.Repeat([]byte{' '}, fieldSize-len(text))...)
}

// Volume is what the primary volume descriptor says of an image.
type Volume struct {
	ID string
	// Sectors is the number of its sectors, 2048 bytes each.
	Sectors int64
	// Implanted is nil if the image has no implanted sum.
	Implanted *Implanted
}

// Read reads what the descriptor of an image says.
func Read(r io.ReaderAt) (*Volume, error) {
	d := make([]byte, sector)
	if _, err := r.ReadAt(d, descriptor); err != nil && err != io.EOF {
		return nil, err
	}
	if d[0] != 1 || string(d[1:6]) != "CD001" {
		return nil, errors.New("no ISO 9660 image: it has no primary volume descriptor at sector 16")
	}
	v := &Volume{ID: volumeID(d), Sectors: int64(binary.BigEndian.Uint32(d[volumeSpaceSize:]))}
	v.Implanted = parse(string(d[applicationUse : applicationUse+fieldSize]))
	return v, nil
}

// parse reads the field, or returns nil.
func parse(field string) *Implanted {
	values := map[string]string{}
	for part := range strings.SplitSeq(field, ";") {
		if name, value, ok := strings.Cut(part, "="); ok {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	i := &Implanted{MD5: values["ISO MD5SUM"], Supported: values["RHLISOSTATUS"] == "1", FragmentSums: values["FRAGMENT SUMS"]}
	if _, err := hex.DecodeString(i.MD5); err != nil || len(i.MD5) != 2*md5.Size {
		return nil
	}
	return i
}
