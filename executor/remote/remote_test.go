package remote

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
)

// files are what a server has, by path.
type files map[string][]byte

func (f files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, ok := f[strings.TrimPrefix(r.URL.Path, "/")]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Write(data)
}

func serve(t *testing.T, f files) string {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

// repository is a repository of three documents.
func repository(t *testing.T, revision string) files {
	t.Helper()
	f := files{"Packages/a.rpm": []byte("package a")}
	index := repodata.Repomd{Revision: revision}
	for _, name := range []string{"primary.xml", "filelists.xml", "modules.yaml"} {
		kind, _, _ := strings.Cut(name, ".")
		text := []byte(kind + revision)
		f["repodata/"+name] = text
		index.Records = append(index.Records, repodata.Record{
			Type: kind, Location: "repodata/" + name, Checksum: repodata.SHA256.Sum(text), Size: int64(len(text)),
		})
	}
	var b bytes.Buffer
	if _, err := index.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	f[indexPath] = b.Bytes()
	return f
}

// world is a cache and a lock.
type world struct {
	memory *cache.Memory
	lock   *Lock
}

func newWorld() *world { return &world{cache.NewMemory(cache.BLAKE3), new(Lock)} }

func (w *world) open(repo *rules.Repository, opts Options) *Remote {
	opts.Store, opts.Actions, opts.Lock = w.memory, w.memory, w.lock
	opts.Client = fetch.New(fetch.Options{Attempts: 2, Pause: time.Millisecond, Stall: time.Second})
	return Open([]*rules.Repository{repo}, opts)
}

var base = &rules.Source{Repository: "//:base@x86_64"}

func TestResolve(t *testing.T) {
	f := repository(t, "1")
	w := newWorld()
	repo := &rules.Repository{Name: base.Repository, Arch: "x86_64", BaseURLs: []string{serve(t, files{}), serve(t, f)}}
	var locked *LockedError
	if _, err := w.open(repo, Options{Locked: true}).Resolve(t.Context(), base); !errors.As(err, &locked) {
		t.Errorf("without a pin: got %v", err)
	}
	r := w.open(repo, Options{})
	n, err := r.Resolve(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := cache.NewTrees(w.memory).Read(t.Context(), n.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range dir {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != "filelists.xml modules.yaml primary.xml repomd.xml" {
		t.Errorf("the source has %s", got)
	}
	pin := r.Pinned()[base.Repository]
	if pin.SHA256 != sha256.Sum256(f[indexPath]) || pin.Size != int64(len(f[indexPath])) || pin.Revision != "1" || pin.Arch != "x86_64" {
		t.Errorf("pinned %+v", pin)
	}
	// The repository moves on, and nobody notices.
	w.lock.Set(base.Repository, pin)
	for name, data := range repository(t, "2") {
		f[name] = data
	}
	again, err := w.open(repo, Options{Locked: true, Offline: true}).Resolve(t.Context(), base)
	if err != nil || again != n {
		t.Errorf("from the cache: got %v, %v, want %v", again, err, n)
	}
	// A cache that has nothing of it says so.
	other := newWorld()
	other.lock = w.lock
	_, err = other.open(repo, Options{}).Resolve(t.Context(), base)
	if want := "the repository has moved on, or the mirror is out of sync"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := other.open(repo, Options{Offline: true}).Resolve(t.Context(), base); !errors.Is(err, ErrOffline) {
		t.Errorf("got %v, want %v", err, ErrOffline)
	}
}

// TestWithoutSizes: repomd.xml need not state sizes.
func TestWithoutSizes(t *testing.T) {
	f := repository(t, "1")
	f[indexPath] = regexp.MustCompile(`<size>.*</size>`).ReplaceAll(f[indexPath], nil)
	repo := &rules.Repository{Name: base.Repository, BaseURLs: []string{serve(t, f)}}
	if _, err := newWorld().open(repo, Options{}).Resolve(t.Context(), base); err != nil {
		t.Error(err)
	}
}

// TestLies: repodata that is not what it says, or where it should not be.
func TestLies(t *testing.T) {
	for _, test := range []struct {
		name string
		lie  func(files)
		want string
	}{
		{"other content", func(f files) { f["repodata/primary.xml"] = []byte("PRIMARY1") }, "sha256 is "},
		{"longer", func(f files) { f["repodata/primary.xml"] = []byte("primary12") }, "size is 9 bytes, want 8"},
		{"cut off", func(f files) { f["repodata/primary.xml"] = []byte("prim") }, "size is 4 bytes, want 8"},
		{"not there", func(f files) { delete(f, "repodata/filelists.xml") }, "not there (404 Not Found)"},
		{"leads out", func(f files) { replace(f, "repodata/primary.xml", "../primary.xml") }, "../primary.xml"},
		{"has a scheme", func(f files) { replace(f, `"repodata/primary.xml"`, `"http://other/primary.xml"`) }, "http://other/primary.xml"},
		{"no filelists", func(f files) { replace(f, `type="filelists"`, `type="filelists_zck"`) }, "repomd.xml lists no filelists"},
		{"no XML", func(f files) { f[indexPath] = []byte("<html>sorry") }, "repomd.xml: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := repository(t, "1")
			test.lie(f)
			repo := &rules.Repository{Name: base.Repository, BaseURLs: []string{serve(t, f)}}
			_, err := newWorld().open(repo, Options{}).Resolve(t.Context(), base)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "//:base@x86_64: ") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func replace(f files, old, new string) {
	f[indexPath] = bytes.Replace(f[indexPath], []byte(old), []byte(new), 1)
}

// TestDownloadOnce: however many ask, one downloads.
func TestDownloadOnce(t *testing.T) {
	f := repository(t, "1")
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		f.ServeHTTP(w, r)
	}))
	defer s.Close()
	w := newWorld()
	r := w.open(&rules.Repository{Name: base.Repository, BaseURLs: []string{s.URL}}, Options{})
	want := rules.Download{Repository: base.Repository, Href: "Packages/a.rpm", SHA256: sha256.Sum256(f["Packages/a.rpm"]), Size: 9}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if d, _, err := r.Download(t.Context(), want); err != nil || d != cache.BLAKE3.Sum(f["Packages/a.rpm"]) {
				t.Errorf("got %v, %v", d, err)
			}
		})
	}
	group.Wait()
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	if _, _, err := r.Download(t.Context(), rules.Download{Repository: base.Repository, Href: "Packages/a.rpm", Size: 9}); err == nil {
		t.Error("no checksum, and no error")
	}
	want.Href = "../a.rpm"
	if _, _, err := r.Download(t.Context(), want); err == nil || err.Error() != `location "../a.rpm" leads out of the repository` {
		t.Errorf("got %v", err)
	}
}

// TestMetalink: a mirror that lags behind is passed over.
func TestMetalink(t *testing.T) {
	old, new := serve(t, repository(t, "1")), repository(t, "2")
	current := serve(t, new)
	link := fmt.Sprintf(`<?xml version="1.0"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files><file name="repomd.xml">
  <verification><hash type="md5">00</hash><hash type="sha256">%x</hash></verification>
  <resources maxconnections="1">
   <url protocol="http" preference="90">%s/repodata/repomd.xml</url>
   <url protocol="http" preference="100">%s/repodata/repomd.xml</url>
   <url protocol="rsync" preference="99">rsync://x/repodata/repomd.xml</url>
  </resources></file></files></metalink>`, sha256.Sum256(new[indexPath]), current, old)
	lists := serve(t, files{"metalink": []byte(link), "mirrorlist": []byte("# mirrors\n" + current + "/\n\nfile:///etc\n"), "none": nil})
	w := newWorld()
	for _, repo := range []*rules.Repository{
		{Name: base.Repository, Metalink: lists + "/metalink"},
		{Name: base.Repository, Mirrorlist: lists + "/mirrorlist"},
	} {
		r := w.open(repo, Options{})
		if _, err := r.Resolve(t.Context(), base); err != nil {
			t.Error(err)
		}
		if got := r.Pinned()[base.Repository].Revision; got != "2" {
			t.Errorf("pinned revision %q, want 2", got)
		}
	}
	_, err := w.open(&rules.Repository{Name: base.Repository, Mirrorlist: lists + "/none"}, Options{}).Resolve(t.Context(), base)
	if want := "//:base@x86_64: mirrorlist: " + lists + "/none: no base URL in it, want one a line"; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func FuzzMetalink(f *testing.F) {
	f.Add([]byte(`<metalink><files><file name="repomd.xml"><resources><url preference="1">http://a/repodata/repomd.xml</url></resources></file></files></metalink>`))
	f.Add([]byte("http://a/b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMetalink(data)
		if err == nil && len(m.bases) == 0 {
			t.Error("no places, and no error")
		}
		for _, base := range append(m.bases, parseMirrorlist(data)...) {
			if !strings.HasPrefix(strings.ToLower(base), "http") {
				t.Errorf("%q is a place", base)
			}
		}
	})
}
