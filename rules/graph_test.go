package rules_test

import (
	"slices"
	"testing"

	"github.com/pungo-build/pungo/rules"
)

func TestActionInputs(t *testing.T) {
	a, b, c := &rules.Artifact{Name: "a"}, &rules.Artifact{Name: "b"}, &rules.Artifact{Name: "c"}
	action := &rules.Action{}
	out := &rules.Artifact{Name: "out", Producer: action}
	action.Outputs = []*rules.Artifact{out}
	action.Args = []rules.Arg{
		{{Text: "--output"}, {Artifact: out}},
		{{Text: "--in"}, {Artifact: b}, {Artifact: a, Suffix: "/repodata"}},
		{{Artifact: b}},
	}
	action.Extra = []*rules.Artifact{c, a}
	if got, want := action.Inputs(), []*rules.Artifact{b, a, c}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestActionStamped(t *testing.T) {
	file := &rules.Artifact{Name: "{date}"}
	tests := []struct {
		name string
		args []rules.Arg
		want bool
	}{
		{"none", nil, false},
		{"text", []rules.Arg{{{Text: "--id"}, {Text: "{compose_id}"}}}, true},
		{"amid text", []rules.Arg{{{Text: "x-{respin}-y"}}}, true},
		{"suffix", []rules.Arg{{{Artifact: file, Suffix: "/{label}"}}}, true},
		{"name of an artifact", []rules.Arg{{{Artifact: file}}}, false},
		{"other braces", []rules.Arg{{{Text: `{"date": "{variant}"}`}}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := (&rules.Action{Args: test.args}).Stamped(); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestError(t *testing.T) {
	tests := []struct {
		name string
		err  rules.Error
		want string
	}{
		{"message", rules.Error{Msg: "no arches"}, "no arches"},
		{
			"all",
			rules.Error{
				Pos: rules.Position{File: "lib/a.star", Line: 8, Col: 12}, Msg: `arch "x86-64" is not known`,
				Hint: `did you mean "x86_64"?`, Stack: []rules.Position{{File: "compose.star", Line: 3, Col: 1}, {File: "b.star"}},
			},
			"lib/a.star:8:12: arch \"x86-64\" is not known\n  called from b.star\n  called from compose.star:3:1\n  hint: did you mean \"x86_64\"?",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.err.Error(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestComposeVariant(t *testing.T) {
	server := &rules.Variant{UID: "Server"}
	c := &rules.Compose{Variants: []*rules.Variant{{UID: "Desktop"}, server}}
	if got := c.Variant("Server"); got != server {
		t.Errorf("got %v, want %v", got, server)
	}
	if got := c.Variant("Srever"); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}
