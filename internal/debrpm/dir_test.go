package debrpm

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// writeDebs writes packages into a folder.
func writeDebs(t testing.TB, debs ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	for i, b := range debs {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.deb", i)), b, 0o644))
	}
	return dir
}

func TestConvertDir(t *testing.T) {
	script := entry{name: "./usr/bin/tool", data: "#!/bin/sh\n", mode: 0o755}
	other := entry{name: "./usr/bin/other", data: "#!/usr/bin/perl\n", mode: 0o755}
	in := writeDebs(t,
		newDeb(t, minimal("dash", "0.5-1"), entry{name: "./bin/sh", kind: '2', link: "dash"}),
		newDeb(t, minimal("tool", "1-1")+"Source: tools\n", script),
		newDeb(t, minimal("other", "1-1")+"Source: tools\nDepends: tool\n", other),
	)
	want := []string{
		"dash-0.5-1.noarch.rpm", "dash-0.5-1.src.rpm", "other-1-1.noarch.rpm", "tool-1-1.noarch.rpm", "tools-1-1.src.rpm",
	}
	first := convertDir(t, in, 1, want)
	second := convertDir(t, in, 8, want)
	for _, name := range want {
		if !bytes.Equal(first[name], second[name]) {
			t.Errorf("%s depends on the number of jobs", name)
		}
	}
	compare(t, requires(t, first["tool-1-1.noarch.rpm"]), dependencies(t, "/bin/sh"))
	compare(t, requires(t, first["other-1-1.noarch.rpm"]), dependencies(t, "tool"))
}

// convertDir converts, wants files of the given names, and reads them.
func convertDir(t *testing.T, in string, jobs int, want []string) map[string][]byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "new", "rpms")
	got, err := ConvertDir(in, out, jobs)
	must(t, err)
	if !slices.Equal(got, want) {
		t.Errorf("wrote %q, want %q", got, want)
	}
	files := map[string][]byte{}
	entries, err := fs.ReadDir(os.DirFS(out), ".")
	must(t, err)
	for _, e := range entries {
		files[e.Name()], err = os.ReadFile(filepath.Join(out, e.Name()))
		must(t, err)
	}
	if len(files) != len(want) {
		t.Errorf("the folder has %d files, want %d", len(files), len(want))
	}
	return files
}

func requires(t *testing.T, b []byte) []rpm.Dependency {
	t.Helper()
	p, err := rpm.Read(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	return p.Requires
}

func TestConvertDirRefuses(t *testing.T) {
	p := newDeb(t, minimal("p", "1"))
	tests := []struct {
		name string
		debs [][]byte
		want string
	}{
		{"two of a name", [][]byte{p, p}, "both become p-1-0.noarch.rpm"},
		{"damaged", [][]byte{p, p[:len(p)/2]}, "01.deb: "},
		{"damaged files", [][]byte{p, newDeb(t, minimal("q", "1"), entry{name: "../q"})}, `01.deb: q 1: file "../q"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := t.TempDir()
			_, err := ConvertDir(writeDebs(t, tt.debs...), out, 2)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
			if left, _ := filepath.Glob(filepath.Join(out, ".*")); len(left) > 0 {
				t.Errorf("left %q", left)
			}
		})
	}
}

// BenchmarkConvert converts a package of a library and some text, 1 MB in all.
func BenchmarkConvert(b *testing.B) {
	library := newELF(elfLayout{soname: "libx.so.1", needed: []string{"libc.so.6"}})
	deb := newDebWith(b, ".xz", []entry{{name: "control", data: helloControl}}, []entry{
		{name: "./usr/lib/libx.so.1", data: string(library) + strings.Repeat("\x00\x01\x02\x03", 1<<17)},
		{name: "./usr/share/doc/x/README", data: strings.Repeat("some words, and some more\n", 20_000)},
	})
	b.ReportAllocs()
	for b.Loop() {
		s, err := Convert(bytes.NewReader(deb), Options{})
		must(b, err)
		must(b, rpm.Write(&bytes.Buffer{}, s))
	}
}
