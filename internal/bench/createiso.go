package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// createiso compares making a DVD of about 4 GB with what release engineers run one
// after the other: xorriso to a file, implantisomd5, md5sum, sha256sum. Either comes
// to an image that checkisomd5 finds good, and to the same sums of it.
//
// pungo has the content in its cache, and the image not: it has another volume id
// in each run. What is on the disc is in memory for both, as far as it fits there.
func createiso(ctx context.Context, l *lab) error {
	const size = 10 << 20
	n := l.size(400)
	ws := l.path("workspace")
	if err := writeWorkspace(ws, discDefinition, nil); err != nil {
		return err
	}
	if err := writeDisc(filepath.Join(ws, "data"), n, size); err != nil {
		return err
	}
	cached := l.path("cache")
	build := []string{l.pungo, "build", "--json", "-C", ws, "--cache", cached, "//:dvd@V.x86_64"}
	ours := contestant{
		command: build,
		before: func(run int) error {
			unix.Sync()
			return errors.Join(dropImages(cached, 2*size), writeRun(ws, run))
		},
		after: func(int, []byte) error { return l.checkImages(ctx, filepath.Join(ws, "pungo-out/targets")) },
	}
	image := l.path("classic", "image.iso")
	classic := contestant{
		command: shell(`xorriso -as mkisofs -quiet -iso-level 3 -untranslated-filenames -volid bench -J -joliet-long -rational-rock -o "$1" "$2" &&
			implantisomd5 "$1" >/dev/null && md5sum "$1" && sha256sum "$1"`, image, filepath.Join(ws, "data")),
		before: func(run int) error {
			unix.Sync()
			return l.empty(filepath.Dir(image))(run)
		},
	}
	a, b, err := l.race(ctx, ours, classic)
	if err != nil {
		return err
	}
	claim := fmt.Sprintf("createiso: %s, implanted MD5, md5 and sha256, against the classic sequence", megabytes(int64(n)*size))
	l.table.faster(claim, 1.5, a, b)
	l.table.below("createiso: peak memory", 300, a)
	return nil
}

// discDefinition makes a disc of one package and the folder data.
const discDefinition = `
load("//run.star", "RUN")
compose(name = "Bench", short = "B", version = "1", type = "test", arches = ["x86_64"], checksums = ["md5", "sha256"])
variant(name = "V")
rpm(name = "a", version = "1")
pkgset(name = "packages", sources = [":a"])
gather(name = "gather", additional_packages = ["a"], packages = ":packages")
createrepo(name = "repo", packages = ":gather")
extra_files(name = "extras", files = {"/": "data"}, trees = ["os"])
createiso(
    name = "dvd",
    content = [":repo", ":extras"],
    image_volid_formats = ["run %d" % RUN],
    iso_size = "0",
    trees = ["os"],
)
`

func writeRun(ws string, run int) error {
	return os.WriteFile(filepath.Join(ws, "run.star"), fmt.Appendf(nil, "RUN = %d\n", run), 0o666)
}

// writeDisc writes files that cannot be compressed.
func writeDisc(dir string, n, size int) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	for i := range n {
		random.Read(data) // never fails
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%04d", i)), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// dropImages removes files from a cache that are larger than limit: the image of the
// run before, so that either side begins with as much room.
func dropImages(cache string, limit int64) error {
	err := filepath.WalkDir(cache, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > limit {
			err = os.Remove(name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// checkImages has checkisomd5 look at every image below a folder, compares their sums
// with their description, and removes the folder.
func (l *lab) checkImages(ctx context.Context, dir string) error {
	images, err := filepath.Glob(filepath.Join(dir, "*/*/named/*.iso"))
	if more, _ := filepath.Glob(filepath.Join(dir, "*/*/*/named/*.iso")); err == nil {
		images = append(images, more...)
	}
	if err != nil || len(images) != 1 {
		return fmt.Errorf("%d images below %s, want one; %w", len(images), dir, err)
	}
	out, err := output(ctx, "", shell(`checkisomd5 "$1" >/dev/null && md5sum <"$1" && sha256sum <"$1"`, images[0])...)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(images[0])), "images.json"))
	if err != nil {
		return err
	}
	var list []struct{ Checksums map[string]string }
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	if want := fmt.Sprintf("%s  -\n%s  -\n", list[0].Checksums["md5"], list[0].Checksums["sha256"]); string(out) != want {
		return fmt.Errorf("the image has the sums %s, and its description %s", out, want)
	}
	return removeAll(dir)
}
