package pkgset

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pungo-build/pungo/internal/openpgp"
	"github.com/pungo-build/pungo/internal/openpgp/openpgptest"
	format "github.com/pungo-build/pungo/internal/rpm"
)

// memoryFile is a cache.File of bytes.
type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }

// judged is what the signatures of a package are worth, in words.
func judged(file []byte, keys *openpgp.Keyring) string {
	v, err := judge(memoryFile{bytes.NewReader(file)}, keys)
	switch {
	case err != nil:
		return "error: " + err.Error()
	case v.Fault != "":
		return v.text(keys)
	}
	return v.Key
}

// written is a package without signatures.
func written(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	s := &format.Spec{
		Package:  format.Package{NEVRA: format.NEVRA{Name: "a", EVR: format.EVR{Version: "1", Release: "1"}, Arch: "noarch"}},
		Contents: []format.Content{{Path: "/usr/share/a", Mode: 0o100644, Data: []byte("a\n")}},
	}
	if err := format.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unvouched hides the digest of the payload in the header of a package: its tag becomes
// one that nobody knows. What the signature header says of both is set right.
func unvouched(t testing.TB, file []byte) []byte {
	t.Helper()
	const tagPayloadDigest, typeArray = 5092, 8
	entry := func(tag uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, tag), typeArray)
	}
	changed := bytes.Replace(file, entry(tagPayloadDigest), entry(999999), 1)
	p, err := format.Read(bytes.NewReader(file), int64(len(file)))
	if err != nil || bytes.Equal(changed, file) {
		t.Fatal("no digest of the payload to hide", err)
	}
	header := func(b []byte) []byte { return fmt.Appendf(nil, "%x", sha256.Sum256(b[p.HeaderStart:p.HeaderEnd])) }
	both := func(b []byte) []byte { sum := md5.Sum(b[p.HeaderStart:]); return sum[:] }
	was, is := [][]byte{header(file), both(file)}, [][]byte{header(changed), both(changed)}
	for i := range was {
		changed = bytes.Replace(changed, was[i], is[i], 1)
	}
	return changed
}

// signing is a signature to be made: by whom, and over what.
type signing struct {
	key   *openpgptest.Key
	whole bool
}

func signed(t testing.TB, file []byte, list ...signing) []byte {
	t.Helper()
	out, err := format.Sign(file, func(header, payload []byte) (made []format.Signature, err error) {
		for _, s := range list {
			data := header
			if s.whole {
				data = slices.Concat(header, payload)
			}
			made = append(made, format.Signature{Packet: s.key.Sign(data, openpgptest.Made.Add(time.Hour)), Whole: s.whole})
		}
		return made, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func flipped(file []byte, at int) []byte {
	b := slices.Clone(file)
	b[(at+len(b))%len(b)] ^= 1
	return b
}

// withSignatures is a file with other signatures in its header, whatever they are.
func withSignatures(t testing.TB, file []byte, list ...format.Signature) []byte {
	t.Helper()
	out, err := format.Sign(file, func([]byte, []byte) ([]format.Signature, error) { return list, nil })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJudge(t *testing.T) {
	one, two := openpgptest.NewKey(t, "one", openpgptest.Options{}), openpgptest.NewKey(t, "two", openpgptest.Options{})
	six := openpgptest.NewKey(t, "six", openpgptest.Options{V6: true})
	plain := written(t)
	old := unvouched(t, plain)
	header, whole := signed(t, plain, signing{one, false}), signed(t, plain, signing{one, true})
	foreign, err := os.ReadFile("../../internal/rpm/testdata/signed-rsa.rpm")
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(base64.StdEncoding.EncodeToString(signatureOf(t, header)[0].Packet)[:4])
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"not signed", plain, "is not signed"},
		{"header", header, "ONE"},
		{"version 6", signed(t, plain, signing{six, false}), "SIX"},
		{"header and payload", whole, "ONE"},
		{"both", signed(t, plain, signing{one, false}, signing{one, true}), "ONE"},
		{"the first key counts", signed(t, plain, signing{six, false}, signing{one, false}), "ONE"},
		{"one that is known", signed(t, plain, signing{two, false}, signing{six, false}), "SIX"},
		{"none that is known", signed(t, plain, signing{two, false}), "signed with TWO, want one of ONE (one.asc), SIX (six.asc)"},
		{"of somebody else", foreign, "signed with 65e89c3315ce6bf2, want one of ONE (one.asc), SIX (six.asc)"},
		{"old, header", signed(t, old, signing{one, false}), "signature of ONE is over the header alone, which has no digest of the payload"},
		{"old, header by nobody", signed(t, old, signing{two, false}), "signed with TWO, want one of ONE (one.asc), SIX (six.asc)"},
		{"old, header and payload", signed(t, old, signing{one, true}), "ONE"},
		{"old, both", signed(t, old, signing{one, false}, signing{one, true}), "ONE"},
		{"signature copied", withSignatures(t, plain, signatureOf(t, header)...), "ONE"},
		{"signature of another package", withSignatures(t, old, signatureOf(t, whole)...), "signature of ONE is wrong"},
		{"not a signature", withSignatures(t, plain, format.Signature{Packet: []byte("none")}), "signature header: not a signature"},
		{"not a signature, and one", withSignatures(t, plain, append(signatureOf(t, header), format.Signature{Packet: []byte("none")})...), "ONE"},
		{"not a signature, and an unknown key", withSignatures(t, plain, append(signatureOf(t, signed(t, plain, signing{two, false})), format.Signature{Packet: []byte("none")})...),
			"signed with TWO, want one of ONE (one.asc), SIX (six.asc)"},
		{"two in one place", withSignatures(t, plain, format.Signature{Packet: bytes.Repeat(signatureOf(t, header)[0].Packet, 2)}), "signature header: 2 signatures in one place, want one"},
		{"not base64", bytes.Replace(header, text, []byte("!!!!"), 1), "signature that is not base64"},
		{"too many signatures", withSignatures(t, plain, slices.Repeat(signatureOf(t, header), 65)...), "error: 65 signatures, want at most 64"},
	}
	keys := openpgptest.Ring(one, six)
	ids := strings.NewReplacer("ONE", one.ID(), "TWO", two.ID(), "SIX", six.ID())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, want := judged(test.file, keys), ids.Replace(test.want); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	for name, file := range map[string][]byte{"header": header, "whole": whole} {
		if got := judged(flipped(file, -1), keys); !strings.HasPrefix(got, "payload: sha256 is ") {
			t.Errorf("%s, another payload: %s", name, got)
		}
	}
	if got, want := judged(flipped(signed(t, old, signing{one, true}), -1), keys), "header and payload: md5 is "; !strings.HasPrefix(got, want) {
		t.Errorf("old, another payload: %s, want %s", got, want)
	}
}

// signatureOf returns the signatures of a package.
func signatureOf(t testing.TB, file []byte) []format.Signature {
	t.Helper()
	s, err := format.OpenSigned(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Signatures
}

// FuzzSignedPackage: of a package that is accepted no byte of header and payload is
// another than was signed.
func FuzzSignedPackage(f *testing.F) {
	one := openpgptest.NewKey(f, "one", openpgptest.Options{})
	keys := openpgptest.Ring(one)
	plain := written(f)
	old := unvouched(f, plain)
	good := [][]byte{signed(f, plain, signing{one, false}), signed(f, old, signing{one, true})}
	var content [][]byte
	for _, file := range append(good, signed(f, old, signing{one, false}), plain) {
		f.Add(file)
		p, err := format.Read(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			f.Fatal(err)
		}
		content = append(content, file[p.HeaderStart:])
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		v, err := judge(memoryFile{bytes.NewReader(file)}, keys)
		if err != nil || v.Fault != "" {
			return
		}
		p, err := format.Read(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(content[:len(good)], func(b []byte) bool { return bytes.Equal(b, file[p.HeaderStart:]) }) {
			t.Errorf("accepted, and not what was signed")
		}
	})
}
