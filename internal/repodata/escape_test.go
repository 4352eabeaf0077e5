package repodata

import (
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pungo-build/pungo/internal/rpm"
)

func TestEscape(t *testing.T) {
	tests := []struct {
		name, in, text, attr string
	}{
		{"empty", "", "", ""},
		{"ascii", "plain text of some length", "plain text of some length", "plain text of some length"},
		{"markup", `<a b="c">'&'</a>`, `&lt;a b="c"&gt;'&amp;'&lt;/a&gt;`, `&lt;a b=&quot;c&quot;&gt;'&amp;'&lt;/a&gt;`},
		{"markup at the end of a word", "1234567&", "1234567&amp;", "1234567&amp;"},
		{"markup behind a word", "12345678<", "12345678&lt;", "12345678&lt;"},
		{"markup in the middle", "12345678 <9> 12345678 12345678", "12345678 &lt;9&gt; 12345678 12345678", "12345678 &lt;9&gt; 12345678 12345678"},
		{"space", "a\tb\nc\rd", "a\tb\nc&#13;d", "a&#9;b&#10;c&#13;d"},
		{"control characters", "a\x00b\x01\x1fc\x7f", "abc\x7f", "abc\x7f"},
		{"utf-8", "žluťoučký 中 🐎", "žluťoučký 中 🐎", "žluťoučký 中 🐎"},
		{"latin-1", "Andr\xe9 <\xc4>", "André &lt;Ä&gt;", "André &lt;Ä&gt;"},
		{"windows-1252 quotes", "\x93quoted\x94 \xe9", "quoted é", "quoted é"},
		{"utf-8 cut in the middle", "caf\xc3\xa9 \xc3", "cafÃ Ã", "cafÃ Ã"},
		{"no characters of XML", "a\uFFFEb\uFFFFc\uFFFD", "abc\uFFFD", "abc\uFFFD"},
		{"surrogate", "\xed\xa0\x80", "í", "í"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(AppendText([]byte("x"), test.in)); got != "x"+test.text {
				t.Errorf("text %q, want %q", got[1:], test.text)
			}
			if got := string(AppendAttr([]byte("x"), test.in)); got != "x"+test.attr {
				t.Errorf("attribute %q, want %q", got[1:], test.attr)
			}
		})
	}
}

// TestSuspicious asks every byte at every place of a word.
func TestSuspicious(t *testing.T) {
	for c := range 256 {
		for i := range 8 {
			w := []byte("abcdefgh")
			w[i] = byte(c)
			got, want := suspicious(word(string(w))), !attrEscapes.literal[c]
			if got != want {
				t.Errorf("byte %#x at %d: %v, want %v", c, i, got, want)
			}
		}
	}
}

// legible is what a reader finds of a string that we wrote.
func legible(s string) string {
	var b strings.Builder
	if utf8.ValidString(s) {
		for _, r := range s {
			if r >= ' ' && r != 0xFFFE && r != 0xFFFF || strings.ContainsRune("\t\n\r", r) {
				b.WriteRune(r)
			}
		}
		return b.String()
	}
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c < 0x80 || c >= 0xC0 || strings.IndexByte("\t\n\r", c) >= 0 {
			b.WriteRune(rune(c))
		}
	}
	return b.String()
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "plain and longer than a word", "<&>\"'", "12345678\r\n\t\x00", "é\xe9", "]]>", "\uFFFE"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := AppendText(append(AppendAttr([]byte(`<e a="`), s), `">`...), s)
		b = append(b, "</e>"...)
		var got struct {
			Attr string `xml:"a,attr"`
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		want := legible(s)
		if got.Attr != want || got.Text != want {
			t.Errorf("%q is read as attribute %q and text %q, want %q", s, got.Attr, got.Text, want)
		}
	})
}

// FuzzAppend puts foreign strings everywhere. What is written must have as many
// files and changes as the package, and say of the strings what is legible.
func FuzzAppend(f *testing.F) {
	f.Add("name", "1.0", "/usr/bin/x", "A <a@example.org> - 1", "- text")
	f.Add("libc.so.6(GLIBC_2.4)", "<>", "/etc/\xff", " ", "&")
	f.Add("rpmlib(x)", "", "/etc/x", "\x00", "\n")
	f.Fuzz(func(t *testing.T, name, version, path, author, text string) {
		evr := rpm.EVR{Epoch: 1, Version: version, Release: text}
		deps := []rpm.Dependency{
			{Name: name}, {Name: path, Pre: true}, {Name: name, Sense: rpm.Less, EVR: evr},
			{Name: "libc.so.6" + text}, {Name: "libc.so.6" + author}, {Name: author, Sense: 7, EVR: evr},
		}
		p := &rpm.Package{
			NEVRA:     rpm.NEVRA{Name: name, EVR: evr, Arch: version},
			SourceRPM: text, Requires: deps, Conflicts: deps,
			Files: []rpm.File{{Path: path}, {Path: text, Dir: true}, {Path: name, Ghost: true}},
			Text: rpm.Text{Summary: text, Description: text, Changelog: []rpm.Change{
				{Author: author, Time: 5, Text: text}, {Author: name, Time: 5, Text: text},
			}},
		}
		at := Location{Href: path, Checksum: Checksum{SHA256, author}}

		primary := parseElement(t, string(AppendPrimary(nil, p, at)))
		if got := primary.find("summary")[0].Text; got != legible(text) {
			t.Errorf("summary %q, want %q", got, legible(text))
		}
		filelists := parseElement(t, string(AppendFilelists(nil, p, at)))
		if got := filelists.find("file"); len(got) != 3 || got[0].Text != legible(path) {
			t.Errorf("files %q, want 3, the first %q", got, legible(path))
		}
		other := parseElement(t, string(AppendOther(nil, p, at, DefaultChangelogLimit)))
		if got := other.find("changelog"); len(got) != 2 || got[0].Text != legible(text) {
			t.Errorf("changelog %q, want 2 entries of text %q", got, legible(text))
		}
	})
}
