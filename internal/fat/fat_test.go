package fat

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sample has short and long names, an empty file, and one of several clusters.
func sample() *Image {
	return &Image{Label: "ANACONDA", Serial: 0x20261122, Files: []File{
		{Path: "EFI/BOOT/BOOTX64.EFI", Data: bytes.Repeat([]byte("loader "), 10000), ModTime: 1769860000},
		{Path: "EFI/BOOT/grub.cfg", Data: []byte("search\n"), ModTime: 1769860002},
		{Path: "EFI/BOOT/a rather long name.conf", Data: []byte("x"), ModTime: 0},
		{Path: "EFI/BOOT/a rather long game.conf", ModTime: 1769860000},
		{Path: "mach_kernel", Data: []byte("Dummy\n"), ModTime: 1769860000},
	}}
}

func TestReadWhatWasWritten(t *testing.T) {
	want := sample()
	for _, size := range []int{0, 3 << 20, 80 << 20} {
		b, err := want.Write(size)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < size || len(b) > size+4<<20 {
			t.Errorf("got %d bytes, want %d or a little more", len(b), size)
		}
		again, _ := want.Write(size)
		if !bytes.Equal(b, again) {
			t.Error("the same files make other bytes")
		}
		got, err := Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := show(got), show(want); g != w {
			t.Errorf("got\n%s\nwant\n%s", g, w)
		}
	}
}

func show(i *Image) string {
	var lines []string
	for _, f := range i.Files {
		lines = append(lines, fmt.Sprintf("%s %d %x", f.Path, max(f.ModTime, 315532800), f.Data[:min(8, len(f.Data))]))
	}
	for k := range lines { // in the order of their paths
		for m := k; m > 0 && lines[m] < lines[m-1]; m-- {
			lines[m], lines[m-1] = lines[m-1], lines[m]
		}
	}
	return fmt.Sprintf("%s %x\n%s", i.Label, i.Serial, strings.Join(lines, "\n"))
}

// TestPrograms holds images against the programs of dosfstools and mtools.
func TestPrograms(t *testing.T) {
	b, err := sample().Write(0)
	if err != nil {
		t.Fatal(err)
	}
	img := filepath.Join(t.TempDir(), "efiboot.img")
	if err := os.WriteFile(img, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("/usr/sbin/fsck.fat", "-n", "-v", img).CombinedOutput(); err != nil {
		t.Errorf("fsck.fat: %v\n%s", err, out)
	}
	out, err := exec.Command("mtype", "-i", img, "::EFI/BOOT/grub.cfg").CombinedOutput()
	if err != nil || string(out) != "search\n" {
		t.Errorf("mtype: %q, error %v", out, err)
	}
	out, err = exec.Command("mdir", "-b", "-/", "-i", img, "::").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "::/EFI/BOOT/a rather long name.conf\n") {
		t.Errorf("mdir: %s, error %v", out, err)
	}
	for _, bits := range []string{"12", "16", "32"} {
		t.Run("FAT"+bits, func(t *testing.T) { testRead(t, bits) })
	}
}

// testRead reads what mkfs.fat and mcopy make.
func testRead(t *testing.T, bits string) {
	dir := t.TempDir()
	img, file := filepath.Join(dir, "img"), filepath.Join(dir, "grub.cfg")
	content := bytes.Repeat([]byte("search "), 3000)
	if err := os.WriteFile(file, content, 0o666); err != nil {
		t.Fatal(err)
	}
	size := map[string]string{"12": "1440", "16": "16384", "32": "40960"}[bits]
	for _, args := range [][]string{
		{"/usr/sbin/mkfs.fat", "-F", bits, "-n", "EFI", "-i", "12345678", "-C", img, size},
		{"mmd", "-i", img, "::EFI", "::EFI/BOOT"},
		{"mcopy", "-i", img, file, "::EFI/BOOT/grub.cfg"},
		{"mcopy", "-i", img, file, "::EFI/BOOT/a rather long name.conf"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	b, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	i, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if i.Label != "EFI" || i.Serial != 0x12345678 || len(i.Files) != 2 ||
		i.Files[0].Path != "EFI/BOOT/a rather long name.conf" || !bytes.Equal(i.Files[1].Data, content) {
		t.Errorf("got label %q, serial %x, %d files", i.Label, i.Serial, len(i.Files))
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		image Image
		want  string
	}{
		{"label", Image{Label: "a name that is too long"}, `label "a name that is too long", want at most 11 letters, digits, spaces, _ and -`},
		{"path", Image{Files: []File{{Path: "../x"}}}, `path "../x", want a clean relative one`},
		{"twice", Image{Files: []File{{Path: "EFI/x"}, {Path: "efi/X"}}}, `path "efi/X" is there twice`},
		{"name", Image{Files: []File{{Path: "a:b"}}}, `path "a:b": FAT has no file of the name "a:b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.image.Write(0); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	b, err := sample().Write(0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:200<<10])
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := Read(b)
		if err != nil {
			return
		}
		for _, file := range i.Files {
			if checkPath(file.Path) != nil {
				t.Errorf("path %q", file.Path)
			}
		}
	})
}
