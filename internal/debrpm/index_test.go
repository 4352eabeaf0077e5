package debrpm

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

func TestEachPackage(t *testing.T) {
	const index = `Package: bash
Version: 5.2.15-2+b2
Architecture: amd64
Source: bash (5.2.15-2)
Pre-Depends: libc6 (>= 2.36)
Depends: base-files (>= 2.1.12), debianutils | dash
Description: GNU Bourne Again SHell
 Long
 .
 text

Package: awk-doc
Version: 1:1
Architecture: all
Provides: doc (= 2), awk

`
	var got []string
	visit := func(p *rpm.Package) error {
		got = append(got, fmt.Sprint(p.NEVRA, " of ", p.SourceRPM, ": ", p.Requires, p.Provides, p.Text.Summary))
		return nil
	}
	want := []string{
		"bash-0:5.2.15-2+b2.x86_64 of bash-5.2.15-2.src.rpm: [libc6 >= 2.36-0 base-files >= 2.1.12-0 (debianutils or dash)] []GNU Bourne Again SHell",
		"awk-doc-1:1-0.noarch of awk-doc-1-0.src.rpm: [] [doc = 2-0 awk]awk-doc",
	}
	for _, text := range []string{index, strings.TrimSpace(index), "\n" + index + "\n"} {
		got = nil
		if err := EachPackage(strings.NewReader(text), visit); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestEachPackageDamaged(t *testing.T) {
	for text, want := range map[string]string{
		"Package":    `line "Package", want NAME: VALUE`,
		"Package: a": `package "a": version "", want [EPOCH:]UPSTREAM[-REVISION] of letters, digits and .+~`,
		"Package: a\nVersion: 1\nArchitecture: all\nDepends: b (": `package "a": Depends: relation "b (", want NAME (OPERATOR VERSION)`,
	} {
		err := EachPackage(strings.NewReader(text), func(*rpm.Package) error { return nil })
		if err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
	stop := errors.New("stop")
	err := EachPackage(strings.NewReader("Package: a\nVersion: 1\nArchitecture: all\n"), func(*rpm.Package) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("error %v, want that of visit", err)
	}
}
