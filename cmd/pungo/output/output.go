// Package output is the folder in which composes and targets appear.
//
//	pungo-out/
//	  Tiny-1.0-20261122.n.0/   a compose: whole from the moment it can be seen
//	  latest-Tiny-1.0          link to the newest compose of a release
//	  targets/                 what `pungo build TARGET` made
//	  .pungo/                  pungo's own: it marks the folder as made by pungo
//	    lock                   held by the one process that may change the folder
//	    <compose id>.json      a Record
//	    logs/                  what failed programs printed
//	    tmp-*, pungo-run-*     unfinished; swept by the next who holds the lock
//
// Whatever the instant at which a process dies, or the machine: a compose that can
// be seen is whole and on disk, and a record is believed only beside the compose it
// is about.
package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/rules"
)

// StateDir is the name of the folder that marks an output folder.
const StateDir = rules.StateDir

// Targets is the name of the folder of targets.
const Targets = "targets"

// ErrLocked says that another process is at work in the folder.
var ErrLocked = errors.New("another pungo is at work in it")

// ErrForeign says that a folder is not pungo's, so that nothing may be removed.
var ErrForeign = errors.New("pungo did not make this folder: there is no " + StateDir + " in it")

// Folder is an output folder. Its methods are for one goroutine.
type Folder struct {
	dir  string
	lock *os.File // nil if the folder is only read
	// reached is called between the steps that change the folder; nil but in tests.
	reached func(step string)
}

// At returns the output folder dir for reading; it need not be there.
func At(dir string) *Folder { return &Folder{dir: dir} }

// Open makes the output folder dir if need be, takes its lock, and removes what
// unfinished processes left. The error wraps ErrLocked if somebody else has it.
func Open(dir string) (*Folder, error) {
	f := At(dir)
	if err := os.MkdirAll(f.State(), 0o777); err != nil {
		return nil, err
	}
	if err := f.take(); err != nil {
		return nil, err
	}
	if err := f.sweep(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// take takes the lock. It is the process's, and ends with it, however it ends.
func (f *Folder) take() error {
	lock, err := os.OpenFile(f.State("lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return fmt.Errorf("%s: %w", f.dir, ErrLocked)
	}
	// Who had the lock may have removed its file: then this one locks nothing.
	held, err1 := lock.Stat()
	named, err2 := os.Stat(f.State("lock"))
	if err1 != nil || err2 != nil || !os.SameFile(held, named) {
		lock.Close()
		return fmt.Errorf("%s: %w", f.dir, ErrLocked)
	}
	f.lock = lock
	return nil
}

// unfinished are the beginnings of names of what is in the making.
var unfinished = []string{"tmp-", "pungo-run-"}

func (f *Folder) sweep() error {
	entries, err := os.ReadDir(f.State())
	if err != nil {
		return err
	}
	for _, e := range entries {
		for _, prefix := range unfinished {
			if strings.HasPrefix(e.Name(), prefix) {
				if err := materialize.Remove(f.State(e.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Close gives the lock back.
func (f *Folder) Close() error {
	if f.lock == nil {
		return nil
	}
	return f.lock.Close()
}

// Path returns a path in the folder.
func (f *Folder) Path(elem ...string) string {
	return filepath.Join(append([]string{f.dir}, elem...)...)
}

// State returns a path in the folder of pungo's own.
func (f *Folder) State(elem ...string) string {
	return filepath.Join(append([]string{f.dir, StateDir}, elem...)...)
}

// WriteState replaces a file in the folder of pungo's own at once.
func (f *Folder) WriteState(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.State(name)), 0o777); err != nil {
		return err
	}
	return renameio.WriteFile(f.State(name), data, 0o666)
}

// Place has write make a file or folder under a temporary name, which must not
// exist before, and then puts it at dest, in place of what is there.
func (f *Folder) Place(dest string, write func(temporary string) error) error {
	temporary := f.State("tmp-" + filepath.Base(dest))
	if err := materialize.Remove(temporary); err != nil {
		return err
	}
	err := write(temporary)
	if err == nil {
		err = materialize.Remove(dest)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(dest), 0o777)
	}
	if err == nil {
		err = os.Rename(temporary, dest)
	}
	if err != nil {
		return errors.Join(err, materialize.Remove(temporary))
	}
	return nil
}

// Remove removes what pungo made: composes that have a record, links to them,
// targets, and what it keeps for itself; and the folder, if nothing else is in it.
// It returns the names of what else is. The error wraps ErrForeign if the folder is
// not pungo's, and ErrLocked if somebody is at work in it.
func Remove(ctx context.Context, dir string) (left []string, err error) {
	f := At(dir)
	if _, err := os.Lstat(f.State()); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, ErrForeign)
	}
	if err := f.take(); err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		switch {
		case e.Name() == StateDir:
		case f.owns(e):
			if err := materialize.Remove(f.Path(e.Name())); err != nil {
				return nil, err
			}
		default:
			left = append(left, e.Name())
		}
	}
	// Last, what tells whose folder it is: what is left of an interrupted run can be
	// removed by another.
	if err := materialize.Remove(f.State()); err != nil || len(left) > 0 {
		return left, err
	}
	// A link to the folder, to another disk perhaps, is somebody's wish and stays.
	if info, err := os.Lstat(f.dir); err == nil && info.IsDir() {
		return nil, os.Remove(f.dir)
	}
	return nil, nil
}

// owns reports whether pungo made an entry of the folder.
func (f *Folder) owns(e os.DirEntry) bool {
	if e.Name() == Targets {
		return true
	}
	if e.Type()&fs.ModeSymlink != 0 {
		return strings.HasPrefix(e.Name(), "latest-")
	}
	_, err := os.Lstat(f.State(e.Name() + ".json"))
	return err == nil
}

// at tells a test how far a change has come.
func (f *Folder) at(step string) {
	if f.reached != nil {
		f.reached(step)
	}
}
