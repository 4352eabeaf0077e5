package packages_test

import (
	"errors"
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
		{"zsh bash", true},
		{"zsh Bash", false},
	} {
		glob, got := packages.Globs(strings.Fields(test.globs)).Match(bash)
		if got != test.want || got && !strings.HasSuffix(test.globs, glob) {
			t.Errorf("%q: got %q, %t", test.globs, glob, got)
		}
	}
	if err := packages.CheckGlobs(packages.Globs{"ok", "[a"}); fmt.Sprint(err) != `"[a" is not a glob` {
		t.Errorf("got %v", err)
	}
}

func TestJoinFaults(t *testing.T) {
	faults := make([]error, 50)
	if err := packages.JoinFaults(faults); err != nil {
		t.Errorf("nothing is wrong, and %v", err)
	}
	for i := range 22 {
		faults[2*i] = fmt.Errorf("fault %d", i)
	}
	lines := strings.Split(packages.JoinFaults(faults).Error(), "\n")
	if len(lines) != 21 || lines[0] != "fault 0" || lines[19] != "fault 19" || lines[20] != "and 2 more" {
		t.Errorf("got %q", lines)
	}
	if got := packages.JoinFaults([]error{nil, errors.New("one")}).Error(); got != "one" {
		t.Errorf("got %q", got)
	}
}
