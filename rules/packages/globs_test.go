package packages_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules/packages"
)

func TestGlobs(t *testing.T) {
	bash := rpm.NEVRA{Name: "bash", EVR: rpm.EVR{Epoch: 1, Version: "5.2", Release: "1"}, Arch: "x86_64"}
	for _, test := range []struct {
		globs string
		want  bool
	}{
		{"", false},
		{"bash", true},
		{"ba*", true},
		{"*", true},
		{"bash.x86_64", true},
		{"*.x86_64", true},
		{"bash.noarch", false},
		{"bash-5.2-1.x86_64", true},
		{"bash-5.*", true},
		{"bash-5.2-1", false},
		{"bash-1:5.2-1.x86_64", false},
		{"[!a]*", true},
		{"[!b]*", false},
		{"[^b]*", false},
		{"zsh bash", true},
		{"zsh Bash", false},
	} {
		if _, got := packages.Globs(strings.Fields(test.globs)).Find(bash); got != test.want {
			t.Errorf("%q: got %t", test.globs, got)
		}
	}
	if err := packages.CheckGlobs(packages.Globs{"ok", "[a"}); fmt.Sprint(err) != `"[a" is not a glob: nothing closes its "["` {
		t.Errorf("got %v", err)
	}
}
