package modulemd

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

func parse(t *testing.T, name, text string) *Index {
	t.Helper()
	x, err := Parse(name, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func parseFile(t *testing.T, name string) *Index {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, name, string(text))
}

func write(t *testing.T, x *Index) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, x); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// stream is a document of a stream; more is put into its data.
func stream(nsvca, more string) string {
	p := append(strings.Split(nsvca, ":"), "", "", "")
	return "---\ndocument: modulemd\nversion: 2\ndata:\n  name: " + p[0] + "\n  stream: \"" + p[1] + "\"\n  version: " + p[2] +
		"\n  context: \"" + p[3] + "\"\n  arch: " + p[4] + "\n  summary: s\n  description: d\n  license: {module: [MIT]}\n" + more + "...\n"
}

func defaults(data string) string {
	return "---\ndocument: modulemd-defaults\nversion: 1\ndata: {" + data + "}\n...\n"
}

func TestParse(t *testing.T) {
	x := parseFile(t, "testdata/full.yaml")
	if len(x.Streams) != 3 || len(x.Defaults) != 1 || len(x.Obsoletes) != 1 || len(x.Translations) != 1 {
		t.Fatalf("got %d streams, %d defaults, %d obsoletes, %d translations", len(x.Streams), len(x.Defaults), len(x.Obsoletes), len(x.Translations))
	}
	got := *x.Streams[0]
	got.number, got.document = 0, document{}
	want := Stream{
		Name: "editor", Stream: "1.10", Version: "20260102030405", Context: "0123", Arch: "x86_64", StaticContext: true,
		Summary: "An editor", Description: "It edits.", Licenses: []string{"MIT", "BSD"},
		Dependencies: []Dependencies{
			{BuildRequires: map[string][]string{"platform": {"el9"}}, Requires: map[string][]string{"platform": {"el9"}, "lib": {"-1.0"}}},
			{Requires: map[string][]string{"platform": {"el8"}, "lib": {}}},
		},
		API: []string{"editor"}, Profiles: map[string][]string{"default": {"editor"}, "empty": {}},
		Artifacts: []string{"editor-0:1.10-1.x86_64", "editor-0:1.10-1.src", "editor-doc-2:1-1.noarch"},
		Filter:    []string{"editor-tests"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := x.Streams[0].Platform(); !slices.Equal(got, []string{"el8", "el9"}) {
		t.Errorf("platform: got %q", got)
	}
	if old := x.Streams[2]; old.NSVC() != "old:rolling:7:c0ffee" || !reflect.DeepEqual(old.Dependencies, []Dependencies{{
		BuildRequires: map[string][]string{"platform": {"f27"}}, Requires: map[string][]string{"platform": {"f27"}},
	}}) {
		t.Errorf("version 1: got %s, %+v", old.NSVC(), old.Dependencies)
	}
	if want := []string{`testdata/full.yaml:5: document "modulemd-packager" says how to build a module, want one that was built`}; !slices.Equal(x.Skipped, want) {
		t.Errorf("skipped: got %q, want %q", x.Skipped, want)
	}
}

func TestWrite(t *testing.T) {
	x := parseFile(t, "testdata/full.yaml")
	got := write(t, x)
	const golden = "testdata/full.golden.yaml"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if again := write(t, parse(t, golden, got)); again != got {
		t.Errorf("read and written again it is\n%s", again)
	}
	if empty := write(t, &Index{}); empty != "" {
		t.Errorf("nothing is written as %q", empty)
	}
}

// TestLibmodulemd has libmodulemd, by which dnf reads, read what is written.
func TestLibmodulemd(t *testing.T) {
	const program = `
import gi, sys
gi.require_version("Modulemd", "2.0")
from gi.repository import Modulemd
index = Modulemd.ModuleIndex.new()
ok, failures = index.update_from_file("testdata/full.golden.yaml", True)
for f in failures:
    print("failure", f.get_gerror().message)
for name in sorted(index.get_module_names()):
    module = index.get_module(name)
    for s in module.get_all_streams():
        print(s.get_NSVCA(), s.get_summary("de"), sorted(s.get_rpm_artifacts()), sorted(s.get_profile_names()))
    d = module.get_defaults()
    if d:
        print("default", d.get_default_stream(), d.get_modified(), d.get_default_profiles_for_stream("1.10"), d.get_default_stream("server"))
    for o in module.get_obsoletes():
        print("obsoletes", o.get_message(), o.get_obsoleted_by_module_stream())
`
	out, err := exec.Command("/usr/bin/python3", "-c", program).CombinedOutput()
	if err != nil {
		t.Fatalf("libmodulemd: %v\n%s", err, out)
	}
	const want = `editor:1.10:20260102030405:0123:x86_64 Ein Editor ['editor-0:1.10-1.src', 'editor-0:1.10-1.x86_64', 'editor-doc-2:1-1.noarch'] ['default', 'empty']
editor:2:20260102030405:ab12cd34:x86_64 An editor [] []
default 1.10 202601020304 ['default'] 2
obsoletes Version 1 has no future: take 2 2
old:rolling:7:c0ffee:x86_64 An old thing ['old-0:1-1.noarch'] []
`
	if string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

// TestErrors has documents that are wrong, each with the exact error.
func TestErrors(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	tests := []struct{ name, text, want string }{
		{"syntax", "---\ndocument: modulemd\n: : [\n", "m.yaml:3: not YAML: did not find expected key"},
		{"second document", stream("a:1:1:c:x86_64", "") + "---\ndocument: {\n", "m.yaml:16: not YAML: did not find expected node content"},
		{"not a mapping", "--- [a]\n", "m.yaml:1: document is a list, want a mapping"},
		{"no type", "version: 2\n", "m.yaml:1: no document"},
		{"type", "document: module\nversion: 2\n", `m.yaml:1: document "module", want modulemd, modulemd-defaults, modulemd-obsoletes or modulemd-translations`},
		{"no version", "document: modulemd\ndata: {}\n", "m.yaml:1: no version"},
		{"version", "\n\ndocument: modulemd\nversion: 3\ndata: {}\n", `m.yaml:4: modulemd of version "3", want 1 or 2`},
		{"no data", "document: modulemd-defaults\nversion: 1\n", "m.yaml:1: no data"},
		{"no name", "document: modulemd\nversion: 2\ndata:\n  stream: 1\n", "m.yaml:4: no data.name"},
		{"number", stream("a:1:one:c:", ""), `m.yaml:7: data.version is "one", want a number`},
		{"context", stream("a:1:1::", ""), "m.yaml:5: no data.context"},
		{"colon", stream("a:1:1:c:", "  arch2: x\n") + stream("b:1 2:1:c:", ""), `m.yaml:20: data.stream is "1 2", want a word without colons and blanks`},
		{"name is a list", "document: modulemd\nversion: 2\ndata:\n  name: [a]\n", "m.yaml:4: data.name is a list, want text"},
		{"twice", stream("a:1:1:c:", "  name: b\n"), `m.yaml:13: data has "name" twice`},
		{"no license", "document: modulemd\nversion: 2\ndata: {name: a, stream: b, version: 1, context: c, summary: s, description: d}\n", "m.yaml:3: no data.license"},
		{"artifacts", stream("a:1:1:c:", "  artifacts:\n    rpms:\n    - a-0:1-1.noarch\n    - ../../etc/passwd\n"),
			`m.yaml:16: data.artifacts.rpms: "../../etc/passwd" has no architecture, want name-[epoch:]version-release.arch`},
		{"no epoch", stream("a:1:1:c:", "  artifacts: {rpms: [a-1-1.noarch]}\n"), `m.yaml:13: data.artifacts.rpms: "a-1-1.noarch", want "a-0:1-1.noarch", with the epoch`},
		{"artifacts are nothing", stream("a:1:1:c:", "  artifacts: {rpms: }\n"), "m.yaml:13: data.artifacts.rpms is nothing, want a list"},
		{"no description", strings.Replace(stream("a:1:1:c:", ""), "  description: d\n", "", 1), "m.yaml:5: no data.description"},
		{"artifacts are text", stream("a:1:1:c:", "  artifacts: {rpms: a}\n"), `m.yaml:13: data.artifacts.rpms is "a", want a list`},
		{"dependencies", stream("a:1:1:c:", "  dependencies: {requires: {}}\n"), "m.yaml:13: data.dependencies is a mapping, want a list"},
		{"requires", stream("a:1:1:c:", "  dependencies:\n  - requires: {platform: el9}\n"), `m.yaml:14: data.dependencies.requires.platform is "el9", want a list`},
		{"profile", stream("a:1:1:c:", "  profiles: {p: {rpms: [{a: b}]}}\n"), "m.yaml:13: data.profiles.p.rpms[0] is a mapping, want text"},
		{"key", stream("a:1:1:c:", "  profiles: {[a]: {}}\n"), "m.yaml:13: data.profiles has a key that is a list, want text"},
		{"alias", stream("a:1:1:c:", "  xmd: [&a [x, x], *a]\n"), "m.yaml:13: alias *a, want the thing itself: readers of modulemd know no aliases"},
		{"bomb", stream("a:1:1:c:", "  a: &a [x, x]\n  b: &b [*a, *a, *a]\n  c: &c [*b, *b, *b]\n"), "m.yaml:14: alias *a, want the thing itself: readers of modulemd know no aliases"},
		{"itself", stream("a:1:1:c:", "  a: &a [*a]\n"), "m.yaml:13: alias *a, want the thing itself: readers of modulemd know no aliases"},
		{"deep", stream("a:1:1:c:", "  a: "+deep+"\n"), "m.yaml:13: nested deeper than 32"},
		{"elements", stream("a:1:1:c:", "  a: ["+strings.Repeat(",", 1<<20)+"]\n"), "m.yaml:2: document may have more than 1048576 elements"},
		{"large", stream("a:1:1:c:", "  a: "+strings.Repeat("x", 9<<20)+"\n"), "m.yaml:2: document exceeds 8388608 bytes"},
		{"carriage returns", "document: modulemd\r---\rdocument: x\n", "m.yaml:1: document is several, of which only one has a marker on a line of its own"},
		{"not text", "document: a\nb: \xff\n", "m.yaml: line 2 is not UTF-8"},
		{"directive", "%TAG ! tag:x\n---\ndocument: a\n", "m.yaml:2: not YAML: did not find expected <document start>\nm.yaml:3: document \"a\", want modulemd, modulemd-defaults, modulemd-obsoletes or modulemd-translations"},
		{"defaults", defaults(`module: a, stream: "1", profiles: {"1": x}`), `m.yaml:4: data.profiles.1 is "x", want a list`},
		{"modified", defaults(`module: a, modified: "2020-01-01"`), `m.yaml:4: data.modified is "2020-01-01", want a number`},
		{"two defaults", defaults(`module: a, stream: "1"`) + defaults(`module: a, stream: "2"`), `defaults of module "a": stream "1" in m.yaml, "2" in m.yaml, want one`},
		{"obsoletes", "document: modulemd-obsoletes\nversion: 1\ndata: {module: a, stream: b, modified: 2020-05-01T00:00Z}\n", "m.yaml:3: no data.message"},
		{"time of obsoletes", "document: modulemd-obsoletes\nversion: 1\ndata: {module: a, stream: b, message: c, modified: 2020-05-01}\n", `m.yaml:3: data.modified is "2020-05-01", want YYYY-MM-DDTHH:MMZ`},
		{"translations", "document: modulemd-translations\nversion: 1\ndata: {module: a, stream: b}\n", "m.yaml:3: no data.modified"},
		{"several", "---\ndocument: a\n---\ndocument: b\nversion: 1\n", `m.yaml:2: document "a", want modulemd, modulemd-defaults, modulemd-obsoletes or modulemd-translations
m.yaml:4: document "b", want modulemd, modulemd-defaults, modulemd-obsoletes or modulemd-translations`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("m.yaml", strings.NewReader(tt.text))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	translations := func(modified, text string) string {
		return "---\ndocument: modulemd-translations\nversion: 1\ndata: {module: a, stream: b, modified: " + modified + ", translations: {de: {summary: " + text + "}}}\n"
	}
	tests := []struct{ name, a, b, want, err string }{
		{"equal in another form", stream("a:1:1:c:x86_64", "  artifacts: {rpms: [a-0:1-1.src]}\n"), strings.ReplaceAll(
			stream("a:1:1:c:x86_64", "  artifacts:\n    rpms:\n    - \"a-0:1-1.src\" # why not\n"), "summary: s\n  description: d", "description: d\n  summary: 's'"),
			stream("a:1:1:c:x86_64", "  artifacts: {rpms: [a-0:1-1.src]}\n"), ""},
		{"other arch", stream("a:1:1:c:x86_64", ""), stream("a:1:1:c:aarch64", ""), stream("a:1:1:c:aarch64", "") + stream("a:1:1:c:x86_64", ""), ""},
		{"differs", stream("a:1:1:c:x86_64", ""), stream("a:1:1:c:x86_64", "  xmd: {}\n"), "", "module a:1:1:c for x86_64: a.yaml and b.yaml describe it differently"},
		{"order of versions", stream("a:1:10:c:", ""), stream("a:1:9:c:", ""), stream("a:1:9:c:", "") + stream("a:1:10:c:", ""), ""},
		{"defaults add up", defaults(`module: a, profiles: {"1": [x, y]}`), defaults(`module: a, stream: "1", profiles: {"1": [y, x], "2": []}, intents: {i: {stream: "2"}}`),
			"---\ndocument: modulemd-defaults\nversion: 1\ndata:\n    module: \"a\"\n    stream: \"1\"\n    profiles:\n        \"1\": [\"x\", \"y\"]\n        \"2\": []\n    intents:\n        \"i\":\n            stream: \"2\"\n...\n", ""},
		{"two streams", defaults(`module: a, stream: "1"`), defaults(`module: a, stream: "2"`), "", `defaults of module "a": stream "1" in a.yaml, "2" in b.yaml, want one`},
		{"two profiles", defaults(`module: a, profiles: {"1": [x]}`), defaults(`module: a, profiles: {"1": [y]}`), "", `defaults of module "a": profiles of stream "1" are ["x"] in a.yaml, ["y"] in b.yaml`},
		{"two intents", defaults(`module: a, intents: {i: {stream: "1"}}`), defaults(`module: a, intents: {i: {stream: "2"}}`), "", `defaults of module "a", intent "i": stream "1" in a.yaml, "2" in b.yaml, want one`},
		{"modified later", defaults(`module: a, modified: 202001010000, stream: "1"`), defaults(`module: a, modified: 202101010000, stream: "2"`),
			"---\ndocument: modulemd-defaults\nversion: 1\ndata:\n    module: \"a\"\n    modified: 202101010000\n    stream: \"2\"\n...\n", ""},
		{"translations", translations("2", "x"), translations("1", "y"), translations("2", "x") + "...\n", ""},
		{"translations differ", translations("2", "x"), translations("2", "y"), "", "translations of module a:b, modified 2: a.yaml and b.yaml have different ones"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := parse(t, "a.yaml", tt.a), parse(t, "b.yaml", tt.b)
			before := write(t, a) + write(t, b)
			got, err := Merge(a, b)
			switch {
			case tt.err != "":
				if err == nil || err.Error() != tt.err {
					t.Errorf("got error %v, want %s", err, tt.err)
				}
			case err != nil:
				t.Error(err)
			case write(t, got) != tt.want:
				t.Errorf("got\n%swant\n%s", write(t, got), tt.want)
			}
			if after := write(t, a) + write(t, b); after != before {
				t.Error("Merge changed its arguments")
			}
		})
	}
}

func TestOverride(t *testing.T) {
	x := parse(t, "a.yaml", stream("a:1:1:c:", "")+stream("b:1:1:c:", "")+defaults(`module: a, modified: 9, stream: "1", profiles: {"1": []}`))
	by := parse(t, "b.yaml", stream("a:1:1:c:", "  xmd: {}\n")+defaults(`module: a, stream: "2"`))
	got := write(t, Override(x, by))
	want := "---\ndocument: modulemd-defaults\nversion: 1\ndata:\n    module: \"a\"\n    stream: \"2\"\n...\n" + stream("a:1:1:c:", "  xmd: {}\n") + stream("b:1:1:c:", "")
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSelect(t *testing.T) {
	x := parse(t, "m.yaml", stream("perl:5.26:9:c1:", "")+stream("perl:5.26:10:c1:", "")+stream("perl:5.26:10:c2:", "")+
		stream("perl:5.30:20260101000000:c1:", "")+stream("perl-libs:5.26:1:c:", "")+stream("nodejs:18:1:c:", ""))
	tests := []struct {
		specs     []string
		want      string
		unmatched string
	}{
		{[]string{"perl:5.26"}, "perl:5.26:10:c1 perl:5.26:10:c2", ""},
		{[]string{"perl:5.*"}, "perl:5.26:10:c1 perl:5.26:10:c2 perl:5.30:20260101000000:c1", ""},
		{[]string{"perl:5.26:9"}, "perl:5.26:9:c1", ""},
		{[]string{"perl:5.26:10:c2", "nodejs:*"}, "nodejs:18:1:c perl:5.26:10:c2", ""},
		{[]string{"perl-5.26"}, "perl:5.26:10:c1 perl:5.26:10:c2", ""},
		{[]string{"perl-5.30-20260101000000"}, "perl:5.30:20260101000000:c1", ""},
		{[]string{"perl-libs-5.26"}, "perl-libs:5.26:1:c", ""},
		{[]string{"*"}, "nodejs:18:1:c perl:5.26:10:c1 perl:5.26:10:c2 perl:5.30:20260101000000:c1 perl-libs:5.26:1:c", ""},
		{[]string{"*:5.26"}, "perl:5.26:10:c1 perl:5.26:10:c2 perl-libs:5.26:1:c", ""},
		{[]string{"perl:5.2", "nodejs:18"}, "nodejs:18:1:c", "perl:5.2"},
		{nil, "", ""},
	}
	for _, tt := range tests {
		var specs []Spec
		for _, text := range tt.specs {
			s, _, err := ParseSpec(text)
			if err != nil {
				t.Fatal(err)
			}
			specs = append(specs, s)
		}
		selected, unmatched := Select(x.Streams, specs)
		var got, missed []string
		for _, s := range selected {
			got = append(got, s.NSVC())
		}
		for _, s := range unmatched {
			missed = append(missed, s.String())
		}
		if strings.Join(got, " ") != tt.want || strings.Join(missed, " ") != tt.unmatched {
			t.Errorf("%q: got %q, unmatched %q; want %q, %q", tt.specs, got, missed, tt.want, tt.unmatched)
		}
	}
}

func TestSpecErrors(t *testing.T) {
	x := parse(t, "m.yaml", stream("nodejs:18:1:c:", "")+stream("nodejs:20:1:c:", "")+stream("container-tools:4:1:c:", ""))
	tests := []struct{ spec, instead, want string }{
		{"nodejs", "", "module \"nodejs\" has no stream, want NAME:STREAM[:VERSION[:CONTEXT]]\n  hint: \"nodejs:*\" is every stream of it"},
		{"a:b:c:d:e", "", `module "a:b:c:d:e" has 5 parts, want NAME:STREAM[:VERSION[:CONTEXT]]`},
		{"a::1", "", `module "a::1" has an empty part, want NAME:STREAM[:VERSION[:CONTEXT]]`},
		{"-1", "", `module "-1" has an empty part, want NAME:STREAM[:VERSION[:CONTEXT]]`},
		{"nodejs-18", "nodejs:18", ""},
		{"nodejs-18-20260101000000", "nodejs:18:20260101000000", `module "nodejs-18-20260101000000" was not built, of its stream there are nodejs:18:1:c`},
		{"nodejs:18", "", ""},
		{"nodesj:18", "", `module "nodesj" is not there; did you mean "nodejs"?`},
		{"nodejs:19", "", `module "nodejs" has no stream "19", there are 18, 20`},
		{"nodejs:18:2", "", `module "nodejs:18:2" was not built, of its stream there are nodejs:18:1:c`},
		{"container-tools", "container:tools", "module \"container-tools\" has no stream, want NAME:STREAM\n  hint: \"container-tools:*\" is every stream of it"},
	}
	for _, tt := range tests {
		s, instead, err := ParseSpec(tt.spec)
		if err == nil {
			err = s.Unknown(x.Streams)
		}
		if got := textOf(err); got != tt.want || instead != tt.instead {
			t.Errorf("%s: got %q, instead %q; want %q, %q", tt.spec, got, instead, tt.want, tt.instead)
		}
	}
	s, _, _ := ParseSpec("*")
	if got := textOf(s.Unknown(nil)); got != "there are no modules" {
		t.Errorf("*: got %q", got)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSubset(t *testing.T) {
	x := parseFile(t, "testdata/full.yaml")
	sub := x.Subset(x.Streams[2:])
	if len(sub.Streams) != 1 || len(sub.Defaults)+len(sub.Obsoletes)+len(sub.Translations) != 0 {
		t.Errorf("of another module: got\n%s", write(t, sub))
	}
	sub = x.Subset(x.Streams[1:2]) // editor:2
	if len(sub.Defaults) != 1 || len(sub.Obsoletes) != 1 || len(sub.Translations) != 0 {
		t.Errorf("of the module: got\n%s", write(t, sub))
	}
}

// FuzzParse checks that whatever is understood can be written, read again, and is the
// same then.
func FuzzParse(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte(stream("a:1:1:c:", "  a: &a [*a]\n")))
	f.Add([]byte("%YAML 1.1\n--- {document: modulemd-defaults, version: 1, data: {module: a, stream: 1.10, profiles: {no: []}}}\n... # end\n\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := Parse("m.yaml", bytes.NewReader(data))
		if err != nil {
			return
		}
		text := write(t, x)
		again, err := Parse("m.yaml", strings.NewReader(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if got := write(t, again); got != text {
			t.Errorf("written again it is\n%q, first it was\n%q", got, text)
		}
	})
}
