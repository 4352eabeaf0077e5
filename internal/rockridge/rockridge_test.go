package rockridge

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree makes files with long names, spaces, other letters, links and deep folders, and
// returns the folder and their paths.
func tree(t testing.TB, packages int) (dir string, paths []string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for i := range packages {
		write(fmt.Sprintf("Packages/%c/package-with-a-rather-long-name-%d-1.2.3-4.fc42.x86_64.rpm", 'a'+i%26, i), "x")
	}
	for i := range 14 {
		write(strings.Repeat("deep/", i)+"below", "x")
	}
	write("a/b/c/d/e/f/g/h/i/j/leaf", "x")
	for _, name := range []string{"with space", "ünïcode-名前", "tab\tname", "quote'name", `back\slash`, "semi;1", "dot.", strings.Repeat("l", 240)} {
		write(name, "x")
	}
	for at, to := range map[string]string{"link": "with space", "long link": strings.Repeat("very-long-target/", 40)} {
		if err := os.Symlink(to, filepath.Join(dir, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if name != dir {
			paths = append(paths, strings.TrimPrefix(name, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return dir, paths
}

// image has a program make an image, and returns it.
func image(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image.iso")
	if text, err := exec.Command(args[0], append(args[1:], "-o", out, dir)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPaths(t *testing.T) {
	dir, want := tree(t, 3000)
	for _, tt := range []struct {
		program string
		moved   []string // the folder that has those that are too deep
	}{
		{"genisoimage -quiet -R -J -joliet-long", []string{"/rr_moved"}},
		{"genisoimage -quiet -R -D", nil},
		{"xorriso -as mkisofs -quiet -r -iso-level 3", nil},
	} {
		t.Run(tt.program, func(t *testing.T) {
			b := image(t, dir, strings.Fields(tt.program)...)
			got, err := Paths(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			all := append(slices.Clone(want), tt.moved...)
			slices.Sort(all)
			for k := range min(len(got), len(all)) {
				if got[k] != all[k] {
					t.Fatalf("got %q, want %q", got[k], all[k])
				}
			}
			if len(got) != len(all) {
				t.Errorf("got %d paths, want %d", len(got), len(all))
			}
		})
	}
}

// TestMultiExtent has a file of several records, as one of more than 4 GiB has.
func TestMultiExtent(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "small"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	b := image(t, dir, "xorriso", "-as", "mkisofs", "-quiet", "-r", "-iso-level", "3")
	// Another record of the same file, before its own.
	at := bytes.Index(b, []byte("LARGE")) - 33
	n := int(b[at])
	end := (at/sector + 1) * sector
	copy(b[at+n:end], bytes.Clone(b[at:end]))
	b[at+25] |= moreRecords
	got, err := Paths(bytes.NewReader(b), int64(len(b)))
	if slices.Sort(got); err != nil || !slices.Equal(got, []string{"/large", "/small"}) {
		t.Errorf("got %q, error %v", got, err)
	}
}

func TestWithoutRockRidge(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "readme"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	b := image(t, dir, "genisoimage", "-quiet")
	got, err := Paths(bytes.NewReader(b), int64(len(b)))
	if err != nil || !slices.Equal(got, []string{"/README"}) {
		t.Errorf("got %q, error %v", got, err)
	}
}

func TestDamaged(t *testing.T) {
	dir, _ := tree(t, 0)
	whole := image(t, dir, "genisoimage", "-quiet", "-R")
	top := int(binary.LittleEndian.Uint32(whole[16*sector+156+2:])) * sector
	after := func(b []byte, text string) int { return top + bytes.Index(b[top:], []byte(text)) } // in the folder
	for _, tt := range []struct {
		name   string
		change func(b []byte) []byte
		want   string
	}{
		{"cut off", func(b []byte) []byte { return b[:17*sector] }, "are behind the end"},
		{"no image", func(b []byte) []byte { return make([]byte, len(b)) }, "no ISO 9660 image"},
		{"folders in a circle", func(b []byte) []byte {
			at := after(b, "EMPTY_FO") - 33
			copy(b[at+2:], b[16*sector+156+2:][:16])
			return b
		}, "it is in two places"},
		{"names in a circle", func(b []byte) []byte {
			at := after(b, "LLLLLLLL")
			at += bytes.Index(b[at:], []byte("CE\x1c\x01"))
			place := int(binary.LittleEndian.Uint32(b[at+4:]))*sector + int(binary.LittleEndian.Uint32(b[at+12:]))
			copy(b[place:], b[at:at+28])
			return b
		}, "a record goes on in more than 64 places"},
		{"a slash", func(b []byte) []byte { b[after(b, "quote'name")+5] = '/'; return b }, `a file is called "quote/name"`},
		{"a large folder", func(b []byte) []byte {
			copy(b[16*sector+156+10:], "\xff\xff\xff\xff")
			return b
		}, "folders have more than"},
		{"no record", func(b []byte) []byte { b[top] = 30; return b }, "no record of a file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.change(bytes.Clone(whole))
			got, err := Paths(bytes.NewReader(b), int64(len(b)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %d paths, error %v, want %s", len(got), err, tt.want)
			}
		})
	}
}

// BenchmarkPaths lists a DVD of 60,000 files.
func BenchmarkPaths(b *testing.B) {
	dir, want := tree(b, 60000)
	disc := image(b, dir, "xorriso", "-as", "mkisofs", "-quiet", "-r")
	for b.Loop() {
		if got, err := Paths(bytes.NewReader(disc), int64(len(disc))); err != nil || len(got) != len(want) {
			b.Fatalf("%d paths, want %d, error %v", len(got), len(want), err)
		}
	}
}

func FuzzPaths(f *testing.F) {
	dir, _ := tree(f, 3)
	for _, args := range []string{"genisoimage -quiet -R", "xorriso -as mkisofs -quiet -r"} {
		b := image(f, dir, strings.Fields(args)...)[16*sector:]
		f.Add(b[:min(len(b), 96<<10)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(make([]byte, 16*sector), b...)
		paths, err := Paths(bytes.NewReader(b), int64(len(b)))
		if err == nil {
			for _, p := range paths {
				if !strings.HasPrefix(p, "/") || len(p) > maxPath {
					t.Errorf("path %q", p)
				}
			}
		}
	})
}
