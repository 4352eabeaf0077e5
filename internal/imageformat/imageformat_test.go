package imageformat

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/productmd"
)

// at returns size zeros with texts in them.
func at(size int, texts map[int]string) []byte {
	b := make([]byte, size)
	for place, text := range texts {
		copy(b[place:], text)
	}
	return b
}

func little(n uint64, bytes int) string {
	return string(binary.LittleEndian.AppendUint64(nil, n)[:bytes])
}

func TestCheck(t *testing.T) {
	qcow := map[int]string{0: "QFI\xfb\x00\x00\x00\x03", 31: "\x01"}
	tests := []struct {
		name, format string
		image        []byte
		want         string // "" if it is fine
	}{
		{"iso", "iso", at(20*2048, map[int]string{0x8001: "CD001", 0x8050: little(20, 4)}), ""},
		{"iso cut off", "iso", at(20*2048, map[int]string{0x8001: "CD001", 0x8050: little(21, 4)}), "it ends after 40960 bytes, and says that it has 43008"},
		{"no iso", "iso", at(20*2048, nil), `not ISO 9660: found "\x00\x00\x00\x00\x00" at byte 32769, want "CD001"`},
		{"short iso", "iso", at(100, nil), "not ISO 9660: it has 100 bytes"},
		{"qcow2", "qcow2", at(100, qcow), ""},
		{"qcow2 as qcow", "qcow", at(100, qcow), "QCOW version 3, want 1 to 1"},
		{"qcow2 of nothing", "qcow2", at(100, map[int]string{0: "QFI\xfb\x00\x00\x00\x02"}), "QCOW of a disk without a byte"},
		{"vmdk", "vmdk", at(100, map[int]string{0: "KDMV"}), ""},
		{"vmdk in text", "vmdk", at(100, map[int]string{0: "# Disk DescriptorFile\n"}), ""},
		{"vdi", "vdi", at(100, map[int]string{0x40: "\x7f\x10\xda\xbe"}), ""},
		{"vhd", "vhd", at(1024, map[int]string{512: "conectix"}), ""},
		{"vhd without footer", "vhd", at(1024, map[int]string{0: "conectix"}), `not VHD: found "\x00\x00\x00\x00\x00\x00\x00\x00" at byte 512, want "conectix"`},
		{"squashfs", "squashfs", at(100, map[int]string{0: "hsqs", 40: little(100, 8)}), ""},
		{"squashfs cut off", "liveimg.squashfs", at(100, map[int]string{0: "hsqs", 40: little(101, 8)}), "it ends after 100 bytes, and says that it has 101"},
		{"erofs", "erofs", at(2048, map[int]string{0x400: "\xe2\xe1\xf5\xe0"}), ""},
		{"xz", "raw.xz", at(32, map[int]string{0: "\xfd7zXZ\x00", 30: "YZ"}), ""},
		{"xz cut off", "raw.xz", at(32, map[int]string{0: "\xfd7zXZ\x00"}), `not a whole xz: found "\x00\x00" at byte 30, want "YZ"`},
		{"xz of odd size", "tar.xz", at(33, map[int]string{0: "\xfd7zXZ\x00", 31: "YZ"}), "xz of 33 bytes, want a multiple of 4"},
		{"gzip", "tar.gz", at(32, map[int]string{0: "\x1f\x8b\x08"}), ""},
		{"tar", "ociarchive", at(512, map[int]string{0x101: "ustar"}), ""},
		{"box", "vagrant-libvirt.box", at(512, map[int]string{0: "\x1f\x8b\x08"}), ""},
		{"no format", "floppy", nil, `format "floppy" is not known`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := Check(bytes.NewReader(test.image), int64(len(test.image)), test.format); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestFormats: every format that productmd has can be looked at.
func TestFormats(t *testing.T) {
	for _, format := range productmd.ImageFormats() {
		if checkOf(format) == nil {
			t.Errorf("nobody looks at images of format %q", format)
		}
	}
}

// TestBoot looks at what xorriso makes, which is for CD and USB stick alike.
func TestBoot(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"tree/boot.img": strings.Repeat("b", 2048), "mbr": strings.Repeat("m", 432)} {
		if err := os.MkdirAll(dir+"/tree", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"plain", nil, nil},
		{"El Torito", []string{"-b", "boot.img", "-no-emul-boot"}, []string{"El Torito"}},
		{"hybrid", []string{"-b", "boot.img", "-no-emul-boot", "-isohybrid-mbr", "mbr"}, []string{"MBR", "El Torito"}},
		{"GPT", []string{"-append_partition", "2", "0xef", "tree/boot.img", "-appended_part_as_gpt"}, []string{"MBR", "GPT"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command("xorriso", append(append([]string{"-as", "mkisofs", "-quiet", "-o", test.name}, test.args...), "tree")...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("xorriso: %v\n%s", err, out)
			}
			data, err := os.ReadFile(dir + "/" + test.name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Boot(bytes.NewReader(data), int64(len(data)))
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %q and error %v, want %q", got, err, test.want)
			}
			if err := Check(bytes.NewReader(data), int64(len(data)), "iso"); err != nil {
				t.Error(err)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(at(40*2048, map[int]string{0x8001: "CD001", 0x8801: "CD001\x01EL TORITO SPECIFICATION", 0x8850: "\xff\xff\xff\xff"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		for format := range checks {
			Check(bytes.NewReader(data), int64(len(data)), format)
		}
		if _, err := Boot(bytes.NewReader(data), int64(len(data))); err != nil {
			t.Error(err)
		}
	})
}
