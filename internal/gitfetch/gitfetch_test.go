package gitfetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
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

func list(ctx context.Context, url, ref, commit string) ([]string, error) {
	var files []string
	err := new(Client).Files(ctx, url, ref, commit, func(f File, content io.Reader) error {
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
				commit, err := new(Client).Resolve(t.Context(), url, test.ref)
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
			if _, err := new(Client).Resolve(t.Context(), url, "mian"); err == nil || err.Error() != `the repository has no branch or tag "mian"; did you mean "main"?` {
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
		if _, err := new(Client).Resolve(t.Context(), url, "main"); !errors.As(err, &transport) {
			t.Errorf("%s: got error %v", url, err)
		}
		if _, err := list(t.Context(), url, "main", strings.Repeat("12", 20)); !errors.As(err, &transport) {
			t.Errorf("%s: files: got error %v", url, err)
		}
	}
}

// TestServers: what servers say instead of giving a repository is told in few words.
func TestServers(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"no repository", http.NotFound, "the server has no git repository there"},
		{"login", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", http.StatusUnauthorized)
		}, "the server wants a name and a password\n  hint: it is told those of the file ~/.netrc, or of the one that NETRC names"},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusForbidden) }, "the server does not let us in"},
		{"broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusTeapot) }, "the server says 418 I'm a teapot"},
		{"plain files", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, strings.Repeat("12", 20)+"\trefs/heads/main\n")
		}, "the server does not speak git's smart protocol: unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			_, err := new(Client).Resolve(t.Context(), server.URL, "main")
			if transport := (*TransportError)(nil); !errors.As(err, &transport) || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
