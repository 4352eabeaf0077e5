package sumfile

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const (
	abc   = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	md5   = "900150983cd24fb0d6963f7d28e17f72"
)

var sample = []Entry{{"b (1).iso", 3, "sha256", abc}, {"a.iso", 0, "sha256", empty}, {"b (1).iso", 3, "md5", md5}}

const sampleText = `# a.iso: 0 bytes
SHA256 (a.iso) = ` + empty + `
# b (1).iso: 3 bytes
MD5 (b (1).iso) = ` + md5 + `
SHA256 (b (1).iso) = ` + abc + `
`

func TestEncode(t *testing.T) {
	got, err := Encode(append(slices.Clone(sample), sample[0]))
	if err != nil || string(got) != sampleText {
		t.Errorf("got %s and error %v, want %s", got, err, sampleText)
	}
	back, err := Parse(got)
	want := []Entry{sample[1], sample[2], sample[0]}
	if err != nil || !slices.Equal(back, want) {
		t.Errorf("read back: got %v and error %v, want %v", back, err, want)
	}
	for _, name := range []string{"", "a/b", "a\nb", `a\b`} {
		if _, err := Encode([]Entry{{Name: name}}); err == nil || !strings.HasSuffix(err.Error(), "want one without slash, backslash and line break") {
			t.Errorf("name %q: got error %v", name, err)
		}
	}
}

// TestSHA256Sum has the program judge that checks such files.
func TestSHA256Sum(t *testing.T) {
	dir := t.TempDir()
	text, err := Encode(sample)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"a.iso": "", "b (1).iso": "abc", "CHECKSUM": string(text)} {
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sha256sum", "--check", "CHECKSUM")
	cmd.Dir = dir
	out, err := cmd.Output()
	if want := "a.iso: OK\nb (1).iso: OK\n"; err != nil || string(out) != want {
		t.Errorf("got %q and error %v, want %q", out, err, want)
	}
}

func TestParse(t *testing.T) {
	signed := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + sampleText + "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"
	got, err := Parse([]byte(signed))
	if err != nil || len(got) != 3 {
		t.Errorf("signed: got %v and error %v", got, err)
	}
	tests := []struct{ name, text, want string }{
		{"coreutils' own form", abc + "  a.iso\n", `1: found "` + abc + `  a.iso", want ALGORITHM (FILE) = HEX`},
		{"upper-case digits", "# x\nMD5 (a) = AB\n", `2: found "MD5 (a) = AB", want ALGORITHM (FILE) = HEX`},
		{"no name", "MD5 () = ab\n", `1: found "MD5 () = ab", want ALGORITHM (FILE) = HEX`},
		{"no signature", signed[:strings.Index(signed, "-----BEGIN PGP SIGNATURE")], "the text is signed, and there is no signature below it"},
	}
	for _, test := range tests {
		if _, err := Parse([]byte(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("%s: got error %v, want %s", test.name, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sampleText))
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\n\n- # a: 1 bytes\n-----BEGIN PGP SIGNATURE-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Parse(data)
		if err != nil {
			return
		}
		text, err := Encode(entries)
		if err != nil {
			return
		}
		if _, err := Parse(text); err != nil {
			t.Errorf("what was written cannot be read: %v\n%s", err, text)
		}
	})
}
