// Command bench measures pungo against the programs that do the same work
// today, and prints ratios: `make bench`, or
//
//	go run ./internal/bench -scale 20 -only noop
//
// Seconds say more about the machine and its other tenants than about pungo.
// So both sides of a ratio run by turns in one run of this program, each run is
// a process of its own, and the medians are compared. Results are checked, and a
// wrong one is an error; a ratio that misses its target is only marked.
//
// Every benchmark is a file of this package and says in its comment what is
// compared with what. Work that no command of pungo does alone, such as taking
// files into a cache, is a part: this program, started again (see part.go).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// benchmarks in the order in which they run.
var benchmarks = []struct {
	name string
	run  func(context.Context, *lab) error
}{
	{"noop", noop},
	{"createrepo", createrepo},
	{"createiso", createiso},
	{"closure", closure},
	{"gather", gathering},
	{"repoclosure", repoclosure},
	{"metadata", fromMetadata},
	{"compose", composing},
	{"ingest", ingest},
	{"materialize", materializing},
	{"fetch", fetching},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := runBenchmarks
	args := os.Args[1:]
	if len(args) > 0 && args[0] == partFlag {
		run, args = runPart, args[1:]
	}
	if err := run(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// lab is what a benchmark works with.
type lab struct {
	dir   string // a folder for it alone, absolute
	pungo string // the program under test, absolute
	scale int
	runs  int // that count, after one that does not
	jobs  int // workers of both sides
	// profiles is the folder for CPU profiles of the parts, of the last run of
	// each; "" for none.
	profiles string
	table    *table
	moved    int      // folders that were put out of the way
	debian   *nightly // once it is read
}

// size is n at this scale, but at least 10.
func (l *lab) size(n int) int { return max(n/l.scale, 10) }

// path is a path in the lab's folder.
func (l *lab) path(elements ...string) string {
	return filepath.Join(l.dir, filepath.Join(elements...))
}

func runBenchmarks(ctx context.Context, args []string) (err error) {
	var only, keep string
	l := &lab{jobs: runtime.NumCPU(), table: &table{}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&l.scale, "scale", 1, "divide all sizes by `N`")
	flags.IntVar(&l.runs, "runs", 5, "measure `N` runs of each side")
	flags.StringVar(&only, "only", "", "run these benchmarks, a list of `NAMES` with commas")
	flags.StringVar(&l.pungo, "pungo", "bin/pungo", "`PATH` of the program")
	flags.StringVar(&l.profiles, "profile", "", "write CPU profiles of parts below `DIR`, an absolute path")
	flags.StringVar(&keep, "dir", "", "work below `DIR` and leave it there, to look at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if l.scale < 1 || l.runs < 1 || flags.NArg() > 0 {
		return errors.New("want -scale and -runs of at least 1, and no arguments")
	}
	if l.pungo, err = filepath.Abs(l.pungo); err != nil {
		return err
	}
	if _, err := os.Stat(l.pungo); err != nil {
		return fmt.Errorf("%w: make build makes it", err)
	}
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	dir, err := workDir(keep)
	if err != nil {
		return err
	}
	if keep == "" {
		defer func() { err = errors.Join(err, removeAll(dir)) }()
	}
	return l.runAll(ctx, dir, chosen)
}

// workDir makes the folder to work in: on the file system of the sources, since
// /tmp is often memory.
func workDir(dir string) (string, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return "", err
		}
		return filepath.Abs(dir)
	}
	if err := os.MkdirAll(testdata, 0o777); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(testdata, "bench-*.tmp")
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// choose returns the indexes of the benchmarks named in a list, all for "".
func choose(only string) ([]int, error) {
	var chosen []int
	var names []string
	for i, b := range benchmarks {
		names = append(names, b.name)
		if only == "" || slices.Contains(strings.Split(only, ","), b.name) {
			chosen = append(chosen, i)
		}
	}
	for _, name := range strings.Split(only, ",") {
		if name != "" && !slices.Contains(names, name) {
			return nil, fmt.Errorf("benchmark %q is not known, want some of %s", name, strings.Join(names, ", "))
		}
	}
	return chosen, nil
}

// runAll runs benchmarks and prints the table, even if one of them fails.
func (l *lab) runAll(ctx context.Context, dir string, chosen []int) error {
	var failures []error
	for _, i := range chosen {
		b := benchmarks[i]
		fmt.Fprintln(os.Stderr, b.name)
		l.dir = filepath.Join(dir, b.name)
		if err := errors.Join(removeAll(l.dir), os.MkdirAll(l.dir, 0o777)); err != nil {
			return err
		}
		if err := b.run(ctx, l); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", b.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if l.scale > 1 {
		fmt.Printf("sizes divided by %d: for correctness, the ratios say little\n", l.scale)
	}
	if err := l.table.write(os.Stdout); err != nil {
		return err
	}
	return errors.Join(failures...)
}
