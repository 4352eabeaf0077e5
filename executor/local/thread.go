package local

import (
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// umask is that of every program, whoever builds.
const umask = 0o022

// apart calls f in a thread of its own, in which the umask is the one of programs:
// they inherit that of the thread that starts them, and the rest of this process
// keeps its own. Where a container forbids that (its seccomp filter refuses
// unshare), the umask stays; programUmask tells. The thread ends after f, and with
// it what has asked for its signal (Pdeathsig): f waits for what it starts.
func apart(f func() error) error {
	done := make(chan error)
	go func() {
		// It is never unlocked, so the thread is nobody else's afterwards.
		runtime.LockOSThread()
		if unix.Unshare(unix.CLONE_FS) == nil {
			unix.Umask(umask)
		}
		done <- f()
	}()
	return <-done
}

// programUmask returns the umask that programs have, in octal.
func programUmask() (mask string, err error) {
	err = apart(func() error {
		status, err := os.ReadFile("/proc/thread-self/status")
		for line := range strings.Lines(string(status)) {
			if value, ok := strings.CutPrefix(line, "Umask:"); ok {
				mask = strings.TrimSpace(value)
			}
		}
		return err
	})
	return mask, err
}
