package rpm

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// verify reads a package file as users of Open do, in pieces of the given size.
func verify(file []byte, piece int) error {
	_, v, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(v, struct{ io.Reader }{bytes.NewReader(file)}, make([]byte, piece)); err != nil {
		return err
	}
	return v.Check()
}

// statedPackage is a package file with the facts that add and addSig state of
// its header and payload.
func statedPackage(add func(h *headerBuilder, payload []byte), addSig func(sig *headerBuilder, header, payload []byte)) []byte {
	payload := []byte("the payload")
	raw := rawPackage(func(h *headerBuilder) { add(h, payload) })
	const start = 144 // behind the empty signature header of raw packages
	header := raw[start:]
	sig := &headerBuilder{}
	addSig(sig, header, payload)
	return slices.Concat(raw[:leadSize], pad(sig.bytes(tagRegionSignature), 8), header, payload)
}

func statesNothing(*headerBuilder, []byte) {}

// oldPackage is like those of rpm 4.0 to 4.13.
func oldPackage() []byte {
	return statedPackage(statesNothing, func(sig *headerBuilder, header, payload []byte) {
		sum := sha1.Sum(header)
		sig.text(sigSHA1, hex.EncodeToString(sum[:]))
		statesMD5(sig, header, payload)
	})
}

// statesMD5 is all that rpm 3 stated.
func statesMD5(sig *headerBuilder, header, payload []byte) {
	sum := md5.Sum(slices.Concat(header, payload))
	sig.int32s(sigSize, uint32(len(header)+len(payload)))
	sig.binary(sigMD5, sum[:])
}

func TestVerifyGoodPackages(t *testing.T) {
	files := map[string][]byte{
		"rpm 4.0":         oldPackage(),
		"rpm 3":           statedPackage(statesNothing, statesMD5),
		"nothing to tell": rawPackage(func(*headerBuilder) {}),
	}
	for _, s := range sampleSpecs() {
		files["written "+s.Name] = mustWrite(t, s)
	}
	binary, source := build(t)
	for _, name := range []string{"testdata/signed-rsa.rpm", "testdata/signed-eddsa.rpm", binary, source} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = b
	}
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 7, 1000, 1 << 20} {
				if err := verify(file, piece); err != nil {
					t.Errorf("in pieces of %d: %v", piece, err)
				}
			}
		})
	}
}

func TestVerifyErrors(t *testing.T) {
	good, old := mustWrite(t, fullSpec()), oldPackage()
	flip := func(file []byte, at int) []byte {
		b := slices.Clone(file)
		b[at] ^= 1
		return b
	}
	states := func(addSig func(*headerBuilder)) []byte {
		return statedPackage(statesNothing, func(sig *headerBuilder, _, _ []byte) { addSig(sig) })
	}
	header := func(file []byte) []byte {
		p := mustRead(t, file)
		return file[p.HeaderStart:p.HeaderEnd]
	}
	payload := func(file []byte) []byte { return file[mustRead(t, file).HeaderEnd:] }
	both := func(file []byte) []byte { return file[mustRead(t, file).HeaderStart:] }
	inHeader, inOldHeader := bytes.Index(good, []byte("A full package")), bytes.Index(old, []byte("raw-1-2.src"))
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"cut off", good[:len(good)-60],
			fmt.Sprintf("file has %d bytes, its signature header says %d: cut off?", len(good)-60, len(good))},
		{"cut off behind the header", good[:mustRead(t, good).HeaderEnd],
			fmt.Sprintf("file has %d bytes, its signature header says %d: cut off?", mustRead(t, good).HeaderEnd, len(good))},
		{"too long", append(slices.Clone(good), "more"...),
			fmt.Sprintf("file has %d bytes, its signature header says %d", len(good)+4, len(good))},
		{"payload", flip(good, len(good)-1),
			fmt.Sprintf("payload: sha256 is %x, the header says %x", sum256(payload(flip(good, len(good)-1))), sum256(payload(good)))},
		{"header", flip(good, inHeader),
			fmt.Sprintf("header: sha256 is %x, the signature header says %x", sum256(header(flip(good, inHeader))), sum256(header(good)))},
		{"old payload", flip(old, len(old)-1),
			fmt.Sprintf("header and payload: md5 is %x, the signature header says %x", sumMD5(both(flip(old, len(old)-1))), sumMD5(both(old)))},
		{"old header", flip(old, inOldHeader),
			fmt.Sprintf("header: sha1 is %x, the signature header says %x", sum1(header(flip(old, inOldHeader))), sum1(header(old)))},
		{"long size", states(func(sig *headerBuilder) {
			sig.add(sigLongSize, kindInt64, 1, []byte{0, 0, 0, 1, 0, 0, 0, 0})
			sig.int32s(sigSize, 1)
		}), "file has 362 bytes, its signature header says 4294967488: cut off?"},
		{"huge size", states(func(sig *headerBuilder) { sig.add(sigLongSize, kindInt64, 1, bytes.Repeat([]byte{0xff}, 8)) }),
			"file has 338 bytes, its signature header says 167"},
		{"size of another type", states(func(sig *headerBuilder) { sig.text(sigSize, "1") }),
			"signature header tag 1000: type string, want an integer"},
		{"digest that is none", states(func(sig *headerBuilder) { sig.text(sigSHA256, "x\ny") }),
			`signature header tag 273: digest "x\ny", want 64 hexadecimal digits`},
		{"short digest", states(func(sig *headerBuilder) { sig.text(sigSHA1, "1234") }),
			`signature header tag 269: digest "1234", want 40 hexadecimal digits`},
		{"short MD5", states(func(sig *headerBuilder) { sig.binary(sigMD5, []byte("abc")) }),
			"signature header tag 1004: digest of 3 bytes, want 16"},
		{"algorithm", statedPackage(func(h *headerBuilder, payload []byte) {
			h.int32s(tagPayloadDigestAlgo, 10)
			h.array(tagPayloadDigest, []string{hex.EncodeToString(sum256(payload))})
		}, func(*headerBuilder, []byte, []byte) {}), "header tag 5093: payload digest of algorithm 10, want 8 (sha256)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := errorText(verify(test.file, 1000)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func sum256(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
func sum1(b []byte) []byte   { s := sha1.Sum(b); return s[:] }
func sumMD5(b []byte) []byte { s := md5.Sum(b); return s[:] }

func TestVerifyWantsTheWholeFile(t *testing.T) {
	file := mustWrite(t, fullSpec())
	_, v, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	v.Write(file[:100])
	if got, want := errorText(v.Check()), fmt.Sprintf("read 100 bytes, want the %d of the file", len(file)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What rpm refuses we refuse, wherever the header or the payload is damaged.
func TestVerifyAgreesWithRPM(t *testing.T) {
	dir := t.TempDir()
	for name, good := range map[string][]byte{"new": mustWrite(t, fullSpec()), "old": oldPackage()} {
		file := filepath.Join(dir, name+".rpm")
		agree := func(what string, b []byte) {
			if err := os.WriteFile(file, b, 0o666); err != nil {
				t.Fatal(err)
			}
			theirs, ours := exec.Command("rpm", "-K", "--nosignature", file).Run(), verify(b, 1000)
			if (theirs == nil) != (ours == nil) {
				t.Errorf("%s, %s: rpm says %v, we say %v", name, what, theirs, ours)
			}
		}
		agree("whole", good)
		agree("cut off", good[:len(good)-60])
		agree("with more behind it", append(slices.Clone(good), 0))
		start := int(mustRead(t, good).HeaderStart)
		for at := start; at < len(good); at += (len(good)-start)/40 + 1 {
			b := slices.Clone(good)
			b[at] ^= 0x10
			agree(fmt.Sprintf("byte %d of %d", at, len(b)), b)
		}
	}
}

// The checksum of the whole file is what createrepo_c computes too; the digests
// come on top.
func BenchmarkVerify(b *testing.B) {
	s := plainSpec("large", "noarch")
	s.Compression = "none"
	s.Contents[0].Data = make([]byte, 64<<20)
	file := mustWrite(b, s)
	piece := make([]byte, 1<<20)
	run := func(name string, verify bool) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				_, v, err := Open(bytes.NewReader(file), int64(len(file)))
				if err != nil {
					b.Fatal(err)
				}
				w := io.Writer(sha256.New())
				if verify {
					w = io.MultiWriter(w, v)
				}
				if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(file)}, piece); err != nil {
					b.Fatal(err)
				}
				if err := v.Check(); verify && err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("checksum", false)
	run("checksum and digests", true)
}
