package disk

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// childVariable tells a test process that it is one of many writers, and which.
const childVariable = "DISK_TEST_CHILD"

// recordsPerChild is how many records a child makes; some of them are those of
// the child with the next number, too.
const recordsPerChild = 400

// TestProcesses has processes write to one folder at once, and kills most of them
// at a random moment. What is served is sound, and what a child said it had
// flushed is there.
func TestProcesses(t *testing.T) {
	if child := os.Getenv(childVariable); child != "" {
		dir, number, _ := strings.Cut(child, "\n")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		writeAsChild(t, dir, n)
		return
	}
	dir := t.TempDir()
	const children = 6
	flushed := make([]chan int, children)
	for i := range children {
		flushed[i] = make(chan int, 1)
		go func() { flushed[i] <- runChild(t, dir, i, i%3 != 0) }()
	}
	c := openTest(t, dir, Options{})
	for i := range children {
		n := <-flushed[i]
		if i%3 == 0 && n != recordsPerChild {
			t.Errorf("child %d flushed %d records and ended, want %d", i, n, recordsPerChild)
		}
		c.scanned.Store(0)
		for j := range recordsPerChild {
			p := promise{key: childKey(i, j), result: childResult(i, j)}
			if j < n {
				p.kept = 1
			}
			if err := p.check(t, c, 1); err != nil {
				t.Errorf("child %d, record %d of %d: %v", i, j, n, err)
			}
		}
	}
}

// runChild returns how many records the child said were flushed.
func runChild(t *testing.T, dir string, number int, kill bool) (flushed int) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestProcesses$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s\n%d", childVariable, dir, number))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return 0
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, ok := strings.CutPrefix(lines.Text(), "flushed ")
		if !ok {
			continue
		}
		if flushed, err = strconv.Atoi(n); err != nil {
			t.Error(err)
		}
		if kill && rand.IntN(8) == 0 {
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil && !kill {
		t.Errorf("child %d: %v", number, err)
	}
	return flushed
}

func childContent(child, i int) []byte {
	if i%2 == 0 {
		child++ // the same as the next child stores
	}
	return fmt.Appendf(nil, "content %d of child %d", i-i%2, child)
}

func childKey(child, i int) cache.Digest {
	return cache.BLAKE3.Sum(fmt.Appendf(nil, "action %d of child %d", i, child))
}

func childResult(child, i int) cache.Result {
	d := cache.BLAKE3.Sum(childContent(child, i))
	return cache.Result{Outputs: []cache.Node{{Name: "0", Kind: cache.FileKind, Digest: d}}}
}

func writeAsChild(t *testing.T, dir string, number int) {
	c := openTest(t, dir, Options{FlushEvery: time.Millisecond})
	w := &worker{t: t}
	for i := range recordsPerChild {
		if i%5 == 0 {
			w.create(c, childContent(number, i))
		} else {
			w.put(c, childContent(number, i))
		}
		w.must(c.Record(t.Context(), childKey(number, i), childResult(number, i)))
		if i%10 == 9 {
			w.must(c.Flush(t.Context()))
			fmt.Printf("flushed %d\n", i+1)
		}
	}
}
