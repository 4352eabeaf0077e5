package difference

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Bounds of what is read, in bytes: far above what any compose has.
const (
	maxDocument = 4 << 30  // a document of repodata, unpacked; it is never in memory
	maxComps    = 64 << 20 // unpacked
	maxWord     = 4 << 10  // STATUS, COMPOSE_ID
)

// confined is a folder that names in files of others do not lead out of: neither by ".."
// nor by symbolic links.
type confined struct{ root *os.Root }

// open opens a regular file. That it is not there is fs.ErrNotExist.
func (d confined) open(name string) (*os.File, error) {
	if !fs.ValidPath(name) {
		return nil, d.errorf(name, errors.New("the path leads out of the folder"))
	}
	// Whoever opens a pipe, else, waits for somebody to write to it.
	f, err := d.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, d.errorf(name, err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, d.errorf(name, errors.Join(err, errors.New("not a regular file")))
	}
	return f, nil
}

// errorf says which file an error is about, once.
func (d confined) errorf(name string, err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	// Not joined, which would hide what is wrong with a path.
	return fmt.Errorf("%s/%s: %w", strings.TrimSuffix(d.root.Name(), "/"), name, err)
}

// has reports whether there is something of that name.
func (d confined) has(name string) bool {
	_, err := d.root.Stat(filepath.FromSlash(name))
	return err == nil
}

// word is the only line of a small file, "" without one.
func (d confined) word(name string) string {
	f, err := d.open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxWord))
	if err != nil {
		return ""
	}
	return firstLine(string(text))
}

// parsed has a file parsed, if it is there; else it is nil.
func parsed[T any](d confined, name string, parse func(io.Reader) (T, error)) (*T, error) {
	f, err := d.open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	value, err := parse(f)
	if err != nil {
		return nil, d.errorf(name, err)
	}
	return &value, nil
}
