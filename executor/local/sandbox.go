package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
)

// bubblewrap is the program that makes sandboxes.
const bubblewrap = "/usr/bin/bwrap"

// inside is where a sandbox shows the input root.
const inside = "/pungo"

// system are the folders and files of the machine that a sandbox shows, as far as
// they exist: programs, libraries, and how the linker finds them. Symbolic links
// among them (/bin to usr/bin) stay links.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
}

// sandboxArgs are the arguments of bubblewrap that show the machine.
func sandboxArgs() []string {
	args := []string{
		"--unshare-all", "--die-with-parent", "--new-session", "--hostname", "pungo",
		"--proc", "/proc", "--dev", "/dev", "--dir", "/var", "--symlink", "../tmp", "/var/tmp",
	}
	for _, name := range system {
		if target, err := os.Readlink(name); err == nil {
			args = append(args, "--symlink", target, name)
		} else {
			args = append(args, "--ro-bind-try", name, name)
		}
	}
	return args
}

// sandbox reports whether bubblewrap works here, and warns if it does not.
func (l *Local) sandbox(ctx context.Context) bool {
	l.probe.Do(func() {
		if l.opts.NoSandbox {
			return
		}
		out, err := exec.CommandContext(context.WithoutCancel(ctx), l.bubblewrap, append(sandboxArgs(), "/usr/bin/true")...).CombinedOutput()
		if l.sandboxed = err == nil; l.sandboxed || l.opts.Warn == nil {
			return
		}
		reason := strings.TrimSpace(string(out))
		if reason == "" {
			reason = err.Error()
		}
		l.opts.Warn(fmt.Sprintf("host programs run without a sandbox, since bubblewrap does not work: %s", reason))
	})
	return l.sandboxed
}

// arguments returns the command line that runs a program in its place.
func (l *Local) arguments(ctx context.Context, program string, args []string, p place) []string {
	if !l.sandbox(ctx) {
		return append([]string{program}, args...)
	}
	line := append([]string{l.bubblewrap}, sandboxArgs()...)
	line = append(line, "--bind", p.tmp, "/tmp", "--bind", p.root, inside)
	for _, name := range p.inputs {
		line = append(line, "--ro-bind", filepath.Join(p.root, name), inside+"/"+name)
	}
	line = append(line, "--chdir", inside, program)
	return append(line, args...)
}

// drain is how long the end of a program waits for what its children still print.
const drain = 300 * time.Millisecond

// execute runs a program to its end, and stores what it prints.
func (l *Local) execute(ctx context.Context, c *executor.Command, program string, p place) (r cache.Result, err error) {
	line := l.arguments(ctx, program, c.Args, p)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var stdout, stderr tail
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.root, c.Env, &stdout, &stderr
	// The program leads a process group, which ends with it or with us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = drain
	if err := cmd.Start(); err != nil {
		return r, fmt.Errorf("program %q: %w", c.Program.Program, err)
	}
	err = cmd.Wait()
	killGroup(cmd.Process.Pid)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.ExitCode = exitCode(exit)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return r, fmt.Errorf("program %q: %w", c.Program.Program, err)
	}
	if r.Stdout, err = l.put(ctx, &stdout); err != nil {
		return r, err
	}
	r.Stderr, err = l.put(ctx, &stderr)
	return r, err
}

// killGroup ends every process of a group; that there is none is no error.
func killGroup(leader int) error {
	if err := syscall.Kill(-leader, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return os.ErrProcessDone
}

// exitCode is the exit status as a shell tells it: 128 and more for a signal.
func exitCode(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

func (l *Local) put(ctx context.Context, printed *tail) (cache.Digest, error) {
	text := printed.text()
	if len(text) == 0 {
		return cache.Digest{}, nil
	}
	return l.trees.Store().Put(ctx, text)
}

// printedBytes is how much of what a program prints is kept, on either stream.
const printedBytes = 1 << 20

// tail keeps the end of what is written to it.
type tail struct {
	kept []byte
	lost int64
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	// Shortened at twice the size, each byte is moved once.
	if over := len(t.kept) - printedBytes; over > printedBytes {
		t.lost += int64(over)
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) text() []byte {
	kept, lost := t.kept, t.lost
	if over := len(kept) - printedBytes; over > 0 {
		kept, lost = kept[over:], lost+int64(over)
	}
	if lost == 0 {
		return kept
	}
	return append(fmt.Appendf(nil, "[%d bytes left out]\n", lost), kept...)
}
