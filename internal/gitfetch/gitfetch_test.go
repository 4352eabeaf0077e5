package gitfetch

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pungo-build/pungo/internal/fetch"
)

// run runs git in a folder, and returns what it prints.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// origin is a repository of two commits, with a tag at the first one.
func origin(t *testing.T) (dir, first, second string) {
	t.Helper()
	dir = t.TempDir()
	run(t, dir, "init", "--quiet", "--initial-branch", "main")
	write := func(name, text string, mode os.FileMode) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("README", "first", 0o644)
	write("bin/tool", "tool", 0o755)
	if err := os.Symlink("../README", filepath.Join(dir, "bin/link")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "add", ".")
	run(t, dir, "commit", "--quiet", "--message", "first")
	run(t, dir, "tag", "--annotate", "--message", "v1", "v1")
	first = run(t, dir, "rev-parse", "HEAD")
	write("README", "second", 0o644)
	run(t, dir, "commit", "--quiet", "--all", "--message", "second")
	return dir, first, run(t, dir, "rev-parse", "HEAD")
}

// serve serves a repository as a host of repositories does.
func serve(t *testing.T, dir string) string {
	t.Helper()
	server := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(run(t, dir, "--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Join(dir, ".git"), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=" + safe(t), "HOME=/nonexistent"},
	})
	t.Cleanup(server.Close)
	return server.URL
}

// safe is a configuration that lets git serve a folder of whoever it is.
func safe(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(name, []byte("[safe]\n\tdirectory = *\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

func resolve(ctx context.Context, url, ref string) (string, error) {
	r := Repository{URL: url, HTTP: http.DefaultClient}
	return r.Resolve(ctx, ref)
}

func list(ctx context.Context, url, ref, commit string) ([]string, error) {
	var files []string
	r := Repository{URL: url, HTTP: http.DefaultClient, Temp: os.TempDir(), Limit: 1 << 20}
	err := r.Files(ctx, ref, commit, func(f File, content io.Reader) error {
		text, err := io.ReadAll(content)
		kind := ""
		if f.Executable {
			kind = " x"
		}
		if f.Link {
			kind = " link"
		}
		files = append(files, f.Path+kind+" "+string(text))
		return err
	})
	slices.Sort(files)
	return files, err
}

func TestFiles(t *testing.T) {
	dir, first, second := origin(t)
	for name, url := range map[string]string{"folder": dir, "file": "file://" + dir, "HTTP": serve(t, dir)} {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct{ ref, commit, readme string }{
				{"main", second, "second"}, {"HEAD", second, "second"}, {"v1", first, "first"},
				{"refs/tags/v1", first, "first"}, {first, first, "first"},
			} {
				commit, err := resolve(t.Context(), url, test.ref)
				if err != nil || commit != test.commit {
					t.Errorf("%s: got commit %s and error %v, want %s", test.ref, commit, err, test.commit)
					continue
				}
				got, err := list(t.Context(), url, test.ref, commit)
				want := []string{"README " + test.readme, "bin/link link ../README", "bin/tool x tool"}
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: got %q and error %v, want %q", test.ref, got, err, want)
				}
			}
			// The branch has moved on since it was pinned.
			if got, err := list(t.Context(), url, "main", first); err != nil || got[0] != "README first" {
				t.Errorf("an old commit: got %q and error %v", got, err)
			}
			if _, err := list(t.Context(), url, "main", strings.Repeat("12", 20)); !errors.Is(err, ErrNotThere) {
				t.Errorf("no commit: got error %v", err)
			}
			if _, err := resolve(t.Context(), url, "mian"); err == nil || err.Error() != `the repository has no branch or tag "mian"; did you mean "main"?` {
				t.Errorf("no ref: got error %v", err)
			}
		})
	}
}

func TestNoRepository(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewServer(nil)
	server.Close()
	for _, url := range []string{dir, server.URL} {
		var transport *TransportError
		if _, err := resolve(t.Context(), url, "main"); !errors.As(err, &transport) {
			t.Errorf("%s: got error %v", url, err)
		}
		if _, err := list(t.Context(), url, "main", strings.Repeat("12", 20)); !errors.As(err, &transport) {
			t.Errorf("%s: files: got error %v", url, err)
		}
	}
}

// Objects on the disk are believed by the library; a commit that was tampered with has no
// files.
func TestTampered(t *testing.T) {
	for name, what := range map[string]string{"a file": "HEAD:README", "a folder": "HEAD:bin", "the commit": "HEAD"} {
		t.Run(name, func(t *testing.T) {
			dir, first, second := origin(t)
			object := func(rev string) string {
				h := run(t, dir, "rev-parse", rev)
				return filepath.Join(dir, ".git", "objects", h[:2], h[2:])
			}
			other := map[string]string{"HEAD:README": "v1:README", "HEAD:bin": "v1^{tree}", "HEAD": first}[what]
			text, err := os.ReadFile(object(other))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Chmod(object(what), 0o600), os.WriteFile(object(what), text, 0o600)); err != nil {
				t.Fatal(err)
			}
			want := "object " + run(t, dir, "rev-parse", what) + " is damaged: it has the content of " + run(t, dir, "rev-parse", other)
			if _, err := list(t.Context(), dir, "main", second); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got error %v, want %q", err, want)
			}
		})
	}
}

// A server that says nothing, sends too much, or wants a password.
func TestServers(t *testing.T) {
	dir, _, second := origin(t)
	behind := serve(t, dir)
	at, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	repository := func(url, netrc string) *Repository {
		client := fetch.New(fetch.Options{Attempts: 2, Pause: time.Millisecond, Stall: 200 * time.Millisecond, Netrc: netrc})
		return &Repository{URL: url, HTTP: client.HTTP(), Temp: t.TempDir(), Limit: 1 << 20}
	}
	files := func(r *Repository) (n int, err error) {
		err = r.Files(t.Context(), "main", second, func(File, io.Reader) error { n++; return nil })
		left, _ := os.ReadDir(r.Temp)
		if len(left) > 0 {
			t.Errorf("left in the folder: %v", left)
		}
		return n, err
	}

	var asked atomic.Int32
	hold := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); <-hold }))
	defer silent.Close()
	defer close(hold)
	var transport *TransportError
	if _, err := repository(silent.URL, "").Resolve(t.Context(), "main"); !errors.As(err, &transport) || err.Error() != "nothing came, after 2 attempts" || asked.Load() != 2 {
		t.Errorf("a silent server, asked %d times: got error %v", asked.Load(), err)
	}

	large := repository(behind, "")
	large.Limit = 100
	if n, err := files(large); !errors.As(err, &transport) || !strings.Contains(err.Error(), "more than 100 bytes came") || n > 0 {
		t.Errorf("a limit: got %d files and error %v", n, err)
	}

	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); name != "me" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		httputil.NewSingleHostReverseProxy(at).ServeHTTP(w, r)
	}))
	defer locked.Close()
	if n, err := files(repository(locked.URL, "")); !errors.As(err, &transport) || n > 0 {
		t.Errorf("without a password: got %d files and error %v", n, err)
	}
	if n, err := files(repository(locked.URL, "machine 127.0.0.1 login me password secret")); err != nil || n != 3 {
		t.Errorf("with a password: got %d files and error %v", n, err)
	}
}

// A few trees that have one another in them ten times are ten billion folders.
func TestTreesInTrees(t *testing.T) {
	dir, _, _ := origin(t)
	tree := run(t, dir, "hash-object", "-w", "-t", "tree", "/dev/null")
	for range 10 {
		cmd := exec.Command("git", "mktree")
		cmd.Dir = dir
		var lines strings.Builder
		for i := range 10 {
			fmt.Fprintf(&lines, "040000 tree %s\t%d\n", tree, i)
		}
		cmd.Stdin = strings.NewReader(lines.String())
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		tree = strings.TrimSpace(string(out))
	}
	commit := run(t, dir, "commit-tree", "-m", "bomb", tree)
	if _, err := list(t.Context(), dir, commit, commit); err == nil || !strings.Contains(err.Error(), "more than 200000 files and folders") {
		t.Errorf("got error %v", err)
	}
}

// TestRefusals: what servers say instead of giving a repository is told in few words.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		text   string
		want   string
	}{
		{"no repository", http.StatusNotFound, "<html>", "the server has no git repository there"},
		{"login", http.StatusUnauthorized, "<html>", "the server wants a name and a password\n  hint: it is told those of ~/.netrc, or of the file that NETRC names"},
		{"forbidden", http.StatusForbidden, "<html>", "the server does not let us in"},
		{"broken", http.StatusTeapot, "<html>", "the server says 418 I'm a teapot"},
		{"plain files", http.StatusOK, strings.Repeat("12", 20) + "\trefs/heads/main\n", "the server does not speak git's smart protocol: unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				io.WriteString(w, test.text)
			}))
			defer server.Close()
			_, err := (&Repository{URL: server.URL, HTTP: server.Client()}).Resolve(t.Context(), "main")
			if transport := (*TransportError)(nil); !errors.As(err, &transport) || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// TestHostileNames: no name of a commit leads out of the folder, or makes that a
// repository.
func TestHostileNames(t *testing.T) {
	dir, first, _ := origin(t)
	blob, err := hex.DecodeString(run(t, dir, "rev-parse", first+":README"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"..":      `folder "" has an entry "..", want a name`,
		"../evil": `folder "" has an entry "../evil", want a name`,
		".git":    `folder "" has an entry ".git", which no repository has`,
		".GIT":    `folder "" has an entry ".GIT", which no repository has`,
	} {
		file := filepath.Join(t.TempDir(), "tree")
		if err := os.WriteFile(file, append([]byte("100644 "+name+"\x00"), blob...), 0o666); err != nil {
			t.Fatal(err)
		}
		tree := run(t, dir, "hash-object", "-t", "tree", "-w", "--literally", file)
		commit := run(t, dir, "commit-tree", "-m", name, tree)
		if _, err := list(t.Context(), dir, "main", commit); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}
