//go:build large

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestLargeFile: a file of more than 4 GiB, which ISO 9660 holds in pieces, is whole on
// an image: its size, and what is at the seam, behind it and at the end.
func TestLargeFile(t *testing.T) {
	const size, seam = 4200 << 20, 1<<32 - 2048
	marks := map[int64]string{0: "begin", seam - 3: "the seam", 1 << 32: "4 GiB", size - 3: "end"}
	workspace := workspaceOf(t, `
compose(name = "T", short = "T", version = "1", type = "test", arches = ["x86_64"], checksums = ["md5"])
variant(name = "V")
rpm(name = "a", version = "1")
pkgset(name = "packages", sources = [":a"])
gather(name = "gather", additional_packages = ["a"], packages = ":packages")
createrepo(name = "repo", packages = ":gather")

def _film_impl(ctx):
    tree = ctx.actions.declare_directory("tree")
    ctx.actions.merge(tree, {"": ctx.attr.file})
    ctx.deliver("{variant}/{arch}/os", tree)

film = rule(implementation = _film_impl, per = "variant.arch", attrs = {"file": attr.file()})
film(name = "film", file = "film")
createiso(name = "dvd", content = [":repo", ":film"], trees = ["os"])
`)
	film, err := os.Create(filepath.Join(workspace, "film"))
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	for at, mark := range marks {
		if _, err := film.WriteAt([]byte(mark), at); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := command(t, workspace, t.TempDir(), "build", ":dvd").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	images, err := filepath.Glob(workspace + "/pungo-out/targets/dvd/V.x86_64/named/*.iso")
	if err != nil || len(images) != 1 {
		t.Fatalf("got images %q and error %v, want one", images, err)
	}
	out, err := exec.Command("xorriso", "-indev", images[0], "-find", "/film", "-exec", "report_lba", "--").Output()
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`File data lba: +0 , +([0-9]+) , +[0-9]+ , +([0-9]+) , '/film'`).FindSubmatch(out)
	if first == nil || string(first[2]) != strconv.Itoa(size) {
		t.Fatalf("xorriso finds %s, want a file of %d bytes", out, size)
	}
	block, err := strconv.ParseInt(string(first[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.Open(images[0])
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	for at, mark := range marks {
		got := make([]byte, len(mark))
		if _, err := image.ReadAt(got, block*2048+at); err != nil || string(got) != mark {
			t.Errorf("at byte %d of the file: got %q, want %q; error %v", at, got, mark, err)
		}
	}
	if out, err := exec.Command("checkisomd5", images[0]).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("checkisomd5: %v\n%s", err, out)
	}
}
