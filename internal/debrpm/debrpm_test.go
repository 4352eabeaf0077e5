package debrpm

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/pungo-build/pungo/internal/rpm"
)

// entry is one entry of an archive to make: by default a regular file, 0644.
type entry struct {
	name, data string
	mode       int64
	kind       byte
	link       string
}

var moment = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// newTar makes an archive; all entries are of the year 2001.
func newTar(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{
			Name: e.name, Mode: e.mode, Typeflag: e.kind, Linkname: e.link,
			Size: int64(len(e.data)), Uname: "root", Gname: "mail", ModTime: moment,
		}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if e.mode == 0 {
			h.Mode = 0o644
		}
		must(t, w.WriteHeader(h))
		_, err := w.Write([]byte(e.data))
		must(t, err)
	}
	must(t, w.Close())
	return b.Bytes()
}

// member is one member of an ar archive.
type member struct{ name, data string }

func newAr(members ...member) []byte {
	b := []byte(arMagic)
	for _, m := range members {
		b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8s%-10d%s%s", m.name, 0, 0, 0, "100644", len(m.data), arHeaderEnd, m.data)
		if len(m.data)%2 == 1 {
			b = append(b, '\n')
		}
	}
	return b
}

// newDeb makes a package of a control file, further control files, and files.
func newDeb(t testing.TB, control string, files ...entry) []byte {
	return newDebWith(t, ".gz", []entry{{name: "./control", data: control}}, files)
}

func newDebWith(t testing.TB, ending string, control, files []entry) []byte {
	t.Helper()
	return newAr(
		member{"debian-binary", "2.0\n"},
		member{"control.tar" + ending, pack(t, ending, newTar(t, control...))},
		member{"data.tar" + ending, pack(t, ending, newTar(t, files...))},
	)
}

func pack(t testing.TB, ending string, b []byte) string {
	t.Helper()
	var out bytes.Buffer
	switch ending {
	case ".gz":
		w := gzip.NewWriter(&out)
		_, err := w.Write(b)
		must(t, err)
		must(t, w.Close())
	case ".xz":
		w, err := xz.NewWriter(&out)
		must(t, err)
		_, err = w.Write(b)
		must(t, err)
		must(t, w.Close())
	case ".zst":
		w, err := zstd.NewWriter(&out)
		must(t, err)
		_, err = w.Write(b)
		must(t, err)
		must(t, w.Close())
	default:
		out.Write(b)
	}
	return out.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const helloControl = `Package: hello
Source: greetings (1:2.0-3)
Version: 1:2.0-3+b1
Architecture: amd64
Maintainer: A Person <a@example.org>
Pre-Depends: libc6 (>= 2.34)
Depends: libc6, python3:any | perl (>> 5.0), base (= 1.0-2),
 tail
Provides: greeter (= 2.0), mail-reader
Section: misc
Homepage: https://example.org
Description: says hello
 It says so
 .
 twice.
`

// TestConvert looks at all that becomes of one package.
func TestConvert(t *testing.T) {
	deb := newDebWith(t, ".xz", []entry{
		{name: "./control", data: helloControl},
		{name: "./conffiles", data: "/etc/hello\n"},
		{name: "./postinst", data: "#!/bin/sh\necho \"$1\"\n"},
	}, []entry{
		{name: "./", kind: tar.TypeDir, mode: 0o755},
		{name: "./bin/", kind: tar.TypeDir, mode: 0o755},
		{name: "./bin/hello", data: "#!/bin/sh -e\n", mode: 0o4755},
		{name: "./bin/hi", kind: tar.TypeLink, link: "./bin/hello", mode: 0o4755},
		{name: "./usr/bin/hello", kind: tar.TypeSymlink, link: "/bin/hello"},
		{name: "./etc/hello", data: "polite\n"},
		{name: "./lib/greet/conf", kind: tar.TypeSymlink, link: "../../etc/hello"},
		{name: "./lib/greet/self", kind: tar.TypeSymlink, link: "../greet"},
		{name: "./usr/share/doc/hello/README", data: "Hello.\n"},
	})
	all := Options{MapDepends: true, Interpreter: func(string) bool { return true }, Scripts: []string{"hello"}}
	got, err := Convert(bytes.NewReader(deb), all)
	must(t, err)

	content := func(path string, mode uint32) rpm.Content {
		return rpm.Content{Path: path, Mode: mode, ModTime: moment.Unix(), User: "root", Group: "mail"}
	}
	with := func(c rpm.Content, change func(*rpm.Content)) rpm.Content { change(&c); return c }
	script := func(c *rpm.Content) { c.Data = []byte("#!/bin/sh -e\n") }
	want := &rpm.Spec{
		Package: rpm.Package{
			NEVRA:     rpm.NEVRA{Name: "hello", EVR: rpm.EVR{Epoch: 1, Version: "2.0", Release: "3+b1"}, Arch: "x86_64"},
			SourceRPM: "greetings-2.0-3.src.rpm",
			BuildTime: moment.Unix(),
			Provides:  dependencies(t, "/bin/hello", "/bin/hi", "greeter = 2.0-0", "mail-reader"),
			Requires: dependencies(t, "(python3 or perl > 5.0-0)", "/bin/sh", "base = 1.0-2",
				"libc6", "libc6 >= 2.34-0 pre", "tail"),
			Text: rpm.Text{
				Summary: "says hello", Description: "It says so\n\ntwice.", License: "LicenseRef-Debian",
				URL: "https://example.org", Group: "misc", Vendor: "Debian", Packager: "A Person <a@example.org>",
			},
		},
		Contents: []rpm.Content{
			with(content("/etc/hello", 0o100644), func(c *rpm.Content) { c.Data, c.Config = []byte("polite\n"), true }),
			content("/usr/bin", 0o040755),
			with(content("/usr/bin/hello", 0o104755), script),
			with(content("/usr/bin/hi", 0o104755), script),
			with(content("/usr/lib/greet/conf", 0o120777), func(c *rpm.Content) { c.Link = "/etc/hello" }),
			with(content("/usr/lib/greet/self", 0o120777), func(c *rpm.Content) { c.Link = "../greet" }),
			with(content("/usr/share/doc/hello/README", 0o100644), func(c *rpm.Content) { c.Data, c.Doc = []byte("Hello.\n"), true }),
		},
		Scriptlets: map[string]string{"postin": "set -- configure ''\n#!/bin/sh\necho \"$1\"\n"},
	}
	compare(t, got, want)

	var file bytes.Buffer
	must(t, rpm.Write(&file, got))
	read, err := rpm.Read(bytes.NewReader(file.Bytes()), int64(file.Len()))
	must(t, err)
	if read.NEVRA != want.NEVRA {
		t.Errorf("the package says it is %s, want %s", read.NEVRA, want.NEVRA)
	}
}

// TestConvertLittle converts with the zero Options.
func TestConvertLittle(t *testing.T) {
	got, err := Convert(bytes.NewReader(newDeb(t, helloControl, entry{name: "./bin/hello", data: "#!/bin/sh\n", mode: 0o755})), Options{})
	must(t, err)
	if len(got.Requires) != 0 || got.Scriptlets != nil {
		t.Errorf("requires %v, scriptlets %v, want none", got.Requires, got.Scriptlets)
	}
	compare(t, got.Provides, dependencies(t, "/bin/hello"))
}

// TestFilesystem wants base-files to have the links, but not where it has
// something of its own there.
func TestFilesystem(t *testing.T) {
	got, err := Convert(bytes.NewReader(newDeb(t, minimal("base-files", "1"),
		entry{name: "./lib", kind: tar.TypeSymlink, link: "usr/lib"},
		entry{name: "./usr/lib/", kind: tar.TypeDir, mode: 0o755},
	)), Options{})
	must(t, err)
	var links []string
	for _, c := range got.Contents {
		links = append(links, c.Path+" "+c.Link)
	}
	compare(t, links, []string{"/bin usr/bin", "/lib usr/lib", "/lib64 usr/lib64", "/sbin usr/sbin", "/usr/lib "})
}

// TestCompressions wants the same result however the package is packed.
func TestCompressions(t *testing.T) {
	files := []entry{{name: "./etc/hello", data: strings.Repeat("hello ", 1000)}}
	control := []entry{{name: "control", data: helloControl}}
	want, err := Convert(bytes.NewReader(newDebWith(t, "", control, files)), Options{})
	must(t, err)
	for _, ending := range []string{".gz", ".xz", ".zst"} {
		t.Run(ending, func(t *testing.T) {
			got, err := Convert(bytes.NewReader(newDebWith(t, ending, control, files)), Options{})
			must(t, err)
			compare(t, got, want)
		})
	}
}

func TestSource(t *testing.T) {
	c, err := ReadControl(bytes.NewReader(newDeb(t, helloControl)))
	must(t, err)
	s := Source(c)
	if got, want := s.NEVRA.String(), "greetings-1:2.0-3.src"; got != want {
		t.Errorf("source package %s, want %s", got, want)
	}
	if got, want := c.Source.FileName(), "greetings-2.0-3.src.rpm"; got != want {
		t.Errorf("file %s, want %s", got, want)
	}
	path := filepath.Join(t.TempDir(), "greetings.src.rpm")
	var file bytes.Buffer
	must(t, rpm.Write(&file, s))
	must(t, os.WriteFile(path, file.Bytes(), 0o644))
	got, err := exec.Command("rpm", "--query", "--package", "--list", path).Output()
	if err != nil || string(got) != "greetings.dsc\n" {
		t.Errorf("rpm lists %q (%v), want greetings.dsc", got, err)
	}
}

func TestConvertRefuses(t *testing.T) {
	control := member{"control.tar", string(newTar(t, entry{name: "control", data: minimal("p", "1")}))}
	binary := member{"debian-binary", "2.0\n"}
	tests := []struct {
		name string
		deb  []byte
		want string
	}{
		{"no archive", []byte("\xed\xab\xee\xdb"), `begins with`},
		{"empty", nil, `begins with ""`},
		{"no members", newAr(), "no members"},
		{"another archive", newAr(member{"hello.o", ""}), `first member "hello.o", want debian-binary`},
		{"another format", newAr(member{"debian-binary", "3.0\n"}), `format "3.0", want 2.0`},
		{"no control", newAr(binary), "no member control.tar.*"},
		{"no files", newAr(binary, control), "no member data.tar.*"},
		{"order", newAr(binary, member{"data.tar", ""}), `member "data.tar", want control.tar.*`},
		{"compression", newAr(binary, member{"control.tar.lz", ""}), `compression ".lz", want`},
		{"damaged xz", newAr(binary, member{"control.tar.xz", "xz"}), "xz"},
		{"member cut off", newAr(binary, control)[:200], `member "control.tar": archive ends`},
		{"header cut off", newAr(binary)[:40], "ends within the header"},
		{"header", append(newAr(), make([]byte, 60)...), "header of a member ends in"},
		{"member too large", []byte(strings.Replace(string(newAr(member{"debian-binary", "2.0\n"})), "4         ", "4000000000", 1)), "want at most 1024"},
		{"no control file", newAr(binary, member{"control.tar", string(newTar(t))}), "no file control"},
		{"no name", newDeb(t, "Version: 1\n"), `package name ""`},
		{"name with a path", newDeb(t, minimal("../p", "1")), `package name "../p"`},
		{"version", newDeb(t, minimal("p", "1/2")), `version "1/2"`},
		{"architecture", newDeb(t, "Package: p\nVersion: 1\nArchitecture: pdp11\n"), `architecture "pdp11"`},
		{"source", newDeb(t, minimal("p", "1")+"Source: a/b\n"), `source name "a/b"`},
		{"source version", newDeb(t, minimal("p", "1")+"Source: a (1 2)\n"), `source: version "1 2"`},
		{"line", newDeb(t, "Package p\n"), `line "Package p", want NAME: VALUE`},
		{"continued nothing", newDeb(t, " p\n"), "continues nothing"},
		{"field twice", newDeb(t, minimal("p", "1")+"package: q\n"), `field "package" is there twice`},
		{"depends", newDeb(t, minimal("p", "1")+"Depends: a (~ 1)\n"), `Depends: relation "a (~ 1)"`},
		{"provides", newDeb(t, minimal("p", "1")+"Provides: a | b\n"), "want no alternatives"},
		{"path leads out", newDeb(t, minimal("p", "1"), entry{name: "./usr/../../etc/passwd"}), "leads out"},
		{"newline", newDeb(t, minimal("p", "1"), entry{name: "./a\nb"}), "newline"},
		{"device", newDeb(t, minimal("p", "1"), entry{name: "./dev/null", kind: tar.TypeChar}), "want a regular file"},
		{"hard link", newDeb(t, minimal("p", "1"), entry{name: "./a", kind: tar.TypeLink, link: "./b"}), "that came before"},
		{"hard link out", newDeb(t, minimal("p", "1"), entry{name: "./a", kind: tar.TypeLink, link: "../b"}), "leads out"},
		{"file twice", newDeb(t, minimal("p", "1"), entry{name: "./bin/a"}, entry{name: "./usr/bin/a"}), `becomes "/usr/bin/a", which is there already`},
		{"script", newDebWith(t, "", []entry{
			{name: "control", data: minimal("p", "1")}, {name: "prerm", data: "#!/usr/bin/perl\n"},
		}, nil), `prerm: interpreter "/usr/bin/perl"`},
		{"too large", newDeb(t, minimal("p", "1"), entry{name: "./a", data: strings.Repeat("a", 2<<20)}), "want at most"},
		{"links too large", newDeb(t, minimal("p", "1"),
			entry{name: "./a", data: strings.Repeat("a", 1<<20-1)},
			entry{name: "./b", kind: tar.TypeLink, link: "./a"}), "more than 1048576 bytes of files"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Convert(bytes.NewReader(tt.deb), Options{MapDepends: true, Scripts: []string{"p"}, MaxSize: 1 << 20})
			if err == nil {
				t.Fatalf("converted to %s, want an error", s.NEVRA)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

// TestConvertTruncated cuts a package everywhere.
func TestConvertTruncated(t *testing.T) {
	deb := newDebWith(t, ".xz", []entry{{name: "control", data: helloControl}}, []entry{{name: "./etc/hello", data: "polite\n"}})
	for n := range len(deb) - 1 {
		if _, err := Convert(bytes.NewReader(deb[:n]), Options{}); err == nil {
			t.Fatalf("the first %d of %d bytes converted, want an error", n, len(deb))
		}
	}
}

func FuzzConvert(f *testing.F) {
	f.Add(newDeb(f, helloControl, entry{name: "./bin/hello", data: "#!/bin/sh\n", mode: 0o755}))
	f.Add(newDebWith(f, ".xz", []entry{{name: "control", data: minimal("p", "1")}}, nil))
	f.Add(newDebWith(f, ".zst", []entry{{name: "control", data: minimal("p", "1")}}, nil))
	f.Add(newDebWith(f, "", []entry{{name: "control", data: minimal("base-files", "1:2-3")}}, []entry{
		{name: "./lib/libx.so", data: string(newELF(elfLayout{})), mode: 0o644},
		{name: "./lib/liby.so", kind: tar.TypeLink, link: "./lib/libx.so"},
		{name: "./bin/z", kind: tar.TypeSymlink, link: "../usr/bin/y"},
	}))
	f.Fuzz(func(t *testing.T, deb []byte) {
		s, err := Convert(bytes.NewReader(deb), Options{MapDepends: true, MaxSize: 1 << 20, Interpreter: func(string) bool { return true }})
		if err != nil {
			return
		}
		for _, c := range s.Contents {
			if !strings.HasPrefix(c.Path, "/") || filepath.Clean(c.Path) != c.Path {
				t.Errorf("path %q is not confined", c.Path)
			}
		}
		var b bytes.Buffer
		if err := rpm.Write(&b, s); err != nil {
			return // rpm has limits of its own
		}
		if _, err := rpm.Read(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
			t.Errorf("%s was written, but not read: %v", s.NEVRA, err)
		}
	})
}

// minimal is the smallest control file.
func minimal(name, version string) string {
	return "Package: " + name + "\nVersion: " + version + "\nArchitecture: all\n"
}

// dependencies parses a list; " pre" marks what scriptlets need.
func dependencies(t testing.TB, list ...string) []rpm.Dependency {
	t.Helper()
	var deps []rpm.Dependency
	for _, s := range list {
		s, pre := strings.CutSuffix(s, " pre")
		d, err := rpm.ParseDependency(s)
		must(t, err)
		d.Pre = pre
		deps = append(deps, d)
	}
	return deps
}

// compare compares by the printed form, which shows where two values differ.
func compare(t *testing.T, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	g, w := lines(got), lines(want)
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Errorf("got  %s\nwant %s", at(g, i), at(w, i))
		}
	}
}

func lines(v any) []string {
	s := reflect.Indirect(reflect.ValueOf(v))
	if s.Kind() == reflect.Slice {
		var list []string
		for i := range s.Len() {
			list = append(list, fmt.Sprintf("%d: %+v", i, s.Index(i)))
		}
		return list
	}
	var list []string
	for i := range s.NumField() {
		list = append(list, fmt.Sprintf("%s: %+v", s.Type().Field(i).Name, s.Field(i)))
	}
	return list
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

func TestInterpreter(t *testing.T) {
	for script, want := range map[string]string{
		"#!/bin/sh\n":                      "/bin/sh",
		"#! /usr/bin/env python3\nprint()": "/usr/bin/env",
		"#!/bin/sed -f":                    "/bin/sed",
		"#!sh\n":                           "",
		"#!\n":                             "",
		"#!":                               "",
		"":                                 "",
		"echo\n":                           "",
		"#!/bin/\x00\n":                    "",
	} {
		if got := interpreter([]byte(script)); got != want {
			t.Errorf("interpreter of %q is %q, want %q", script, got, want)
		}
	}
}

func TestSortDependencies(t *testing.T) {
	got := dependencies(t, "b", "a >= 2", "a", "b pre", "a >= 1", "a")
	sortDependencies(&got)
	if want := dependencies(t, "a", "a >= 1", "a >= 2", "b pre"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
