package repodata

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packed is a file of a frame for each part.
func packed(t *testing.T, c Compression, parts ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewFileWriter(&out, &File{Compression: c, Checksum: SHA256})
	for _, part := range parts {
		if err := w.Append(c.AppendFrame(nil, []byte(part))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := w.packed.Checksum(), SHA256.Sum(out.Bytes()); got != want || w.packed.Size() != int64(out.Len()) {
		t.Errorf("the file has the checksum %+v and %d bytes, want %+v and %d", got, w.packed.Size(), want, out.Len())
	}
	return out.Bytes()
}

func TestAppendFrame(t *testing.T) {
	random := make([]byte, 100_000)
	rand.NewChaCha8([32]byte{}).Read(random)
	texts := map[string][]string{
		"empty":     {""},
		"some":      {"", "first ", strings.Repeat("second ", 1000), "third", ""},
		"no better": {string(random[:5]), string(random)},
		"large":     {strings.Repeat(string(random[:1000]), maxXZWindow/1000+1), "end"},
	}
	const python = "import lzma, sys; sys.stdout.buffer.write(lzma.open(sys.argv[1]).read())"
	programs := []struct {
		name string
		c    Compression
		run  []string
	}{
		{"cat", Plain, []string{"cat"}},
		{"zcat", Gzip, []string{"zcat"}},
		{"zstdcat", Zstd, []string{"zstdcat"}},
		{"xzcat", XZ, []string{"xzcat"}},
		{"python", XZ, []string{"/usr/bin/python3", "-c", python}},
	}
	for _, program := range programs {
		for name, parts := range texts {
			t.Run(program.name+"/"+name, func(t *testing.T) {
				file := packed(t, program.c, parts...)
				if again := packed(t, program.c, parts...); !bytes.Equal(file, again) {
					t.Error("equal parts are packed into unequal bytes")
				}
				at := filepath.Join(t.TempDir(), "file"+string(program.c))
				writeFile(t, at, file)
				want := strings.Join(parts, "")
				if got := run(t, program.run[0], slices.Concat(program.run[1:], []string{at})...); got != want {
					t.Errorf("unpacked %d bytes, want %d", len(got), len(want))
				}
				got, err := program.c.AppendUnpacked([]byte("x"), file)
				if err != nil || string(got) != "x"+want {
					t.Errorf("AppendUnpacked yields %d bytes, %v, want %d", len(got), err, 1+len(want))
				}
			})
		}
	}
}

// TestXZ has xz check what it says of itself: a block for each frame, with its sizes.
func TestXZ(t *testing.T) {
	at := filepath.Join(t.TempDir(), "file.xz")
	writeFile(t, at, packed(t, XZ, "first", "", strings.Repeat("second", 100), "third"))
	run(t, "xz", "--test", at)
	got := strings.Fields(run(t, "xz", "--robot", "--list", at))
	want := []string{"1", "3", "610"} // streams, blocks, bytes of text
	if i := slices.Index(got, "file"); i < 0 || !slices.Equal([]string{got[i+1], got[i+2], got[i+4]}, want) {
		t.Errorf("xz lists %q, want streams, blocks and bytes %q", got, want)
	}
}

func TestXZErrors(t *testing.T) {
	tests := []struct{ name, frame, want string }{
		{"cut off", "\x02\xc0\x01", "xz: a frame that is no block"},
		{"no block", "\x00\x00\x01\x01", "xz: a frame that is no block"},
		{"no size", "\x00\xc0\xff\xff", "xz: a block without sizes"},
		{"one size", "\x00\xc0\x01\xff", "xz: a block without sizes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := NewFileWriter(io.Discard, &File{Compression: XZ, Checksum: SHA256}).Append([]byte(test.frame))
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestParseCompression(t *testing.T) {
	for name, want := range map[string]Compression{"none": Plain, "gz": Gzip, "xz": XZ, "zstd": Zstd} {
		if got, err := ParseCompression(name); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	const want = `compression "bz2" is not known, want gz, xz, zstd or none`
	if _, err := ParseCompression("bz2"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// writeRepo writes a repository of packages (whose files need not exist) into
// a new folder, with a frame for each opening, closing and package.
func writeRepo(t *testing.T, c Compression, kind ChecksumType, n int) string {
	t.Helper()
	packages, places := typicalPackages(n)
	for i := range places {
		places[i].Checksum = kind.Sum([]byte(packages[i].Name))
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "repodata"), 0o755); err != nil {
		t.Fatal(err)
	}
	index := Repomd{Revision: "1700000000"}
	document := func(name string, open, end []byte, element func(b []byte, i int) []byte) {
		var out bytes.Buffer
		file := File{Type: name, Name: name + ".xml", Compression: c, Checksum: kind, Unique: true, Timestamp: 1700000000}
		w, sum := NewFileWriter(&out, &file), NewSum(kind)
		frame := func(plain []byte) {
			sum.Add(plain)
			if err := w.Append(c.AppendFrame(nil, plain)); err != nil {
				t.Fatal(err)
			}
		}
		frame(open)
		for i := range packages {
			frame(element(nil, i))
		}
		frame(end)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		rec := w.Record(sum)
		index.Records = append(index.Records, rec)
		writeFile(t, filepath.Join(dir, rec.Location), out.Bytes())
	}
	document("primary", PrimaryOpen(n), PrimaryClose(), func(b []byte, i int) []byte {
		return AppendPrimary(b, packages[i], places[i])
	})
	document("filelists", FilelistsOpen(n), FilelistsClose(), func(b []byte, i int) []byte {
		return AppendFilelists(b, packages[i], places[i])
	})
	document("other", OtherOpen(n), OtherClose(), func(b []byte, i int) []byte {
		return AppendOther(b, packages[i], places[i], DefaultChangelogLimit)
	})
	var repomd bytes.Buffer
	if _, err := index.WriteTo(&repomd); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "repodata/repomd.xml"), repomd.Bytes())
	return dir
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a program and returns its standard output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

// TestFramesDNF has dnf read a repository whose files are of many frames.
func TestFramesDNF(t *testing.T) {
	for _, c := range []Compression{Plain, Gzip, Zstd, XZ} {
		t.Run("compression"+string(c), func(t *testing.T) {
			const n = 40
			dir := writeRepo(t, c, SHA256, n)
			query := func(args ...string) string {
				return run(t, "dnf", append([]string{
					"--repofrompath=t,file://" + dir, "--repo=t", "--nogpgcheck", "--releasever=1",
					"--forcearch=x86_64", "--setopt=cachedir=" + t.TempDir(), "--setopt=reposdir=/dev/null",
					"--setopt=logdir=" + t.TempDir(), "--quiet", "repoquery",
				}, args...)...)
			}
			packages, _ := typicalPackages(n)
			last := packages[n-1]
			if got := strings.Count(query(), "\n"); got != n {
				t.Errorf("dnf lists %d packages, want %d", got, n)
			}
			got := strings.TrimSpace(query("--qf", "%{name}", "--file", last.Files[99].Path))
			if got != last.Name {
				t.Errorf("owner of %s is %q, want %q", last.Files[99].Path, got, last.Name)
			}
		})
	}
}

// TestFramesMerge has createrepo_c's own reader and writer copy repositories whose files
// are of many frames, and compares what comes out.
func TestFramesMerge(t *testing.T) {
	const n = 40
	for _, c := range []Compression{Plain, Gzip, XZ} {
		t.Run("compression"+string(c), func(t *testing.T) {
			dir, out := writeRepo(t, c, SHA256, n), t.TempDir()
			run(t, "mergerepo_c", "--repo", dir, "--outputdir", out, "--omit-baseurl", "--no-database", "--all")
			for _, kind := range []string{"primary", "filelists", "other"} {
				compareDocuments(t, readDocument(t, dir, kind), readDocument(t, out, kind))
			}
		})
	}
}

// TestChecksumsAndCompressions has dnf and createrepo_c's library read every combination
// of them. This createrepo_c does not know zstd; later ones do.
func TestChecksumsAndCompressions(t *testing.T) {
	const n = 3
	const python = `import sys, createrepo_c
for dir in sys.argv[1:]:
    metadata = createrepo_c.Metadata()
    metadata.locate_and_load_xml(dir)
    one = metadata.get(metadata.keys()[0])
    print(metadata.len(), one.checksum_type, len(one.pkgId))`
	tmp := t.TempDir()
	dnf := []string{"--releasever=1", "--forcearch=x86_64", "--setopt=cachedir=" + tmp, "--setopt=reposdir=/dev/null",
		"--setopt=logdir=" + tmp, "--quiet"}
	library := []string{"-c", python}
	var wantDNF, wantLibrary []string
	for _, kind := range []ChecksumType{SHA1, SHA224, SHA256, SHA384, SHA512} {
		for _, c := range []Compression{Plain, Gzip, Zstd, XZ} {
			dir, id := writeRepo(t, c, kind, n), string(kind)+string(c)
			dnf = append(dnf, "--repofrompath="+id+",file://"+dir, "--repo="+id)
			packages, _ := typicalPackages(n)
			for _, p := range packages {
				wantDNF = append(wantDNF, id+"/"+p.Name)
			}
			if c != Zstd {
				library = append(library, dir)
				wantLibrary = append(wantLibrary, fmt.Sprintln(n, kind, 2*kind.New().Size()))
			}
		}
	}
	got := strings.Fields(run(t, "dnf", append(dnf, "repoquery", "--queryformat=%{repoid}/%{name}")...))
	slices.Sort(got)
	slices.Sort(wantDNF)
	if !slices.Equal(got, wantDNF) {
		t.Errorf("dnf sees packages of %q, want %q", got, wantDNF)
	}
	// Debian has the library for its own Python.
	if got, want := run(t, "/usr/bin/python3", library...), strings.Join(wantLibrary, ""); got != want {
		t.Errorf("createrepo_c reads\n%swant\n%s", got, want)
	}
}

// readDocument reads the document that a repository's index names.
func readDocument(t *testing.T, dir, kind string) element {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "repodata/repomd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	index, err := ParseRepomd(f)
	if err != nil {
		t.Fatal(err)
	}
	rec, ok := index.Record(kind)
	if !ok {
		t.Fatalf("%s: no record %q", dir, kind)
	}
	packed, err := os.ReadFile(filepath.Join(dir, rec.Location))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Compression(strings.TrimPrefix(filepath.Ext(rec.Location), ".xml")).AppendUnpacked(nil, packed)
	if err != nil {
		t.Fatal(err)
	}
	return parseElement(t, string(plain))
}

// FuzzAppendUnpacked unpacks anything: what is no file is an error, and what is
// one can be packed and unpacked again.
func FuzzAppendUnpacked(f *testing.F) {
	compressions := []Compression{Gzip, Zstd, XZ}
	file := func(c Compression, plain []byte) []byte {
		var b bytes.Buffer
		file := File{Compression: c, Checksum: SHA256}
		if _, err := file.Write(&b, plain); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	for _, c := range compressions {
		packed := file(c, []byte("some text, some text"))
		f.Add(packed)
		f.Add(append(packed, file(c, nil)...))
		f.Add(packed[:len(packed)-3])
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		for _, c := range compressions {
			plain, err := c.AppendUnpacked(nil, packed)
			if err != nil {
				continue
			}
			again, err := c.AppendUnpacked(nil, file(c, plain))
			if err != nil || !bytes.Equal(again, plain) {
				t.Errorf("%s: %q is packed and unpacked to %q, %v", c, plain, again, err)
			}
		}
	})
}
