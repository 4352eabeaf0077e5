package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/pungo-build/pungo/internal/debrpm"
)

const testdata = ".testdata"

// bigPackages are Debian packages that together are 1 GB: programs, libraries,
// data, documentation, from 10 to 80 MB each.
var bigPackages = strings.Fields(`
	ansible blender blender-data ceph-osd cmake containerd cpp-12 docker.io emacs-common
	erlang-base fonts-noto-core g++-12 gcc-12 gfortran-12 gimp-data gnat-12 gnome-user-docs godot3
	golang-1.19-src inkscape krita libclang-14-dev libllvm14 libnode108 libreoffice-calc
	libreoffice-common libreoffice-core libreoffice-writer libstd-rust-1.63 libstd-rust-dev libwebkit2gtk-4.0-37
	llvm-14 llvm-14-dev octave podman postgresql-15 python3-scipy
	qtcreator r-base-core texlive-base texlive-latex-extra texlive-pictures
`)

// realPackages fills a new folder with links of real package files, 1 GB of
// them, or at a reduced scale those that the tests use too. It returns their
// number and size. They are made of Debian packages, and kept for the next run.
func (l *lab) realPackages(ctx context.Context, dir string) (files int, size int64, err error) {
	debs := filepath.Join(testdata, "software")
	if l.scale == 1 {
		debs = filepath.Join(testdata, "bench-debs")
		if err := download(ctx, debs, bigPackages); err != nil {
			return 0, 0, err
		}
	}
	rpms := filepath.Join(testdata, "bench-rpms-"+filepath.Base(debs))
	if err := convertAll(debs, rpms, l.jobs); err != nil {
		return 0, 0, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, 0, err
	}
	entries, err := os.ReadDir(rpms)
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, 0, err
		}
		if err := os.Link(filepath.Join(rpms, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return 0, 0, err
		}
		size += info.Size()
	}
	return len(entries), size, nil
}

// download fetches Debian packages into a folder, unless it is there.
func download(ctx context.Context, dir string, names []string) error {
	return unlessThere(dir, func(dir string) error {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"download", "-q"}, names...)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stderr, os.Stderr
		return cmd.Run()
	})
}

// convertAll makes the packages of a folder of Debian packages, unless they are
// there.
func convertAll(debs, rpms string, jobs int) error {
	return unlessThere(rpms, func(dir string) error {
		if _, err := os.Stat(debs); err != nil {
			return fmt.Errorf("%w: make debs fetches them", err)
		}
		_, err := debrpm.ConvertDir(debs, dir, jobs)
		return err
	})
}

// unlessThere makes a folder, whole or not at all.
func unlessThere(dir string, fill func(dir string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	part := dir + ".part"
	if err := errors.Join(removeAll(part), os.MkdirAll(part, 0o777)); err != nil {
		return err
	}
	if err := fill(part); err != nil {
		return err
	}
	return os.Rename(part, dir)
}
