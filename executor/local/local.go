// Package local runs host programs on this machine.
//
// A program sees its declared inputs, what is installed below /usr, and nothing
// else: no workspace, no home, no network, an empty /tmp of its own. It is
// bubblewrap that makes it so; where that does not work the program runs in a
// plain copy of its inputs, and a warning says so once. Its results have other
// keys then, since the machine and the user show in them.
//
// Whoever builds, the program in its sandbox is root without privileges, and its
// umask is 022.
//
// The program starts in a fresh folder that holds the input root. Its inputs are
// read-only, and every time that a tree leaves open is the command's Epoch. What
// it leaves at the paths of its declared outputs is stored, the rest is removed.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// Options of a Local. The zero value works.
type Options struct {
	// Paths finds blobs as files, so that inputs are reflinks where the file system has
	// them. Hard links they are only if the command says so: whoever else links a blob
	// changes the ctime of all its names, and a program like tar(1) takes that for a
	// change of the file.
	Paths materialize.Paths
	// Dir is where the folders of running programs are made, best on the file
	// system of Paths; "" means the system's folder for temporary files.
	Dir string
	// Warn takes the warning that there is no sandbox; nil drops it.
	Warn func(text string)
	// NoSandbox does without bubblewrap even where it works.
	NoSandbox bool
}

// Local is the executor.Strategy of this machine. It is safe for use by several
// goroutines.
type Local struct {
	trees      *cache.Trees
	opts       Options
	toolchains toolchains
	bubblewrap string // its path

	probe     sync.Once
	sandboxed bool
}

var _ executor.Strategy = (*Local)(nil)

// New returns a strategy that takes inputs from a store and brings outputs there.
func New(trees *cache.Trees, opts Options) *Local {
	return &Local{trees: trees, opts: opts, bubblewrap: bubblewrap, toolchains: toolchains{fn: trees.Store().Function()}}
}

// arches are the names that distributions have for the architectures of Go.
var arches = map[string]string{
	"386": "i386", "amd64": "x86_64", "arm": "armhfp", "arm64": "aarch64",
	"ppc64le": "ppc64le", "riscv64": "riscv64", "s390x": "s390x",
}

// Fingerprint implements executor.Strategy: the digest of the program and the
// versions of the toolchain's packages, found once in the life of a Local, and
// what a program sees of this machine.
func (l *Local) Fingerprint(ctx context.Context, t *rules.Toolchain, arch string) (string, error) {
	if arch != "" && arch != arches[runtime.GOARCH] {
		return "", &executor.UnavailableError{Program: t.Program, Arch: arch}
	}
	program, err := l.toolchains.fingerprint(ctx, t)
	if err != nil {
		return "", err
	}
	place, err := l.surroundings(ctx)
	return program + " " + place, err
}

// Run implements executor.Strategy.
func (l *Local) Run(ctx context.Context, c *executor.Command) (r cache.Result, err error) {
	program, err := lookUp(c.Toolchain)
	if err != nil {
		return r, err
	}
	dir, err := l.makeDir()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, materialize.Remove(dir)) }()
	place, err := l.prepare(ctx, c, dir)
	if err != nil {
		return r, err
	}
	if r, err = l.execute(ctx, c, program, place); err != nil {
		return r, err
	}
	r.Outputs, err = l.collect(ctx, c, place.root)
	return r, err
}

// makeDir makes a folder for a run. The folder that it is in may hand on its group
// to everything below; that ends here.
func (l *Local) makeDir() (string, error) {
	dir, err := os.MkdirTemp(l.opts.Dir, "pungo-run-")
	if err != nil {
		return "", err
	}
	return dir, errors.Join(os.Chown(dir, -1, os.Getgid()), os.Chmod(dir, 0o700))
}

// place is where a program runs.
type place struct {
	root string // holds the inputs, and takes the outputs
	tmp  string // is the program's /tmp, where there is a sandbox
	// Files for what the program prints, and for what bubblewrap notes.
	stdout, stderr, status string
	// inputs are the top-level names of the input root.
	inputs []string
}

// prepare makes the place in dir, which is empty.
func (l *Local) prepare(ctx context.Context, c *executor.Command, dir string) (place, error) {
	p := place{
		root: filepath.Join(dir, "root"), tmp: filepath.Join(dir, "tmp"),
		stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr"), status: filepath.Join(dir, "status"),
	}
	inputs, err := l.timed(ctx, c.Root, c.Epoch)
	if err != nil {
		return p, err
	}
	// Without a sandbox nothing but its mode keeps a program from writing to a file.
	opts := materialize.Options{Paths: l.opts.Paths, Private: !c.Linked || !l.sandbox(ctx)}
	if err := materialize.Tree(ctx, l.trees, inputs, p.root, opts); err != nil {
		return p, err
	}
	nodes, err := l.trees.Read(ctx, c.Root)
	if err != nil {
		return p, err
	}
	for _, n := range nodes {
		p.inputs = append(p.inputs, n.Name)
	}
	for _, out := range c.Outputs {
		if err := makeParents(p.root, out.Name); err != nil {
			return p, err
		}
	}
	return p, makeFolder(p.tmp)
}

// makeParents makes the folders that a path below root is in.
func makeParents(root, name string) error {
	at := root
	for part := range strings.SplitSeq(path.Dir(name), "/") {
		at = filepath.Join(at, part)
		if err := makeFolder(at); err != nil {
			return err
		}
	}
	return nil
}

// makeFolder makes a folder, if it is not there, whose mode does not depend on the
// umask.
func makeFolder(name string) error {
	if err := os.Mkdir(name, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.Chmod(name, 0o755)
}

// timed returns the tree with the time epoch wherever a file has none: what a
// program reads must not tell when the cache was filled.
func (l *Local) timed(ctx context.Context, root cache.Digest, epoch int64) (cache.Digest, error) {
	dir, err := l.trees.Read(ctx, root)
	if err != nil {
		return cache.Digest{}, err
	}
	changed := make(cache.Directory, len(dir))
	same := true
	for i, n := range dir {
		switch {
		case n.Kind == cache.DirKind:
			if n.Digest, err = l.timed(ctx, n.Digest, epoch); err != nil {
				return cache.Digest{}, err
			}
		case n.Kind == cache.FileKind && n.ModTime == 0:
			n.ModTime = epoch
		}
		same = same && n == dir[i]
		changed[i] = n
	}
	if same {
		return root, nil
	}
	return l.trees.Write(ctx, changed)
}

// collect stores the outputs that the program left below root.
func (l *Local) collect(ctx context.Context, c *executor.Command, root string) ([]cache.Node, error) {
	var outputs []cache.Node
	for _, out := range c.Outputs {
		n, err := l.output(ctx, root, out.Name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", out.Name, err)
		}
		outputs = append(outputs, n)
	}
	return outputs, nil
}

// output stores what is at a path below root, none of whose folders may be a
// symbolic link: the program could have sent us anywhere.
func (l *Local) output(ctx context.Context, root, name string) (cache.Node, error) {
	at := root
	var info os.FileInfo
	for part := range strings.SplitSeq(name, "/") {
		at = filepath.Join(at, part)
		var err error
		if info, err = os.Lstat(at); err != nil {
			return cache.Node{}, err
		}
		if info.Mode()&os.ModeSymlink != 0 {
			return cache.Node{}, errors.New("a symbolic link, want a file or a folder")
		}
	}
	n := cache.Node{Name: name, Kind: cache.FileKind, Executable: info.Mode()&0o100 != 0}
	var err error
	switch {
	case info.IsDir():
		n.Kind, n.Executable = cache.DirKind, false
		n.Digest, err = materialize.Capture(ctx, l.trees, at)
	case info.Mode().IsRegular():
		n.Digest, err = l.importFile(ctx, at)
	default:
		err = fmt.Errorf("%s, want a file or a folder", info.Mode().Type())
	}
	return n, err
}

func (l *Local) importFile(ctx context.Context, name string) (cache.Digest, error) {
	f, err := os.Open(name)
	if err != nil {
		return cache.Digest{}, err
	}
	defer f.Close()
	return materialize.Import(ctx, l.trees.Store(), f)
}
