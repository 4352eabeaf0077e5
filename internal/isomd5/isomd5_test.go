package isomd5

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// image returns an image of random content whose descriptor says what it needs to.
func image(sectors int, seed uint64) []byte {
	data := make([]byte, sectors*sector)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	r.Read(data)
	d := data[descriptor : descriptor+sector]
	copy(d, "\x01CD001\x01\x00")
	copy(d[40:72], "Tiny-1.0 Server.x86_64          ")
	binary.BigEndian.PutUint32(d[volumeSpaceSize:], uint32(sectors))
	copy(d[applicationUse:], bytes.Repeat([]byte{' '}, fieldSize))
	return data
}

// implant does it by pieces of odd sizes.
func implant(t *testing.T, data []byte, supported bool) ([]byte, Implanted) {
	t.Helper()
	s := New()
	for rest, n := data, 1; len(rest) > 0; n = n*3%100_003 + 1 {
		k := min(n, len(rest))
		if _, err := s.Write(rest[:k]); err != nil {
			t.Fatal(err)
		}
		rest = rest[k:]
	}
	got, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if id := s.VolumeID(); id != "Tiny-1.0 Server.x86_64" {
		t.Errorf("got volume id %q", id)
	}
	got.Supported = supported
	data = bytes.Clone(data)
	copy(data[Offset:], got.Field())
	return data, got
}

// An image that has its sum has the same again, in pieces of any size; another one has
// not, and what is none is told at the end.
func TestAgain(t *testing.T) {
	data, want := implant(t, image(600, 1), false)
	sum := func(data []byte, piece int) (Implanted, error) {
		s := Again()
		for rest := data; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			if _, err := s.Write(rest[:min(piece, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		return s.Finish()
	}
	for _, piece := range []int{1, 100, 512, 4096, 1 << 20} {
		if got, err := sum(data, piece); err != nil || got.MD5 != want.MD5 {
			t.Errorf("in pieces of %d bytes: got %+v and error %v, want %s", piece, got, err, want.MD5)
		}
	}
	data[100*sector]++
	if got, err := sum(data, 4096); err != nil || got.MD5 == want.MD5 {
		t.Errorf("damaged: got %+v and error %v", got, err)
	}
	if _, err := sum(make([]byte, 100*sector), 4096); err == nil {
		t.Error("no error of what is no image")
	}
}

// The programs write the same bytes, and find ours good.
func TestPrograms(t *testing.T) {
	for _, sectors := range []int{100, 343, 344, 345, 512, 1000, 4999} {
		for _, supported := range []bool{false, true} {
			plain := image(sectors, uint64(sectors))
			ours, _ := implant(t, plain, supported)
			dir := t.TempDir()
			theirs := filepath.Join(dir, "theirs.iso")
			write(t, theirs, plain)
			args := []string{theirs}
			if supported {
				args = []string{"--supported-iso", theirs}
			}
			if out, err := exec.Command("implantisomd5", args...).CombinedOutput(); err != nil {
				t.Fatalf("implantisomd5: %v: %s", err, out)
			}
			want, err := os.ReadFile(theirs)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ours, want) {
				t.Errorf("%d sectors: got %q, want %q", sectors, ours[Offset:Offset+fieldSize], want[Offset:Offset+fieldSize])
			}
			// Smaller images have too few fragments for checkisomd5.
			if sectors < 512 {
				continue
			}
			checked := filepath.Join(dir, "ours.iso")
			write(t, checked, ours)
			if out, err := exec.Command("checkisomd5", checked).CombinedOutput(); err != nil {
				t.Errorf("%d sectors: checkisomd5: %v: %s", sectors, err, out)
			}
			ours[len(ours)/2] ^= 1
			write(t, checked, ours)
			if exec.Command("checkisomd5", checked).Run() == nil {
				t.Errorf("%d sectors: checkisomd5 finds a damaged image good", sectors)
			}
		}
	}
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	plain := image(600, 1)
	v, err := Read(bytes.NewReader(plain))
	if err != nil || v.ID != "Tiny-1.0 Server.x86_64" || v.Sectors != 600 || v.Implanted != nil {
		t.Errorf("plain: got %+v and error %v", v, err)
	}
	data, want := implant(t, plain, true)
	v, err = Read(bytes.NewReader(data))
	if err != nil || v.Implanted == nil || *v.Implanted != want {
		t.Errorf("got %+v and error %v, want %+v", v, err, want)
	}
	if _, err := Read(strings.NewReader("no image")); err == nil {
		t.Error("no error of what is no image")
	}
}

func TestErrors(t *testing.T) {
	used := image(600, 1)
	copy(used[Offset+500:], "x")
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "no ISO 9660 image: it has 0 bytes"},
		{"short", make([]byte, 100), "no ISO 9660 image: it has 100 bytes"},
		{"other file", make([]byte, 100_000), "no ISO 9660 image: it has no primary volume descriptor at sector 16"},
		{"in use", used, "the image has something where its MD5 sum is to be implanted"},
		{"cut off", image(600, 1)[:1_000_000], "the image ends after 1000000 bytes, and says that it has 1228800"},
		{"tiny", image(20, 1), "an image of 40960 bytes is too small for an implanted MD5 sum"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := New()
			_, err := io.Copy(s, bytes.NewReader(test.data))
			if err == nil {
				_, err = s.Finish()
			}
			if err == nil || err.Error() != test.want {
				t.Errorf("got error %v, want %s", err, test.want)
			}
		})
	}
}
