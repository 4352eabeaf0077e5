package volid

import (
	"strings"
	"testing"
)

func FuzzChoose(f *testing.F) {
	f.Add("{short}-%(version)s {arch}", "Fedora", "Workstation", "WS", true)
	f.Add("{short", "", "", "", false)
	f.Fuzz(func(t *testing.T, format, short, from, to string, restricted bool) {
		id, err := Choose(Options{
			Formats: []string{format, "{short}"}, Values: map[string]string{"short": short, "version": "42", "arch": "x86_64"},
			Substitutions: [][2]string{{from, to}}, Restricted: restricted,
		})
		if err != nil {
			return
		}
		if id == "" || len(id) > Limit {
			t.Errorf("chose %q, of %d characters", id, len(id))
		}
		if strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" && restricted {
			t.Errorf("chose %q, which is not restricted", id)
		}
	})
}
