package remote

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var hexes = strings.Repeat("4b", 32)

func TestLock(t *testing.T) {
	l := &Lock{pins: map[string]Pin{}}
	l.Set("//:base@x86_64", Pin{Arch: "x86_64", Size: 3829, Revision: "1769860000"})
	l.Set("//:base@aarch64", Pin{Arch: "aarch64", Size: 1, Revision: "a \"b\"\n"})
	l.Set("//:signed@x86_64", Pin{Arch: "x86_64", Size: 5, Signature: FilePin{[32]byte{0x4b}, 833}})
	l.Set("//lib:extra", Pin{SHA256: [32]byte{0x4b}, Size: 7})
	l.Set("//:notes", Pin{Commit: strings.Repeat("4b", 20), Revision: "main"})
	want := `# Which states of its repositories this compose is made of; pungo lock writes it.
pungo-lock 1

[aarch64]
//:base@aarch64 repomd sha256:` + strings.Repeat("00", 32) + `/1 revision "a \"b\"\n"

[noarch]
//:notes commit ` + strings.Repeat("4b", 20) + ` ref "main"
//lib:extra repomd sha256:4b` + strings.Repeat("00", 31) + `/7 revision ""

[x86_64]
//:base@x86_64 repomd sha256:` + strings.Repeat("00", 32) + `/3829 revision "1769860000"
//:signed@x86_64 repomd sha256:` + strings.Repeat("00", 32) + `/5 signature sha256:4b` + strings.Repeat("00", 31) + `/833 revision ""
`
	if got := string(l.Marshal()); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	name := filepath.Join(t.TempDir(), "compose.lock")
	if empty, err := ReadLock(name); err != nil || len(empty.pins) != 0 {
		t.Errorf("without a file: %v, %v", empty, err)
	}
	if err := l.Write(name); err != nil {
		t.Fatal(err)
	}
	again, err := ReadLock(name)
	if err != nil || !bytes.Equal(again.Marshal(), l.Marshal()) {
		t.Errorf("read %v, %v", again, err)
	}
	// What says the same is not written again.
	before, _ := os.Stat(name)
	if err := again.Write(name); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(name); !os.SameFile(before, after) {
		t.Error("written again, though nothing changed")
	}
}

func TestParseLockErrors(t *testing.T) {
	pin := "//:a@x86_64 repomd sha256:" + hexes + "/5 revision \"1\"\n"
	for _, test := range []struct{ text, want string }{
		{"pungo-lock 2\n", `1: found "pungo-lock 2", want "pungo-lock 1": not a lock, or one of a newer pungo`},
		{lockHead + pin, "2: a pin outside of a section, want [ARCH] before it"},
		{lockHead + "[x86_64]\n" + pin + pin, "4: //:a@x86_64 is pinned twice"},
		{lockHead + "[x86_64\n", `2: found "[x86_64", want [ARCH]`},
		{lockHead + "[x86_64]\nnonsense\n", `3: found "nonsense", want NAME repomd sha256:HEX/SIZE revision "TEXT"`},
		{lockHead + "[x86_64]\n" + strings.Replace(pin, "/5", "/-5", 1), `3: size "-5" is not a number of bytes`},
		{lockHead + "[x86_64]\n" + strings.Replace(pin, "/5", "/5 signature sha256:4b/5", 1), `3: found "//:a@x86_64 repomd sha256:` + hexes +
			`/5 signature sha256:4b/5 revision \"1\"", want NAME repomd sha256:HEX/SIZE revision "TEXT"`},
		{lockHead + "[x86_64]\n" + strings.Replace(pin, "/5", "/5 signature sha256:"+hexes+"/x", 1), `3: size "x" is not a number of bytes`},
		{lockHead + "[x86_64]\n" + strings.Replace(pin, "\"1\"", "1", 1), `3: revision 1 is not a quoted text`},
		{lockHead + "[noarch]\n//:notes commit 4b ref \"main\"\n", `3: found "//:notes commit 4b ref \"main\"", want NAME commit HEX ref "TEXT"`},
	} {
		if _, err := ParseLock([]byte(test.text)); fmt.Sprint(err) != test.want {
			t.Errorf("%q: got %v, want %s", test.text, err, test.want)
		}
	}
}

// FuzzParseLock: what is read is written in a form that is read as the same.
func FuzzParseLock(f *testing.F) {
	f.Add([]byte(lockHead + "[x86_64]\n//:a@x86_64 repomd sha256:" + hexes + "/5 revision \"1\"\n"))
	f.Add([]byte(lockHead + "[x86_64]\n//:a@x86_64 repomd sha256:" + hexes + "/5 signature sha256:" + hexes + "/7 revision \"1\"\n"))
	f.Add([]byte(lockHead + "[noarch]\n//:notes commit " + hexes[:40] + " ref \"main\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := ParseLock(data)
		if err != nil {
			return
		}
		text := l.Marshal()
		again, err := ParseLock(text)
		if err != nil || !bytes.Equal(again.Marshal(), text) {
			t.Errorf("%q: written as %q, read as %v, %v", data, text, again, err)
		}
	})
}
