package repodata

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAppendFrame(t *testing.T) {
	parts := []string{"", "first ", strings.Repeat("second ", 1000), "third"}
	programs := map[Compression]string{Plain: "cat", Gzip: "zcat", Zstd: "zstdcat"}
	for c, program := range programs {
		t.Run(program, func(t *testing.T) {
			var frames, again []byte
			for _, part := range parts {
				frames = c.AppendFrame(frames, []byte(part))
				again = append(again, c.AppendFrame(nil, []byte(part))...)
			}
			if !bytes.Equal(frames, again) {
				t.Errorf("equal parts are packed into %q and %q", frames, again)
			}
			file := filepath.Join(t.TempDir(), "file"+string(c))
			writeFile(t, file, frames)
			if got, want := run(t, program, file), strings.Join(parts, ""); got != want {
				t.Errorf("unpacked %q, want %q", got, want)
			}
			got, err := c.AppendUnpacked([]byte("x"), frames)
			if want := "x" + strings.Join(parts, ""); err != nil || string(got) != want {
				t.Errorf("AppendUnpacked yields %q, %v, want %q", got, err, want)
			}
		})
	}
}

// writeRepo writes a repository of packages (whose files need not exist) into
// a new folder, with a frame for each opening, closing and package.
func writeRepo(t *testing.T, c Compression, n int) string {
	t.Helper()
	packages, places := typicalPackages(n)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "repodata"), 0o755); err != nil {
		t.Fatal(err)
	}
	index := Repomd{Revision: "1700000000"}
	document := func(kind string, open, end []byte, element func(b []byte, i int) []byte) {
		var out bytes.Buffer
		w, sum := NewFileWriter(&out, c, SHA256), NewSum(SHA256)
		frame := func(plain []byte) {
			sum.Add(plain)
			if err := w.Append(c.AppendFrame(nil, plain)); err != nil {
				t.Fatal(err)
			}
		}
		frame(open)
		for i := range packages {
			frame(element(nil, i))
		}
		frame(end)
		rec := w.Record(kind, kind+".xml", true, 1700000000, sum)
		index.Records = append(index.Records, rec)
		writeFile(t, filepath.Join(dir, rec.Location), out.Bytes())
	}
	document("primary", PrimaryOpen(n), PrimaryClose(), func(b []byte, i int) []byte {
		return AppendPrimary(b, packages[i], places[i])
	})
	document("filelists", FilelistsOpen(n), FilelistsClose(), func(b []byte, i int) []byte {
		return AppendFilelists(b, packages[i], places[i])
	})
	document("other", OtherOpen(n), OtherClose(), func(b []byte, i int) []byte {
		return AppendOther(b, packages[i], places[i], DefaultChangelogLimit)
	})
	var repomd bytes.Buffer
	if _, err := index.WriteTo(&repomd); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "repodata/repomd.xml"), repomd.Bytes())
	return dir
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// run runs a program and returns its standard output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

// TestFramesDNF has dnf read a repository whose files are of many frames.
func TestFramesDNF(t *testing.T) {
	for _, c := range []Compression{Plain, Gzip, Zstd} {
		t.Run("compression"+string(c), func(t *testing.T) {
			const n = 40
			dir := writeRepo(t, c, n)
			query := func(args ...string) string {
				return run(t, "dnf", append([]string{
					"--repofrompath=t,file://" + dir, "--repo=t", "--nogpgcheck", "--releasever=1",
					"--forcearch=x86_64", "--setopt=cachedir=" + t.TempDir(), "--setopt=reposdir=/dev/null",
					"--setopt=logdir=" + t.TempDir(), "--quiet", "repoquery",
				}, args...)...)
			}
			packages, _ := typicalPackages(n)
			last := packages[n-1]
			if got := strings.Count(query(), "\n"); got != n {
				t.Errorf("dnf lists %d packages, want %d", got, n)
			}
			got := strings.TrimSpace(query("--qf", "%{name}", "--file", last.Files[99].Path))
			if got != last.Name {
				t.Errorf("owner of %s is %q, want %q", last.Files[99].Path, got, last.Name)
			}
		})
	}
}

// TestFramesMerge has createrepo_c's own reader and writer copy a repository
// whose files are of many frames, and compares what comes out.
func TestFramesMerge(t *testing.T) {
	const n = 40
	dir, out := writeRepo(t, Gzip, n), t.TempDir()
	run(t, "mergerepo_c", "--repo", dir, "--outputdir", out, "--omit-baseurl", "--no-database", "--all")
	for _, kind := range []string{"primary", "filelists", "other"} {
		compareDocuments(t, readDocument(t, dir, kind), readDocument(t, out, kind))
	}
}

// readDocument reads the document that a repository's index names.
func readDocument(t *testing.T, dir, kind string) element {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "repodata/repomd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	index, err := ParseRepomd(f)
	if err != nil {
		t.Fatal(err)
	}
	rec, ok := index.Record(kind)
	if !ok {
		t.Fatalf("%s: no record %q", dir, kind)
	}
	return parseElement(t, run(t, "zcat", filepath.Join(dir, rec.Location)))
}

// FuzzAppendUnpacked unpacks anything: what is no frame is an error, and what is
// one can be packed and unpacked again.
func FuzzAppendUnpacked(f *testing.F) {
	for _, c := range []Compression{Gzip, Zstd} {
		frame := c.AppendFrame(nil, []byte("some text, some text"))
		f.Add(frame)
		f.Add(c.AppendFrame(frame, nil))
		f.Add(frame[:len(frame)-3])
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		for _, c := range []Compression{Gzip, Zstd} {
			plain, err := c.AppendUnpacked(nil, packed)
			if err != nil {
				continue
			}
			again, err := c.AppendUnpacked(nil, c.AppendFrame(nil, plain))
			if err != nil || !bytes.Equal(again, plain) {
				t.Errorf("%s: %q is packed and unpacked to %q, %v", c, plain, again, err)
			}
		}
	})
}
