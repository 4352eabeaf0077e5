// Package imageformat looks at the first and last bytes of images: whether they are
// what their format says, and whether a machine could boot from them.
//
//	format                at       is
//	iso                   0x8001   CD001, and the sectors it says it has are there
//	qcow2, qcow           0        QFI 0xfb, version 2 or 3; version 1
//	vmdk                  0        KDMV, or the text of a descriptor
//	vdi                   0x40     7f 10 da be
//	vhd                   end-512  conectix
//	raw                   0        anything
//	squashfs              0        hsqs, and the bytes it says it has are there
//	erofs                 0x400    e2 e1 f5 e0
//	*.xz                  0, end   fd 7zXZ 00, YZ
//	*.gz                  0        1f 8b 08
//	tar, ociarchive, ova  0x101    ustar
//	appx                  0        PK 03 04
//	wsl, box              0        one of tar, gz, xz
package imageformat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Check reports whether an image of size bytes is what its format says: one of
// productmd's, such as "iso" or "raw.xz".
func Check(r io.ReaderAt, size int64, format string) error {
	check := checkOf(format)
	if check == nil {
		return fmt.Errorf("format %q is not known", format)
	}
	return check(&image{r, size})
}

// checkOf returns the check of a format; of what is packed, that of the packing.
func checkOf(format string) func(*image) error {
	if check, ok := checks[format]; ok {
		return check
	}
	for _, suffix := range []string{"xz", "gz", "box", "ova", "squashfs"} {
		if strings.HasSuffix(format, "."+suffix) {
			return checks[suffix]
		}
	}
	return nil
}

var checks = map[string]func(*image) error{
	"iso":        (*image).iso,
	"qcow2":      func(i *image) error { return i.qcow(2, 3) },
	"qcow":       func(i *image) error { return i.qcow(1, 1) },
	"vmdk":       func(i *image) error { return i.oneOf("VMDK", mark{0, "KDMV"}, mark{0, "# Disk DescriptorFile"}) },
	"vdi":        func(i *image) error { return i.oneOf("VDI", mark{0x40, "\x7f\x10\xda\xbe"}) },
	"vhd":        func(i *image) error { return i.oneOf("VHD", mark{i.size - 512, "conectix"}) },
	"raw":        func(*image) error { return nil },
	"squashfs":   (*image).squashfs,
	"erofs":      func(i *image) error { return i.oneOf("EROFS", mark{0x400, "\xe2\xe1\xf5\xe0"}) },
	"xz":         (*image).xz,
	"gz":         func(i *image) error { return i.oneOf("gzip", gzip) },
	"tar":        func(i *image) error { return i.oneOf("tar", tar) },
	"oci":        func(i *image) error { return i.oneOf("tar", tar) },
	"ociarchive": func(i *image) error { return i.oneOf("tar", tar) },
	"ova":        func(i *image) error { return i.oneOf("tar", tar) },
	"appx":       func(i *image) error { return i.oneOf("zip", mark{0, "PK\x03\x04"}) },
	"wsl":        func(i *image) error { return i.oneOf("tar, gzip or xz", tar, gzip, xz) },
	"box":        func(i *image) error { return i.oneOf("tar, gzip or xz", tar, gzip, xz) },
}

var (
	tar  = mark{0x101, "ustar"}
	gzip = mark{0, "\x1f\x8b\x08"}
	xz   = mark{0, "\xfd7zXZ\x00"}
)

// mark is what has to stand at a place.
type mark struct {
	at   int64
	text string
}

type image struct {
	r    io.ReaderAt
	size int64
}

// read returns n bytes; zeros where the image has none.
func (i *image) read(at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	if at < 0 || at >= i.size {
		return b, nil
	}
	if _, err := i.r.ReadAt(b, at); err != nil && err != io.EOF {
		return nil, err
	}
	return b, nil
}

func (i *image) has(m mark) (bool, error) {
	b, err := i.read(m.at, len(m.text))
	return string(b) == m.text, err
}

// oneOf wants one of several marks.
func (i *image) oneOf(what string, marks ...mark) error {
	for _, m := range marks {
		if ok, err := i.has(m); ok || err != nil {
			return err
		}
	}
	m := marks[0]
	if m.at < 0 || m.at+int64(len(m.text)) > i.size {
		return fmt.Errorf("not %s: it has %d bytes", what, i.size)
	}
	found, err := i.read(m.at, len(m.text))
	if err != nil {
		return err
	}
	return fmt.Errorf("not %s: found %q at byte %d, want %q", what, found, m.at, m.text)
}

// sector is that of a disc, in bytes.
const sector = 2048

func (i *image) iso() error {
	if err := i.oneOf("ISO 9660", mark{0x8001, "CD001"}); err != nil {
		return err
	}
	b, err := i.read(0x8000, sector)
	if err != nil {
		return err
	}
	sectors := int64(binary.LittleEndian.Uint32(b[80:]))
	if sectors*sector > i.size {
		return fmt.Errorf("it ends after %d bytes, and says that it has %d", i.size, sectors*sector)
	}
	return nil
}

func (i *image) qcow(least, most uint32) error {
	if err := i.oneOf("QCOW", mark{0, "QFI\xfb"}); err != nil {
		return err
	}
	b, err := i.read(0, 32)
	if err != nil {
		return err
	}
	if v := binary.BigEndian.Uint32(b[4:]); v < least || v > most {
		return fmt.Errorf("QCOW version %d, want %d to %d", v, least, most)
	}
	if binary.BigEndian.Uint64(b[24:]) == 0 {
		return errors.New("QCOW of a disk without a byte")
	}
	return nil
}

func (i *image) squashfs() error {
	if err := i.oneOf("SquashFS", mark{0, "hsqs"}); err != nil {
		return err
	}
	b, err := i.read(40, 8)
	if err != nil {
		return err
	}
	if used := binary.LittleEndian.Uint64(b); used > uint64(i.size) {
		return fmt.Errorf("it ends after %d bytes, and says that it has %d", i.size, used)
	}
	return nil
}

// xz wants the end of a stream, too: what is cut off has none.
func (i *image) xz() error {
	if err := i.oneOf("xz", xz); err != nil {
		return err
	}
	if i.size%4 != 0 {
		return fmt.Errorf("xz of %d bytes, want a multiple of 4", i.size)
	}
	return i.oneOf("a whole xz", mark{i.size - 2, "YZ"})
}

// Boot tells by what a machine could boot from an image that is not packed: "MBR",
// "GPT", "El Torito".
func Boot(r io.ReaderAt, size int64) ([]string, error) {
	i := &image{r, size}
	var found []string
	for _, m := range []struct {
		mark
		name string
	}{{mark{0x1fe, "\x55\xaa"}, "MBR"}, {mark{0x200, "EFI PART"}, "GPT"}} {
		ok, err := i.has(m.mark)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, m.name)
		}
	}
	ok, err := i.elTorito()
	if ok {
		found = append(found, "El Torito")
	}
	return found, err
}

// elTorito looks for the boot record among the volume descriptors of a disc, up to
// the one that ends them, and wants its catalog to be there.
func (i *image) elTorito() (bool, error) {
	const most = 64
	for n := int64(16); n < 16+most; n++ {
		b, err := i.read(n*sector, sector)
		if err != nil || string(b[1:6]) != "CD001" || b[0] == 255 {
			return false, err
		}
		if b[0] != 0 || !bytes.HasPrefix(b[7:], []byte("EL TORITO SPECIFICATION")) {
			continue
		}
		catalog, err := i.read(int64(binary.LittleEndian.Uint32(b[71:]))*sector, 32)
		if err != nil {
			return false, err
		}
		if catalog[0] == 1 && catalog[30] == 0x55 && catalog[31] == 0xaa {
			return true, nil
		}
	}
	return false, nil
}
