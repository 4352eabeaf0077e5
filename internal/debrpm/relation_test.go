package debrpm

import (
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

func TestParseRelations(t *testing.T) {
	tests := []struct {
		name, field string
		want        []string
	}{
		{"none", "", nil},
		{"one", "a", []string{"a"}},
		{"empty parts", " a ,\n,", []string{"a"}},
		{"arch", "python3:any (>= 3.11)", []string{"python3 >= 3.11-0"}},
		{"operators", "a (<< 1), b (<= 1-1), c (= 2:1), d (>= 1~rc1-2+b1), e (>> 1.0)",
			[]string{"a < 1-0", "b <= 1-1", "c = 2:1-0", "d >= 1~rc1-2+b1", "e > 1.0-0"}},
		{"old operators", "a (< 1), b (> 1)", []string{"a <= 1-0", "b >= 1-0"}},
		{"no spaces", "a(>=1)", []string{"a >= 1-0"}},
		{"alternatives", "a | b (>= 1) | c:amd64", []string{"(a or b >= 1-0 or c)"}},
		{"odd version", "a (= 1-rc:2-3)", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseRelations(tt.field)
			if tt.name == "odd version" {
				if err == nil {
					t.Errorf("got %v, want an error", got)
				}
				return
			}
			must(t, err)
			if want := dependencies(t, tt.want...); len(got) != 0 || len(want) != 0 {
				compare(t, got, want)
			}
		})
	}
}

func TestParseRelationsRefuses(t *testing.T) {
	for field, want := range map[string]string{
		"a b":          `name "a b", want letters`,
		"a | ":         `name ""`,
		"a (>= 1":      "want NAME (OPERATOR VERSION)",
		"a (1)":        `operator "", want one of`,
		"a (>=)":       `version ""`,
		"a (== 1)":     `operator "==", want one of`,
		"a (>= 1) [x]": "want NAME (OPERATOR VERSION)",
		"-a":           `name "-a"`,
	} {
		if got, err := parseRelations(field); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v and error %v, want %q in the error", field, got, err, want)
		}
	}
}

func TestParseVersion(t *testing.T) {
	tests := []struct {
		version string
		want    rpm.EVR
	}{
		{"1", rpm.EVR{Version: "1", Release: "0"}},
		{"1.2-3", rpm.EVR{Version: "1.2", Release: "3"}},
		{"2022-09-12-1", rpm.EVR{Version: "2022.09.12", Release: "1"}},
		{"1:6.2.1+dfsg1-1.1", rpm.EVR{Epoch: 1, Version: "6.2.1+dfsg1", Release: "1.1"}},
		{"1:2:3-4", rpm.EVR{Epoch: 1, Version: "2.3", Release: "4"}},
		{"3.0.22-1~deb12u2", rpm.EVR{Version: "3.0.22", Release: "1~deb12u2"}},
		{"0:1", rpm.EVR{Version: "1", Release: "0"}},
	}
	for _, tt := range tests {
		got, err := parseVersion(tt.version)
		if err != nil || got != tt.want {
			t.Errorf("%q is %v (%v), want %v", tt.version, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", "-1", "1-", ":1", "a:1", "-1:1", "2147483648:1", "1 2", "1/2", "1_2", "1^2", "é"} {
		if got, err := parseVersion(bad); err == nil {
			t.Errorf("%q is %v, want an error", bad, got)
		}
	}
}

// TestVersionOrder wants versions to be ordered as Debian orders them, where
// rpm can; deb-version(7) has the rules.
func TestVersionOrder(t *testing.T) {
	ordered := []string{"1.0~rc1-1", "1.0", "1.0-0.1", "1.0-1~deb12u1", "1.0-1", "1.0-1+b1", "1.0-1+b2", "1.0-1+deb12u1", "1.0+dfsg-1", "1.0.1", "1.10", "1:0.1"}
	for i := 1; i < len(ordered); i++ {
		a, err := parseVersion(ordered[i-1])
		must(t, err)
		b, err := parseVersion(ordered[i])
		must(t, err)
		if rpm.Compare(a, b) >= 0 {
			t.Errorf("%s is not before %s", a, b)
		}
	}
}

func FuzzParseRelations(f *testing.F) {
	f.Add("a (>= 1:2.0-1), b:any | c")
	f.Add("a (<< 1~), (b)")
	f.Fuzz(func(t *testing.T, field string) {
		deps, err := parseRelations(field)
		if err != nil {
			return
		}
		for _, d := range deps {
			if back, err := rpm.ParseDependency(d.String()); err != nil || back != d {
				t.Errorf("%q became %q, which reads as %q (%v)", field, d, back, err)
			}
		}
	})
}
