package main

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// settled makes files below a folder of its own, which ROOT stands for, and calls
// withSettings for a command line in ROOT/ws. An error is returned with ROOT in it.
func settled(t *testing.T, files map[string]string, env []string, args ...string) ([]string, string) {
	t.Helper()
	root := t.TempDir()
	files["ws/compose.star"] = `compose(name = "T", short = "T", version = "1", arches = ["x86_64"])`
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "ROOT", root)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "ROOT", root)
	}
	env = append([]string{"HOME=" + filepath.Join(root, "home")}, env...)
	t.Chdir(filepath.Join(root, "ws"))
	got, err := withSettings(process{args: args, env: env})
	if err != nil {
		if code := exitCode(err); code != exitUsage {
			t.Errorf("exit code %d, want %d", code, exitUsage)
		}
		return nil, strings.ReplaceAll(err.Error(), root, "ROOT")
	}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], root, "ROOT")
	}
	return got, ""
}

// settingsTest is a command line that withSettings is called for; want is the new
// one, or the error.
type settingsTest struct {
	name  string
	files files
	env   []string
	args  string
	want  string
}

type files = map[string]string

func TestWithSettings(t *testing.T) {
	tests := []settingsTest{
		{"nothing", files{}, nil, "build", "build"},
		{"no command", files{"ws/.pungorc": "build --jobs=4"}, nil, "--help", "--help"},
		{"unknown command", files{"ws/.pungorc": "build --jobs=4"}, nil, "biuld", "biuld"},
		{"a line", files{"ws/.pungorc": "build --jobs=4 -k"}, nil, "build :x", "build --jobs=4 --keep-going :x"},
		{"another command", files{"ws/.pungorc": "build --jobs=4"}, nil, "query", "query"},
		{"ways to write a value", files{"ws/.pungorc": "build --jobs 4 -j5 -j 6 --new=false"}, nil, "build", "build --jobs=4 --jobs=5 --jobs=6 --new=false"},
		{
			"home, then workspace, then what is typed",
			files{"home/.pungorc": "build --jobs=1", "ws/.pungorc": "build --jobs=2"}, nil,
			"build --jobs=3", "build --jobs=1 --jobs=2 --jobs=3",
		},
		{
			"common first, wherever it stands",
			files{"home/.pungorc": "build --jobs=1", "ws/.pungorc": "build --jobs=2\ncommon --jobs=3"}, nil,
			"build", "build --jobs=3 --jobs=1 --jobs=2",
		},
		{"common, as far as the command has it", files{"ws/.pungorc": "common --jobs=3 --arch=x86_64"}, nil, "query", "query --arch=x86_64"},
		{"flags before the command", files{"ws/.pungorc": "common --json"}, nil, "-C . query :x", "query --json -C . :x"},
		{"the workspace of --dir", files{"ws/.pungorc": "build --jobs=1", "ws/x/y": ""}, nil, "build --dir x", "build --jobs=1 --dir x"},
		{"the workspace of PUNGO_DIR", files{"ws/.pungorc": "build -k", "ws/x/y": ""}, []string{"PUNGO_DIR=x"}, "build", "build --keep-going --dir=x"},
		{"no workspace", files{"home/.pungorc": "build -k", "ws/.pungorc": "build --new"}, nil, "build --dir=/", "build --keep-going --dir=/"},
		{"home is the workspace", files{"ws/.pungorc": "build -k"}, []string{"HOME=ignored: the first counts"}, "build", "build --keep-going"},

		{"environment", files{"ws/.pungorc": "build --jobs=1"}, []string{"PUNGO_JOBS=2"}, "build --jobs=3", "build --jobs=1 --jobs=2 --jobs=3"},
		{"environment, dashes", files{}, []string{"PUNGO_KEEP_GOING=true", "PUNGO_COMPOSE_ID=x"}, "build", "build --compose-id=x --keep-going=true"},
		{"environment, of another command's flag of that name", files{}, []string{"PUNGO_OUTPUT=/x"}, "query", "query"},
		{"environment, of this command's flag of that name", files{}, []string{"PUNGO_OUTPUT=/x"}, "build", "build --output=/x"},
		{"common, of another command's flag of that name", files{"ws/.pungorc": "common --output=/x"}, nil, "query", "query"},
		{"common, of every command's flag of that name", files{"ws/.pungorc": "common --output dot"}, nil, "query", "query --output=dot"},
		{"environment, empty", files{}, []string{"PUNGO_JOBS="}, "build", "build"},
		{"environment, of another command", files{}, []string{"PUNGO_JOBS=2", "PUNGO_WHATEVER=3"}, "query", "query"},

		{
			"a config comes after the environment, and before what is typed",
			files{"ws/.pungorc": "build:ci --jobs=3"}, []string{"PUNGO_JOBS=2"},
			"build --jobs=4 --config ci", "build --jobs=2 --jobs=3 --jobs=4 --config ci",
		},
		{"a config for every command", files{"ws/.pungorc": "common:ci --json --jobs=2"}, nil, "query --config=ci", "query --json --config=ci"},
		{"a config of another command", files{"ws/.pungorc": "build:ci -k"}, nil, "query --config=ci", "query --config=ci"},
		{"two configs", files{"ws/.pungorc": "build:a --jobs=1\nbuild:b --jobs=2"}, nil, "build --config=b,a", "build --jobs=2 --jobs=1 --config=b,a"},
		{
			"a config in a line stands in its place",
			files{"ws/.pungorc": "build --jobs=1 --config=a --jobs=3\nbuild:a --jobs=2"}, nil,
			"build", "build --jobs=1 --jobs=2 --jobs=3",
		},
		{"a config in the environment", files{"ws/.pungorc": "build:a -k"}, []string{"PUNGO_CONFIG=a"}, "build", "build --keep-going"},

		{"import", files{"ws/.pungorc": "import %workspace%/ci/rc\nbuild --jobs=2", "ws/ci/rc": "build --jobs=1"}, nil, "build", "build --jobs=1 --jobs=2"},
		{"import, absolute", files{"home/.pungorc": "import ROOT/rc", "rc": "build -k"}, nil, "build", "build --keep-going"},
		{"try-import", files{"ws/.pungorc": "try-import %workspace%/user.rc\nbuild -k"}, nil, "build", "build --keep-going"},
		{"try-import without a workspace", files{"home/.pungorc": "try-import %workspace%/rc\nbuild -k"}, nil, "build --dir=/", "build --keep-going --dir=/"},

		{"leaving out", files{}, nil, "build :a -:b -//c:d", "build :a --without=:b --without=//c:d"},
		{"leaving out, after --", files{}, nil, "build -- -:b", "build -- -:b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, msg := settled(t, tt.files, tt.env, strings.Fields(tt.args)...)
			if msg != "" {
				t.Fatalf("error: %s", msg)
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
		})
	}
}

func TestWithSettingsErrors(t *testing.T) {
	tests := []settingsTest{
		{"no such flag", files{"ws/.pungorc": "# first\nbuild --jbos=4"}, nil, "query", `ROOT/ws/.pungorc:2: build has no flag "--jbos=4"; did you mean "--jobs"?`},
		{"no such flag anywhere", files{"ws/.pungorc": "common --jbos=4"}, nil, "build", `ROOT/ws/.pungorc:1: no command has the flag "--jbos=4"; did you mean "--jobs"?`},
		{"another command's flag", files{"ws/.pungorc": "query --jobs=4"}, nil, "build", `ROOT/ws/.pungorc:1: query has no flag "--jobs=4"`},
		{"no such command", files{"ws/.pungorc": "biuld --jobs=4"}, nil, "build", `ROOT/ws/.pungorc:1: "biuld" is not a command; did you mean "build"?`},
		{"not a flag", files{"ws/.pungorc": "build :repo"}, nil, "build", `ROOT/ws/.pungorc:1: ":repo" is not a flag`},
		{"no value", files{"ws/.pungorc": "build --jobs"}, nil, "build", `ROOT/ws/.pungorc:1: --jobs wants a value`},
		{"not a number", files{"ws/.pungorc": "build --jobs=many"}, nil, "build", `ROOT/ws/.pungorc:1: --jobs: expected a valid 64 bit int but got "many"`},
		{"not a choice", files{"ws/.pungorc": "common --type=weekly"}, nil, "build", `ROOT/ws/.pungorc:1: --type "weekly": want one of production,nightly,test,ci,development`},
		{"environment", files{}, []string{"PUNGO_JOBS=many"}, "build", `environment: PUNGO_JOBS=many: --jobs: expected a valid 64 bit int but got "many"`},
		{"another command's choice", files{"ws/.pungorc": "query --output=/x"}, nil, "build", `ROOT/ws/.pungorc:1: --output "/x": want one of label,json,dot`},
		{"config, typed", files{"ws/.pungorc": "build:ci -k"}, nil, "build --config=cj", `--config: config "cj" is in no .pungorc; did you mean "ci"?`},
		{"config, in a line", files{"ws/.pungorc": "build --config=x"}, nil, "build", `ROOT/ws/.pungorc:1: config "x" is in no .pungorc`},
		{"config without a name", files{"ws/.pungorc": "build: -k"}, nil, "build", `ROOT/ws/.pungorc:1: "build:": the name after the colon is missing`},
		{"config cycle", files{"ws/.pungorc": "build:a --config=b\nbuild:b --config=a"}, nil, "build --config=a", `ROOT/ws/.pungorc:2: config "a" asks for itself: a → b → a`},
		{"quote", files{"ws/.pungorc": "build --define 'a=b"}, nil, "build", `ROOT/ws/.pungorc:1: the quote ' is not closed`},
		{"import, missing", files{"ws/.pungorc": "import %workspace%/x"}, nil, "build", "ROOT/ws/.pungorc:1: import \"%workspace%/x\": there is no such file\n  hint: try-import does without"},
		{"import, relative", files{"ws/.pungorc": "import x"}, nil, "build", `ROOT/ws/.pungorc:1: import "x": want %workspace%/... or an absolute path`},
		{"import, two", files{"ws/.pungorc": "import x y"}, nil, "build", `ROOT/ws/.pungorc:1: import wants one file, got 2`},
		{"import cycle", files{"ws/.pungorc": "import %workspace%/x", "ws/x": "import %workspace%/.pungorc"}, nil, "build", `ROOT/ws/x:1: import "%workspace%/.pungorc" goes in a circle: ROOT/ws/.pungorc → ROOT/ws/x → ROOT/ws/.pungorc`},
		{"import without a workspace", files{"home/.pungorc": "import %workspace%/x"}, nil, "build -C /", `ROOT/home/.pungorc:1: import "%workspace%/x": there is no workspace here`},
		{"a folder", files{"ws/.pungorc/x": ""}, nil, "build", `settings: read ROOT/ws/.pungorc: is a directory`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, msg := settled(t, tt.files, tt.env, strings.Fields(tt.args)...)
			if msg != tt.want {
				t.Errorf("got  %s %q\nwant %s", msg, got, tt.want)
			}
		})
	}
}

func TestShellWords(t *testing.T) {
	tests := []struct {
		line string
		want []string
	}{
		{"", nil},
		{"  # only a comment", nil},
		{"build --jobs=4\r", []string{"build", "--jobs=4"}},
		{"build\t--x  --y # a comment", []string{"build", "--x", "--y"}},
		{"a#b", []string{"a#b"}},
		{`--define='mirror=a b' "c d"`, []string{"--define=mirror=a b", "c d"}},
		{`a\ b "c\"d" 'e\f'`, []string{"a b", `c"d`, `e\f`}},
		{`"" ''`, []string{"", ""}},
		{`"it's"`, []string{"it's"}},
		{`'#' "#"`, []string{"#", "#"}},
	}
	for _, tt := range tests {
		got, err := shellWords(tt.line)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("shellWords(%q) = %q, %v, want %q", tt.line, got, err, tt.want)
		}
	}
}

// FuzzShellWords quotes the words of a line again: the same words are read from
// that.
func FuzzShellWords(f *testing.F) {
	for _, seed := range []string{"build --jobs=4", `a\ b "c\"d" 'e f' # g`, `"`, `\`, "é 'ü'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := shellWords(line)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'"'"'`)+"'")
		}
		again, err := shellWords(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q: got %q, %v, want %q", line, again, err, words)
		}
	})
}

// TestCommonLastWins holds the command to what the order of words promises.
func TestCommonLastWins(t *testing.T) {
	var c cli
	parser, err := newParser(&c, process{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = parse(parser, strings.Fields("build --jobs=1 --arch=x86_64 --define=a=1 --define=b=x;c=y,z --jobs=2 --arch=aarch64 --define=a=2"))
	if err != nil {
		t.Fatal(err)
	}
	defines := map[string]string{"a": "2", "b": "x;c=y,z"}
	if c.Build.jobs() != 2 || !maps.Equal(c.Build.Define, defines) || !slices.Equal(c.Build.Arch, []string{"x86_64", "aarch64"}) {
		t.Errorf("got jobs %d, define %v, arches %q", c.Build.Jobs, c.Build.Define, c.Build.Arch)
	}
}

// TestHelpOfEveryCommand asks every command for its help: the table of flags has
// no two of one name, and where there is a choice the help says what there is.
func TestHelpOfEveryCommand(t *testing.T) {
	var c cli
	parser, err := newParser(&c, process{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Leaves(true) {
		path := strings.TrimPrefix(command.Path(), "pungo ")
		t.Run(path, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(context.Background(), process{args: append(strings.Fields(path), "--help"), stdout: &stdout, stderr: &stderr})
			if code != exitDone || stderr.Len() > 0 || !strings.HasPrefix(stdout.String(), "Usage: pungo "+path) {
				t.Errorf("exit code %d, stderr %q, stdout\n%s", code, &stderr, &stdout)
			}
			values := slices.Clone(command.Positional)
			for _, f := range slices.Concat(command.AllFlags(true)...) {
				values = append(values, f.Value)
			}
			for _, v := range values {
				for _, choice := range v.EnumSlice() {
					if !strings.Contains(v.Help, choice) {
						t.Errorf("%s: the help does not have %q: %s", v.Summary(), choice, v.Help)
					}
				}
			}
		})
	}
}
