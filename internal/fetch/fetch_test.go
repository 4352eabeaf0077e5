package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var content = bytes.Repeat([]byte("what a mirror has, and should have\n"), 10_000)

// quick are options of a client that does not wait for long.
var quick = Options{Attempts: 3, Pause: time.Millisecond, Stall: 300 * time.Millisecond}

func wanted(urls ...string) File {
	return File{URLs: urls, SHA256: sha256.Sum256(content), Size: int64(len(content))}
}

// get fetches a file into memory.
func get(t *testing.T, c *Client, f File) (data []byte, begun int, place string, err error) {
	t.Helper()
	var b *bytes.Buffer
	got, err := c.Fetch(t.Context(), f, func() (io.Writer, error) {
		begun++
		b = new(bytes.Buffer)
		return b, nil
	})
	if err == nil {
		data = b.Bytes()
	}
	return data, begun, got.URL, err
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func whole(w http.ResponseWriter, r *http.Request) {
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// TestFetch: what servers do, and what becomes of it.
func TestFetch(t *testing.T) {
	good := serve(t, whole) + "/file"
	tests := []struct {
		name     string
		handler  func(n int64) http.HandlerFunc // of the n-th request, from 1
		requests int64
		begun    int
		err      string // "" if it ends well without the second place
	}{
		{"as it should be", func(int64) http.HandlerFunc { return whole }, 1, 1, ""},
		{"breaks off", func(n int64) http.HandlerFunc {
			if n == 1 {
				return broken
			}
			return whole
		}, 2, 1, ""},
		{"breaks off and has no ranges", func(n int64) http.HandlerFunc {
			if n == 1 {
				return broken
			}
			return func(w http.ResponseWriter, _ *http.Request) { w.Write(content) }
		}, 2, 2, ""},
		{"another range", func(n int64) http.HandlerFunc {
			switch n {
			case 1:
				return broken
			case 2:
				return func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Range", "bytes 0-9/10")
					w.WriteHeader(http.StatusPartialContent)
				}
			}
			return whole
		}, 3, 2, ""},
		{"breaks off, and is another file then", func(n int64) http.HandlerFunc {
			if n == 1 {
				return func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Length", strconv.Itoa(len(content)))
					w.Write(bytes.ToUpper(content[:len(content)/2]))
					hangUp(w)
				}
			}
			return whole
		}, 3, 2, ""},
		{"busy at first", func(n int64) http.HandlerFunc {
			if n < 3 {
				return status(http.StatusServiceUnavailable)
			}
			return whole
		}, 3, 1, ""},
		{"busy", func(int64) http.HandlerFunc { return status(http.StatusTooManyRequests) }, 3, 0,
			"the server says 429 Too Many Requests, after 3 attempts"},
		{"not there", func(int64) http.HandlerFunc { return status(http.StatusNotFound) }, 1, 0, "not there (404 Not Found)"},
		{"not for everybody", func(int64) http.HandlerFunc { return status(http.StatusForbidden) }, 1, 0, "the server says 403 Forbidden"},
		{"redirects in a circle", func(int64) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }
		}, 10, 0, "redirected in a circle, or too often"},
		{"redirects to another scheme", func(int64) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "ftp://x/y")
				w.WriteHeader(302)
			}
		}, 1, 0, `redirected to "ftp://x/y", which is not HTTP`},
		{"other content", func(int64) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.ToUpper(content)) }
		}, 1, 1, fmt.Sprintf("sha256 is %x, want %x", sha256.Sum256(bytes.ToUpper(content)), sha256.Sum256(content))},
		{"larger", func(int64) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.Write(content); w.Write(content) }
		}, 1, 1, "size is larger, want 350000 bytes"},
		{"larger, and says so", func(int64) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "700000")
				w.Write(content)
			}
		}, 1, 0, "size is 700000 bytes, want 350000"},
		{"smaller, and says so", func(int64) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "9")
				w.Write(content[:9])
			}
		}, 1, 0, "size is 9 bytes, want 350000"},
		{"smaller", func(int64) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Write(content[:9])
				w.(http.Flusher).Flush() // so there is no length
			}
		}, 3, 3, "size is 9 bytes, want 350000, after 3 attempts"},
		{"drop by drop", func(int64) http.HandlerFunc { return drops }, 3, 3, "less than 1000 bytes a second came, after 3 attempts"},
		{"says nothing", func(int64) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		}, 3, 0,
			"less than 1000 bytes a second came, after 3 attempts"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			bad := serve(t, func(w http.ResponseWriter, r *http.Request) { test.handler(n.Add(1))(w, r) }) + "/file"
			data, begun, place, err := get(t, New(quick), wanted(bad))
			if test.err == "" {
				if err != nil || !bytes.Equal(data, content) || place != bad {
					t.Fatalf("got %d bytes from %s, %v", len(data), place, err)
				}
			} else if err == nil || err.Error() != bad+": "+test.err {
				t.Fatalf("got %v, want %s", err, test.err)
			}
			if n.Load() != test.requests || begun != test.begun {
				t.Errorf("%d requests, begun %d times, want %d and %d", n.Load(), begun, test.requests, test.begun)
			}
			if test.err == "" {
				return
			}
			data, _, place, err = get(t, New(quick), wanted(bad, good))
			if err != nil || place != good || !bytes.Equal(data, content) {
				t.Errorf("the next place: got %d bytes from %q, %v", len(data), place, err)
			}
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// broken sends half of the content and hangs up.
func broken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	w.Write(content[:len(content)/2])
	hangUp(w)
}

func hangUp(w http.ResponseWriter) {
	w.(http.Flusher).Flush()
	conn, _, _ := w.(http.Hijacker).Hijack()
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// drops sends a byte now and then.
func drops(w http.ResponseWriter, r *http.Request) {
	for i := 0; r.Context().Err() == nil && i < len(content); i++ {
		w.Write(content[i : i+1])
		w.(http.Flusher).Flush()
		time.Sleep(5 * time.Millisecond)
	}
}

// TestFetchFromHere: files of this machine.
// TestLostServer: a server that failed often enough is asked last for what comes after,
// and comes back when it is well again.
func TestLostServer(t *testing.T) {
	var first, second atomic.Int64
	ill := true
	a := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if first.Add(1); ill {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		whole(w, r)
	})
	gone := false
	b := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if second.Add(1); gone {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		whole(w, r)
	})
	c := New(quick)
	for i := range 10 {
		if _, _, place, err := get(t, c, wanted(a+"/file", b+"/file")); err != nil || place != b+"/file" {
			t.Fatalf("file %d came from %s: %v", i, place, err)
		}
	}
	if n, m := first.Load(), second.Load(); n != int64(quick.Attempts) || m != 10 {
		t.Errorf("%d and %d requests, want %d and 10", n, m, quick.Attempts)
	}
	ill, gone = false, true
	for range 2 {
		if _, _, place, err := get(t, c, wanted(a+"/file", b+"/file")); err != nil || place != a+"/file" {
			t.Errorf("a file came from %s: %v", place, err)
		}
	}
	if m := second.Load(); m != 11 {
		t.Errorf("%d requests to the second server, want 11", m)
	}
}

func TestFetchFromHere(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a b"), content, 0o666); err != nil {
		t.Fatal(err)
	}
	c := New(quick)
	if data, _, _, err := get(t, c, wanted("file://"+dir+"/none", "file://"+dir+"/a%20b")); err != nil || !bytes.Equal(data, content) {
		t.Errorf("got %d bytes, %v", len(data), err)
	}
	_, _, _, err := get(t, c, wanted("file://"+dir, "file://"+dir+"/none"))
	if want := "file://" + dir + "/none: not there; file://" + dir + ": not a file"; fmt.Sprint(err) != want || !errors.Is(err, ErrNotThere) {
		t.Errorf("got %v, want %s", err, want)
	}
	short := wanted("file://" + dir + "/a%20b")
	short.Size++
	_, begun, _, err := get(t, c, short)
	if want := fmt.Sprintf("%s: size is %d bytes, want %d", short.URLs[0], len(content), short.Size); fmt.Sprint(err) != want || begun > 0 {
		t.Errorf("got %v after %d attempts, want %s", err, begun, want)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	place := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	begin := time.Now()
	_, err := New(Options{}).Fetch(ctx, wanted(place), func() (io.Writer, error) { return io.Discard, nil })
	if !errors.Is(err, context.Canceled) || time.Since(begin) > 5*time.Second {
		t.Errorf("got %v after %s", err, time.Since(begin))
	}
}

// A writer that fails is nobody else's fault.
func TestWriterFails(t *testing.T) {
	full := errors.New("disk full")
	_, err := New(quick).Fetch(t.Context(), wanted(serve(t, whole), serve(t, whole)), func() (io.Writer, error) { return failing{full}, nil })
	if err != full {
		t.Errorf("got %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestNetrc(t *testing.T) {
	for _, test := range []struct{ text, machine, want string }{
		{"machine a login me password secret", "a", "me secret"},
		{"machine a login me password secret", "b", ""},
		{"# machine a login no password no\nmachine a\n  login me\n  password se#cret\n", "a", "me se#cret"},
		{"machine a login me password x\nmachine a login you password y", "a", "me x"},
		{"machine a login me password x default login anonymous password guest", "b", "anonymous guest"},
		{"macdef init\nmachine a login no password no\n\nmachine a login me password x", "a", "me x"},
		{"machine", "", ""},
		{"machine a login", "a", " "},
	} {
		l, ok := parseNetrc(test.text).find(test.machine)
		if got := l.name + " " + l.password; ok && got != test.want || !ok && test.want != "" {
			t.Errorf("%q: %s: got %q, %t, want %q", test.text, test.machine, got, ok, test.want)
		}
	}
}

func TestLogin(t *testing.T) {
	place := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if name, password, _ := r.BasicAuth(); name != "me" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		whole(w, r)
	})
	opts := quick
	if _, _, _, err := get(t, New(opts), wanted(place)); err == nil {
		t.Error("no login, and no error")
	}
	opts.Netrc = "machine 127.0.0.1 login me password secret"
	if _, _, _, err := get(t, New(opts), wanted(place)); err != nil {
		t.Error(err)
	}
	// What is in a URL is shown to nobody.
	_, _, _, err := get(t, New(quick), wanted(strings.Replace(place, "http://", "http://me:wrong@", 1)))
	if err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v", err)
	}
}

func FuzzNetrc(f *testing.F) {
	f.Add("machine a login b password c\ndefault login d\nmacdef x\ny\n\n")
	f.Fuzz(func(t *testing.T, text string) { parseNetrc(text).find("a") })
}
