package rpm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pungo-build/pungo/internal/openpgp/openpgptest"
)

// TestRPMAcceptsOurSignature: rpm verifies what Sign has put in a package.
func TestRPMAcceptsOurSignature(t *testing.T) {
	key := openpgptest.NewKey(t, "one", openpgptest.Options{})
	file, err := Sign(mustWrite(t, fullSpec()), func(header, payload []byte) ([]Signature, error) {
		both := key.Sign(slices.Concat(header, payload), openpgptest.Made.Add(time.Hour))
		return []Signature{{Packet: both, Whole: true}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	name := func(n string) string { return filepath.Join(dir, n) }
	for n, data := range map[string][]byte{"key.asc": key.Armored(), "a.rpm": file} {
		if err := os.WriteFile(name(n), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	rpmkeys := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "rpmkeys", append([]string{"--dbpath", name("db")}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("rpmkeys %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	rpmkeys("--import", name("key.asc"))
	want := "V4 EdDSA/SHA256 Signature, key ID " + key.ID()[8:] + ": OK"
	if got := rpmkeys("-Kv", name("a.rpm")); !strings.Contains(got, want) {
		t.Errorf("rpm says\n%s, want %s", got, want)
	}
}

// TestSign: a package keeps all but its signatures.
func TestSign(t *testing.T) {
	plain := mustWrite(t, fullSpec())
	list := []Signature{{Packet: []byte("a")}, {Packet: []byte("both"), Whole: true}, {Packet: []byte("c")}}
	with := func(file []byte, list []Signature) []byte {
		t.Helper()
		out, err := Sign(file, func(header, payload []byte) ([]Signature, error) {
			p := mustRead(t, file)
			if !bytes.Equal(header, file[p.HeaderStart:p.HeaderEnd]) || !bytes.Equal(payload, file[p.HeaderEnd:]) {
				t.Error("signed is something else than header and payload")
			}
			return list, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	signed := with(plain, list)
	got, err := OpenSigned(bytes.NewReader(signed), int64(len(signed)))
	if err != nil {
		t.Fatal(err)
	}
	want := []Signature{list[0], list[2], list[1]} // those over the header first
	if !slices.EqualFunc(got.Signatures, want, func(a, b Signature) bool {
		return bytes.Equal(a.Packet, b.Packet) && a.Whole == b.Whole && a.Err == nil
	}) {
		t.Errorf("got %+v, want %+v", got.Signatures, want)
	}
	if !bytes.Equal(got.Header, signed[got.HeaderStart:got.HeaderEnd]) || !got.Verifier.HeaderVouches() {
		t.Error("the header is not that of the file, or does not vouch for the payload")
	}
	if again := with(signed, nil); !bytes.Equal(again, plain) {
		t.Error("without its signatures it is not what it was")
	}
	if _, err := Sign(plain, func(_, _ []byte) ([]Signature, error) { return []Signature{list[1], list[1]}, nil }); err == nil {
		t.Error("two signatures over the whole of it, and no error")
	}
	if _, err := Sign(plain[:200], nil); err == nil {
		t.Error("cut off, and no error")
	}
}

// TestOpenSigned reads what rpmsign has made.
func TestOpenSigned(t *testing.T) {
	for _, name := range []string{"testdata/signed-rsa.rpm", "testdata/signed-eddsa.rpm"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := OpenSigned(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Signatures) != 1 || s.Signatures[0].Whole || issuer(s.Signatures[0].Packet) != s.SigKey {
			t.Errorf("%s: signatures %+v, want one of %s over the header", name, s.Signatures, s.SigKey)
		}
	}
}
