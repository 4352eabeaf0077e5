package comps

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// full is a document with everything that a comps file can say.
const full = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<!-- a comment -->
<comps xmlns:x="urn:other">
  <group arch="x86_64, i386" variant="Server">
    <id> core </id>
    <name>Core</name>
    <name xml:lang="de">Kern &amp; mehr</name>
    <description>First line,
second &lt;line&gt;</description>
    <description xml:lang="pt_BR">Linha</description>
    <default>TRUE</default>
    <uservisible>no</uservisible>
    <display_order>3</display_order>
    <biarchonly>false</biarchonly>
    <langonly>de</langonly>
    <packagelist>
      <packagereq>bash</packagereq>
      <packagereq type="optional" arch="i386">memtest86+</packagereq>
      <packagereq type="conditional" requires="gtk" basearchonly="true">gtk-theme</packagereq>
      <packagereq type="exotic" variant="Client">x</packagereq>
      <unknown><deeper>text</deeper></unknown>
    </packagelist>
  </group>
  <category>
    <id>apps</id>
    <name>Apps</name>
    <display_order>10</display_order>
    <grouplist><groupid>core</groupid><groupid>other</groupid></grouplist>
  </category>
  <environment arch="x86_64">
    <id>minimal</id>
    <name>Minimal</name>
    <description>Small</description>
    <display_order>-1</display_order>
    <grouplist><groupid arch="x86_64">core</groupid></grouplist>
    <optionlist><groupid default="true">tools</groupid></optionlist>
  </environment>
  <langpacks><match name="man-pages" install="man-pages-%s"/></langpacks>
  <blacklist><package name="a" arch="b"/></blacklist>
</comps>
`

func TestParse(t *testing.T) {
	got, err := Parse(iotest.OneByteReader(strings.NewReader(full)))
	if err != nil {
		t.Fatal(err)
	}
	ten, minusOne := 10, -1
	want := &Comps{
		Groups: []Group{{
			ID:          "core",
			Name:        Text{"Core", map[string]string{"de": "Kern & mehr"}},
			Description: Text{"First line,\nsecond <line>", map[string]string{"pt_BR": "Linha"}},
			Default:     true,
			UserVisible: false,
			LangOnly:    "de",
			Packages: []PackageReq{
				{Name: "bash", Type: Mandatory, Line: 18},
				{Name: "memtest86+", Type: Optional, Arches: Only{"i386"}, Line: 19},
				{Name: "gtk-theme", Type: Conditional, Requires: "gtk", BaseArchOnly: true, Line: 20},
				{Name: "x", Type: "exotic", Variants: Only{"Client"}, Line: 21},
			},
			Arches:   Only{"x86_64", "i386"},
			Variants: Only{"Server"},
		}},
		Categories: []Category{{ID: "apps", Name: Text{Value: "Apps"}, DisplayOrder: &ten, GroupList: []string{"core", "other"}}},
		Environments: []Environment{{
			ID: "minimal", Name: Text{Value: "Minimal"}, Description: Text{Value: "Small"}, DisplayOrder: &minusOne,
			GroupList:  []GroupID{{ID: "core", Arches: Only{"x86_64"}}},
			OptionList: []GroupID{{ID: "tools", Default: true}},
			Arches:     Only{"x86_64"},
		}},
		Langpacks: []Langpack{{Name: "man-pages", Install: "man-pages-%s"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if g, ok := got.Group("core"); !ok || g.ID != "core" {
		t.Errorf("Group(core) = %q, %v", g.ID, ok)
	}
	if _, ok := got.Group("other"); ok {
		t.Error("Group(other) found, want none")
	}
}

func TestParseDefaults(t *testing.T) {
	c := parse(t, "<group><id>a</id><default/></group>")
	if g := c.Groups[0]; g.Default || !g.UserVisible || g.Arches != nil || g.Variants != nil {
		t.Errorf("got %+v, want not default, visible, unrestricted", g)
	}
	if c := parse(t, ""); !reflect.DeepEqual(c, new(Comps)) {
		t.Errorf("got %+v, want an empty document", c)
	}
}

// TestParseEncoding: what is UTF-8 by another name is read.
func TestParseEncoding(t *testing.T) {
	for _, name := range []string{"utf-8", "UTF8", "US-ASCII"} {
		if _, err := Parse(strings.NewReader(`<?xml version="1.0" encoding="` + name + `"?><comps/>`)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, input, want string }{
		{"empty", "", "line 1: no element, want <comps>"},
		{"another root", "<repomd/>", "line 1: root element <repomd>, want one <comps>"},
		{"two roots", "<comps/>\n<comps/>", "line 2: root element <comps>, want one <comps>"},
		{"cut short", "<comps>\n<group>", "line 2: unexpected EOF"},
		{"tags cross", "<comps>\n<group>\n</comps>", "line 3: element <group> closed by </comps>"},
		{"end without start", "</comps>", "line 1: unexpected end element </comps>"},
		{"no entities", "<!DOCTYPE comps [<!ENTITY a \"aaaa\">]>\n<comps><group><id>&a;</id></group></comps>", "line 2: invalid character entity &a;"},
		{"not UTF-8", "<comps>\n\xff</comps>", "line 2: invalid UTF-8"},
		{"another encoding", `<?xml version="1.0" encoding="latin1"?><comps/>`, `line 1: encoding "latin1", want UTF-8`},
		{"too deep", strings.Repeat("<comps>", 40), "line 1: elements are nested deeper than 32"},
		{"element in text", "<comps><group>\n<id><b>x</b></id></group></comps>", "line 2: <b> within <id>, want text"},
		{"no id", "<comps>\n<group>\n</group></comps>", "line 3: <group> of line 2 has no id"},
		{"blank id", "<comps><environment><id> </id></environment></comps>", "line 1: <environment> of line 1 has no id"},
		{"category without id", "<comps><category/></comps>", "line 1: <category> of line 1 has no id"},
		{"bad flag", "<comps><group><id>a</id>\n<default>maybe</default></group></comps>", `line 2: <default> is "maybe", want true or false`},
		{"bad number", "<comps><category><id>a</id>\n<display_order>1.5</display_order></category></comps>", `line 2: <display_order> is "1.5", want a whole number`},
		{
			"bad attribute", "<comps>" + group("", "a", "\n"+pkg(`basearchonly="x"`, "b")) + "</comps>",
			`line 2: attribute basearchonly of <packagereq> is "x", want true or false`,
		},
		{"empty groupid", "<comps>" + environment("", "a", "\n<grouplist><groupid/></grouplist>") + "</comps>", "line 2: <groupid> is empty, want the id of a group"},
		{"langpack", `<comps><langpacks><match name="a"/></langpacks></comps>`, `line 1: <match> with name "a" and install "", want both`},
		{"empty name", "<comps>" + group("", "a", "\n"+pkg("", " ")) + "</comps>", `line 2: group "a": package without a name`},
		{
			"whitespace in names", "<comps>" + group("", "core", "\n"+pkg("", " bash"), "\n"+pkg("", "vim\n"), pkg("", "a b")) + "</comps>",
			`line 2: group "core": package " bash": whitespace in the name` + "\n" +
				`line 4: group "core": package "vim\n": whitespace in the name` + "\n" +
				`line 4: group "core": package "a b": whitespace in the name`,
		}, {
			"mistakes and a syntax error", "<comps><group></group>\n<group>", "line 1: <group> of line 1 has no id\nline 2: unexpected EOF",
		}, {
			"too many mistakes", "<comps>" + strings.Repeat("<group/>", 100) + "</comps>",
			strings.Repeat("line 1: <group> of line 1 has no id\n", maxProblems) + "too many mistakes, the rest is not reported",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse(strings.NewReader(tt.input))
			if err == nil {
				t.Fatalf("got %+v, want error %q", c, tt.want)
			}
			if err.Error() != tt.want {
				t.Errorf("got error\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestParseReaderErrors(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := Parse(io.MultiReader(strings.NewReader("<comps>"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	endless := io.MultiReader(strings.NewReader("<comps>"), spaces{})
	if _, err := Parse(endless); err == nil || err.Error() != "document exceeds 33554432 bytes" {
		t.Errorf("got error %v, want one about the size", err)
	}
}

// spaces is an endless document.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// FuzzParse checks that whatever is understood can be written, and that writing
// what was read again gives the same bytes.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("<comps><group><id>a</id><packagelist><packagereq> b </packagereq></packagelist></group></comps>"))
	f.Add([]byte(`<comps><environment><id>e</id><name xml:lang="&quot;">&#13;&#10;</name><grouplist/></environment></comps>`))
	f.Add([]byte("<comps><langpacks><match name='a\tb' install='&lt;'/></langpacks></comps>"))
	f.Add([]byte("<!DOCTYPE comps [<!ENTITY a 'b'>]><comps>&a;</comps>"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		Filter(c, FilterOptions{Arch: "x86_64", Variant: "Server", KeepEmpty: []string{"*"}})
		var first bytes.Buffer
		if err := Write(&first, c); err != nil {
			return // a package of unknown type
		}
		again, err := Parse(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("%v, in the written document\n%s", err, first.Bytes())
		}
		if second := write(t, again); !bytes.Equal(first.Bytes(), second) {
			t.Fatalf("got\n%s\nafter\n%s", second, first.Bytes())
		}
	})
}
