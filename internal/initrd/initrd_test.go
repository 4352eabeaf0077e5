package initrd

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// TestCpio has cpio(1) read an archive.
func TestCpio(t *testing.T) {
	var b bytes.Buffer
	w, err := New(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{
		{Path: "bin", Folder: true, ModTime: 1769860000},
		{Path: "bin/sh", Link: "busybox", ModTime: 1769860000},
		{Path: "init", Executable: true, Size: 5, ModTime: 1769860000},
		{Path: "etc.conf", Size: 5, ModTime: 1769860000},
	} {
		if err := w.Add(e, strings.NewReader("hello")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "zcat | LC_ALL=C TZ=UTC cpio --quiet -itvn | tr -s ' '")
	cmd.Stdin = &b
	out, err := cmd.CombinedOutput()
	const want = `drwxr-xr-x 2 0 0 0 Jan 31 2026 bin
lrwxrwxrwx 1 0 0 7 Jan 31 2026 bin/sh -> busybox
-rwxr-xr-x 1 0 0 5 Jan 31 2026 init
-rw-r--r-- 1 0 0 5 Jan 31 2026 etc.conf
`
	if err != nil || string(out) != want {
		t.Errorf("got\n%s\nerror %v, want\n%s", out, err, want)
	}
}
