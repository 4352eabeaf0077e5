package updateinfo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pungo-build/pungo/internal/rpm"
)

// full is a document with everything that an updateinfo file can say, as tools write it.
const full = `<?xml version="1.0" encoding="utf-8"?>
<!-- a comment -->
<updates>
  <update from="updates@example.org" status="stable" type="security" version="2.0">
    <id> T-2026-1 </id>
    <title>bash &amp; "more" &lt;5.2&gt;</title>
    <issued date="2026-01-02 03:04:05"/>
    <updated date="2026-01-03"/>
    <rights>(c)</rights>
    <release>Tiny 1</release>
    <pushcount>3</pushcount>
    <severity>Important</severity>
    <summary>A summary</summary>
    <description>Line
  line</description>
    <solution>Update</solution>
    <reboot_suggested/>
    <unknown><deeper>text</deeper></unknown>
    <references>
      <reference href="https://example.org/?a&amp;b" id="CVE-2026-1" type="cve" title="A &quot;hole&quot;"/>
      <reference id="1"/>
    </references>
    <pkglist>
      <collection short="T1">
        <name>Tiny 1</name>
        <module name="m" stream="s" version="123" context="c" arch="x86_64"/>
        <package name="bash" version="5.2" release="1" epoch="1" arch="x86_64" src="bash-5.2-1.src.rpm">
          <filename>bash-5.2-1.x86_64.rpm</filename>
          <sum type="sha256"> abc </sum>
          <reboot_suggested>True</reboot_suggested>
          <restart_suggested>1</restart_suggested>
          <relogin_suggested>True</relogin_suggested>
        </package>
        <package name="bash-doc" version="5.2" release="1" arch="noarch"><reboot_suggested>False</reboot_suggested></package>
      </collection>
      <collection short="empty"/>
    </pkglist>
  </update>
  <something/>
  <update><id>T-2026-0</id></update>
</updates>
`

func nevra(t testing.TB, s string) rpm.NEVRA {
	t.Helper()
	n, err := rpm.ParseNEVRA(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func parse(t testing.TB, text string) []*Advisory {
	t.Helper()
	all, err := tryParse(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func tryParse(text string) (all []*Advisory, err error) {
	err = Parse(iotest.OneByteReader(strings.NewReader(text)), func(a *Advisory) error {
		all = append(all, a)
		return nil
	})
	return all, err
}

func write(t testing.TB, all []*Advisory) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, all); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestParse(t *testing.T) {
	got := parse(t, full)
	want := []*Advisory{{
		ID: "T-2026-1", From: "updates@example.org", Status: "stable", Type: "security", Version: "2.0",
		Title: `bash & "more" <5.2>`, Issued: "2026-01-02 03:04:05", Updated: "2026-01-03", Rights: "(c)", Release: "Tiny 1",
		PushCount: "3", Severity: "Important", Summary: "A summary", Description: "Line\n  line", Solution: "Update",
		RebootSuggested: true,
		References: []Reference{
			{Href: "https://example.org/?a&b", ID: "CVE-2026-1", Type: "cve", Title: `A "hole"`}, {ID: "1"},
		},
		Collections: []Collection{{
			Short: "T1", Name: "Tiny 1", Module: Module{"m", "s", "123", "c", "x86_64"},
			Packages: []Package{
				{
					NEVRA: nevra(t, "bash-1:5.2-1.x86_64"), Src: "bash-5.2-1.src.rpm", FileName: "bash-5.2-1.x86_64.rpm",
					Sums: []Sum{{"sha256", "abc"}}, RebootSuggested: true, RestartSuggested: true, ReloginSuggested: true,
				},
				{NEVRA: nevra(t, "bash-doc-5.2-1.noarch")},
			},
		}},
	}, {ID: "T-2026-0"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestParseErrors(t *testing.T) {
	const twenty = 20
	update := func(inner string) string { return "<updates>\n<update>" + inner + "</update></updates>" }
	pkg := func(attrs string) string {
		return update("<id>a</id><pkglist><collection><package " + attrs + "/></collection></pkglist>")
	}
	tests := []struct{ name, in, want string }{
		{"empty", "", "line 1: no element, want <updates>"},
		{"html", "\n<html></html>", "line 2: root element <html>, want one <updates>"},
		{"twice", "<updates/>\n<updates/>", "line 2: root element <updates>, want one <updates>"},
		{"cut off", "<updates>\n<update>", "line 2: unexpected EOF"},
		{"cut off between", "<updates>\n", "line 2: unexpected EOF"},
		{"entity", update("<id>&x;</id>"), "line 2: invalid character entity &x;"},
		{"encoding", `<?xml version="1.0" encoding="ISO-8859-1"?><updates/>`,
			`line 1: xml: opening charset "ISO-8859-1": encoding "ISO-8859-1", want UTF-8`},
		{"no id", update("<title>t</title>"), `line 2: advisory "t" has no id`},
		{"no name", pkg(""), `line 2: advisory "a": package "": no name`},
		{"no arch", pkg(`name="n" version="1" release="1"`), `line 2: advisory "a": package "n": no arch`},
		{"epoch", pkg(`name="n" version="1" release="1" arch="x" epoch="None"`),
			`line 2: advisory "a": package "n": epoch "None", want a number from 0`},
		{"several", "<updates><update/>\n<update/></updates>",
			"line 1: advisory \"\" has no id\nline 2: advisory \"\" has no id"},
		{"too many", "<updates>" + strings.Repeat("<update/>", twenty+1) + "</updates>",
			strings.Repeat("line 1: advisory \"\" has no id\n", twenty) + "too many mistakes, the rest is not reported"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := tryParse(test.in)
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestParseStops(t *testing.T) {
	stop := errors.New("stop")
	err := Parse(strings.NewReader(full), func(*Advisory) error { return stop })
	if !errors.Is(err, stop) || err.Error() != "line 4: stop" {
		t.Errorf("got %v, want that of fn", err)
	}
}

func TestKeep(t *testing.T) {
	all := parse(t, full)
	kept, ok := all[0].Keep(func(p *Package) bool { return p.Arch == "noarch" })
	if got := kept.Collections[0].Packages; !ok || len(got) != 1 || got[0].Name != "bash-doc" {
		t.Errorf("got %+v, %v, want bash-doc", got, ok)
	}
	if len(all[0].Collections[0].Packages) != 2 {
		t.Error("the advisory itself has changed")
	}
	if _, ok := all[0].Keep(func(*Package) bool { return false }); ok {
		t.Error("of no package: want no advisory")
	}
	if _, ok := all[1].Keep(func(*Package) bool { return true }); ok {
		t.Error("of an advisory without packages: want none")
	}
}

// advisory makes one in a line: id, date, title, then packages.
func advisory(t *testing.T, id, date, title string, packages ...string) *Advisory {
	t.Helper()
	a := &Advisory{ID: id, Updated: date, Title: title}
	for _, p := range packages {
		short, name, _ := strings.Cut(p, "/")
		a.Collections = append(a.Collections, Collection{Short: short, Packages: []Package{{NEVRA: nevra(t, name)}}})
	}
	return a
}

func TestMerge(t *testing.T) {
	all := []*Advisory{
		advisory(t, "B", "2026-01-01", "old", "x/b-1-1.noarch", "x/a-10-1.noarch"),
		advisory(t, "A", "", "only", "x/a-1-1.noarch"),
		advisory(t, "B", "2026-01-02", "new", "x/a-9-1.noarch", "w/c-1-1.noarch"),
		advisory(t, "B", "2026-01-02", "newer", "x/b-1-1.noarch"),
	}
	want := []string{
		"A only x/a-1-1.noarch",
		"B new w/c-1-1.noarch x/a-9-1.noarch x/a-10-1.noarch x/b-1-1.noarch",
	}
	for range 24 {
		var got []string
		for _, a := range Merge(all) {
			line := a.ID + " " + a.Title
			for _, c := range a.Collections {
				for _, p := range c.Packages {
					line += fmt.Sprintf(" %s/%s", c.Short, strings.Replace(p.NEVRA.String(), "-0:", "-", 1))
				}
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		all = append(all[1:], all[0]) // in another order
		all[1], all[2] = all[2], all[1]
	}
}

// TestWriteIsThatOfCreaterepo has createrepo_c read what we write, and write it again.
func TestWriteIsThatOfCreaterepo(t *testing.T) {
	const python = `import sys, createrepo_c
sys.stdout.write(createrepo_c.UpdateInfo(sys.argv[1]).xml_dump())`
	for name, all := range map[string][]*Advisory{"full": parse(t, full), "empty": nil} {
		t.Run(name, func(t *testing.T) {
			want := write(t, all)
			file := filepath.Join(t.TempDir(), "updateinfo.xml")
			if err := os.WriteFile(file, []byte(want), 0o666); err != nil {
				t.Fatal(err)
			}
			// Debian has the library for its own Python.
			got, err := exec.Command("/usr/bin/python3", "-c", python, file).Output()
			if err != nil {
				t.Fatal(err)
			}
			// It escapes an & in an attribute twice.
			if got := strings.ReplaceAll(string(got), "&amp;#38;", "&amp;"); got != want {
				t.Errorf("createrepo_c writes\n%s\nwe write\n%s", got, want)
			}
			if again := write(t, parse(t, want)); again != want {
				t.Errorf("read and written again\n%s\nwant\n%s", again, want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full)
	f.Add("<updates><update><id>a</id><pkglist><collection><package name='n' version='1' release='1' arch='x' epoch='x'/></collection></pkglist></update></updates>")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := tryParse(text)
		if err != nil {
			return
		}
		written := write(t, Merge(first))
		second, err := tryParse(written)
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		if again := write(t, Merge(second)); again != written {
			t.Errorf("written as\n%s\nread, and written as\n%s", written, again)
		}
	})
}

// BenchmarkParse reads 2,000 advisories of 30 packages.
func BenchmarkParse(b *testing.B) {
	a := parse(b, full)[0]
	a.Collections[0].Packages = slices.Repeat(a.Collections[0].Packages, 15)
	text := write(b, slices.Repeat([]*Advisory{a}, 2000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Parse(strings.NewReader(text), func(*Advisory) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
