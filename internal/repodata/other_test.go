package repodata

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

func readOther(text string, wanted func(string) bool, fn func(pkgid string, log []rpm.Change) error) error {
	return Other.Cut(strings.NewReader(text), 1, func(pieces []Piece) error { return pieces[0].Other(wanted, fn) })
}

// otherDocument has the changelogs of two packages.
func otherDocument() (text string, log []rpm.Change, id string) {
	p, at := full()
	p.Text.Changelog = []rpm.Change{
		{Author: "B <b> - 2-1", Time: 86400, Text: "- second of a day"},
		{Author: "A <a> - 1-1", Time: 86400, Text: "- first & <only>"},
		{Author: "A <a> - 0-1", Time: 0, Text: "- begin"},
	}
	b := AppendOther(OtherOpen(2), p, at, -1)
	log = p.Text.Changelog
	other := at
	other.Checksum = SHA256.Sum([]byte("other"))
	b = append(AppendOther(b, p, other, 1), OtherClose()...)
	return string(b), log, at.Checksum.Hex
}

func TestReadOther(t *testing.T) {
	text, want, id := otherDocument()
	want[0].Time++ // entries of a day are told apart
	calls := 0
	err := readOther(text, func(got string) bool { return got == id }, func(got string, log []rpm.Change) error {
		if calls++; got != id || !reflect.DeepEqual(log, want) {
			t.Errorf("%s: got %+v, want %+v", got, log, want)
		}
		return nil
	})
	if err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestReadOtherErrors(t *testing.T) {
	text, _, _ := otherDocument()
	for _, test := range []struct{ old, new, want string }{
		{`date="0"`, `date="x"`, `package "bash": date "x" is not a number`},
		{`<package pkgid=`, `<package pkg=`, `package "bash": no pkgid`},
		{"</changelog>", "", `package "bash": found <changelog> in <changelog>, want text`},
		{"<otherdata", "<other", "found <other>, want one <otherdata>"},
	} {
		err := readOther(strings.Replace(text, test.old, test.new, 1), func(string) bool { return true }, func(string, []rpm.Change) error { return nil })
		if !strings.HasSuffix(fmt.Sprint(err), test.want) {
			t.Errorf("%s for %s: got %v, want %s", test.new, test.old, err, test.want)
		}
	}
}

func FuzzReadOther(f *testing.F) {
	text, _, _ := otherDocument()
	f.Add([]byte(text))
	f.Fuzz(func(_ *testing.T, text []byte) {
		Other.Cut(bytes.NewReader(text), 1, func(pieces []Piece) error {
			return pieces[0].Other(func(string) bool { return true }, func(string, []rpm.Change) error { return nil })
		})
	})
}
