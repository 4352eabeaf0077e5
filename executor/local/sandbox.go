package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
)

// bubblewrap is the program that makes sandboxes.
const bubblewrap = "/usr/bin/bwrap"

// inside is where a sandbox shows the input root.
const inside = "/pungo"

// sandboxVersion is part of every key. It is raised when programs see something
// else in a sandbox.
const sandboxVersion = 2

// system are the folders and files of the machine that a sandbox shows, as far as
// they exist: programs, libraries, and how the linker finds them. Symbolic links
// among them (/bin to usr/bin) stay links.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
}

// sandboxArgs are the arguments of bubblewrap that show the machine. Whoever
// builds is root there, without any privilege: archives tell the owner of files.
func sandboxArgs() []string {
	args := []string{
		"--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0", "--cap-drop", "ALL",
		"--die-with-parent", "--new-session", "--hostname", "pungo",
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

// sandbox reports whether bubblewrap works here, and warns if it does not: it is
// not installed, or the kernel lets nobody but root make user namespaces.
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

// surroundings is what a program sees of where it runs, as part of keys. Without a
// sandbox that is more than anybody can name: such results are for the same user
// at best, and never for those who have a sandbox.
func (l *Local) surroundings(ctx context.Context) (string, error) {
	mask, err := programUmask()
	if l.sandbox(ctx) {
		return fmt.Sprintf("in sandbox %d, umask %s", sandboxVersion, mask), err
	}
	return fmt.Sprintf("in no sandbox, user %d:%d, umask %s", os.Getuid(), os.Getgid(), mask), err
}

// statusFile is the number of the open file in which bubblewrap notes what it does,
// the first of exec.Cmd.ExtraFiles.
const statusFile = 3

// sandboxArgs are the arguments of bubblewrap that show a place in a sandbox.
func (p *place) sandboxArgs() []string {
	args := append([]string{"--json-status-fd", strconv.Itoa(statusFile)}, sandboxArgs()...)
	args = append(args, "--bind", p.tmp, "/tmp", "--bind", p.root, inside)
	for _, name := range p.inputs {
		args = append(args, "--ro-bind", filepath.Join(p.root, name), inside+"/"+name)
	}
	return append(args, "--chdir", inside)
}

// execute runs a program to its end, and stores what it prints.
func (l *Local) execute(ctx context.Context, c *executor.Command, program string, p place) (r cache.Result, err error) {
	stdout, err := newStream(p.stdout)
	if err != nil {
		return r, err
	}
	defer stdout.Close()
	stderr, err := newStream(p.stderr)
	if err != nil {
		return r, err
	}
	defer stderr.Close()
	r.ExitCode, err = l.connected(ctx, c.Stdout, stdout, func(ctx context.Context, out io.Writer) (int, error) {
		cmd := exec.CommandContext(ctx, program, c.Args...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.root, c.Env, out, stderr
		if l.sandbox(ctx) {
			return l.confined(ctx, cmd, p, stderr)
		}
		return wait(ctx, cmd)
	})
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if failed := (*writeError)(nil); errors.As(err, &failed) {
		return r, failed.err
	}
	if err != nil {
		return r, fmt.Errorf("program %q: %w", c.Program.Program, err)
	}
	if r.Stdout, err = stdout.store(ctx, l.trees.Store()); err != nil {
		return r, err
	}
	r.Stderr, err = stderr.store(ctx, l.trees.Store())
	return r, err
}

// connected calls run with what the program's output goes to: kept, or, if somebody
// takes it as it comes, a pipe to him. If he fails, the program is ended, and the
// error is a writeError.
func (l *Local) connected(ctx context.Context, taker, kept io.Writer, run func(context.Context, io.Writer) (int, error)) (exitStatus int, err error) {
	if taker == nil {
		return run(ctx, kept)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	// A large pipe lets either side run ahead; where it may not be larger, it works too.
	_, _ = unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, pipeSize)
	// Who gave up does not wait for a child of the program that has the pipe, too.
	defer context.AfterFunc(ctx, func() { r.Close() })()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	printed := &printed{File: r, ended: make(chan struct{})}
	taken := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(onlyWriter{taker}, onlyReader{printed}, make([]byte, pipeSize))
		if err != nil {
			cancel()
		}
		taken <- err
	}()
	exitStatus, err = run(ctx, w)
	w.Close()
	printed.end()
	if e := <-taken; e != nil {
		err = &writeError{e}
	}
	return exitStatus, err
}

// pipeSize is how much a program may print before it is taken.
const pipeSize = 1 << 20

// onlyWriter and onlyReader hide what io.CopyBuffer would rather use than the buffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// printed is what a program prints into a pipe. When it has ended, what is in the pipe is
// all there is: a child that it left behind is waited for as long as drain says.
type printed struct {
	*os.File
	ended chan struct{}
}

func (p *printed) end() {
	close(p.ended)
	_ = p.SetReadDeadline(time.Now().Add(drain)) // of a pipe it can be set
}

func (p *printed) Read(b []byte) (int, error) {
	select {
	case <-p.ended: // who takes it may be slow: that was no waiting
		_ = p.SetReadDeadline(time.Now().Add(drain))
	default:
	}
	n, err := p.File.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = io.EOF
	}
	return n, err
}

// writeError is the error of who takes what a program prints.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }

// confined runs a program in a sandbox to its end, and returns its exit status.
func (l *Local) confined(ctx context.Context, cmd *exec.Cmd, p place, stderr *stream) (exitStatus int, err error) {
	status, err := os.Create(p.status)
	if err != nil {
		return 0, err
	}
	defer status.Close()
	cmd.Args = append([]string{l.bubblewrap}, append(p.sandboxArgs(), cmd.Args...)...)
	cmd.Path, cmd.ExtraFiles = l.bubblewrap, []*os.File{status}
	exitStatus, err = wait(ctx, cmd)
	if err == nil && exitStatus != 0 && exitStatus < 128 && !started(p.status) {
		err = errors.New(stderr.first())
	}
	return exitStatus, err
}

// drain is how long the end of a program waits for what its children still print.
const drain = 300 * time.Millisecond

// wait runs a program to its end, and returns its exit status. The program leads a
// process group, which ends with it or with us.
func wait(ctx context.Context, cmd *exec.Cmd) (exitStatus int, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = drain
	// What this process was started with is not for programs: a folder that is open
	// leads out of the sandbox. A kernel that does not know this leaves it open.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	err = apart(func() error {
		if err := cmd.Start(); err != nil {
			return err
		}
		err := cmd.Wait()
		killGroup(cmd.Process.Pid)
		return err
	})
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &exit):
		return exitCode(exit), nil
	case errors.Is(err, exec.ErrWaitDelay):
		return 0, nil
	}
	return 0, err
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

// started reports whether bubblewrap got as far as to start the program. Else the
// exit status is its own, and would pass for the program's; but it notes that only
// if there was one:
//
//	{ "child-pid": 4021, "net-namespace": 4026532182 }
//	{ "exit-code": 3 }
func started(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	for notes := json.NewDecoder(f); ; {
		var note struct {
			ExitCode *int `json:"exit-code"`
		}
		if notes.Decode(&note) != nil {
			return false
		}
		if note.ExitCode != nil {
			return true
		}
	}
}
