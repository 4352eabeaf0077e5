package comps

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

// translatedDocument has the shape of Fedora's group file: most of its bytes are
// names and descriptions in some ninety languages.
func translatedDocument(tb testing.TB, size int) []byte {
	tb.Helper()
	c := new(Comps)
	var b bytes.Buffer
	for b.Len() < size {
		for range 20 {
			c.Groups = append(c.Groups, translatedGroup(len(c.Groups)))
		}
		b.Reset()
		if err := Write(&b, c); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}

func translatedGroup(n int) Group {
	g := Group{
		ID:          fmt.Sprintf("group-%d", n),
		Name:        Text{Value: fmt.Sprintf("Group %d", n), ByLang: map[string]string{}},
		Description: Text{Value: "These packages are about <one thing> & another.", ByLang: map[string]string{}},
		UserVisible: true,
	}
	for lang := range 90 {
		tag := fmt.Sprintf("l%d", lang)
		g.Name.ByLang[tag] = fmt.Sprintf("Grüppe %d in der Sprache %d", n, lang)
		g.Description.ByLang[tag] = fmt.Sprintf("Diese Pakete der Gruppe %d gehören zusammen, sagt die Sprache %d.", n, lang)
	}
	for pkg := range 30 {
		g.Packages = append(g.Packages, PackageReq{Name: fmt.Sprintf("package-%d-%d", n, pkg), Type: packageTypes[pkg%4]})
	}
	return g
}

func BenchmarkParse(b *testing.B) {
	data := translatedDocument(b, 4_300_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	data := translatedDocument(b, 4_300_000)
	c, err := Parse(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := Write(io.Discard, c); err != nil {
			b.Fatal(err)
		}
	}
}
