package productmd

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	sumMD5    = "900150983cd24fb0d6963f7d28e17f72"
	sumSHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
)

func treeFile(file string) TreeFile {
	return TreeFile{File: file, Size: 3, Checksums: Checksums{"md5": sumMD5, "sha256": sumSHA256}}
}

func sampleExtraFiles() *ExtraFiles {
	return &ExtraFiles{Compose: dummyIdentity().Compose(), Files: []ExtraFile{
		{"Server", "x86_64", treeFile("Server/x86_64/os/docs/EULA")},
		{"Server", "src", treeFile("Server/source/tree/GPL")},
		{"Client", "i386", treeFile("Client/i386/os/GPL")},
		{"Server", "x86_64", treeFile("Server/x86_64/os/GPL")},
	}}
}

func TestExtraFiles(t *testing.T) {
	x := sampleExtraFiles()
	text := encode(t, x)
	golden(t, "testdata/extra_files.json", text)
	sameText(t, "Python's form", text, python(t, rewriteJSON, text))
	got, err := ParseExtraFiles(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	x.Files = []ExtraFile{x.Files[2], x.Files[1], x.Files[3], x.Files[0]}
	if !reflect.DeepEqual(got, x) {
		t.Errorf("got %+v, want %+v", got, x)
	}
}

func TestTreeFiles(t *testing.T) {
	var b bytes.Buffer
	if err := EncodeTreeFiles(&b, []TreeFile{treeFile("docs/EULA"), treeFile("GPL")}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/extra_files_tree.json", b.String())
	sameText(t, "Python's form", b.String(), python(t, rewriteJSON, b.String()))
	got, err := ParseTreeFiles(&b)
	if want := []TreeFile{treeFile("GPL"), treeFile("docs/EULA")}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v and error %v, want %+v", got, err, want)
	}
	if _, err := ParseTreeFiles(strings.NewReader(`{"header": {"version": "2"}}`)); err == nil || err.Error() != `header version "2", want one of 1.0` {
		t.Errorf("another version: got %v", err)
	}
}

func TestExtraFilesErrors(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*ExtraFile)
		want  string
	}{
		{"variant", func(f *ExtraFile) { f.Variant = "" }, `file "Server/x86_64/os/docs/EULA" without a variant`},
		{"arch", func(f *ExtraFile) { f.Arch = "noarch" }, `file "Server/x86_64/os/docs/EULA": arch "noarch" is that of no tree`},
		{"path", func(f *ExtraFile) { f.File = "/etc/passwd" }, `path "/etc/passwd", want a clean relative path`},
		{"size", func(f *ExtraFile) { f.Size = -1 }, `file "Server/x86_64/os/docs/EULA": size -1, want bytes`},
		{"no checksum", func(f *ExtraFile) { f.Checksums = nil }, `file "Server/x86_64/os/docs/EULA": no checksums, want at least one`},
		{
			"unknown checksum", func(f *ExtraFile) { f.Checksums = Checksums{"crc": "00"} },
			`file "Server/x86_64/os/docs/EULA": checksum "crc", want one of md5, sha1, sha224, sha256, sha384, sha512`,
		}, {
			"checksum", func(f *ExtraFile) { f.Checksums = Checksums{"md5": "ABC"} },
			`file "Server/x86_64/os/docs/EULA": checksum md5 "ABC", want 32 lower-case hexadecimal digits`,
		},
		{"twice", func(f *ExtraFile) { f.File = "Server/x86_64/os/GPL" }, `file "Server/x86_64/os/GPL" is listed twice in Server.x86_64`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := sampleExtraFiles()
			tt.spoil(&x.Files[0])
			var b bytes.Buffer
			if err := x.Encode(&b); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestSum(t *testing.T) {
	sums, size, err := Sum(strings.NewReader("abc"), []string{"md5", "sha256"})
	if want := (Checksums{"md5": sumMD5, "sha256": sumSHA256}); err != nil || size != 3 || !reflect.DeepEqual(sums, want) {
		t.Errorf("got %v, %d, %v, want %v", sums, size, err, want)
	}
	all, _, err := Sum(strings.NewReader(""), ChecksumTypes())
	if err != nil || all.Validate() != nil || len(all) != 6 {
		t.Errorf("all types: got %v, %v, %v", all, err, all.Validate())
	}
	broken := errors.New("disk on fire")
	if _, _, err := Sum(iotest.ErrReader(broken), []string{"md5"}); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if _, _, err := Sum(strings.NewReader(""), []string{"sha3"}); err == nil {
		t.Error("an unknown type: no error")
	}
}

func FuzzParseExtraFiles(f *testing.F) {
	f.Add(`{"header": {"type": "productmd.extra_files", "version": "1.2"}, "payload": {"compose": {"date": "20260131",
		"id": "A-1-20260131.0", "respin": 0, "type": "production"}, "extra_files": {"A": {"src": [{"file": "A/source/tree/GPL",
		"size": 3, "checksums": {"md5": "` + sumMD5 + `"}}]}}}}`)
	f.Add(`{"header": {"version": "1.0"}, "data": [{"file": "GPL", "size": 3, "checksums": {"md5": "` + sumMD5 + `"}}]}`)
	f.Fuzz(func(t *testing.T, input string) {
		if x, err := ParseExtraFiles(strings.NewReader(input)); err == nil {
			first := encode(t, x)
			again, err := ParseExtraFiles(strings.NewReader(first))
			if err != nil {
				t.Fatalf("%v, in\n%s", err, first)
			}
			sameText(t, "again", encode(t, again), first)
		}
		files, err := ParseTreeFiles(strings.NewReader(input))
		if err != nil {
			return
		}
		var first bytes.Buffer
		if err := EncodeTreeFiles(&first, files); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseTreeFiles(&first); err != nil {
			t.Fatal(err)
		}
	})
}
