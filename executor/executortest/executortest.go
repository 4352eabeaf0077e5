// Package executortest is the suite that every executor.Strategy passes: the
// promises that a Build relies on, and that rules may rely on whether their
// programs run here or elsewhere.
package executortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// Open returns a new strategy that works on the given trees.
type Open func(t *testing.T, trees *cache.Trees) executor.Strategy

// Run holds a strategy, which can run /bin/sh, against the suite.
func Run(t *testing.T, open Open) {
	t.Run("Commands", func(t *testing.T) { testCommands(t, open) })
	t.Run("Refused", func(t *testing.T) { testRefused(t, open) })
	t.Run("InputsAreReadOnly", func(t *testing.T) { testReadOnly(t, open) })
	t.Run("WhoeverBuilds", func(t *testing.T) { testWhoeverBuilds(t, open) })
	t.Run("Streamed", func(t *testing.T) { testStreamed(t, open) })
	t.Run("Linked", func(t *testing.T) { testLinked(t, open) })
	t.Run("MissingBlob", func(t *testing.T) { testMissingBlob(t, open) })
	t.Run("Cancelled", func(t *testing.T) { testCancelled(t, open) })
	t.Run("Concurrent", func(t *testing.T) { testConcurrent(t, open) })
	t.Run("Fingerprint", func(t *testing.T) { testFingerprint(t, open) })
	t.Run("Build", func(t *testing.T) { testBuild(t, open) })
}

var shell = &rules.Toolchain{Name: "sh", Program: "sh", Hint: "install a shell"}

// bench is a strategy over a store in memory.
type bench struct {
	executor.Strategy
	store *cache.Memory
	trees *cache.Trees
}

func newBench(t *testing.T, open Open) *bench {
	store := cache.NewMemory(cache.BLAKE3)
	trees := cache.NewTrees(store)
	return &bench{open(t, trees), store, trees}
}

// root stores an input root of in/0/greeting ("hello\n"), the executable
// in/1/tool, and the folder in/2/dir with a file and a link to it.
func (b *bench) root(t *testing.T) cache.Digest {
	t.Helper()
	builder := b.trees.Builder()
	add := func(path, content string, executable bool) {
		d, err := b.store.Put(t.Context(), []byte(content))
		if err == nil {
			err = builder.Add(path, cache.Node{Kind: cache.FileKind, Digest: d, Executable: executable, ModTime: 1e9})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("in/0/greeting", "hello\n", false)
	add("in/1/tool", "#!/bin/sh\necho tool \"$@\"\n", true)
	add("in/2/dir/file", "content\n", false)
	if err := builder.Add("in/2/dir/link", cache.Node{Kind: cache.SymlinkKind, Target: "file"}); err != nil {
		t.Fatal(err)
	}
	root, err := builder.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// command runs a script; outputs that end in a slash are folders.
func (b *bench) command(t *testing.T, script string, outputs ...string) *executor.Command {
	c := &executor.Command{
		Toolchain: shell, Args: []string{"-c", script},
		Env:  []string{"HOME=/tmp", "PATH=/usr/bin:/usr/sbin:/bin:/sbin", "SOURCE_DATE_EPOCH=1000000000"},
		Root: b.root(t), Epoch: 1e9,
	}
	for _, name := range outputs {
		n := cache.Node{Name: strings.TrimSuffix(name, "/"), Kind: cache.FileKind}
		if strings.HasSuffix(name, "/") {
			n.Kind = cache.DirKind
		}
		c.Outputs = append(c.Outputs, n)
	}
	return c
}

// show tells a result: exit status, outputs with content, what was printed.
func (b *bench) show(t *testing.T, r cache.Result) string {
	t.Helper()
	var text strings.Builder
	if r.ExitCode != 0 {
		fmt.Fprintf(&text, "exit %d\n", r.ExitCode)
	}
	for _, n := range r.Outputs {
		if n.Kind == cache.FileKind {
			b.showFile(t, &text, n.Name, n)
			continue
		}
		fmt.Fprintf(&text, "%s/\n", n.Name)
		err := b.trees.Walk(t.Context(), n.Digest, func(path string, child cache.Node) error {
			switch child.Kind {
			case cache.FileKind:
				b.showFile(t, &text, n.Name+"/"+path, child)
			case cache.DirKind:
				fmt.Fprintf(&text, "%s/%s/\n", n.Name, path)
			default:
				fmt.Fprintf(&text, "%s/%s -> %s\n", n.Name, path, child.Target)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, stream := range []struct {
		name   string
		digest cache.Digest
	}{{"stdout", r.Stdout}, {"stderr", r.Stderr}} {
		if !stream.digest.IsZero() {
			fmt.Fprintf(&text, "%s %q\n", stream.name, b.get(t, stream.digest))
		}
	}
	return text.String()
}

func (b *bench) showFile(t *testing.T, text *strings.Builder, path string, n cache.Node) {
	t.Helper()
	mark := ""
	if n.Executable {
		mark = "*"
	}
	fmt.Fprintf(text, "%s%s %q\n", path, mark, b.get(t, n.Digest))
}

func (b *bench) get(t *testing.T, d cache.Digest) []byte {
	t.Helper()
	data, err := b.store.Get(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func testCommands(t *testing.T, open Open) {
	tests := []struct {
		name    string
		script  string
		outputs []string
		want    string
	}{
		{"file", "cat in/0/greeting > out/copy", []string{"out/copy"}, "out/copy \"hello\\n\"\n"},
		{"executable", "cp in/1/tool out/t; chmod 755 out/t", []string{"out/t"}, "out/t* \"#!/bin/sh\\necho tool \\\"$@\\\"\\n\"\n"},
		{"runs an input", "in/1/tool a b", nil, "stdout \"tool a b\\n\"\n"},
		{"follows a link", "cat in/2/dir/link", nil, "stdout \"content\\n\"\n"},
		{
			"folder", "mkdir -p out/d/empty out/d/sub; echo x > out/d/sub/f; ln -s sub/f out/d/l",
			[]string{"out/d/"}, "out/d/\nout/d/empty/\nout/d/l -> sub/f\nout/d/sub/\nout/d/sub/f \"x\\n\"\n",
		},
		{"parents exist", "echo x > out/a/b/c; test -e out/a/d || echo none", []string{"out/a/b/c", "out/a/d/"}, "out/a/b/c \"x\\n\"\nstdout \"none\\n\"\n"},
		{"undeclared", "echo x > out/x; echo y > out/y; echo z > z", []string{"out/x"}, "out/x \"x\\n\"\n"},
		{"not made", ":", []string{"out/x", "out/d/"}, ""},
		{"other kind", "mkdir out/x; echo d > out/d", []string{"out/x", "out/d/"}, "out/x/\nout/d \"d\\n\"\n"},
		{"streams", "echo out; echo err >&2", nil, "stdout \"out\\n\"\nstderr \"err\\n\"\n"},
		{"exit status", "echo x > out/x; exit 3", []string{"out/x"}, "exit 3\nout/x \"x\\n\"\n"},
		{"signal", "kill -9 $$", nil, "exit 137\n"},
		{"environment", "env | grep -v -e ^_= -e ^PWD= -e ^SHLVL= -e ^OLDPWD= | sort", nil, "stdout \"HOME=/tmp\\nPATH=/usr/bin:/usr/sbin:/bin:/sbin\\nSOURCE_DATE_EPOCH=1000000000\\n\"\n"},
		{"no input to read", "cat", nil, ""},
		{"temporary files", "echo x > /tmp/pungo-executortest-$$ && cat /tmp/pungo-executortest-$$; rm /tmp/pungo-executortest-$$", nil, "stdout \"x\\n\"\n"},
		{"in order", "ls", nil, "stdout \"in\\nout\\n\"\n"},
		{"child that stays", "sleep 30 & echo done", nil, "stdout \"done\\n\"\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, open)
			outputs := test.outputs
			if outputs == nil {
				outputs = []string{"out/nothing"}
			}
			r, err := b.Run(t.Context(), b.command(t, test.script, outputs...))
			if err != nil {
				t.Fatal(err)
			}
			if got := b.show(t, r); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// What cannot be an output is an error that names it, not a result without it.
func testRefused(t *testing.T, open Open) {
	tests := []struct{ name, script, output string }{
		{"link", "ln -s ../in/0/greeting out/x", "out/x"},
		{"link to outside", "mkdir out/x; ln -s /etc/hostname out/x/l", "out/x/"},
		{"link upwards", "mkdir out/x; ln -s ../../in out/x/l", "out/x/"},
		{"linked parent", "rmdir out/a; ln -s /etc out/a", "out/a/passwd"},
		{"pipe", "mkfifo out/x", "out/x"},
		{"pipe in a folder", "mkdir out/x; mkfifo out/x/p", "out/x/"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, open)
			r, err := b.Run(t.Context(), b.command(t, test.script, test.output))
			if err == nil {
				t.Fatalf("got\n%s", b.show(t, r))
			}
			if name := strings.TrimSuffix(test.output, "/"); !strings.Contains(err.Error(), name) {
				t.Errorf("error %q does not name %s", err, name)
			}
		})
	}
}

func testReadOnly(t *testing.T, open Open) {
	b := newBench(t, open)
	script := "echo evil >> in/0/greeting; chmod 644 in/0/greeting; echo evil > in/0/greeting; rm -rf in/2; exit 0"
	if _, err := b.Run(t.Context(), b.command(t, script, "out/x")); err != nil {
		t.Fatal(err)
	}
	r, err := b.Run(t.Context(), b.command(t, "cat in/0/greeting in/2/dir/file", "out/x"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.show(t, r), "stdout \"hello\\ncontent\\n\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a program makes does not depend on the umask of whoever builds.
func testWhoeverBuilds(t *testing.T, open Open) {
	defer unix.Umask(unix.Umask(0o077))
	b := newBench(t, open)
	script := "umask; mkdir out/d/new; touch out/d/new/f; stat -c '%a %n' . in in/2/dir out out/d out/d/new out/d/new/f"
	r, err := b.Run(t.Context(), b.command(t, script, "out/d/x"))
	if err != nil {
		t.Fatal(err)
	}
	want := "stdout \"0022\\n755 .\\n755 in\\n755 in/2/dir\\n755 out\\n755 out/d\\n755 out/d/new\\n644 out/d/new/f\\n\"\n"
	if got := b.show(t, r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// failing takes a few bytes and then fails.
type failing struct{ room int }

var errTaker = errors.New("no room for more")

func (f *failing) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errTaker
	}
	return len(p), nil
}

// testStreamed: what a program prints can be taken as it comes, all of it, and a
// program whose output nobody takes any longer is ended.
func testStreamed(t *testing.T, open Open) {
	b := newBench(t, open)
	var taken bytes.Buffer
	c := b.command(t, "head -c 5000000 /dev/zero; cat in/0/greeting; echo err >&2; exit 3")
	c.Stdout = &taken
	r, err := b.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.show(t, r), "exit 3\nstderr \"err\\n\"\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if n := taken.Len(); n != 5000006 || !strings.HasSuffix(taken.String(), "\x00hello\n") {
		t.Errorf("got %d bytes of output, want 5000006 with hello at the end", n)
	}
	c = b.command(t, "cat /dev/zero")
	c.Stdout = &failing{room: 3 << 20}
	if r, err := b.Run(t.Context(), c); !errors.Is(err, errTaker) {
		t.Errorf("nobody takes its output: got %v and error %v, want %v", r, err, errTaker)
	}
	c = b.command(t, "kill -9 $$")
	c.Stdout = &taken
	if r, err := b.Run(t.Context(), c); err != nil || r.ExitCode != 137 {
		t.Errorf("killed: got exit %d and error %v, want 137", r.ExitCode, err)
	}
}

// testLinked: who asks for links finds the same inputs, and no more than before can
// be written to.
func testLinked(t *testing.T, open Open) {
	b := newBench(t, open)
	c := b.command(t, "cat in/0/greeting in/2/dir/link; stat -c %Y in/0/greeting; (echo x > in/0/greeting) 2>/dev/null || [ $(id -u) = 0 ] || echo refused; cat in/0/greeting > out/copy", "out/copy")
	c.Linked = true
	r, err := b.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(b.get(t, r.Stdout)); !strings.HasPrefix(got, "hello\ncontent\n1000000000\n") {
		t.Errorf("got %q", got)
	}
	r, err = b.Run(t.Context(), b.command(t, "cat in/0/greeting"))
	if err != nil || string(b.get(t, r.Stdout)) != "hello\n" {
		t.Errorf("the input was changed: %v, error %v", b.show(t, r), err)
	}
}

func testMissingBlob(t *testing.T, open Open) {
	b := newBench(t, open)
	c := b.command(t, "cat in/0/greeting", "out/x")
	lost := cache.BLAKE3.Sum([]byte("hello\n"))
	if err := b.store.Discard(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	_, err := b.Run(t.Context(), c)
	var missing *cache.BlobError
	if !errors.As(err, &missing) || missing.Digest != lost {
		t.Errorf("got %v, want a blob error about %s", err, lost)
	}
}

// A program that is stopped ends at once, and with it its children.
func testCancelled(t *testing.T, open Open) {
	b := newBench(t, open)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := b.Run(ctx, b.command(t, "sleep 60 & sleep 60; wait", "out/x"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func testConcurrent(t *testing.T, open Open) {
	b := newBench(t, open)
	var all sync.WaitGroup
	for i := range 8 {
		c := b.command(t, fmt.Sprintf("echo %d > out/x; sleep 0.05; cat out/x /dev/null", i), "out/x")
		all.Go(func() {
			r, err := b.Run(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			if got, want := b.show(t, r), fmt.Sprintf("out/x \"%d\\n\"\nstdout \"%d\\n\"\n", i, i); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	all.Wait()
}

func testFingerprint(t *testing.T, open Open) {
	b := newBench(t, open)
	first, err := b.Fingerprint(t.Context(), shell, "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := newBench(t, open).Fingerprint(t.Context(), &rules.Toolchain{Name: "other name", Program: "sh", Hint: "other hint"}, "")
	if err != nil || again != first || first == "" {
		t.Errorf("got %q, then %q, %v", first, again, err)
	}
	var unavailable *executor.UnavailableError
	_, err = b.Fingerprint(t.Context(), &rules.Toolchain{Program: "pungo-no-such-program", Hint: "there is none"}, "")
	if !errors.As(err, &unavailable) || unavailable.Arch != "" || unavailable.Hint != "there is none" {
		t.Errorf("missing program: got %v", err)
	}
	_, err = b.Fingerprint(t.Context(), shell, "pdp11")
	if !errors.As(err, &unavailable) || unavailable.Arch != "pdp11" {
		t.Errorf("missing architecture: got %v", err)
	}
}

// A Build runs programs by the strategy, and only once.
func testBuild(t *testing.T, open Open) {
	b := newBench(t, open)
	greeting := &rules.Artifact{Name: "greeting", Kind: cache.FileKind, Source: &rules.Source{Path: "greeting"}}
	action := func(script string, inputs ...*rules.Artifact) *rules.Action {
		a := &rules.Action{Owner: &rules.Analysed{Instance: rules.Instance{Label: rules.Label{Name: "a"}}}, Toolchain: shell}
		a.Outputs = []*rules.Artifact{{Name: "made", Kind: cache.FileKind, Producer: a}}
		a.Args = []rules.Arg{{{Text: "-c"}, {Text: script}}, {{Artifact: a.Outputs[0]}}}
		for _, f := range inputs {
			a.Args = append(a.Args, rules.Arg{{Artifact: f}})
		}
		return a
	}
	upper := action(`tr a-z A-Z < "$1" > "$0"`, greeting)
	twice := action(`cat "$1" "$1" > "$0"`, upper.Outputs[0])
	broken := action("echo first; echo it breaks >&2; exit 2", upper.Outputs[0])
	graph := &rules.Graph{Actions: []*rules.Action{upper, twice, broken}}
	var log string
	build := func() *executor.Build {
		return executor.New(graph, executor.Options{
			Store: b.store, Actions: b.store, Strategies: []executor.Strategy{b}, Sources: sources{b.store},
			Sink: sink(func(e rules.Event) { log = e.Log }),
		})
	}
	for _, want := range []rules.Status{rules.Ran, rules.Hit} {
		run := build()
		if err := run.Run(t.Context(), twice.Outputs[0]); err != nil {
			t.Fatal(err)
		}
		n, status := run.Artifact(twice.Outputs[0])
		if got := b.get(t, n.Digest); status != want || !bytes.Equal(got, []byte("HELLO\nHELLO\n")) {
			t.Errorf("%s with %q, want %s", status, got, want)
		}
	}
	run := build()
	err := run.Run(t.Context(), broken.Outputs[0])
	var failure *executor.ActionError
	if !errors.As(err, &failure) || failure.Err.Error() != "exit status 2" {
		t.Fatalf("got %v", err)
	}
	if want := "first\nit breaks\n"; failure.Log != want || log != want {
		t.Errorf("log is %q and %q, want %q", failure.Log, log, want)
	}
	if entry := run.Report().Actions; !slices.ContainsFunc(entry, func(e executor.Entry) bool { return e.Status == rules.Failed }) {
		t.Error("the report has no failure")
	}
}

type sink func(rules.Event)

func (s sink) Event(e rules.Event) { s(e) }

// sources is a workspace whose every file says hello.
type sources struct{ store cache.Store }

func (s sources) Resolve(ctx context.Context, _ *rules.Source) (cache.Node, error) {
	d, err := s.store.Put(ctx, []byte("hello\n"))
	return cache.Node{Kind: cache.FileKind, Digest: d}, err
}
