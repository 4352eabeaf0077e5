package volid

import "testing"

func TestChoose(t *testing.T) {
	values := map[string]string{"release_short": "Acme", "version": "42", "variant": "WorkstationOstree", "arch": "x86_64"}
	long := "{release_short}-{version} {variant}.{arch}"
	tests := []struct {
		name          string
		formats       []string
		substitutions [][2]string
		restricted    bool
		want          string // the id or the error
	}{
		{"fits", []string{long}, nil, false, "Acme-42 WorkstationOstree.x86_64"},
		{"second format", []string{"a longer " + long, "{release_short}-{version} {arch}"}, nil, false, "Acme-42 x86_64"},
		{"longest key first", []string{"a longer " + long}, [][2]string{{"Workstation", "WS"}, {"WorkstationOstree", "WS-OST"}}, false, "a longer Acme-42 WS-OST.x86_64"},
		{"every pair, one after the other", []string{"{variant}"}, [][2]string{{"WS", "W"}, {"Workstation", "WS"}}, false, "WOstree"},
		{"restricted", []string{long}, nil, true, "Acme-42-WorkstationOstree-x86_64"},
		{"exactly the limit", []string{"12345678901234567890123456789012"}, nil, false, "12345678901234567890123456789012"},
		{"none fits", []string{"an even longer " + long, "another one, longer, " + long}, [][2]string{{"Ostree", "OST"}}, false,
			`volume id: none of "an even longer Acme-42 WorkstationOST.x86_64" (44), "another one, longer, Acme-42 WorkstationOST.x86_64" (50) has 32 characters at most`},
		{"unknown key", []string{"{releas}"}, nil, false, `volume id: template "{releas}": key "releas" is not known; the keys are arch, release_short, variant, version`},
		{"no format", nil, nil, false, "volume id: no format is given"},
		{"empty", []string{" "}, nil, false, "volume id: it is empty"},
		{"not ASCII", []string{"Fün"}, nil, false, `volume id: "Fün" has the character 'ü', and a volume id has printable ASCII only`},
		{"not ASCII, restricted", []string{"Fün"}, nil, true, "F-n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Choose(Options{Formats: test.formats, Values: values, Substitutions: test.substitutions, Restricted: test.restricted})
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
