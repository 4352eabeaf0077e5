package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/pungo-build/pungo/internal/debrpm"
)

// convertBootable makes RPMs of the packages that examples/bootable is made of, once for
// all tests, and returns their folder.
var convertBootable = sync.OnceValues(func() (dir string, err error) {
	debs := filepath.Join("..", "..", ".testdata", "bootable")
	if _, err := os.Stat(debs); err != nil {
		return "", fmt.Errorf("%w\n  hint: `make debs` downloads Debian's packages", err)
	}
	if dir, err = os.MkdirTemp("", "pungo-bootable-"); err != nil {
		return "", err
	}
	afterTests = append(afterTests, func() { os.RemoveAll(dir) })
	_, err = debrpm.ConvertDir(debs, dir, runtime.GOMAXPROCS(0))
	return dir, err
})

// bootableExample returns a copy of the example that has its packages.
func bootableExample(t *testing.T) (workspace string) {
	t.Helper()
	rpms, err := convertBootable()
	if err != nil {
		t.Fatal(err)
	}
	workspace = copyExample(t, filepath.Join("..", "..", "examples", "bootable"))
	// What `make bootable` has left.
	for _, made := range []string{"rpms", "pungo-out", "compose.lock"} {
		if err := os.RemoveAll(filepath.Join(workspace, made)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(workspace, "rpms"), os.DirFS(rpms)); err != nil {
		t.Fatal(err)
	}
	return workspace
}

// TestBootable has programs look at what examples/bootable makes: at the images, at the
// file system for UEFI, and at the archive. That it boots is a test of the example's own.
func TestBootable(t *testing.T) {
	out := t.TempDir()
	cmd := command(t, bootableExample(t), t.TempDir(), "build", "--date=20261122", "--output="+out)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	server := filepath.Join(out, "Bootable-12-20261122.t.0", "compose", "Server", "x86_64")
	for _, name := range []string{"boot", "dvd1"} {
		t.Run(name, func(t *testing.T) {
			image := filepath.Join(server, "iso", "Bootable-12-20261122.t.0-Server-x86_64-"+name+".iso")
			says(t, []string{"xorriso", "-indev", image, "-report_el_torito", "plain"},
				"boot img :   1  BIOS  y   none", "img path :   1  /isolinux/isolinux.bin",
				"boot img :   2  UEFI  y   none", "isohybrid-suitable")
			says(t, []string{"/usr/sbin/sgdisk", "-v", "-p", image}, "No problems found", "EF00")
			says(t, []string{"checkisomd5", image}, "PASS")
		})
	}
	log, err := os.ReadFile(filepath.Join(server, "..", "..", "..", "logs", "x86_64", "boot_test-boots-Server.x86_64.log"))
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, mode := range []string{"bios", "uefi", "usb"} {
		want += mode + ": the console says \"the installer has started from Bootable-12-Server-x86_64\"\n"
	}
	if string(log) != want {
		t.Errorf("got\n%s\nwant\n%s", log, want)
	}
	tree := filepath.Join(server, "os")
	efi := filepath.Join(tree, "images", "efiboot.img")
	says(t, []string{"/usr/sbin/fsck.fat", "-n", efi})
	says(t, []string{"mtype", "-i", efi, "::EFI/debian/grub.cfg"}, "search --no-floppy --set=root -l 'Bootable-12-Server-x86_64'")
	initrd := filepath.Join(tree, "images", "pxeboot", "initrd.img")
	says(t, []string{"sh", "-c", "zcat " + initrd + " | cpio -itv"}, "-rwxr-xr-x", " bin/busybox\n", " bin/sh -> busybox\n", " init\n")
}

// says runs a program, which has to succeed and to say something.
func says(t *testing.T, args []string, wanted ...string) {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", args[0], err, out)
	}
	for _, text := range wanted {
		if !strings.Contains(string(out), text) {
			t.Errorf("%s does not say %q:\n%s", args[0], text, out)
		}
	}
}
