package repodata

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const comps = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<comps><group><id>a</id></group></comps>\n"

// TestRepomdIsThatOfCreaterepo reads the index that createrepo_c writes, and
// writes it again.
func TestRepomdIsThatOfCreaterepo(t *testing.T) {
	tests := []struct {
		name string
		args []string
	}{
		{"plain", nil},
		{"tags", []string{"--content=c1 & c2", "--content=c3", "--repo=r", "--distro=cpe:/o:x:1,Foo", "--distro=Bar"}},
		{"databases", []string{"--database", "--checksum=sha512"}},
		{"revision", []string{"--revision=not-a-number", "--simple-md-filenames"}},
		{"sha1", []string{"--checksum=sha1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := createrepo(t, test.args...)
			want, err := os.ReadFile(filepath.Join(dir, "repodata/repomd.xml"))
			if err != nil {
				t.Fatal(err)
			}
			index, err := ParseRepomd(bytes.NewReader(want))
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if _, err := index.WriteTo(&got); err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("%s\nwant\n%s", &got, want)
			}
		})
	}
}

// createrepo has createrepo_c write an empty repository with a group file.
func createrepo(t *testing.T, args ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	groups := filepath.Join(dir, "comps.xml")
	writeFile(t, groups, []byte(comps))
	args = append([]string{"--quiet", "--no-database", "--groupfile", groups}, args...)
	run(t, "createrepo_c", append(args, dir)...)
	return dir
}

// TestFileWriter describes a group file as createrepo_c does.
func TestFileWriter(t *testing.T) {
	dir := createrepo(t)
	f, err := os.Open(filepath.Join(dir, "repodata/repomd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	index, err := ParseRepomd(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []Compression{Plain, Gzip} {
		t.Run(GroupType(c), func(t *testing.T) {
			want, ok := index.Record(GroupType(c))
			if !ok {
				t.Fatalf("createrepo_c writes no record %q", GroupType(c))
			}
			packed, err := os.ReadFile(filepath.Join(dir, want.Location))
			if err != nil {
				t.Fatal(err)
			}
			var file bytes.Buffer
			is := File{Type: GroupType(c), Name: "comps.xml", Compression: c, Checksum: SHA256, Unique: true, Timestamp: want.Timestamp}
			w, open := NewFileWriter(&file, &is), NewSum(SHA256)
			open.Add([]byte(comps))
			if err := w.Append(packed[:9]); err != nil {
				t.Fatal(err)
			}
			if err := w.Append(packed[9:]); err != nil {
				t.Fatal(err)
			}
			if got := w.Record(open); got != want {
				t.Errorf("%+v\nwant\n%+v", got, want)
			}
			if !bytes.Equal(file.Bytes(), packed) {
				t.Errorf("%d bytes written differ from the frames", file.Len())
			}
		})
	}
}

func TestRecordLocation(t *testing.T) {
	sum := SHA256.Sum(nil).Hex
	tests := []struct {
		name   string
		c      Compression
		unique bool
		want   string
	}{
		{"plain", Plain, false, "repodata/modules.yaml"},
		{"gzip", Gzip, false, "repodata/modules.yaml.gz"},
		{"zstd", Zstd, false, "repodata/modules.yaml.zst"},
		{"xz", XZ, false, "repodata/modules.yaml.xz"},
		{"unique", Gzip, true, "repodata/" + sum + "-modules.yaml.gz"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := File{Type: "modules", Name: "modules.yaml", Compression: test.c, Checksum: SHA256, Unique: test.unique}
			if got := NewFileWriter(io.Discard, &file).Record(NewSum(SHA256)).Location; got != test.want {
				t.Errorf("location %q, want %q", got, test.want)
			}
		})
	}
}

func TestParseRepomd(t *testing.T) {
	// What other tools write, and what only we would call odd.
	const odd = `<repomd>
  <revision> 77 </revision>
  <data type="primary">
    <checksum type="sha"> DA39A3EE5E6B4B0D3255BFEF95601890AFD80709 </checksum>
    <location href="repodata/primary.xml.gz" xml:base="http://example.org/"/>
    <timestamp>1257425464.63</timestamp>
    <unknown><checksum>x</checksum></unknown>
  </data>
</repomd>`
	got, err := ParseRepomd(strings.NewReader(odd))
	if err != nil {
		t.Fatal(err)
	}
	want := &Repomd{Revision: "77", Records: []Record{{
		Type:      "primary",
		Location:  "repodata/primary.xml.gz",
		Checksum:  SHA1.Sum(nil),
		Timestamp: 1257425464,
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	if rec, ok := got.Record("primary"); !ok || rec.Type != "primary" {
		t.Errorf("record %+v, %v, want that of primary", rec, ok)
	}
	if rec, ok := got.Record("other"); ok {
		t.Errorf("record %+v, want none", rec)
	}
}

func TestParseRepomdErrors(t *testing.T) {
	const sum = `<checksum type="sha1">da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum>`
	data := func(typ, inner string) string {
		return `<repomd><data type="` + typ + `">` + inner + `</data></repomd>`
	}
	tests := []struct {
		name, in, want string
	}{
		{"empty", "", "repomd.xml: EOF"},
		{"html", "<html></html>", "repomd.xml: expected element type <repomd> but have <html>"},
		{"cut off", "<repomd><data>", "repomd.xml: XML syntax error on line 1: unexpected EOF"},
		{"too large", "<repomd>" + strings.Repeat(" ", maxRepomd), "repomd.xml: more than 4194304 bytes"},
		{"no type", data("", ""), `repomd.xml: data "": no type`},
		{"no location", data("a", sum), `repomd.xml: data "a": no location`},
		{"no checksum", data("a", `<location href="x"/>`),
			`repomd.xml: data "a": checksum: checksum type "", want sha1, sha224, sha256, sha384 or sha512`},
		{"short checksum", data("a", `<location href="x"/><checksum type="sha1">12</checksum>`),
			`repomd.xml: data "a": checksum: "12", want 40 hex digits of sha1`},
		{"no hex", data("a", `<location href="x"/><checksum type="sha1">x</checksum>`),
			`repomd.xml: data "a": checksum: "x", want 40 hex digits of sha1`},
		{"open checksum", data("a", `<location href="x"/>`+sum+`<open-checksum type="md5">x</open-checksum>`),
			`repomd.xml: data "a": open-checksum: checksum type "md5", want sha1, sha224, sha256, sha384 or sha512`},
		{"negative size", data("a", `<location href="x"/>`+sum+`<size>-1</size>`),
			`repomd.xml: data "a": size "-1", want a number from 0`},
		{"large size", data("a", `<location href="x"/>`+sum+`<open-size>9223372036854775808</open-size>`),
			`repomd.xml: data "a": open-size "9223372036854775808", want a number from 0`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseRepomd(strings.NewReader(test.in))
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// FuzzParseRepomd writes again what could be read, which must be read alike.
func FuzzParseRepomd(f *testing.F) {
	f.Add([]byte(`<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision><tags><content>c</content>` +
		`<distro cpeid="x">d</distro></tags><data type="group"><checksum type="sha1">` + SHA1.Sum(nil).Hex +
		`</checksum><location href="repodata/comps.xml"/><timestamp>1.5</timestamp><size>9</size></data></repomd>`))
	f.Add([]byte(`<repomd><data type="primary_db"><open-size>1</open-size><database_version>10</database_version></data></repomd>`))
	f.Fuzz(func(t *testing.T, in []byte) {
		first, err := ParseRepomd(bytes.NewReader(in))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if _, err := first.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		second, err := ParseRepomd(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatalf("%v\n%s", err, &out)
		}
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%+v\nis written as\n%s\nand read as\n%+v", first, &out, second)
		}
	})
}
