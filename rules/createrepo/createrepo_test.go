package createrepo

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/updateinfo"
	"github.com/pungo-build/pungo/rules/packages"
)

// named makes entries of packages p0000 …
func named(n int) []*packages.Head {
	entries := make([]*packages.Head, n)
	for i := range entries {
		p := rpm.Package{NEVRA: rpm.NEVRA{Name: fmt.Sprintf("p%04d", i), EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}}
		entries[i] = &packages.Head{Name: p.Name, Ident: packages.Ident{File: p.NEVRA.FileName()}}
	}
	return entries
}

func TestSplit(t *testing.T) {
	entries := named(5000)
	groups := split(entries)
	if !slices.Equal(slices.Concat(groups...), entries) {
		t.Fatal("groups do not make up the list")
	}
	if len(groups) < 40 || len(groups) > 160 {
		t.Errorf("%d groups of 5000 packages, want about 78", len(groups))
	}
	known := map[string]bool{}
	for _, g := range groups {
		known[key(g)] = true
	}
	// One package goes, one comes, one has a new version.
	changed := slices.Delete(slices.Clone(entries), 1000, 1001)
	changed = slices.Insert(changed, 2000, named(1)...)
	updated := *changed[3000]
	updated.File = "p-2-1.noarch.rpm"
	changed[3000] = &updated
	fresh := 0
	for _, g := range split(changed) {
		if !known[key(g)] {
			fresh++
		}
	}
	if fresh > 5 {
		t.Errorf("three changes make %d new groups, want at most 5", fresh)
	}
	if got := split(nil); len(got) != 0 {
		t.Errorf("of nothing: got %d groups, want 0", len(got))
	}
}

func key(group []*packages.Head) string {
	var b bytes.Buffer
	for _, e := range group {
		b.WriteString(e.File + "\n")
	}
	return b.String()
}

// TestSplitLimit: names that never cut do not make a group of everything.
func TestSplitLimit(t *testing.T) {
	all := named(1)
	e := all[0]
	for i := 0; len(split([]*packages.Head{e, e})) > 1; i++ {
		other := *e
		other.Name = fmt.Sprint("q", i)
		e = &other
	}
	entries := slices.Repeat([]*packages.Head{e}, 2000)
	for _, g := range split(entries) {
		if len(g) > 512 {
			t.Errorf("a group of %d, want at most 512", len(g))
		}
	}
}

func TestCompressions(t *testing.T) {
	r := &repo{params: params{Compression: "xz", Compressions: [][2]string{{"group", "none"}, {"modules", "zstd"}}}}
	if err := r.chooseCompressions(); err != nil {
		t.Fatal(err)
	}
	want := map[string]repodata.Compression{
		"primary": repodata.XZ, "filelists": repodata.XZ, "other": repodata.XZ, "group": repodata.Plain,
		"modules": repodata.Zstd, "productid": repodata.Gzip, "updateinfo": repodata.XZ,
	}
	if !maps.Equal(r.compressions, want) {
		t.Errorf("got %v, want %v", r.compressions, want)
	}
	tests := []struct {
		name string
		p    params
		want string
	}{
		{"compression", params{Compression: "lzma"}, `primary: compression "lzma" is not known, want gz, xz, zstd or none`},
		{"of a record", params{Compression: "gz", Compressions: [][2]string{{"other", ""}}},
			`other: compression "" is not known, want gz, xz, zstd or none`},
		{"record", params{Compression: "gz", Compressions: [][2]string{{"prestodelta", "gz"}}},
			`compression of "prestodelta": no record has this type, want one of primary, filelists, other, group, modules, productid, updateinfo`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := (&repo{params: test.p}).chooseCompressions(); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestIsProductID(t *testing.T) {
	tests := []struct {
		file            string
		plain, prefixed bool
	}{
		{"Server-x86_64-69.pem", true, true},
		{"Server-x86_64-.pem", true, true},
		{"rhel-9-Server-x86_64-69.pem", false, true},
		{"Server-x86_64.pem", false, false},
		{"Server-x86_64-69.crt", false, false},
		{"Server-optional-x86_64-69.pem", false, false},
		{"old/Server-x86_64-69.pem", false, false},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			for _, prefix := range []bool{false, true} {
				r := &repo{params: params{ProductIDName: "Server-x86_64", ProductIDPrefix: prefix}}
				want := test.plain && !prefix || test.prefixed && prefix
				if got := r.isProductID(test.file); got != want {
					t.Errorf("prefixes allowed: %t: got %t, want %t", prefix, got, want)
				}
			}
		})
	}
}

func TestCovers(t *testing.T) {
	r := &repo{entries: []*packages.Head{
		{Ident: packages.Ident{File: "bash-9-1.x86_64.rpm"}, Epoch: 0},
		{Ident: packages.Ident{File: "bash-5-1.x86_64.rpm"}, Epoch: 1},
		{Ident: packages.Ident{File: "bash-4-1.x86_64.rpm"}, Epoch: 1},
	}}
	covers, err := r.covers()
	if err != nil {
		t.Fatal(err)
	}
	for nevra, want := range map[string]bool{
		"bash-1:5-1.x86_64": true, "bash-1:4.5-1.x86_64": true, "bash-10-1.x86_64": true,
		"bash-1:5-2.x86_64": false, "bash-1:5-1.i686": false, "zsh-0-1.x86_64": false,
	} {
		n, err := rpm.ParseNEVRA(nevra)
		if err != nil {
			t.Fatal(err)
		}
		if got := covers(&updateinfo.Package{NEVRA: n}); got != want {
			t.Errorf("%s: got %t, want %t", nevra, got, want)
		}
	}
}

func TestFragment(t *testing.T) {
	want := [...]string{"<primary/>", "", "<other/>"}
	var b []byte
	for _, e := range want {
		b = appendElement(b, func(b []byte) []byte { return append(b, e...) })
	}
	got, err := splitFragment(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if string(got[i]) != want[i] {
			t.Errorf("element %d: got %q, want %q", i, got[i], want[i])
		}
	}
	for n := range b {
		if _, err := splitFragment(b[:n]); err == nil {
			t.Errorf("cut off after %d bytes: no error", n)
		}
	}
	if _, err := splitFragment(append(b, 0)); err == nil {
		t.Error("with a byte more: no error")
	}
}

func FuzzSplitFragment(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00a\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		elements, err := splitFragment(b)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range elements {
			again = appendElement(again, func(b []byte) []byte { return append(b, e...) })
		}
		if !bytes.Equal(again, b) {
			t.Errorf("got %q, want %q", again, b)
		}
	})
}
