package bootimage

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/pungo-build/pungo/cache"
)

// headSize is as much of a file as tells what it is.
const headSize = 1024

// checkFormats reports a kernel or a loader of UEFI that is none, or that is one of
// another arch: nobody would see it before a machine does not start.
func (b *boot) checkFormats(ctx context.Context) error {
	for _, f := range []struct {
		role string
		// kinds returns the arches that a file is for: nil if it is nothing of the role,
		// anyArch if it does not tell.
		kinds func(head []byte) []string
		what  string
	}{{"kernel", kernelArches, "Linux kernel"}, {"efi", programArches, "EFI program"}} {
		n, ok := b.roles[f.role]
		if !ok {
			continue
		}
		head, err := b.head(ctx, n)
		if err != nil {
			return err
		}
		switch arches := f.kinds(head); {
		case arches == nil:
			return fmt.Errorf("%s: no %s of %s: it begins with %q", f.role, f.what, b.Arch, head[:min(len(head), 16)])
		case !slices.Contains(arches, b.Arch) && !slices.Contains(arches, anyArch):
			return fmt.Errorf("%s: %s of %s, want one of %s", f.role, f.what, arches[0], b.Arch)
		}
	}
	return nil
}

func (b *boot) head(ctx context.Context, n cache.Node) ([]byte, error) {
	f, err := b.Trees.Store().Open(ctx, n.Digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headSize)
	read, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return head[:read], nil
}

const anyArch = "any"

// kernelMarks are where kernels have their magic numbers, as Documentation/arch of Linux
// tells: boot.rst of x86 and arm64, boot-image-header.rst of riscv, and zImage of arm.
// What is compressed as a whole tells nothing: GRUB unpacks it.
var kernelMarks = []struct {
	at     int
	magic  string
	arches []string
}{
	{0x202, "HdrS", []string{"x86_64", "i386"}},
	{56, "ARM\x64", []string{"aarch64"}},
	{56, "RSC\x05", []string{"riscv64"}},
	{0x24, "\x18\x28\x6f\x01", []string{"armhfp"}},
	{0, "\x1f\x8b", []string{anyArch}},
}

func kernelArches(head []byte) []string {
	for _, m := range kernelMarks {
		if len(head) > m.at && bytes.HasPrefix(head[m.at:], []byte(m.magic)) {
			return m.arches
		}
	}
	return programArches(head) // zboot, which unpacks itself
}

// machines of PE/COFF, by its specification.
var machines = map[uint16]string{0x8664: "x86_64", 0x14c: "i386", 0xaa64: "aarch64", 0x1c0: "armhfp", 0x1c2: "armhfp", 0x1c4: "armhfp", 0x5064: "riscv64"}

// programArches returns the arch of a program of UEFI: the machine in the header to
// which the word at 0x3c points.
func programArches(head []byte) []string {
	if !bytes.HasPrefix(head, []byte("MZ")) {
		return nil
	}
	const pointer = 0x3c
	if len(head) < pointer+4 {
		return []string{anyArch}
	}
	at := int64(binary.LittleEndian.Uint32(head[pointer:]))
	if at+6 > int64(len(head)) || !bytes.HasPrefix(head[at:], []byte("PE\x00\x00")) {
		return []string{anyArch}
	}
	if arch := machines[binary.LittleEndian.Uint16(head[at+4:])]; arch != "" {
		return []string{arch}
	}
	return []string{anyArch}
}
