package template

import "testing"

func TestExpand(t *testing.T) {
	values := map[string]string{"variant": "Server", "arch": "x86_64", "odd": "{arch}%"}
	tests := []struct {
		name, template, want string // want is the text or the error
	}{
		{"braces", "{variant}.{arch}", "Server.x86_64"},
		{"percents", "%(variant)s.%(arch)s", "Server.x86_64"},
		{"both", "%(variant)s.{arch}", "Server.x86_64"},
		{"plain", "Server", "Server"},
		{"empty", "", ""},
		{"escapes", "100%% {{variant}} {variant}", "100% {variant} Server"},
		{"values are text", "{odd} %(odd)s", "{arch}% {arch}%"},
		{"unknown key", "{varant}", `template "{varant}": key "varant" is not known; did you mean "variant"?; the keys are arch, odd, variant`},
		{"unknown key of percents", "%(label)s", `template "%(label)s": key "label" is not known; the keys are arch, odd, variant`},
		{"open brace", "{variant", `template "{variant": a { that is not closed`},
		{"close brace", "variant}", `template "variant}": a single }`},
		{"percent", "100% sure", `template "100% sure": % is followed neither by % nor by (key)s`},
		{"percent without s", "%(variant)d", `template "%(variant)d": % is followed neither by % nor by (key)s`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Expand(test.template, values)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"{variant}", "%(variant)s", "{{%%}}", "{", "%("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		got, err := Expand(template, map[string]string{"": "", "variant": "Server"})
		if err != nil && got != "" && len(got) > 2*len(template)+len("Server")*len(template) {
			t.Errorf("%q became %d bytes", template, len(got))
		}
	})
}
