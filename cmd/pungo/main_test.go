package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected texts of scripts and goldens")

// TestMain lets scripts run this very binary as pungo.
func TestMain(m *testing.M) {
	testscript.Main(tidied{m}, map[string]func(){"pungo": main})
}

// tidied runs tests, and then what they asked for.
type tidied struct{ *testing.M }

// afterTests removes what tests share.
var afterTests []func()

func (m tidied) Run() int {
	code := m.M.Run()
	for _, f := range afterTests {
		f()
	}
	return code
}

// TestScripts runs testdata/script/*.txtar. A script is a shell session, with the
// files it needs below it. Beside the commands of testscript there is
//
//	exits CODE PROGRAM ARGUMENT...
//
// which runs a program as exec does, and wants exactly this exit code. The condition
// [root] holds for who can be another user, too.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "mkrpm": mkrpm, "cmpcards": cmpcards, "asnobody": asnobody, "incache": incache, "serve": serve, "editmd": editmd},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("condition %q is not known", name)
			}
			return os.Getuid() == 0, nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, ".cache"))
			return nil
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s ended with exit code %d, want %d", args[1], got, want)
	}
}
