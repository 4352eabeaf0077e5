package rpm

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// fullSpec uses every field and every feature.
func fullSpec() *Spec {
	return &Spec{
		Package: Package{
			NEVRA:       NEVRA{"full", EVR{2, "1.0~rc1^git5", "3.fc40"}, "x86_64"},
			SourceRPM:   "other-1.0-3.fc40.src.rpm",
			Provides:    deps("virtual", "config(full) = 2:1.0~rc1^git5-3.fc40", "libfull.so.1()(64bit)"),
			Requires:    deps("libc.so.6(GLIBC_2.34)(64bit)", "filesystem >= 3", "(a if b >= 1:2)", "/usr/bin/env"),
			Conflicts:   deps("full-old < 2:1.0"),
			Obsoletes:   deps("full-old <= 1:0.9-1"),
			Recommends:  deps("rec = 1"),
			Suggests:    deps("sug"),
			Supplements: deps("(k and m)"),
			Enhances:    deps("enh > 5"),

			ExclusiveArch: []string{"x86_64", "aarch64"},
			ExcludeArch:   []string{"s390x"},
			BuildTime:     1700000000,
			Text: Text{
				Summary: "A full package", Description: "Line one.\n\n  Line three: ü, <b> & \"q\".", License: "MIT",
				URL: "https://example.org/?a&b", Group: "System", Vendor: "Example", Packager: "A <a@example.org>",
				BuildHost: "builder.example.org",
				Changelog: []Change{
					{"B <b@example.org> - 2:1.0-2", 1699963200, "- second\n- line"},
					{"A <a@example.org> - 1:1.0-1", 1699876800, "- first"},
				},
			},
		},
		Contents: []Content{
			{Path: "/usr/share/full/data", Mode: 0o100644, Data: []byte("data\n"), ModTime: 1690000000},
			{Path: "/etc/full.conf", Mode: 0o100600, Data: []byte("key=value\n"), ModTime: 1690000001, Config: true},
			{Path: "/usr/share/full", Mode: 0o040755, ModTime: 1690000002},
			{Path: "/usr/share/full-more/x", Mode: 0o100644, Data: []byte("x"), ModTime: 1690000002},
			{Path: "/usr/bin/full", Mode: 0o100755, Data: []byte("#!/bin/sh\necho full\n"), ModTime: 1690000003},
			{Path: "/usr/bin/link", Mode: 0o120777, Link: "full", ModTime: 1690000004},
			{Path: "/usr/share/doc/full/README", Mode: 0o100644, ModTime: 1690000005, Doc: true},
			{Path: "/var/log/full.log", Mode: 0o100644, ModTime: 1690000006, Ghost: true},
		},
		Scriptlets: map[string]string{"prein": "echo prein", "postin": "true\ntrue", "preun": "echo preun", "postun": "echo postun"},
	}
}

// deps parses dependencies that are known to be good.
func deps(list ...string) []Dependency {
	out := make([]Dependency, len(list))
	for i, s := range list {
		d, err := ParseDependency(s)
		if err != nil {
			panic(err)
		}
		out[i] = d
	}
	return out
}

// plainSpec is a small package without dependencies.
func plainSpec(name, arch string) *Spec {
	return &Spec{
		Package: Package{
			NEVRA:     NEVRA{name, EVR{0, "1.2", "3"}, arch},
			BuildTime: 1700000000,
			Text:      Text{Summary: "Package " + name, Description: "A package.", License: "MIT"},
		},
		Contents: []Content{{Path: "/usr/share/" + name, Mode: 0o100644, Data: []byte(name), ModTime: 1690000000}},
	}
}

// sourceSpec is a source package, or one without its sources.
func sourceSpec(name, arch string) *Spec {
	s := plainSpec(name, arch)
	s.Requires = deps("gcc", "make >= 4")
	s.Contents = []Content{
		{Path: name + ".spec", Mode: 0o100644, Data: []byte("Name: " + name + "\n"), ModTime: 1690000000},
		{Path: name + "-1.2.tar.gz", Mode: 0o100644, Data: []byte("tar"), ModTime: 1690000000, Ghost: arch == "nosrc"},
	}
	return s
}

func mustWrite(t testing.TB, s *Spec) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeFile writes the package into a folder under its own name.
func writeFile(t testing.TB, dir string, s *Spec) string {
	t.Helper()
	file := filepath.Join(dir, s.FileName())
	if err := os.WriteFile(file, mustWrite(t, s), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// output runs a program and returns its standard output.
func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	return run1(t, exec.Command(name, args...))
}

func run1(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, stderr.String())
	}
	return string(out)
}

// asRoot runs the program as root, in a user namespace if we are somebody else.
func asRoot(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	if os.Geteuid() != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
	}
	return run1(t, cmd)
}

func TestRPMAcceptsWhatWeWrite(t *testing.T) {
	specs := []*Spec{fullSpec(), plainSpec("noarch", "noarch"), sourceSpec("source", "src"), sourceSpec("part", "nosrc")}
	for _, c := range []string{"none", "gzip", "xz", "zstd"} {
		s := plainSpec("with-"+c, "aarch64")
		s.Compression = c
		specs = append(specs, s)
	}
	empty := plainSpec("empty", "noarch")
	empty.Contents = nil
	specs = append(specs, empty)
	for _, s := range specs {
		t.Run(s.Name, func(t *testing.T) {
			file := writeFile(t, t.TempDir(), s)
			if got, want := output(t, "rpm", "-K", "--nosignature", file), file+": digests OK\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if warnings := output(t, "rpm", "-qpv", "--verify", "--nodeps", "--nofiles", "--noscripts", "--root", "/", file); strings.Contains(warnings, "error") {
				t.Errorf("rpm says %q", warnings)
			}
		})
	}
}
