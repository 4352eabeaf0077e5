package rpm

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
)

func mustRead(t testing.TB, b []byte) *Package {
	t.Helper()
	p, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantPackage is what must be read of a package written from s.
func wantPackage(s *Spec) *Package {
	p := s.Package
	p.Provides = unwire(s.allProvides())
	compression, _ := findCompression(s.Compression)
	p.Requires = slices.DeleteFunc(unwire(s.allRequires(compression)), func(d Dependency) bool {
		return strings.HasPrefix(d.Name, "rpmlib(")
	})
	if len(p.Requires) == 0 {
		p.Requires = nil
	}
	if p.SourceRPM == "" && !s.IsSource() {
		p.SourceRPM = p.Name + "-" + p.Version + "-" + p.Release + ".src.rpm"
	}
	if p.Text.Group == "" {
		p.Text.Group = "Unspecified"
	}
	if p.Text.BuildHost == "" {
		p.Text.BuildHost = "localhost"
	}
	for _, c := range s.Contents {
		p.InstalledSize += int64(len(c.body()))
		p.Files = append(p.Files, File{c.Path, c.Mode&modeType == modeDir, c.Ghost})
	}
	slices.SortFunc(p.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return &p
}

// unwire is the opposite of wire.
func unwire(deps []wireDependency) []Dependency {
	list := make([]Dependency, len(deps))
	for i, d := range deps {
		list[i] = d.Dependency
		list[i].Pre = d.flags&flagPre != 0
	}
	return list
}

func TestReadWhatWeWrite(t *testing.T) {
	for _, s := range sampleSpecs() {
		t.Run(s.Name, func(t *testing.T) {
			got, want := mustRead(t, mustWrite(t, s)), wantPackage(s)
			// The places in the file are compared with createrepo_c's.
			want.HeaderStart, want.HeaderEnd, want.ArchiveSize = got.HeaderStart, got.HeaderEnd, got.ArchiveSize
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%s\nwant\n%s", dump(got), dump(want))
			}
		})
	}
}

func TestReadSigningKey(t *testing.T) {
	for file, want := range map[string]string{
		"testdata/signed-rsa.rpm":   "65e89c3315ce6bf2",
		"testdata/signed-eddsa.rpm": "85776bd006c60ca6",
		"testdata/full.rpm":         "",
	} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustRead(t, b).SigKey; got != want {
			t.Errorf("%s: signed by %q, want %q", file, got, want)
		}
	}
}

func TestIssuer(t *testing.T) {
	fingerprint4 := "\x16\x21\x04" + "0123456789ab" + "key id 4"
	fingerprint6 := "\x22\x21\x06" + "key id 6" + strings.Repeat("f", 24)
	tests := []struct{ name, packet, want string }{
		{"version 3, old format", "\x88\x0f\x03\x05\x00timekey id 3", "key id 3"},
		{"version 3, two bytes of length", "\x89\x00\x0f\x03\x05\x00timekey id 3", "key id 3"},
		{"version 3, new format", "\xc2\x0f\x03\x05\x00timekey id 3", "key id 3"},
		{"version 4, key id unhashed", "\x88\x15\x04\x00\x01\x08\x00\x02\x01\x02\x00\x0b\x09\x10key id 4..", "key id 4"},
		{"version 4, key id hashed", "\x88\x12\x04\x00\x01\x08\x00\x0a\x09\x10key id 4\x00\x00", "key id 4"},
		{"version 4, fingerprint", "\x88\x1f\x04\x00\x01\x08\x00\x17" + fingerprint4 + "\x00\x00", "key id 4"},
		{"version 4, critical fingerprint", "\x88\x1f\x04\x00\x01\x08\x00\x17" + strings.Replace(fingerprint4, "!", "\xa1", 1) + "\x00\x00", "key id 4"},
		{"version 6", "\xc2\x2f\x06\x00\x01\x08\x00\x00\x00\x23" + fingerprint6 + "\x00\x00\x00\x00", "key id 6"},
		{"cut off", "\x88\x1f\x04\x00\x01\x08\x00\x17", ""},
		{"subpackets are longer than the packet", "\x88\x06\x04\x00\x01\x08\x00\x17", ""},
		{"a public key", "\x98\x0f\x03\x05\x00timekey id 3", ""},
		{"empty", "", ""},
		{"text", "-----BEGIN PGP", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := ""
			for i := range len(test.want) {
				want += string("0123456789abcdef"[test.want[i]>>4]) + string("0123456789abcdef"[test.want[i]&15])
			}
			if got := issuer([]byte(test.packet)); got != want {
				t.Errorf("got %q, want %q (%s)", got, want, test.want)
			}
		})
	}
}

// rawPackage is a package file with the given facts in its main header and an
// empty signature header.
func rawPackage(add func(*headerBuilder)) []byte {
	h := &headerBuilder{}
	h.text(tagName, "raw")
	h.text(tagVersion, "1")
	h.text(tagRelease, "2")
	h.text(tagArch, "noarch")
	h.text(tagSourceRPM, "raw-1-2.src.rpm")
	add(h)
	sig := (&headerBuilder{}).bytes(tagRegionSignature)
	return slices.Concat((&Spec{}).lead(), pad(sig, 8), h.bytes(tagRegionImmutable))
}

// addFileList adds a file list with one file in each given directory.
func addFileList(h *headerBuilder, names, dirs []string) {
	indexes := make([]uint32, len(names))
	for i := range indexes {
		indexes[i] = uint32(min(i, len(dirs)-1))
	}
	h.array(tagBaseNames, names)
	h.array(tagDirNames, dirs)
	h.int32s(tagDirIndexes, indexes...)
	h.int32s(tagFileFlags, make([]uint32, len(names))...)
	h.int16s(tagFileModes, make([]uint16, len(names))...)
}

func TestReadOddHeaders(t *testing.T) {
	tests := []struct {
		name string
		add  func(*headerBuilder)
		want func(*Package)
	}{
		{"no facts", func(h *headerBuilder) {}, func(p *Package) {}},
		{"paths in full", func(h *headerBuilder) {
			h.array(tagOldFileNames, []string{"/usr", "/usr/a"})
			h.int16s(tagFileModes, 0o040755, 0o100644)
			h.int32s(tagFileFlags, 0, fileGhost)
		}, func(p *Package) { p.Files = []File{{"/usr", true, false}, {"/usr/a", false, true}} }},
		{"root and paths to clean", func(h *headerBuilder) {
			addFileList(h, []string{"", "a", "b", ".."[:1], ".hidden", "..."}, []string{"/", "/usr//share/", "/usr/./", "/opt/", "/.x/"})
		}, func(p *Package) {
			p.Files = []File{{Path: "/"}, {Path: "/usr/share/a"}, {Path: "/usr/b"}, {Path: "/opt"}, {Path: "/.x/.hidden"}, {Path: "/.x/..."}}
		}},
		{"dependencies without versions", func(h *headerBuilder) {
			h.array(tagsProvide.name, []string{"a", "b"})
		}, func(p *Package) { p.Provides = deps("a", "b") }},
		{"only rpmlib", func(h *headerBuilder) {
			h.array(tagsRequire.name, []string{"rpmlib(X)"})
		}, func(p *Package) {}},
		{"odd versions", func(h *headerBuilder) {
			h.array(tagsProvide.name, []string{"a", "b"})
			h.int32s(tagsProvide.flags, flagSense(Equal), flagSense(Less))
			h.array(tagsProvide.version, []string{"", "a:1-2-3"})
		}, func(p *Package) {
			p.Provides = []Dependency{{Name: "a", Sense: Equal}, {Name: "b", Sense: Less, EVR: EVR{0, "a:1-2", "3"}}}
		}},
		{"pre", func(h *headerBuilder) {
			h.array(tagsRequire.name, []string{"a", "b", "c", "d", "e"})
			h.int32s(tagsRequire.flags, flagPrereq, flagScriptPre, flagScriptPost, flagScriptPreun, flagScriptPostun)
			h.array(tagsRequire.version, make([]string, 5))
		}, func(p *Package) {
			p.Requires = []Dependency{{Name: "a", Pre: true}, {Name: "b", Pre: true}, {Name: "c", Pre: true}, {Name: "d"}, {Name: "e"}}
		}},
		{"long sizes", func(h *headerBuilder) {
			h.add(tagLongSize, kindInt64, 1, []byte{0, 0, 0, 1, 0, 0, 0, 2})
			h.int32s(tagArchiveSize, 7)
		}, func(p *Package) { p.InstalledSize, p.ArchiveSize = 1<<32+2, 7 }},
		{"not UTF-8", func(h *headerBuilder) { h.translated(tagSummary, "\xfc") }, func(p *Package) { p.Text.Summary = "\xfc" }},
		{"the first of several translations", func(h *headerBuilder) {
			h.add(tagSummary, kindI18N, 2, []byte("one\x00eins\x00"))
		}, func(p *Package) { p.Text.Summary = "one" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustRead(t, rawPackage(test.add))
			want := &Package{NEVRA: NEVRA{"raw", EVR{0, "1", "2"}, "noarch"}, SourceRPM: "raw-1-2.src.rpm"}
			test.want(want)
			want.HeaderStart, want.HeaderEnd = got.HeaderStart, got.HeaderEnd
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%s\nwant\n%s", dump(got), dump(want))
			}
		})
	}
}

func flagSense(s Sense) uint32 { return uint32(s) << senseShift }

func TestReadErrors(t *testing.T) {
	good := rawPackage(func(*headerBuilder) {})
	start := int(mustRead(t, good).HeaderStart)
	patch := func(at int, values ...uint32) []byte {
		b := slices.Clone(good)
		for i, v := range values {
			binary.BigEndian.PutUint32(b[at+4*i:], v)
		}
		return b
	}
	files := func(names, dirs []string) []byte {
		return rawPackage(func(h *headerBuilder) { addFileList(h, names, dirs) })
	}
	entry1 := start + headerIntro + entrySize // the name
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "not an RPM: 0 bytes, want a lead of 96"},
		{"zip", []byte("PK\x03\x04........"), "not an RPM: magic 0x504b0304, want 0xedabeedb"},
		{"lead only", good[:96], "truncated: signature header needs 112 bytes, the file has 96"},
		{"within the signature header", good[:120], "truncated: signature header needs 144 bytes, the file has 120"},
		{"before the header", good[:start+3], "truncated: header needs 160 bytes, the file has 147"},
		{"within the header", good[:len(good)-1], "truncated: header needs 303 bytes, the file has 302"},
		{"magic of the signature header", patch(96, 1), "signature header: magic 0x00000001, want 0x8eade801"},
		{"magic of the header", patch(start, 2), "header: magic 0x00000002, want 0x8eade801"},
		{"many entries", patch(start+8, 1<<20), "header: 1048576 entries, want at most 65535"},
		{"much data", patch(start+12, 1<<31), "header: 2147483648 bytes of data, want at most 268435456"},
		{"data that is not there", patch(start+12, 200<<20), "truncated: header needs 209715456 bytes, the file has 303"},
		{"unknown type", patch(entry1+4, 10), "header index entry 1 (tag 1000): unknown type 10"},
		{"offset", patch(entry1+8, 99999), "header index entry 1 (tag 1000): offset 99999 lies outside the 47 bytes of data"},
		{"count", patch(entry1+4, 4, 40, 3), "header index entry 1 (tag 1000): 3 items (int32) at offset 40 lie outside the 47 bytes of data"},
		{"huge count", patch(entry1+4, 5, 0, 1<<31), "header index entry 1 (tag 1000): 2147483648 items (int64) at offset 0 lie outside the 47 bytes of data"},
		{"two strings", patch(entry1+4, 6, 0, 2), "header index entry 1 (tag 1000): 2 items, want 1 string"},
		{"type", patch(entry1+4, 4, 0, 1), "header tag 1000: type int32, want string"},
		{"not terminated", patch(entry1+4, 6, 46, 1), "header tag 1000: string is not terminated"},
		{"no name", patch(entry1, 999), `package "-0:1-2.noarch" has no name`},
		{"name leads out", rawPackage(func(h *headerBuilder) { h.facts[0].data = []byte("../x\x00") }),
			`package "../x-0:1-2.noarch": name "../x" has a '/'`},
		{"source leads out", rawPackage(func(h *headerBuilder) { h.facts[4].data = []byte("/etc/passwd\x00") }),
			`package "raw-0:1-2.noarch": source package "/etc/passwd" is not a file name`},
		{"directory index", rawPackage(func(h *headerBuilder) {
			addFileList(h, []string{"a"}, []string{"/"})
			h.facts[len(h.facts)-3].data = []byte{0, 0, 0, 1}
		}), "header tag 1116: directory 1 of file 0, want one of 1"},
		{"file counts", rawPackage(func(h *headerBuilder) { h.array(tagBaseNames, []string{"a"}) }),
			"header tag 1117: file list of 1 names, 0 directories, 0 modes and 0 flags, want as many of each"},
		{"relative path", files([]string{"a"}, []string{"usr/"}), `header tag 1117: path "usr/a" is not absolute`},
		{"file without directory", files([]string{"a"}, []string{""}), `header tag 1117: path "a" is not absolute`},
		{"directory leads out", files([]string{"a"}, []string{"/usr/../"}), `header tag 1117: path "/usr/../a" leads out by ".."`},
		{"name leads out", files([]string{".."}, []string{"/usr/"}), `header tag 1117: path "/usr/.." leads out by ".."`},
		{"name with slashes leads out", files([]string{"a/../../b"}, []string{"/usr/"}), `header tag 1117: path "/usr/a/../../b" leads out by ".."`},
		{"newline", files([]string{"a\n/b"}, []string{"/usr/"}), `header tag 1117: path "/usr/a\n/b" has a NUL or a newline`},
		{"long path", files([]string{strings.Repeat("n", 5000)}, []string{"/"}),
			`header tag 1117: path of 5001 bytes, want at most 4096: "/` + strings.Repeat("n", 79) + `"`},
		{"dependency counts", rawPackage(func(h *headerBuilder) {
			h.array(tagsRequire.name, []string{"a", "b"})
			h.int32s(tagsRequire.flags, 0)
		}), "header tag 1049: dependencies of 2 names, 1 flags and 0 versions, want as many of each"},
		{"epoch", rawPackage(func(h *headerBuilder) {
			h.array(tagsRequire.name, []string{"a"})
			h.int32s(tagsRequire.flags, 0)
			h.array(tagsRequire.version, []string{"4294967296:1"})
		}), `header tag 1050: "a": "4294967296:1": epoch 4294967296, want at most 4294967295`},
		{"changelog", rawPackage(func(h *headerBuilder) { h.int32s(tagChangelogTime, 1) }),
			"header tag 1080: changelog of 1 times, 0 authors and 0 texts, want as many of each"},
		{"number", rawPackage(func(h *headerBuilder) { h.text(tagEpoch, "1") }), "header tag 1003: type string, want an integer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := Read(bytes.NewReader(test.file), int64(len(test.file)))
			if errorText(err) != test.want || p != nil {
				t.Errorf("got %v, %v, want %s", p, err, test.want)
			}
		})
	}
}

func TestReadSaysWhatTheReaderSaid(t *testing.T) {
	_, err := Read(strings.NewReader("\xed\xab\xee\xdb"), 4096) // shorter than promised
	if want := "file: EOF"; errorText(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Headers larger than the first read come in several pieces.
func TestReadLargeHeader(t *testing.T) {
	s := plainSpec("large", "x86_64")
	for i := range 5000 {
		s.Provides = append(s.Provides, Dependency{Name: strings.Repeat("p", i%50+1), Sense: Equal, EVR: EVR{1, "2", "3"}})
	}
	got := mustRead(t, mustWrite(t, s))
	if got.HeaderEnd < 2*firstRead {
		t.Fatalf("header ends at %d, want it beyond %d", got.HeaderEnd, 2*firstRead)
	}
	if want := wantPackage(s).Provides; !slices.Equal(got.Provides, want) {
		t.Errorf("got %d other provides, want %d", len(got.Provides), len(want))
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range sampleSpecs() {
		b := mustWrite(f, s)
		f.Add(b[:mustRead(f, b).HeaderEnd])
	}
	for _, file := range []string{"testdata/signed-rsa.rpm", "testdata/signed-eddsa.rpm"} {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, file := range p.Files {
			if !strings.HasPrefix(file.Path, "/") && !p.IsSource() || strings.Contains(file.Path+"/", "/../") {
				t.Errorf("path %q leads out", file.Path)
			}
		}
		if strings.ContainsAny(p.FileName(), "/\n") {
			t.Errorf("file name %q leads out", p.FileName())
		}
		if _, v, err := Open(bytes.NewReader(b), int64(len(b))); err == nil {
			v.Write(b)
			_ = v.Check()
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for _, bench := range []struct {
		name string
		spec *Spec
	}{{"small", fullSpec()}, {"median", medianSpec()}} {
		b.Run(bench.name, func(b *testing.B) {
			file := writeFile(b, b.TempDir(), bench.spec)
			f, err := os.Open(file)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(f, info.Size()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// medianSpec is like the median package of a distribution with sonames: ten
// dependencies of a kind and forty files.
func medianSpec() *Spec {
	s := fullSpec()
	for i := range 10 {
		n := string(rune('a' + i))
		s.Provides = append(s.Provides, deps("lib"+n+".so.1()(64bit)", "pkgconfig("+n+") = 1.2."+n)...)
		s.Requires = append(s.Requires, deps("lib"+n+".so.6(GLIBC_2.34)(64bit)", "dep"+n+" >= 1:2.3-4")...)
		s.Text.Changelog = append(s.Text.Changelog, Change{"A <a@example.org> - 1", 1690000000, "- changed " + n})
		for _, dir := range []string{"/usr/lib64/full/", "/usr/share/locale/" + n + "/LC_MESSAGES/", "/usr/share/doc/full/html/"} {
			s.Contents = append(s.Contents, Content{Path: dir + n + ".file", Mode: 0o100644, ModTime: 1})
		}
	}
	return s
}

// Damaged headers must neither panic nor make us allocate much more than they have.
func TestReadDamaged(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, s := range sampleSpecs() {
		good := mustWrite(t, s)
		good = good[:mustRead(t, good).HeaderEnd]
		for range 2000 {
			b := damaged(random, good)
			before := allocated()
			_, _ = Read(bytes.NewReader(b), int64(len(b)))
			if n := allocated() - before; n > 1<<20 {
				t.Errorf("%s: %d bytes allocated for a file of %d, want at most a MiB", s.Name, n, len(b))
			}
		}
	}
}

// damaged changes some bytes, most of them in the index of the main header, and
// some to small numbers, which get further than random ones.
func damaged(random *rand.Rand, good []byte) []byte {
	b := slices.Clone(good)
	const index = 360 + headerIntro // where the writer puts it
	for range 1 + random.IntN(4) {
		at := random.IntN(len(b))
		if random.IntN(3) > 0 {
			at = index + random.IntN(min(60*entrySize, len(b)-index))
		}
		b[at] = byte(random.IntN(256) >> random.IntN(8))
	}
	return b
}

// allocated is how many bytes this program has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
