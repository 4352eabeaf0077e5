package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/pungo-build/pungo/cache/materialize"
)

// usage is what a process took.
type usage struct {
	Wall, CPU time.Duration // CPU is user and system time
	Peak      int64         // resident memory, in bytes
}

// contestant is one side of a comparison.
type contestant struct {
	command []string // its first element is a path, or looked up in PATH
	dir     string   // to start in
	// inner takes the time that the process tells (see took) instead of all of it.
	inner bool
	// before prepares a run and after checks what it printed; neither counts. Both
	// may be nil.
	before func(run int) error
	after  func(run int, stdout []byte) error
}

// race runs both sides by turns, once to warm up and then as often as the lab
// wants, and returns the medians of each; of memory the maximum.
func (l *lab) race(ctx context.Context, ours, peer contestant) (a, b usage, err error) {
	sides := []*contestant{&ours, &peer}
	taken := make([][]usage, len(sides))
	for run := range l.runs + 1 {
		for i, side := range sides {
			u, err := side.run(ctx, run)
			if err != nil {
				return a, b, fmt.Errorf("%s: %w", side.command, err)
			}
			if run > 0 {
				taken[i] = append(taken[i], u)
			}
		}
	}
	return medians(taken[0]), medians(taken[1]), nil
}

func (c *contestant) run(ctx context.Context, run int) (usage, error) {
	if c.before != nil {
		if err := c.before(run); err != nil {
			return usage{}, err
		}
	}
	u, stdout, err := measure(ctx, c.dir, c.command)
	if err == nil && c.inner {
		err = u.took(stdout)
	}
	if err == nil && c.after != nil {
		err = c.after(run, stdout)
	}
	return u, err
}

// took puts the time that a part tells in the place of that of its process.
func (u *usage) took(stdout []byte) error {
	var told struct{ Took time.Duration }
	if err := json.Unmarshal(stdout, &told); err != nil || told.Took <= 0 {
		return fmt.Errorf("want the time it took, got %s", stdout)
	}
	u.Wall = told.Took
	return nil
}

func medians(taken []usage) usage {
	return usage{
		Wall: median(taken, func(u usage) time.Duration { return u.Wall }),
		CPU:  median(taken, func(u usage) time.Duration { return u.CPU }),
		Peak: slices.MaxFunc(taken, func(a, b usage) int { return cmp.Compare(a.Peak, b.Peak) }).Peak,
	}
}

func median[T cmp.Ordered](taken []usage, of func(usage) T) T {
	values := make([]T, len(taken))
	for i, u := range taken {
		values[i] = of(u)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// measure runs a command to its end and returns what it took and printed.
//
// A small process stands between: Linux counts the memory of the process that
// forks as that of the program that it starts, and this one may hold the names
// of 60,000 packages by now.
func measure(ctx context.Context, dir string, command []string) (usage, []byte, error) {
	self, err := os.Executable()
	if err != nil {
		return usage{}, nil, err
	}
	report, err := os.CreateTemp("", "bench-usage-*")
	if err != nil {
		return usage{}, nil, err
	}
	defer os.Remove(report.Name())
	defer report.Close()
	cmd := exec.CommandContext(ctx, self, slices.Concat([]string{partFlag, supervisePart}, command)...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, &stdout, &stderr, []*os.File{report}
	if err := cmd.Run(); err != nil {
		return usage{}, nil, fmt.Errorf("%w\n%s%s", err, tail(stdout.Bytes()), tail(stderr.Bytes()))
	}
	var u usage
	data, err := os.ReadFile(report.Name())
	if err == nil {
		err = json.Unmarshal(data, &u)
	}
	return u, stdout.Bytes(), err
}

func tail(b []byte) []byte {
	const most = 2000
	return b[max(0, len(b)-most):]
}

const supervisePart = "supervise"

// supervise runs a command and writes its usage to file descriptor 3.
func supervise(ctx context.Context, command []string) error {
	if len(command) == 0 {
		return errors.New("want a command")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return err
	}
	u := usage{Wall: time.Since(start), CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.Peak = r.Maxrss << 10
	}
	return json.NewEncoder(os.NewFile(3, "usage")).Encode(u)
}

// output runs a command that does not count, and returns what it printed.
func output(ctx context.Context, dir string, command ...string) ([]byte, error) {
	_, stdout, err := measure(ctx, dir, command)
	if err != nil {
		err = fmt.Errorf("%s: %w", command[0], err)
	}
	return stdout, err
}

// fresh returns what clears folders away before a run, so that it begins with nothing;
// empty does so too and makes the folder again.
//
// Folders of many files are moved, and removed when all is measured: for minutes after
// it has freed an inode, ext4 searches past it whenever it makes a file. Others are
// removed: gigabytes that stay in memory would make the next ones wait for memory that
// was never used.
func (l *lab) fresh(dirs ...string) func(int) error {
	return func(int) error {
		for _, dir := range dirs {
			if err := errors.Join(l.clear(dir), os.MkdirAll(filepath.Dir(dir), 0o777)); err != nil {
				return err
			}
		}
		return nil
	}
}

func (l *lab) clear(dir string) error {
	const many = 1000
	files := 0
	err := filepath.WalkDir(dir, func(string, fs.DirEntry, error) error {
		if files++; files > many {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil || files <= many {
		return errors.Join(err, removeAll(dir))
	}
	l.moved++
	away := l.path("away", strconv.Itoa(l.moved))
	return errors.Join(os.MkdirAll(filepath.Dir(away), 0o777), os.Rename(dir, away))
}

func (l *lab) empty(dir string) func(int) error {
	return func(run int) error { return errors.Join(l.fresh(dir)(run), os.Mkdir(dir, 0o777)) }
}

// removeAll removes a folder that may have read-only ones in it.
func removeAll(dir string) error { return materialize.Remove(dir) }
