package rules_test

import (
	"reflect"
	"testing"

	"github.com/pungo-build/pungo/rules"
)

// kinds has a parameter of each kind.
type kinds struct {
	Name   string      `arg:"name,required"`
	Limit  int         `arg:"limit"`
	Size   int64       `arg:"size"`
	Plain  bool        `arg:"plain"`
	Groups []string    `arg:"group"`
	Files  [][2]string `arg:"file"`
	Repos  [][3]string `arg:"repo,required"`
	Discs  []disc      `arg:"disc"`
	Hidden string
	Rest   []string `arg:"--"`
}

type disc struct {
	Name   string
	Number int
	Last   bool
}

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want kinds
		err  string
	}{
		{
			name: "each kind",
			args: []string{
				"--repo", "a", "b", "c", "--name", "n", "--group", "core", "--limit", "-1", "--size", "9000000000",
				"--plain", "true", "--group", "", "--file", "/a", "--name", "--file", "/b", "",
			},
			want: kinds{
				Name: "n", Limit: -1, Size: 9000000000, Plain: true, Groups: []string{"core", ""},
				Files: [][2]string{{"/a", "--name"}, {"/b", ""}}, Repos: [][3]string{{"a", "b", "c"}},
			},
		},
		{
			name: "fields of a struct",
			args: []string{"--name", "n", "--repo", "", "", "", "--disc", "one", "1", "true", "--disc", "", "-2", "false"},
			want: kinds{Name: "n", Repos: [][3]string{{}}, Discs: []disc{{"one", 1, true}, {"", -2, false}}},
		},
		{name: "too few fields", args: []string{"--disc", "one", "1"}, err: "argument --disc has 2 values, want 3"},
		{name: "another kind of field", args: []string{"--disc", "one", "one", "true"}, err: `argument --disc: "one" is not a number`},
		{
			name: "values may be empty, or look like names",
			args: []string{"--name", "", "--group", "--name", "--repo", "", "", "", "--plain", "false"},
			want: kinds{Groups: []string{"--name"}, Repos: [][3]string{{}}},
		},
		{
			name: "those of another tool",
			args: []string{"--name", "a", "--repo", "", "", "", "--", "--name", "b", "--", "c"},
			want: kinds{Name: "a", Repos: [][3]string{{}}, Rest: []string{"--name", "b", "--", "c"}},
		},
		{name: "unknown", args: []string{"--nmae", "x"}, err: `argument "--nmae" is not known`},
		{name: "no name", args: []string{"x"}, err: `argument "x" is not known`},
		{name: "untagged field", args: []string{"--Hidden", "x"}, err: `argument "--Hidden" is not known`},
		{name: "empty name", args: []string{""}, err: `argument "" is not known`},
		{name: "no value", args: []string{"--name"}, err: "argument --name has 0 values, want 1"},
		{name: "too few values", args: []string{"--repo", "a", "b"}, err: "argument --repo has 2 values, want 3"},
		{name: "twice", args: []string{"--name", "a", "--name", "a"}, err: "argument --name is given twice"},
		{name: "missing", args: []string{"--repo", "a", "b", "c"}, err: "argument --name is missing"},
		{name: "missing list", args: []string{"--name", "a"}, err: "argument --repo is missing"},
		{name: "nothing", err: "argument --name is missing"},
		{name: "not a number", args: []string{"--limit", "1e3"}, err: `argument --limit: "1e3" is not a number`},
		{name: "large number", args: []string{"--size", "9223372036854775808"}, err: `argument --size: "9223372036854775808" is too large a number`},
		{name: "not a bool", args: []string{"--plain", "1"}, err: `argument --plain: "1" is neither true nor false`},
	}
	tool := &rules.Tool{Name: "test", Params: kinds{}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got kinds
			err := rules.Parse(test.args, &got)
			if text(err) != test.err {
				t.Fatalf("error: got %q, want %q", text(err), test.err)
			}
			if err == nil && !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if err := tool.Check(test.args); text(err) != test.err {
				t.Errorf("Check: got %q, want %q", text(err), test.err)
			}
		})
	}
	if !reflect.DeepEqual(tool.Params, kinds{}) {
		t.Errorf("Check changed the parameters of the tool: %+v", tool.Params)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestCollision(t *testing.T) {
	err := &rules.Collision{Path: "compose/EULA", Inputs: []string{"//:a@Server", "//:b"}}
	const want = "compose/EULA: delivered by //:a@Server and by //:b, and not the same"
	if got := err.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
