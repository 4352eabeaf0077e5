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
	composes := l.path("composes")
	build := []string{l.pungo, "build", "--json", "-C", ws, "--cache", cached, "--output", composes, "--date", "20260101"}
	ours := contestant{
		command: build,
		before: func(run int) error {
			unix.Sync()
			return errors.Join(l.fresh(composes)(run), dropImages(cached, 2*size), writeRun(ws, run))
		},
		after: func(int, []byte) error { return l.checkImage(ctx, filepath.Join(composes, "latest-B-1/compose")) },
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
metadata(name = "metadata")
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

// checkImage has checkisomd5 look at the image of a compose, and compares its sums with
// images.json.
func (l *lab) checkImage(ctx context.Context, compose string) error {
	data, err := os.ReadFile(filepath.Join(compose, "metadata/images.json"))
	if err != nil {
		return err
	}
	var document struct {
		Payload struct {
			Images map[string]map[string][]struct {
				Path      string
				Checksums map[string]string
			}
		}
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return err
	}
	images := document.Payload.Images["V"]["x86_64"]
	if len(images) != 1 {
		return fmt.Errorf("%d images in %s, want one", len(images), data)
	}
	image := filepath.Join(compose, images[0].Path)
	out, err := output(ctx, "", shell(`checkisomd5 "$1" >/dev/null && md5sum <"$1" && sha256sum <"$1"`, image)...)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf("%s  -\n%s  -\n", images[0].Checksums["md5"], images[0].Checksums["sha256"]); string(out) != want {
		return fmt.Errorf("the image has the sums %s, and images.json %s", out, want)
	}
	return nil
}
