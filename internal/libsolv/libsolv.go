// Package libsolv asks libsolv, the solver of dnf, what it thinks of packages. Tests
// do, which hold our solver against it; pungo itself does not run it.
//
//	packages ──Start──▶ Solver ──Installable──▶ Answer: what cannot be installed, and why
//
// libsolv runs in a process of its own, in Debian's python3-solv, which has read the
// repodata of the packages once. It sees nothing of the host.
package libsolv

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/pungo-build/pungo/internal/dnf"
	"github.com/pungo-build/pungo/internal/rpm"
)

//go:embed libsolv.py
var program string

// python is Debian's: another one in PATH would not find the library.
const python = "/usr/bin/python3"

const missing = "  hint: `make deps` installs python3-solv"

// Solver is a running libsolv. It answers one question at a time.
type Solver struct {
	cmd       *exec.Cmd
	questions io.WriteCloser
	answers   *bufio.Reader
	stderr    bytes.Buffer
	closed    bool
}

// Start starts libsolv for a machine of an arch and the packages of some repositories,
// all but the first of which are lookasides. It keeps their metadata in a folder that
// is there, and is not needed once there was an answer. A package is a number in what
// follows: its place in all of the lists, put behind one another.
func Start(arch, scratch string, repositories ...[]*rpm.Package) (*Solver, error) {
	args := []string{"-c", program, arch}
	for i, list := range repositories {
		dir := filepath.Join(scratch, strconv.Itoa(i))
		if err := dnf.Write(dir, list); err != nil {
			return nil, err
		}
		args = append(args, dir)
	}
	s := &Solver{cmd: exec.Command(python, args...)}
	s.cmd.Stderr = &s.stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.questions, s.answers = stdin, bufio.NewReader(stdout)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("libsolv: %w\n%s", err, missing)
	}
	return s, nil
}

// Close ends libsolv. Its error has what libsolv had to say.
func (s *Solver) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	err := errors.Join(s.questions.Close(), s.cmd.Wait())
	if err == nil {
		return nil
	}
	hint := ""
	if bytes.Contains(s.stderr.Bytes(), []byte("No module named 'solv'")) {
		hint = missing
	}
	return fmt.Errorf("libsolv: %w\n%s%s", err, s.stderr.Bytes(), hint)
}

// Question is about packages that each might be installed on an empty system. They
// need not be installable together.
type Question struct {
	// Packages are those in question.
	Packages []int `json:"packages"`
	// Visible are all that may be installed; if it is nil, all that are not Hidden.
	Visible []int `json:"visible"`
	Hidden  []int `json:"hidden,omitempty"`
	// Void are requirements to overlook, as spec files write them, by package.
	Void map[int][]string `json:"void,omitempty"`
	// Weak has libsolv follow weak dependencies, where nothing speaks against it.
	Weak bool `json:"weak,omitempty"`
	// Most is how many are tried one by one, of those that do not fit together with
	// others; some of each part of the list. All are, if it is 0.
	Most int `json:"most,omitempty"`
	// Among are packages that are installed already, whatever they require and are in
	// conflict with. Then there is but one package in question.
	Among []int `json:"among,omitempty"`
	// Why asks for Refusal.Because, which may take dozens of attempts.
	Why bool `json:"why,omitempty"`
}

// Refusal is a package that cannot be installed.
type Refusal struct {
	Package  int
	Problems []string // in libsolv's words, sorted
	// Because are the fewest restrictions that keep it out; none if there is more to it:
	//
	//	conflicts  Conflicts and Obsoletes
	//	versions   that there is but one package of a name on a system
	//	arches     that of two packages of a name the better arch is installed
	//	lookaside  what packages of lookasides require
	//	unless     requirements with "unless"
	Because []string
}

// Answer tells of the packages of a question.
type Answer struct {
	Refused []Refusal // in no order
	Untried int       // how many there was no time for: see Question.Most
}

// Installable tells which of the packages cannot be installed.
func (s *Solver) Installable(q Question) (Answer, error) { return s.ask("installable", q) }

// Closure tells which requirements of packages no package satisfies, as Problems: of
// rich ones it knows only what any of their sides says.
func (s *Solver) Closure(packages []int) (Answer, error) {
	return s.ask("closure", Question{Packages: packages})
}

func (s *Solver) ask(what string, q Question) (a Answer, err error) {
	if len(q.Packages) == 0 {
		return a, nil
	}
	line, err := json.Marshal(struct {
		Ask string `json:"ask"`
		Question
	}{what, q})
	if err != nil {
		return a, err
	}
	if _, err := s.questions.Write(append(line, '\n')); err != nil {
		return a, errors.Join(err, s.Close())
	}
	answer, err := s.answers.ReadBytes('\n')
	if err != nil {
		return a, errors.Join(err, s.Close())
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return a, fmt.Errorf("libsolv: %w", err)
	}
	return a, nil
}
