package fat

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs/filesystem/fat12"
	"github.com/diskfs/go-diskfs/filesystem/fat32"
)

// sample has short and long names, and files of one and of several clusters.
func sample() []File {
	return []File{
		{Path: "EFI/BOOT/BOOTX64.EFI", Data: bytes.Repeat([]byte("loader "), 10000), ModTime: 1769860000},
		{Path: "EFI/BOOT/grub.cfg", Data: []byte("search\n"), ModTime: 1769860002},
		{Path: "EFI/BOOT/a rather long name.conf", Data: []byte("x"), ModTime: 0},
		{Path: "EFI/BOOT/a rather long game.conf", Data: []byte("y"), ModTime: 1769860000},
		{Path: "mach_kernel", Data: []byte("Dummy\n"), ModTime: 1769860000},
	}
}

// held writes an image for other programs to look at, and has dosfstools check it.
func held(t *testing.T, image []byte) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "efiboot.img")
	if err := os.WriteFile(file, image, 0o666); err != nil {
		t.Fatal(err)
	}
	run(t, "/usr/sbin/fsck.fat", "-n", "-v", file)
	return file
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestWrite(t *testing.T) {
	image, err := Write(sample())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1000000000")
	again, err := Write(sample())
	if err != nil || !bytes.Equal(image, again) {
		t.Errorf("the same files make other bytes, error %v", err)
	}
	file := held(t, image)
	for _, f := range sample() {
		if got := run(t, "mtype", "-i", file, "::"+f.Path); got != string(f.Data) {
			t.Errorf("%s: got %q", f.Path, got[:min(len(got), 20)])
		}
	}
	for dir, want := range map[string]string{
		"::":         " Volume in drive : is EFIBOOT    \n Volume Serial Number is 0000-0000\nDirectory for ::/\n\nEFI          <DIR>     2026-01-31  11:46 \nmach_k~1             6 2026-01-31  11:46  mach_kernel\n",
		"::EFI":      ".            <DIR>     2026-01-31  11:46 \n..           <DIR>     2026-01-31  11:46 \nBOOT         <DIR>     2026-01-31  11:46 \n",
		"::EFI/BOOT": "BOOTX64  EFI     70000 2026-01-31  11:46 \narathe~1 con         1 2026-01-31  11:46  a rather long game.conf\narathe~2 con         1 1980-01-01   0:00  a rather long name.conf\ngrub     cfg         7 2026-01-31  11:46  grub.cfg\n",
	} {
		if got := run(t, "mdir", "-i", file, dir); !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestLarge has files for which each size of clusters is taken.
func TestLarge(t *testing.T) {
	for _, size := range []int{10 << 20, 29 << 20, 32 << 20, 60 << 20, 130 << 20} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		image, err := Write([]File{{Path: "EFI/BOOT/BOOTX64.EFI", Data: data}, {Path: "EFI/BOOT/grub.cfg", Data: []byte("x")}})
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, "mtype", "-i", held(t, image), "::EFI/BOOT/BOOTX64.EFI"); got != string(data) {
			t.Errorf("%d bytes: read are others", size)
		}
	}
}

func TestReplace(t *testing.T) {
	for _, bits := range []string{"12", "16", "32"} {
		t.Run("FAT"+bits, func(t *testing.T) { testReplace(t, bits) })
	}
}

// testReplace changes what mkfs.fat and mcopy make.
func testReplace(t *testing.T, bits string) {
	dir := t.TempDir()
	img, file := filepath.Join(dir, "img"), filepath.Join(dir, "grub.cfg")
	content := strings.Repeat("search ", 3000)
	if err := os.WriteFile(file, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1769860000")
	size := map[string]string{"12": "1440", "16": "16384", "32": "40960"}[bits]
	run(t, "/usr/sbin/mkfs.fat", "-F", bits, "-n", "ANACONDA", "-i", "12345678", "-C", img, size)
	run(t, "mmd", "-i", img, "::EFI", "::EFI/BOOT", "::EFI/empty")
	for _, name := range []string{"EFI/BOOT/GRUB.CFG", "EFI/BOOT/grub.conf", "EFI/BOOT/a rather long name.conf", "EFI/ünicode"} {
		run(t, "mcopy", "-i", img, file, "::"+name)
	}
	before, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	list := run(t, "mdir", "-i", img, "-/", "::")
	for _, text := range []string{"x", strings.Repeat("search!", 3000), strings.Repeat("longer ", 9000)} {
		changed := map[string][]byte{"EFI/BOOT/grub.cfg": []byte(text), "efi/boot/A Rather Long Name.conf": []byte(text), "no/such.cfg": []byte(text)}
		after, err := Replace(before, changed)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := Replace(before, changed); !bytes.Equal(after, again) || len(after) != len(before) {
			t.Errorf("other bytes, or %d instead of %d", len(after), len(before))
		}
		img := held(t, after)
		for name, want := range map[string]string{"GRUB.CFG": text, "a rather long name.conf": text, "grub.conf": content, "../ünicode": content} {
			if got := run(t, "mtype", "-i", img, "::"+path.Join("EFI/BOOT", name)); got != want {
				t.Errorf("%s: got %.20q", name, got)
			}
		}
		// But for sizes the list is the same: names, times, label, serial number.
		got := run(t, "mdir", "-i", img, "-/", "::")
		blank := strings.NewReplacer(fmt.Sprintf("%d", len(text)), "N", fmt.Sprintf("%d", len(content)), "N")
		if g, w := words(got, blank), words(list, blank); g != w && len(text) > 1 {
			t.Errorf("got\n%s\nwant\n%s", got, list)
		}
	}
	if same, err := Replace(before, map[string][]byte{"EFI/BOOT/grub.cfg": []byte(content)}); err != nil || !bytes.Equal(same, before) {
		t.Errorf("nothing is changed, and bytes are others, error %v", err)
	}
	_, err = Replace(before, map[string][]byte{"EFI/BOOT/grub.cfg": make([]byte, len(before))})
	if err == nil {
		t.Error("a file has as many bytes as the file system, and there was no error")
	}
}

// words are those of a list, without what is free.
func words(list string, r *strings.Replacer) string {
	var lines []string
	for line := range strings.Lines(list) {
		if !strings.Contains(line, " bytes") {
			lines = append(lines, strings.Join(strings.Fields(r.Replace(line)), " "))
		}
	}
	return strings.Join(lines, "\n")
}

func TestRefused(t *testing.T) {
	x := []byte("x")
	for _, tt := range []struct {
		name  string
		files []File
		want  string
	}{
		{"path", []File{{Path: "../x", Data: x}}, `path "../x", want a clean relative one`},
		{"twice", []File{{Path: "EFI/x", Data: x}, {Path: "efi/X", Data: x}}, `path "efi/X" is there twice`},
		{"DOS", []File{{Path: "a b", Data: x}, {Path: "ab", Data: x}}, `path "ab": in its folder are two names that are one to DOS`},
		{"name", []File{{Path: "a:b", Data: x}}, `path "a:b": FAT has no file of the name "a:b"`},
		{"empty", []File{{Path: "a"}}, `path "a": the file is empty`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Write(tt.files); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestChains has chains that do not end, or not where they should.
func TestChains(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   int
		to   uint16
		want string
	}{
		{"cycle", 4000, 4000, "1 clusters are in chains without an end"},
		{"outside", 10, 0xf000, "the chain of cluster 10 goes on with cluster 61440, which is not its own"},
		{"crossed", 4000, 20, "the chain of cluster 4000 goes on with cluster 20, which is not its own"},
		{"behind", 0, 0xffff, "is behind its end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image, err := Write(sample())
			if err != nil {
				t.Fatal(err)
			}
			g, err := parse(image)
			if err != nil {
				t.Fatal(err)
			}
			if tt.at == 0 {
				tt.at = g.clusters + 2
			}
			for _, table := range g.tables() {
				table[2*tt.at], table[2*tt.at+1] = byte(tt.to), byte(tt.to>>8)
			}
			if _, err := Replace(image, nil); err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// FuzzReplace has file systems of all types without the zeros at their ends.
func FuzzReplace(f *testing.F) {
	image, err := Write(sample()[1:])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.TrimRight(image, "\x00"))
	small, large := newMemory(make([]byte, 64<<10)), newMemory(make([]byte, 128<<10))
	fs12, err := fat12.Create(small, 64<<10, 0, 512, label, true)
	if err == nil {
		err = fill(fs12, sample()[1:], map[string]int64{"EFI": 0, "EFI/BOOT": 0})
	}
	if err != nil {
		f.Fatal(err)
	}
	fs32, err := fat32.Create(large, 128<<10, 0, 512, label, true)
	if err == nil {
		err = fill(fs32, sample()[1:], map[string]int64{"EFI": 0, "EFI/BOOT": 0})
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.TrimRight(small.data, "\x00"))
	f.Add(bytes.TrimRight(large.data, "\x00"))
	f.Fuzz(func(t *testing.T, head []byte) {
		image := bytes.Clone(head)
		if len(head) >= sector {
			sectors := max(int(binary.LittleEndian.Uint16(head[19:])), int(binary.LittleEndian.Uint32(head[32:])))
			image = append(image, make([]byte, max(0, min(6<<20, sectors*sector)-len(head)))...)
		}
		after, err := Replace(image, map[string][]byte{"EFI/BOOT/grub.cfg": bytes.Repeat([]byte("new "), 400), "mach_kernel": []byte("x")})
		if err == nil && len(after) != len(image) {
			t.Errorf("%d bytes, want %d", len(after), len(image))
		}
	})
}
