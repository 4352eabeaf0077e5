package debrpm

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
	arHeaderEnd  = "`\n"
)

// archive reads the members of an ar archive in their order.
//
//	name 16 | mtime 12 | uid 6 | gid 6 | mode 8 | size 10 | "`\n"
//
// All fields are text, padded with spaces; members are padded to even lengths.
type archive struct {
	r   io.Reader
	odd bool // a byte of padding follows the last member
}

// openArchive reads the magic number.
func openArchive(r io.Reader) (*archive, error) {
	magic := make([]byte, len(arMagic))
	n, err := io.ReadFull(r, magic)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, err
	}
	if magic = magic[:n]; string(magic) != arMagic {
		return nil, fmt.Errorf("begins with %q, want a Debian package, which begins with %q", magic, arMagic)
	}
	return &archive{r: r}, nil
}

// next returns the next member's name and size. The caller reads its content
// with content or skip before the next call. The error is io.EOF after the last.
func (a *archive) next() (name string, size int64, err error) {
	if a.odd {
		if _, err := io.CopyN(io.Discard, a.r, 1); err != nil {
			return "", 0, err // io.EOF: some writers leave the last padding out
		}
	}
	var h [arHeaderSize]byte
	if _, err := io.ReadFull(a.r, h[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = fmt.Errorf("archive ends within the header of a member")
		}
		return "", 0, err
	}
	if end := string(h[58:]); end != arHeaderEnd {
		return "", 0, fmt.Errorf("header of a member ends in %q, want %q", end, arHeaderEnd)
	}
	name = strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
	digits := strings.TrimRight(string(h[48:58]), " ")
	size, err = strconv.ParseInt(digits, 10, 64)
	if err != nil || size < 0 {
		return "", 0, fmt.Errorf("member %q: size %q, want a number", name, digits)
	}
	a.odd = size%2 == 1
	return name, size, nil
}

// content reads a member of the given size. It allocates as bytes arrive, since
// the size may be a lie.
func (a *archive) content(name string, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("member %q has %d bytes, want at most %d", name, size, limit)
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(a.r, size))
	if err == nil && n < size {
		err = fmt.Errorf("archive ends after %d bytes, want %d", n, size)
	}
	if err != nil {
		return nil, fmt.Errorf("member %q: %w", name, err)
	}
	return b.Bytes(), nil
}

func (a *archive) skip(size int64) error {
	_, err := io.CopyN(io.Discard, a.r, size)
	return err
}

// maxControl bounds the unpacked control member: Debian's largest, with its
// list of checksums, has some 10 MB.
const maxControl = 64 << 20

// open reads the members of a Debian package: its control data, and the archive
// of its files, unpacked.
func open(deb io.Reader, limit int64) (*Control, []byte, error) {
	a, err := openArchive(deb)
	if err != nil {
		return nil, nil, err
	}
	c, err := openControl(a)
	if err != nil {
		return nil, nil, err
	}
	data, err := a.unpacked("data.tar", limit+tarOverhead)
	return c, data, err
}

// openControl reads the first two members.
func openControl(a *archive) (*Control, error) {
	name, size, err := a.next()
	if err != nil {
		return nil, fmt.Errorf("no members, want debian-binary: %w", err)
	}
	if name != "debian-binary" {
		return nil, fmt.Errorf("first member %q, want debian-binary", name)
	}
	version, err := a.content(name, size, 1<<10)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(version, []byte("2.")) {
		return nil, fmt.Errorf("format %q, want 2.0", bytes.TrimSpace(version))
	}
	control, err := a.unpacked("control.tar", maxControl)
	if err != nil {
		return nil, err
	}
	return parseControl(control)
}

// unpacked returns the unpacked content of the next member, whose name must be
// base and the ending of a compression. Members whose names begin with '_' are
// left out, as deb(5) says.
func (a *archive) unpacked(base string, limit int64) ([]byte, error) {
	for {
		name, size, err := a.next()
		if err == io.EOF {
			return nil, fmt.Errorf("no member %s.*", base)
		}
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, "_") {
			if err := a.skip(size); err != nil {
				return nil, fmt.Errorf("member %q: %w", name, err)
			}
			continue
		}
		ending, ok := strings.CutPrefix(name, base)
		if !ok {
			return nil, fmt.Errorf("member %q, want %s.*", name, base)
		}
		packed, err := a.content(name, size, limit)
		if err != nil {
			return nil, err
		}
		b, err := unpack(packed, ending, limit)
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", name, err)
		}
		return b, nil
	}
}
