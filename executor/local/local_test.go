package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/executor/executortest"
	"github.com/pungo-build/pungo/rules"
)

func TestSandboxed(t *testing.T) {
	executortest.Run(t, func(t *testing.T, trees *cache.Trees) executor.Strategy {
		return New(trees, Options{Dir: t.TempDir(), Warn: func(text string) { t.Error(text) }})
	})
}

func TestPlain(t *testing.T) {
	executortest.Run(t, func(t *testing.T, trees *cache.Trees) executor.Strategy {
		return New(trees, Options{Dir: t.TempDir(), NoSandbox: true})
	})
}

// run runs a script in a sandbox, and returns what it prints.
func run(t *testing.T, l *Local, root cache.Digest, script string) string {
	t.Helper()
	r, err := l.Run(t.Context(), &executor.Command{
		Program: &rules.Toolchain{Program: "sh"}, Args: []string{"-c", script},
		Env: []string{"HOME=/tmp", "PATH=/usr/bin:/bin"}, Root: root, Epoch: 1e9,
		Outputs: []cache.Node{{Name: "out/x", Kind: cache.FileKind}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var text string
	for _, d := range []cache.Digest{r.Stdout, r.Stderr} {
		if d.IsZero() {
			continue
		}
		data, err := l.trees.Store().Get(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		text += string(data)
	}
	return text
}

// The sandbox hides the machine, but for what is installed.
func TestSandboxHides(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	work, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, script, want string }{
		{"workspace", "ls " + work + " >/dev/null 2>&1 || echo hidden", "hidden\n"},
		{"temporary files", "ls " + filepath.Dir(secret) + " >/dev/null 2>&1 || echo hidden; ls /tmp /var/tmp", "hidden\n/tmp:\n\n/var/tmp:\n"},
		{"home", "ls /root /home 2>/dev/null; echo $HOME", "/tmp\n"},
		{"network", "cat /proc/net/dev | grep -c : ; cat /proc/net/route | wc -l", "1\n1\n"},
		{"accounts", "test -e /etc/passwd || test -e /etc/shadow || echo hidden", "hidden\n"},
		{"host name", "hostname", "pungo\n"},
		{"processes", "test $(ls /proc | grep -c '^[0-9]') -lt 10 && echo few", "few\n"},
		{"programs are read-only", "touch /usr/bin/evil 2>/dev/null || echo refused", "refused\n"},
		{"user", "id -u; id -g; stat -c %u:%g . out", "0\n0\n0:0\n0:0\n"},
		{"privileges", "grep CapEff /proc/self/status", "CapEff:\t0000000000000000\n"},
		{"open files", "ls /proc/self/fd", "0\n1\n2\n3\n"}, // 3 is the folder that ls reads
		{"working folder", "pwd", "/pungo\n"},
	}
	l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{Dir: t.TempDir()})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := run(t, l, l.trees.Empty(), test.script); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Inputs are no links of a disk cache's blobs: what others do with these shows in
// nothing that a program sees, and the other way round.
func TestInputsOfTheirOwn(t *testing.T) {
	store, err := disk.Open(t.TempDir(), disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	trees := cache.NewTrees(store)
	content := strings.Repeat("large enough for a file of its own\n", 100000)
	w, err := store.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, content)
	d, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	root, err := trees.Write(t.Context(), cache.Directory{{Name: "in", Kind: cache.FileKind, Digest: d}})
	if err != nil {
		t.Fatal(err)
	}
	l := New(trees, Options{Paths: store, Dir: t.TempDir()})
	if got, want := run(t, l, root, "stat -c '%h %a %Y' in"), "1 444 1000000000\n"; got != want {
		t.Errorf("links, mode and time are %q, want %q", got, want)
	}
	run(t, l, root, "chmod 644 in; echo evil > in; mv in other; rm -f in")
	if got := run(t, l, root, "wc -c < in"); got != fmt.Sprintln(len(content)) {
		t.Errorf("size is %q, want %d", got, len(content))
	}
}

// A time that a tree leaves open is the epoch; one that it has stays.
func TestTimes(t *testing.T) {
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	b := trees.Builder()
	for path, modTime := range map[string]int64{"in/a": 0, "in/d/b": 5e8, "in/d/c": 0} {
		if err := b.Add(path, cache.Node{Kind: cache.FileKind, Digest: trees.Empty(), ModTime: modTime}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := "1000000000 in\n1000000000 in/a\n1000000000 in/d\n500000000 in/d/b\n1000000000 in/d/c\n"
	for _, plain := range []bool{false, true} {
		l := New(trees, Options{Dir: t.TempDir(), NoSandbox: plain})
		if got := run(t, l, root, "find in | sort | xargs stat -c '%Y %n'"); got != want {
			t.Errorf("without sandbox %v: got %q, want %q", plain, got, want)
		}
	}
}

func TestNothingIsLeft(t *testing.T) {
	dir := t.TempDir()
	l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{Dir: dir, NoSandbox: true})
	run(t, l, l.trees.Empty(), "mkdir -p a/b; touch a/b/c; chmod 555 a/b a")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A program that is stopped takes its children with it.
func TestChildrenEnd(t *testing.T) {
	for _, plain := range []bool{false, true} {
		mark := fmt.Sprintf("%d.%v", 1000+os.Getpid(), plain)
		mark = strings.NewReplacer("true", "1", "false", "2").Replace(mark)
		l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{Dir: t.TempDir(), NoSandbox: plain})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := l.Run(ctx, &executor.Command{
				Program: &rules.Toolchain{Program: "sh"}, Args: []string{"-c", "sleep " + mark + " & sleep " + mark},
				Root: l.trees.Empty(), Env: []string{"PATH=/usr/bin:/bin"},
			})
			ended <- err
		}()
		for exec.Command("/usr/bin/pgrep", "-f", "^sleep "+mark).Run() != nil {
			if ctx.Err() != nil {
				t.Fatal(ctx.Err())
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if out, err := exec.Command("/usr/bin/pgrep", "-fa", "^sleep "+mark).Output(); err == nil {
			t.Errorf("without sandbox %v: still there: %s", plain, out)
		}
	}
}

// A child that left the program's process group, and has the pipe that somebody takes
// output from, keeps nobody waiting: not at its end, and not who gives up. What was
// printed comes whole, however slowly it is taken.
func TestChildThatHoldsThePipe(t *testing.T) {
	tests := []struct {
		name, script string
		limit        time.Duration
		want         error
	}{
		{"the program ends", "setsid sleep 60 & head -c 1000000 /dev/zero", time.Minute, nil},
		{"who wants it gives up", "setsid sleep 60 & head -c 1000000 /dev/zero; sleep 60", time.Second, context.DeadlineExceeded},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{Dir: t.TempDir(), NoSandbox: true})
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			defer cancel()
			taken, begin := 0, time.Now()
			_, err := l.Run(ctx, &executor.Command{
				Program: &rules.Toolchain{Program: "sh"}, Args: []string{"-c", test.script},
				Root: l.trees.Empty(), Env: []string{"PATH=/usr/bin:/bin"},
				Stdout: writerFunc(func(b []byte) (int, error) {
					time.Sleep(2 * drain)
					taken += len(b)
					return len(b), nil
				}),
			})
			if !errors.Is(err, test.want) || test.want == nil && taken != 1000000 {
				t.Errorf("%d bytes and error %v, want 1000000 and %v", taken, err, test.want)
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestFingerprint(t *testing.T) {
	l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{})
	tests := []struct {
		name, program string
		packages      []string
		files         []string
		want          string // a regular expression
	}{
		{"program", "sha256sum", nil, nil, `^blake3:[0-9a-f]{64}/\d+ in sandbox 2, umask 0022$`},
		{"packages", "sha256sum", []string{"no-such-package", "coreutils", "coreutils"}, nil, `^blake3:[0-9a-f]{64}/\d+ coreutils=\S+ no-such-package= in sandbox 2, umask 0022$`},
		{"absolute", "/usr/bin/env", nil, nil, `^blake3:`},
		{"absolute, old folder", "/bin/env", nil, nil, `^blake3:`},
		{"not in the sandbox", "/etc/passwd", nil, nil, `^program "/etc/passwd" is not installed$`},
		{"no program", "/usr/share", nil, nil, `^program "/usr/share" is not installed$`},
		{"relative", "../bin/sh", nil, nil, `^program "../bin/sh" is not installed$`},
		{"none", "", nil, nil, `^program "" is not installed$`},
		{"file", "sha256sum", []string{"no-such-package"}, []string{"/usr/bin/env"}, `^blake3:[0-9a-f]{64}/\d+ blake3:[0-9a-f]{64}/\d+ no-such-package= in sandbox`},
		{"file that is not there", "sha256sum", nil, []string{"/usr/bin/env", "/usr/no-such"}, `^file "/usr/no-such", which program "sha256sum" reads, is not installed$`},
		{"folder", "sha256sum", nil, []string{"/usr/share"}, `^file "/usr/share", which `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := l.Fingerprint(t.Context(), &rules.Toolchain{Program: test.program, Pkgs: test.packages, Files: test.files}, "")
			if err != nil {
				got = err.Error()
			}
			if !regexp.MustCompile(test.want).MatchString(got) {
				t.Errorf("got %q, want %s", got, test.want)
			}
		})
	}
}

// Results made without a sandbox are not those of a sandbox, and not another
// user's: they have keys of their own.
func TestFingerprintTellsThePlace(t *testing.T) {
	plain := fmt.Sprintf(" in no sandbox, user %d:%d, umask 0022", os.Getuid(), os.Getgid())
	tests := []struct {
		name       string
		bubblewrap string
		options    Options
		want       string
	}{
		{"sandbox", bubblewrap, Options{}, " in sandbox 2, umask 0022"},
		{"not wanted", bubblewrap, Options{NoSandbox: true}, plain},
		{"not installed", "/usr/bin/no-such-bwrap", Options{}, plain},
		{"not permitted", "/usr/bin/false", Options{}, plain},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), test.options)
			l.bubblewrap = test.bubblewrap
			got, err := l.Fingerprint(t.Context(), &rules.Toolchain{Program: "sha256sum"}, "")
			if err != nil {
				t.Fatal(err)
			}
			if _, rest, _ := strings.Cut(got, "/"); strings.TrimLeft(rest, "0123456789") != test.want {
				t.Errorf("got %q, want … %q", got, test.want)
			}
		})
	}
}

// Where runs are made may belong to a group, which is nobody's business.
func TestFolderOfAGroup(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	for _, plain := range []bool{false, true} {
		l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{Dir: dir, NoSandbox: plain})
		if got, want := run(t, l, l.trees.Empty(), "mkdir out/d; stat -c %a . out out/d /tmp"), "755\n755\n755\n"; !strings.HasPrefix(got, want) {
			t.Errorf("without sandbox %v: modes are %q, want %q", plain, got, want)
		}
	}
}

// A program that cannot be started is an error and not its exit status, which a
// test would take for a verdict.
func TestCannotBeStarted(t *testing.T) {
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	d, err := trees.Store().Put(t.Context(), []byte("#!/no/such/interpreter\n"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := trees.Write(t.Context(), cache.Directory{{Name: "program", Kind: cache.FileKind, Digest: d, Executable: true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []bool{false, true} {
		l := New(trees, Options{NoSandbox: plain})
		c := &executor.Command{Program: &rules.Toolchain{Program: "odd"}, Root: root, Epoch: 1e9}
		p, err := l.prepare(t.Context(), c, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.execute(t.Context(), c, "./program", p)
		if err == nil || !strings.HasPrefix(err.Error(), `program "odd": `) || !strings.HasSuffix(strings.ToLower(err.Error()), "no such file or directory") {
			t.Errorf("without sandbox %v: got %v and error %v", plain, r, err)
		}
	}
}

func TestPrintedIsBounded(t *testing.T) {
	l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{Dir: t.TempDir()})
	tests := []struct {
		name   string
		bytes  int // printed between "begin" and "end"
		middle string
	}{
		{"whole", 9_000_000, ""},
		{"begin and end", 70_000_000, "\n[2891147 bytes left out]\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := run(t, l, l.trees.Empty(), fmt.Sprintf("echo begin; head -c %d /dev/zero | tr '\\0' x; echo; echo end", test.bytes))
			if !strings.HasPrefix(got, "begin\nxxx") || !strings.HasSuffix(got, "xxx\nend\n") {
				t.Errorf("got %q … %q", got[:40], got[len(got)-10:])
			}
			if middle := strings.Trim(got[6:len(got)-5], "x"); middle != test.middle {
				t.Errorf("left out: %q, want %q", middle, test.middle)
			}
		})
	}
}

func TestNoSandboxIsSaidOnce(t *testing.T) {
	var said []string
	l := New(cache.NewTrees(cache.NewMemory(cache.BLAKE3)), Options{Dir: t.TempDir(), Warn: func(text string) { said = append(said, text) }})
	l.bubblewrap = "/usr/bin/no-such-bwrap"
	for range 2 {
		if got, want := run(t, l, l.trees.Empty(), "echo fine"), "fine\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	want := "host programs run without a sandbox, since bubblewrap does not work: fork/exec /usr/bin/no-such-bwrap: no such file or directory"
	if len(said) != 1 || said[0] != want {
		t.Errorf("said %q, want %q once", said, want)
	}
}
