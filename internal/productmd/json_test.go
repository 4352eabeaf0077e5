package productmd

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// python runs a program with the interpreter that productmd's readers use.
func python(t *testing.T, program, input string) string {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "-c", program)
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, stderr.Bytes())
	}
	return string(out)
}

// rewriteJSON reads a document and writes it as productmd does.
const rewriteJSON = `import json, sys
json.dump(json.load(sys.stdin), sys.stdout, indent=4, sort_keys=True, separators=(",", ": "))`

func TestSameAsPython(t *testing.T) {
	tests := []struct {
		name string
		file file
	}{
		{"composeinfo", layeredComposeInfo()},
		{"rpms", &RPMs{Compose: dummyIdentity().Compose()}},
		{"modules", sampleModules()},
		{"escapes", &Modules{Compose: Compose{
			ID: "20261122 \"\\/\b\f\n\r\t\x00\x1f\x7f<>&'äß\u2028\ufffd€😀\U0010ffff", Date: "20261122", Type: Test,
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := encode(t, tt.file)
			sameText(t, tt.name, got, python(t, rewriteJSON, got))
		})
	}
}

func TestInvalidUTF8(t *testing.T) {
	got := encode(t, &Modules{Compose: Compose{ID: "20261122 \xff\xc3", Date: "20261122", Type: Test}})
	if want := `"id": "20261122 \ufffd\ufffd"`; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %s in it", got, want)
	}
}

func TestReadDocumentErrors(t *testing.T) {
	tests := []struct{ name, input, want string }{
		{"empty", "", "EOF"},
		{"cut short", `{"header": `, "unexpected EOF"},
		{"list", `[]`, "document: got JSON of type array, want an object"},
		{"no header", `{}`, `header version "", want one of 1.0, 1.1, 1.2`},
		{"newer", `{"header": {"type": "productmd.rpms", "version": "2.0"}}`, `header version "2.0", want one of 1.0, 1.1, 1.2`},
		{"another kind", `{"header": {"type": "productmd.images", "version": "1.1"}}`, `header type "productmd.images", want "productmd.rpms"`},
		{"no payload", `{"header": {"version": "1.0"}}`, "no payload"},
		{"kind of a value", `{"header": {"version": "1.0"}, "payload": {"compose": {"respin": "0"}}}`, "compose.respin: got JSON of type string, want a whole number"},
		{"kind of an object", `{"header": {"version": "1.0"}, "payload": {"rpms": []}}`, "rpms: got JSON of type array, want an object"},
		{"payload", `{"header": {"version": "1.0"}, "payload": {}}`, `compose date "", want YYYYMMDD`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ParseRPMs(strings.NewReader(tt.input))
			if err == nil {
				t.Fatalf("got %+v, want error %q", r, tt.want)
			}
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\x00\u2028😀\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		if err := writeDocument(&b, "fuzz", func(e *encoder) { e.stringField("s", s) }); err != nil {
			t.Fatal(err)
		}
		var payload struct{ S string }
		if err := readDocument(&b, "fuzz", &payload); err != nil {
			t.Fatal(err)
		}
		standard, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(standard, &want); err != nil {
			t.Fatal(err)
		}
		if payload.S != want {
			t.Fatalf("got %q, want %q", payload.S, want)
		}
	})
}
