package rules_test

import (
	"strings"
	"testing"

	"github.com/pungo-build/pungo/rules"
)

// FuzzParse: arguments are parsed or refused, and what was parsed once is the same again.
func FuzzParse(f *testing.F) {
	f.Add("--name\x00n\x00--repo\x00a\x00b\x00c\x00--disc\x00one\x001\x00true\x00--\x00--name")
	f.Add("--limit\x00x")
	f.Fuzz(func(t *testing.T, text string) {
		var once, again kinds
		args := strings.Split(text, "\x00")
		err := rules.Parse(args, &once)
		if e := rules.Parse(args, &again); (e == nil) != (err == nil) {
			t.Errorf("got error %v, and then %v", err, e)
		}
		if err == nil && once.Name != again.Name {
			t.Errorf("got %q, and then %q", once.Name, again.Name)
		}
	})
}
