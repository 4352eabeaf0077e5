package debrpm

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseIndex(t *testing.T) {
	const text = `Package: tool
Source: tools (1.9-1)
Version: 1:2.0-1+b1
Architecture: amd64
Section: contrib/net
Priority: important
Pre-Depends: libc6 (>= 2.36)
Depends: one | two:any, three (<< 4)
Conflicts: old-tool
Breaks: three (<< 2~)
Provides: tool-api (= 3)
Description: A tool

Package: three
Version: 3
Architecture: all

`
	list, err := ParseIndex(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Section() != "net" || list[0].Priority() != "important" || list[1].Section() != "misc" {
		t.Fatalf("got %d packages, the first in %q", len(list), list[0].Section())
	}
	p, err := list[0].Describe()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(p.NEVRA, p.SourceRPM, p.Requires, p.Conflicts, p.Provides)
	for _, want := range []string{"tool-1:2.0-1+b1.x86_64", "tools-1.9-1.src.rpm", "(one or two)", "three", "tool-api"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %q in it", got, want)
		}
	}
	if len(p.Requires) != 3 || len(p.Conflicts) != 2 {
		t.Errorf("got %d requirements and %d conflicts, want 3 and 2", len(p.Requires), len(p.Conflicts))
	}
}
