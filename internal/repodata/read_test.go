package repodata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/pungo-build/pungo/internal/rpm"
)

// full is a package with something in every field that repodata has.
func full() (*rpm.Package, Location) {
	evr := rpm.EVR{Epoch: 1, Version: "5.2~rc1", Release: "3"}
	return &rpm.Package{
			NEVRA: rpm.NEVRA{Name: "bash", EVR: evr, Arch: "x86_64"}, SourceRPM: "bash-5.2~rc1-3.src.rpm",
			Provides:  []rpm.Dependency{{Name: "bash", Sense: rpm.Equal, EVR: evr}},
			Requires:  []rpm.Dependency{{Name: "(a or b)"}, {Name: "/bin/sh", Pre: true}, {Name: "libc.so.6()(64bit)", Sense: rpm.Greater | rpm.Equal, EVR: rpm.EVR{Version: "2"}}},
			Conflicts: []rpm.Dependency{{Name: "csh", Sense: rpm.Less, EVR: evr}}, Obsoletes: []rpm.Dependency{{Name: "sh", Sense: rpm.Less | rpm.Equal, EVR: evr}},
			Recommends: []rpm.Dependency{{Name: "r"}}, Suggests: []rpm.Dependency{{Name: "s"}}, Supplements: []rpm.Dependency{{Name: "u"}}, Enhances: []rpm.Dependency{{Name: "e"}},
			BuildTime: 1769860000, InstalledSize: 7, ArchiveSize: 8,
			Files: []rpm.File{{Path: "/etc/<a> & \"b\""}, {Path: "/usr/bin", Dir: true}, {Path: "/usr/bin/bash", Ghost: true}, {Path: "/usr/share/doc"}},
			Text:  rpm.Text{Summary: "A \"shell\" & more"},
		},
		Location{Href: "Packages/b/bash.rpm", Checksum: SHA256.Sum([]byte("bash")), PackageSize: 12, FileTime: 13}
}

func shortDocuments() (primary, filelists []byte) {
	p, at := full()
	primary = append(AppendPrimary(PrimaryOpen(1), p, at), PrimaryClose()...)
	return primary, append(AppendFilelists(FilelistsOpen(1), p, at), FilelistsClose()...)
}

// readPrimary reads a document as one piece after another.
func readPrimary(r io.Reader, fn func(*rpm.Package, Location) error) error {
	return Primary.Cut(r, 1, func(pieces []Piece) error { return pieces[0].Primary(fn) })
}

func readFilelists(r io.Reader, fn func(pkgid string, files []rpm.File) error) error {
	return Filelists.Cut(r, 1, func(pieces []Piece) error { return pieces[0].Filelists(fn) })
}

// TestReadBack: what is written is read as it was.
func TestReadBack(t *testing.T) {
	want, wantAt := full()
	primary, filelists := shortDocuments()
	var got *rpm.Package
	err := readPrimary(bytes.NewReader(primary), func(p *rpm.Package, at Location) error {
		if at != wantAt {
			t.Errorf("location %+v, want %+v", at, wantAt)
		}
		got = p
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Files) != 2 {
		t.Errorf("primary lists %v", got.Files)
	}
	err = readFilelists(bytes.NewReader(filelists), func(id string, files []rpm.File) error {
		if id != wantAt.Checksum.Hex {
			t.Errorf("pkgid %s, want %s", id, wantAt.Checksum.Hex)
		}
		got.Files = files
		return nil
	})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

// TestLocations: who wants to know where packages are need not wait for the rest.
func TestLocations(t *testing.T) {
	want, wantAt := full()
	primary, _ := shortDocuments()
	late := bytes.Replace(primary, []byte(`  <location href="Packages/b/bash.rpm"/>`+"\n"), nil, 1)
	late = bytes.Replace(late, []byte("</format>"), []byte(`</format><location href="Packages/b/bash.rpm"/>`), 1)
	broken := bytes.Replace(primary, []byte("<rpm:provides>"), []byte("<rpm:provides"), 1)
	for _, text := range [][]byte{primary, late, broken} {
		n := 0
		err := Primary.Cut(bytes.NewReader(text), 1, func(pieces []Piece) error {
			return pieces[0].Locations(func(p *rpm.Package, at Location) error {
				if n++; at != wantAt || p.NEVRA != want.NEVRA || p.BuildTime != want.BuildTime {
					t.Errorf("got %+v at %+v", p, at)
				}
				return nil
			})
		})
		if err != nil || n != 1 {
			t.Errorf("%d packages, %v", n, err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	primary, _ := shortDocuments()
	for _, test := range []struct{ old, new, want string }{
		{"</metadata>", "", "the document ends within <metadata>"},
		{"<metadata ", "<metadaten ", "byte 39: found <metadaten>, want one <metadata>"},
		{"<metadata ", "<!DOCTYPE metadata [<!ENTITY a \"aaaa\">]><metadata ", "byte 39: a document type, want none"},
		{"<name>bash", "<name>&a;", `byte 156: package "": entity &a; is not known`},
		{"<name>bash", "<name>ba\nsh", `byte 156: package "ba\nsh": name "ba\nsh", want a line of text`},
		{"<name>bash", "<name>", `byte 156: package "": name "", want a line of text`},
		{`ver="5.2~rc1" rel="3"/>` + "\n  <checksum", `ver="" rel="3"/>` + "\n  <checksum", `byte 156: package "bash": version "", want a line of text`},
		{`href="Packages/b/bash.rpm"`, `href="../bash.rpm"`, `byte 156: package "bash": location "../bash.rpm", want a path in the repository`},
		{`href="Packages/b/bash.rpm"`, `href="/bash.rpm"`, `byte 156: package "bash": location "/bash.rpm", want a path in the repository`},
		{`href="Packages/b/bash.rpm"`, `href="http://x/bash.rpm"`, `byte 156: package "bash": location "http://x/bash.rpm", want a path in the repository`},
		{`epoch="1"`, `epoch="-1"`, `byte 156: package "bash": epoch "-1" is not a number`},
		{`flags="LT"`, `flags="NE"`, `byte 156: package "bash": entry "csh": flags "NE" are not known`},
		{`package="12"`, `package="-12"`, `byte 156: package "bash": size -12`},
		{`type="sha256"`, `type="md5"`, `byte 156: package "bash": checksum type "md5", want sha1, sha224, sha256, sha384 or sha512`},
		{"<summary>", "<summary><b>", `byte 156: package "bash": found <b> in <summary>, want text`},
		{"</summary>", "</name>", `byte 156: package "bash": found </name>, want </summary>`},
		{"<summary>", "<summary>\xff", `byte 156: package "bash": text is not UTF-8 without U+FFFE and U+FFFF`},
		{"<summary>", "<!--", `byte 156: <!-- without -->`},
		{"<summary>", "<!ENTITY>", `byte 156: package "bash": a declaration, want none`},
		{`name="csh"`, `name=csh`, `byte 156: package "bash": attribute name has a value without quotes`},
		{`name="csh"`, `name="<csh"`, `byte 156: package "bash": attribute name has "<" in its value`},
		{`name="csh"`, `name="csh`, `byte 156: package "bash": found "LT\" epoch=\"1\" ver=\"5" in <entry>`},
		{"</metadata>", "</metadata><metadata>", `byte 1782: something behind </metadata>`},
		{"<package ", "<packages/><package ", `byte 156: an element that is no package`},
		{"<package ", "text<package ", `byte 155: text between packages`},
	} {
		text := strings.Replace(string(primary), test.old, test.new, 1)
		err := readPrimary(strings.NewReader(text), func(*rpm.Package, Location) error { return nil })
		if fmt.Sprint(err) != test.want {
			t.Errorf("%s for %s: got %v, want %s", test.new, test.old, err, test.want)
		}
	}
}

// TestHiddenPackage: that the cutter takes two elements for one does not lose any.
func TestHiddenPackage(t *testing.T) {
	primary, filelists := shortDocuments()
	want := `package "bash": its element ends before the first </package>`
	twice := func(text []byte, end string) io.Reader {
		begin := bytes.Index(text, []byte("<package "))
		one, rest, _ := strings.Cut(string(text[begin:]), "</package>")
		return strings.NewReader(string(text[:begin]) + one + end + one + "</package>" + rest)
	}
	ignore := func(string, []rpm.File) error { return nil }
	if err := readPrimary(twice(primary, "</package >"), func(*rpm.Package, Location) error { return nil }); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("primary: got %v", err)
	}
	if err := readFilelists(twice(filelists, "</package\n>"), ignore); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("filelists: got %v", err)
	}
	empty := `<filelists><package pkgid="1" name="bash"/><package pkgid="2" name="zsh"></package></filelists>`
	if err := readFilelists(strings.NewReader(empty), ignore); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("empty: got %v", err)
	}
}

// TestEndsThatAreNone: what looks like an end tag in CDATA or a comment is none, wherever
// a read ends, and costs no more than other text.
func TestEndsThatAreNone(t *testing.T) {
	primary, _ := shortDocuments()
	for _, summary := range []string{
		"<![CDATA[</package>]]>", "a --> b", "<!-- </package> <! -->c", "<![CDATA[<!x]]>", "<?p </package>?>d",
		"<![CDATA[" + strings.Repeat("</package>", 100_000) + "]]>",
	} {
		_, rest, _ := strings.Cut(string(primary), "<summary>")
		_, rest, _ = strings.Cut(rest, "</summary>")
		head, _, _ := strings.Cut(string(primary), "<summary>")
		text := head + "<summary>" + summary + "</summary>" + rest
		readers := []io.Reader{strings.NewReader(text)}
		if len(summary) < 1000 {
			readers = append(readers, iotest.OneByteReader(strings.NewReader(text)))
		}
		for _, r := range readers {
			n := 0
			if err := readPrimary(r, func(*rpm.Package, Location) error { n++; return nil }); err != nil || n != 1 {
				t.Errorf("%.40q: %d packages, %v", summary, n, err)
			}
		}
	}
}

// TestManyProvides: a package may have very many.
func TestManyProvides(t *testing.T) {
	p, at := full()
	for i := range 100_000 {
		p.Provides = append(p.Provides, rpm.Dependency{Name: fmt.Sprintf("ksym(symbol%06d)", i)})
	}
	text := append(AppendPrimary(PrimaryOpen(1), p, at), PrimaryClose()...)
	err := readPrimary(bytes.NewReader(text), func(got *rpm.Package, _ Location) error {
		if len(got.Provides) != len(p.Provides) {
			t.Errorf("%d provides, want %d", len(got.Provides), len(p.Provides))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCut: pieces are read side by side, and come in the order of the document.
func TestCut(t *testing.T) {
	const most = 4
	p, at := full()
	text := PrimaryOpen(0)
	var want []string
	for i := range 2000 {
		p.Name = fmt.Sprintf("package%04d", i)
		want = append(want, p.Name)
		text = AppendPrimary(text, p, at)
	}
	open := len(text)
	text = append(text, PrimaryClose()...)
	var got []string
	calls, pieces := 0, 0
	read := func(all []Piece) error {
		calls++
		pieces += len(all)
		if len(all) == 0 || len(all) > most {
			t.Errorf("%d pieces, want 1 to %d", len(all), most)
		}
		names := make([][]string, len(all))
		var group sync.WaitGroup
		for i := range all {
			group.Go(func() {
				err := all[i].Primary(func(p *rpm.Package, _ Location) error {
					names[i] = append(names[i], strings.Clone(p.Name))
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		got = append(got, slices.Concat(names...)...)
		return nil
	}
	if err := Primary.Cut(bytes.NewReader(text), most, read); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) || pieces < 3 {
		t.Errorf("%d packages in %d pieces, want %d in several", len(got), pieces, len(want))
	}
	if err := Primary.Cut(bytes.NewReader(text[:open]), most, read); fmt.Sprint(err) != "the document ends within <metadata>" {
		t.Errorf("cut off: got %v", err)
	}
	calls = 0
	enough := errors.New("enough")
	err := Primary.Cut(bytes.NewReader(text), most, func([]Piece) error { calls++; return enough })
	if err != enough || calls != 1 {
		t.Errorf("got %v after %d calls, want %v after one", err, calls, enough)
	}
}

func TestUnpack(t *testing.T) {
	text := bytes.Repeat([]byte("text "), 10_000)
	var xzed bytes.Buffer
	w, err := xz.NewWriter(&xzed)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(text)
	w.Close()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bzip2ed := []byte("\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x21\xfb\xcf\x92\x00\x4e\x1f\x91\x80\x40\x00\x02\x00\x04\x40\x20\x00\x50\x66\x9a\x05\x28\x34\x10\xa8\xe0\x85\x46\x84\x2a\x38\x21\x51\xe2\xee\x48\xa7\x0a\x12\x04\x3f\x79\xf2\x40")
	for name, packed := range map[string][]byte{
		"plain": text, "gzip": Gzip.AppendFrame(Gzip.AppendFrame(nil, text[:100]), text[100:]), "zstd": enc.EncodeAll(text, nil), "xz": xzed.Bytes(),
		"bzip2": bzip2ed,
	} {
		r, err := Unpack(bytes.NewReader(packed), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		r, err = Unpack(bytes.NewReader(packed), 49_999)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); fmt.Sprint(err) != "unpacks to more than 49999 bytes" {
			t.Errorf("%s: got %v", name, err)
		}
		if name == "plain" {
			continue
		}
		if r, err = Unpack(bytes.NewReader(packed[:len(packed)/2]), 1<<20); err == nil {
			_, err = io.ReadAll(r)
		}
		if err == nil {
			t.Errorf("%s: half of it, and no error", name)
		}
	}
}

// FuzzReadPrimary: what is read is written as a document that is read as the same.
// trickle yields little at a time, as what unpacks does.
type trickle struct{ n int }

func (r *trickle) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 4<<10)], bytes.Repeat([]byte("x"), 4<<10))
	r.n += n
	return n, nil
}

// TestEndlessElement: an element without an end is given up soon, however it comes: what
// was read of it is not moved about each time.
func TestEndlessElement(t *testing.T) {
	_, at := full()
	head := string(PrimaryOpen(1)) + `<package type="rpm"><name>` + at.Href
	rest := new(trickle)
	began := time.Now()
	err := Primary.Cut(io.MultiReader(strings.NewReader(head), rest), 1, func([]Piece) error { return nil })
	if want := fmt.Sprintf("an element of more than %d bytes", maxElement); fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if rest.n > 2*maxElement+1<<20 {
		t.Errorf("%d bytes were read", rest.n)
	}
	if took := time.Since(began); took > 20*time.Second { // it was minutes
		t.Errorf("it took %v", took)
	}
}

func FuzzReadPrimary(f *testing.F) {
	primary, _ := shortDocuments()
	f.Add(primary)
	f.Add([]byte(`<metadata><package><name>a</name></package></metadata>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		again := PrimaryOpen(0)
		var all []*rpm.Package
		err := readPrimary(bytes.NewReader(text), func(p *rpm.Package, at Location) error {
			all = append(all, p)
			if strings.Contains(at.Href, "..") && checkHref(at.Href) != nil {
				t.Errorf("location %q", at.Href)
			}
			again = AppendPrimary(again, p, at)
			return nil
		})
		if err != nil {
			return
		}
		brief := 0
		err = Primary.Cut(bytes.NewReader(text), 1, func(pieces []Piece) error {
			return pieces[0].Locations(func(*rpm.Package, Location) error { brief++; return nil })
		})
		if err != nil || brief != len(all) {
			t.Errorf("%d locations of %d packages, %v", brief, len(all), err)
		}
		n := 0
		err = readPrimary(bytes.NewReader(append(again, PrimaryClose()...)), func(p *rpm.Package, _ Location) error {
			if p.NEVRA != all[n].NEVRA {
				t.Errorf("%v is read as %v", all[n].NEVRA, p.NEVRA)
			}
			n++
			return nil
		})
		if err != nil || n != len(all) {
			t.Errorf("%d packages of %d, %v", n, len(all), err)
		}
	})
}

func FuzzReadFilelists(f *testing.F) {
	_, filelists := shortDocuments()
	f.Add(filelists)
	f.Fuzz(func(_ *testing.T, text []byte) {
		readFilelists(bytes.NewReader(text), func(string, []rpm.File) error { return nil })
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add(Gzip.AppendFrame(nil, []byte("text")))
	f.Add(Zstd.AppendFrame(nil, []byte("text")))
	f.Add([]byte{0xfd, '7', 'z', 'X', 'Z', 0})
	f.Fuzz(func(t *testing.T, packed []byte) {
		r, err := Unpack(bytes.NewReader(packed), 1<<20)
		if err != nil {
			return
		}
		if n, _ := io.Copy(io.Discard, r); n > 1<<20 {
			t.Errorf("%d bytes", n)
		}
	})
}
