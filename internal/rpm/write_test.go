package rpm

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	return runCommand(t, exec.Command(name, args...))
}

func runCommand(t testing.TB, cmd *exec.Cmd) string {
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
	return runCommand(t, cmd)
}

// sampleSpecs are packages of all kinds.
func sampleSpecs() []*Spec {
	specs := []*Spec{fullSpec(), plainSpec("noarch", "noarch"), sourceSpec("source", "src"), sourceSpec("part", "nosrc")}
	for _, c := range []string{"none", "gzip", "xz", "zstd"} {
		s := plainSpec("with-"+c, "x86_64")
		s.Compression = c
		specs = append(specs, s)
	}
	empty := plainSpec("empty", "noarch")
	empty.Contents = nil
	return append(specs, empty)
}

func TestRPMFindsTheDigestsOK(t *testing.T) {
	for _, s := range sampleSpecs() {
		t.Run(s.Name, func(t *testing.T) {
			file := writeFile(t, t.TempDir(), s)
			if got, want := output(t, "rpm", "-K", "--nosignature", file), file+": digests OK\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestRPMReadsWhatWeWrite(t *testing.T) {
	dir := t.TempDir()
	full := writeFile(t, dir, fullSpec())
	source := writeFile(t, dir, sourceSpec("source", "src"))
	part := writeFile(t, dir, sourceSpec("part", "nosrc"))
	tests := []struct {
		name, file string
		args       []string
		want       string
	}{
		{"identity", full, []string{"--qf", "%{nevra} %{sourcerpm} %{sourcepackage} %{os}"},
			"full-2:1.0~rc1^git5-3.fc40.x86_64 other-1.0-3.fc40.src.rpm (none) linux"},
		{"identity of a source package", source, []string{"--qf", "%{name}-%{evr} %{sourcerpm} %{sourcepackage} %{nosource}"},
			"source-1.2-3 (none) 1 (none)"},
		{"identity without sources", part, []string{"--qf", "%{name}-%{evr} %{sourcerpm} %{sourcepackage} %{nosource}"},
			"part-1.2-3 (none) 1 0"},
		{"prose", full, []string{"--qf", "%{summary}|%{description}|%{license}|%{url}|%{group}|%{vendor}|%{packager}|%{buildhost}|%{buildtime}"},
			"A full package|Line one.\n\n  Line three: ü, <b> & \"q\".|MIT|https://example.org/?a&b|System|Example|" +
				"A <a@example.org>|builder.example.org|1700000000"},
		{"arches", full, []string{"--qf", "[%{exclusivearch} ]| [%{excludearch}]"}, "x86_64 aarch64 | s390x"},
		{"sizes", full, []string{"--qf", "%{size} %{payloadcompressor} %{payloadformat} %{archivesize}"}, "40 zstd cpio 1092"},
		{"provides", full, []string{"--provides"}, `virtual
config(full) = 2:1.0~rc1^git5-3.fc40
libfull.so.1()(64bit)
full = 2:1.0~rc1^git5-3.fc40
full(x86-64) = 2:1.0~rc1^git5-3.fc40
`},
		{"requires", full, []string{"--qf", "[%{requirename} %{requireflags:depflags} %{requireversion}%{requireflags:deptype}\n]"},
			`libc.so.6(GLIBC_2.34)(64bit)  manual
filesystem >= 3manual
(a if b >= 1:2)  manual
/usr/bin/env  manual
/bin/sh  pre,post,preun,postun,interp
rpmlib(CompressedFileNames) <= 3.0.4-1rpmlib
rpmlib(FileDigests) <= 4.6.0-1rpmlib
rpmlib(PayloadFilesHavePrefix) <= 4.0-1rpmlib
rpmlib(PayloadIsZstd) <= 5.4.18-1rpmlib
rpmlib(TildeInVersions) <= 4.10.0-1rpmlib
rpmlib(CaretInVersions) <= 4.15.0-1rpmlib
rpmlib(RichDependencies) <= 4.12.0-1rpmlib
`},
		{"other dependencies", full, []string{"--conflicts", "--obsoletes", "--recommends", "--suggests", "--supplements", "--enhances"},
			"full-old < 2:1.0\nfull-old <= 1:0.9-1\nrec = 1\nsug\n(k and m)\nenh > 5\n"},
		{"build requires", source, []string{"--requires"}, "gcc\nmake >= 4\n" +
			"rpmlib(CompressedFileNames) <= 3.0.4-1\nrpmlib(FileDigests) <= 4.6.0-1\nrpmlib(PayloadIsZstd) <= 5.4.18-1\n"},
		{"changelog", full, []string{"--changelog"}, `* Tue Nov 14 2023 B <b@example.org> - 2:1.0-2
- second
- line

* Mon Nov 13 2023 A <a@example.org> - 1:1.0-1
- first

`},
		{"scripts", full, []string{"--scripts"}, `preinstall scriptlet (using /bin/sh):
echo prein
postinstall scriptlet (using /bin/sh):
true
true
preuninstall scriptlet (using /bin/sh):
echo preun
postuninstall scriptlet (using /bin/sh):
echo postun
`},
		{"files", full, []string{"--qf", "[%{fileflags:fflags} %{filemodes:perms} %{filesizes} %{filemtimes} %{filenames} %{filelinktos}\n]"},
			`c -rw------- 10 1690000001 /etc/full.conf 
 -rwxr-xr-x 20 1690000003 /usr/bin/full 
 lrwxrwxrwx 4 1690000004 /usr/bin/link full
d -rw-r--r-- 0 1690000005 /usr/share/doc/full/README 
 drwxr-xr-x 0 1690000002 /usr/share/full 
 -rw-r--r-- 1 1690000002 /usr/share/full-more/x 
 -rw-r--r-- 5 1690000000 /usr/share/full/data 
g -rw-r--r-- 0 1690000006 /var/log/full.log 
`},
		{"files of a source package", source, []string{"-l"}, "source-1.2.tar.gz\nsource.spec\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := output(t, "rpm", append(append([]string{"-qp"}, test.args...), test.file)...)
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// What rpm installs must be what was written, whatever the compression.
func TestRPMInstallsWhatWeWrite(t *testing.T) {
	root := t.TempDir()
	for _, s := range sampleSpecs() {
		if s.IsSource() {
			continue
		}
		asRoot(t, "rpm", "--root", root, "--install", "--nodeps", "--noscripts", writeFile(t, t.TempDir(), s))
		for _, f := range s.Contents {
			checkInstalled(t, root, f)
		}
	}
	if got, want := asRoot(t, "rpm", "--root", root, "-qf", "/usr/share/full-more/x", "/usr/bin/link"),
		"full-1.0~rc1^git5-3.fc40.x86_64\nfull-1.0~rc1^git5-3.fc40.x86_64\n"; got != want {
		t.Errorf("rpm -qf says\n%swant\n%s", got, want)
	}
	asRoot(t, "rpm", "--root", root, "--verify", "--all", "--nodeps", "--noscripts")
}

func checkInstalled(t *testing.T, root string, f Content) {
	t.Helper()
	info, err := os.Lstat(filepath.Join(root, f.Path))
	switch {
	case f.Ghost:
		if err == nil {
			t.Errorf("%s is there, want no ghosts", f.Path)
		}
		return
	case err != nil:
		t.Error(err)
		return
	}
	// Directories change as files are put into them.
	if stat := info.Sys().(*syscall.Stat_t); stat.Mode != f.Mode || !info.IsDir() && stat.Mtim.Sec != f.ModTime {
		t.Errorf("%s: mode %o, mtime %d, want %o, %d", f.Path, stat.Mode, stat.Mtim.Sec, f.Mode, f.ModTime)
	}
	if info.Mode().IsRegular() {
		got, err := os.ReadFile(filepath.Join(root, f.Path))
		if err != nil || !bytes.Equal(got, f.Data) {
			t.Errorf("%s: %q, %v, want %q", f.Path, got, err, f.Data)
		}
	}
}

func TestDNFInstallsWhatWeWrite(t *testing.T) {
	repo, root, state := t.TempDir(), t.TempDir(), t.TempDir()
	app := plainSpec("app", "x86_64")
	app.Requires = deps("(lib >= 1.0 with lib < 2)", "virtual")
	app.Recommends = deps("weak")
	lib := plainSpec("lib", "noarch")
	lib.Provides = deps("virtual")
	for _, s := range []*Spec{app, lib, plainSpec("weak", "noarch"), plainSpec("other", "noarch")} {
		writeFile(t, repo, s)
	}
	output(t, "createrepo_c", "--quiet", repo)
	asRoot(t, "dnf", "--quiet", "--assumeyes", "--installroot="+root, "--repofrompath=test,"+repo, "--repo=test",
		"--nogpgcheck", "--releasever=1", "--forcearch=x86_64", "--setopt=cachedir="+state, "--setopt=logdir="+state,
		"--setopt=persistdir="+state, "install", "app")
	for name, want := range map[string]bool{"app": true, "lib": true, "weak": true, "other": false} {
		if _, err := os.Stat(filepath.Join(root, "usr/share", name)); (err == nil) != want {
			t.Errorf("%s: %v, want it installed: %t", name, err, want)
		}
	}
}

func TestWriteIsDeterministic(t *testing.T) {
	for _, s := range sampleSpecs() {
		first := mustWrite(t, s)
		slices.Reverse(s.Contents)
		if !bytes.Equal(first, mustWrite(t, s)) {
			t.Errorf("%s: other bytes when its files are given in another order", s.Name)
		}
	}
}

func TestArchiveSize(t *testing.T) {
	for _, s := range sampleSpecs() {
		want := len(appendArchive(nil, s.Contents, s.IsSource()))
		if got := archiveSize(s.Contents, s.IsSource()); got != want {
			t.Errorf("%s: %d, want %d", s.Name, got, want)
		}
	}
}

// The golden has no compression, so that only our own code can change it.
func TestWriteGolden(t *testing.T) {
	const golden = "testdata/full.rpm"
	s := fullSpec()
	s.Compression = "none"
	got := mustWrite(t, s)
	if *update {
		if err := os.WriteFile(golden, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes that are not those of %s (%d); -update rewrites it", len(got), golden, len(want))
	}
}

func TestWriteAddsDefaults(t *testing.T) {
	p := mustRead(t, mustWrite(t, plainSpec("noarch", "noarch")))
	if got, want := p.SourceRPM, "noarch-1.2-3.src.rpm"; got != want {
		t.Errorf("source package %q, want %q", got, want)
	}
	if got, want := p.Text.BuildHost, "localhost"; got != want {
		t.Errorf("build host %q, want %q", got, want)
	}
	if got, want := p.Provides, deps("noarch = 1.2-3"); !slices.Equal(got, want) {
		t.Errorf("provides %q, want %q", got, want)
	}
	s := plainSpec("own", "i686")
	s.Provides = deps("own(x86-32) = 1.2-3", "own = 1.2-3")
	if got := mustRead(t, mustWrite(t, s)).Provides; !slices.Equal(got, s.Provides) {
		t.Errorf("provides %q, want %q", got, s.Provides)
	}
}

func TestWriteErrors(t *testing.T) {
	file := func(c Content) func(*Spec) { return func(s *Spec) { s.Contents = append(s.Contents, c) } }
	tests := []struct {
		name   string
		change func(*Spec)
		want   string
	}{
		{"no name", func(s *Spec) { s.Name = "" }, `package "-0:1.2-3.noarch" has no name`},
		{"name leads out", func(s *Spec) { s.Name = "../a" }, `package "../a-0:1.2-3.noarch": name "../a" has a '/'`},
		{"version", func(s *Spec) { s.Version = "1-2" }, `version "1-2" has a '-'`},
		{"release", func(s *Spec) { s.Release = "a:b" }, `release "a:b" has a ':'`},
		{"source of a source", func(s *Spec) { s.Arch, s.SourceRPM = "src", "x" }, `source package "x", want none in a source package`},
		{"scriptlet", func(s *Spec) { s.Scriptlets = map[string]string{"pre": ""} }, `scriptlet "pre", want prein, postin, preun or postun`},
		{"compression", func(s *Spec) { s.Compression = "lzma" }, `compression "lzma", want zstd, gzip, xz or none`},
		{"NUL", func(s *Spec) { s.Text.Summary = "a\x00b" }, `header tag 1004: "a\x00b" has a NUL`},
		{"time", func(s *Spec) { s.BuildTime = 1 << 32 }, `header tag 1006: time 4294967296, want 32 bits`},
		{"dependency", func(s *Spec) { s.Requires = []Dependency{{}} }, `dependency number 0 has no name (header tag 1049)`},
		{"relative", file(Content{Path: "a", Mode: 0o100644}), `file "a": path "a" is not absolute`},
		{"leads out", file(Content{Path: "/a/../b", Mode: 0o100644}), `file "/a/../b": path "/a/../b" leads out by ".."`},
		{"not clean", file(Content{Path: "/a//b/", Mode: 0o100644}), `file "/a//b/": path is not clean, want "/a/b"`},
		{"newline", file(Content{Path: "/a\nb", Mode: 0o100644}), `file "/a\nb": path "/a\nb" has a NUL or a newline`},
		{"twice", file(Content{Path: "/usr/share/x", Mode: 0o100644}), `file "/usr/share/x" is there twice`},
		{"no type", file(Content{Path: "/a", Mode: 0o644}), `file "/a": mode 0644, want a regular file, a directory or a symbolic link`},
		{"device", file(Content{Path: "/a", Mode: 0o060644}), `file "/a": mode 060644, want a regular file, a directory or a symbolic link`},
		{"full directory", file(Content{Path: "/a", Mode: 0o040755, Data: []byte("x")}),
			`file "/a": mode 040755 with 1 bytes of data, want data in regular files only`},
		{"no target", file(Content{Path: "/a", Mode: 0o120777}), `file "/a": symbolic link without a target`},
		{"target", file(Content{Path: "/a", Mode: 0o100644, Link: "b"}),
			`file "/a": mode 0100644 with link target "b", want targets in symbolic links only`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := plainSpec("x", "noarch")
			test.change(s)
			var b bytes.Buffer
			err := Write(&b, s)
			if want := "package " + s.NEVRA.String() + ": " + test.want; errorText(err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if b.Len() > 0 {
				t.Errorf("%d bytes were written, want none", b.Len())
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	s := fullSpec()
	for b.Loop() {
		mustWrite(b, s)
	}
}
