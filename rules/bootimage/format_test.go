package bootimage

import (
	"slices"
	"strings"
	"testing"
)

func TestFormats(t *testing.T) {
	at := func(offset int, text string) string { return strings.Repeat("\x00", offset) + text }
	program := func(machine string) string {
		return "MZ" + strings.Repeat("\x00", 0x3c-2) + "\x80\x00\x00\x00" + at(0x80-0x40, "PE\x00\x00"+machine)
	}
	for _, tt := range []struct {
		name, head string
		kernel     []string
		program    []string
	}{
		{"x86", at(0x202, "HdrS"), []string{"x86_64", "i386"}, nil},
		{"arm64", "MZ" + at(54, "ARM\x64"), []string{"aarch64"}, []string{anyArch}},
		{"riscv", at(56, "RSC\x05"), []string{"riscv64"}, nil},
		{"arm", at(0x24, "\x18\x28\x6f\x01"), []string{"armhfp"}, nil},
		{"gzip", "\x1f\x8b\x08", []string{anyArch}, nil},
		{"zboot", program("\x64\xaa"), []string{"aarch64"}, []string{"aarch64"}},
		{"x86_64 program", program("\x64\x86"), []string{"x86_64"}, []string{"x86_64"}},
		{"i386 program", program("\x4c\x01"), []string{"i386"}, []string{"i386"}},
		{"unknown machine", program("\x00\x00"), []string{anyArch}, []string{anyArch}},
		{"short program", "MZ", []string{anyArch}, []string{anyArch}},
		{"header far away", "MZ" + strings.Repeat("\xff", 100), []string{anyArch}, []string{anyArch}},
		{"text", "x\n", nil, nil},
		{"empty", "", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := kernelArches([]byte(tt.head)); !slices.Equal(got, tt.kernel) {
				t.Errorf("as a kernel: got %q, want %q", got, tt.kernel)
			}
			if got := programArches([]byte(tt.head)); !slices.Equal(got, tt.program) {
				t.Errorf("as a program: got %q, want %q", got, tt.program)
			}
		})
	}
}
