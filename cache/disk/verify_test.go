package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damage changes bytes of a file at an offset.
func damage(t *testing.T, name string, offset int64) {
	t.Helper()
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], offset); err != nil {
		t.Fatal(err)
	}
}

func verify(t *testing.T, dir string, percent float64) *Checked {
	t.Helper()
	done, err := openTest(t, dir, Options{}).Verify(t.Context(), percent)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	var a action
	closed(t, dir, 0, func(c *Cache) { a = act(t, c, "a") })
	if done := verify(t, dir, 100); len(done.Damaged) > 0 || done.Files.Count != 1 || done.Blobs.Count != 3 || done.Results != 1 || done.Packs != 1 {
		t.Errorf("sound: got %+v", done)
	}
	if done := verify(t, dir, 0); done.Skipped != 4 || done.Results != 1 {
		t.Errorf("nothing sampled: got %+v", done)
	}

	hex := a.blobs[1].Hex()
	damage(t, filepath.Join(dir, "blobs/blake3", hex[:2], hex), 5)
	packs, _ := filepath.Glob(filepath.Join(dir, "packs/*/*"))
	damage(t, packs[0], int64(len(packMagic))) // its first payload
	done := verify(t, dir, 100)
	if len(done.Damaged) != 2 {
		t.Fatalf("got %v, want two damaged", done.Damaged)
	}
	if got := done.Damaged[1]; got.Digest != "blake3:"+hex || got.Kind != "blob" {
		t.Errorf("got %v, want %s", got, hex)
	}
	aside, _ := filepath.Glob(filepath.Join(dir, "corrupt/*"))
	if len(aside) != 2 {
		t.Errorf("set aside: %v, want two files", aside)
	}
	if done := verify(t, dir, 100); len(done.Damaged) > 0 || done.Packs != 1 {
		t.Errorf("afterwards: got %+v", done)
	}
}

// A blob under a wrong name that its checksum does not tell: somebody made the pack so.
func TestVerifyNames(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := c.Function().Sum([]byte("this"))
	if err := c.add(blobKey(d), []byte("that")); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	done := verify(t, dir, 100)
	if len(done.Damaged) != 1 || done.Damaged[0].String() != "blob "+d.String()+": it is not what it is named after" {
		t.Errorf("got %v", done.Damaged)
	}
	if packs, _ := filepath.Glob(filepath.Join(dir, "packs/*/*")); len(packs) > 0 {
		t.Errorf("got %v, want no pack", packs)
	}
}

// A pack whose list of entries is damaged.
func TestVerifyEntries(t *testing.T) {
	for _, test := range []struct {
		name   string
		at     func(size int64) int64
		reason string
	}{
		{"footer", func(size int64) int64 { return size - 1 }, "it has no sound list of entries"},
		{"entry", func(size int64) int64 { return size - tailSize - 1 }, "part of its entries are not sound"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			closed(t, dir, 0, func(c *Cache) { act(t, c, "a") })
			packs, _ := filepath.Glob(filepath.Join(dir, "packs/*/*"))
			info, err := os.Stat(packs[0])
			if err != nil {
				t.Fatal(err)
			}
			damage(t, packs[0], test.at(info.Size()))
			done := verify(t, dir, 100)
			if len(done.Damaged) != 1 || !strings.HasSuffix(done.Damaged[0].String(), test.reason) {
				t.Errorf("got %v, want that %s", done.Damaged, test.reason)
			}
		})
	}
}
