package remote

import (
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/rules"
)

// signedRepository is a repository with something for a signature.
func signedRepository(t *testing.T, revision string) files {
	f := repository(t, revision)
	f[signaturePath] = []byte("signature of " + revision)
	return f
}

// TestSigned: the signature is that of the mirror that had repomd.xml, it is pinned, and
// comes from the cache then.
func TestSigned(t *testing.T) {
	f := signedRepository(t, "1")
	lagging := files{signaturePath: []byte("signature of 0")}
	repo := &rules.Repository{Name: base.Repository, Arch: "x86_64", Signed: true, BaseURLs: []string{serve(t, lagging), serve(t, f)}}
	w := newWorld()
	r := w.open(repo, Options{})
	n, err := r.Resolve(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	if got := signatureIn(t, w, n); got != "signature of 1" {
		t.Errorf("the source has %q", got)
	}
	pin := r.Pinned()[base.Repository]
	if want := (FilePin{sha256.Sum256(f[signaturePath]), 14}); pin.Signature != want {
		t.Errorf("pinned %v, want %v", pin.Signature, want)
	}
	w.lock.Set(base.Repository, pin)
	clear(f)
	again, err := w.open(repo, Options{Locked: true, Offline: true}).Resolve(t.Context(), base)
	if err != nil || again != n {
		t.Errorf("from the cache: got %v, %v, want %v", again, err, n)
	}
}

func signatureIn(t *testing.T, w *world, n cache.Node) string {
	t.Helper()
	trees := cache.NewTrees(w.memory)
	file, err := trees.Lookup(t.Context(), n.Digest, "repomd.xml.asc")
	if err != nil {
		t.Fatal(err)
	}
	data, err := w.memory.Get(t.Context(), file.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSignatureOfOldPin: a pin without signature gets one, and stays the pin.
func TestSignatureOfOldPin(t *testing.T) {
	f := signedRepository(t, "1")
	w := newWorld()
	repo := &rules.Repository{Name: base.Repository, Arch: "x86_64", BaseURLs: []string{serve(t, f)}}
	r := w.open(repo, Options{})
	if _, err := r.Resolve(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	pin := r.Pinned()[base.Repository]
	w.lock.Set(base.Repository, pin)

	repo.Signed = true
	var locked *LockedError
	if _, err := w.open(repo, Options{Locked: true}).Resolve(t.Context(), base); !errors.As(err, &locked) || !locked.Signature {
		t.Errorf("locked: got %v", err)
	}
	if _, err := w.open(repo, Options{Offline: true}).Resolve(t.Context(), base); !errors.Is(err, ErrOffline) {
		t.Errorf("offline: got %v", err)
	}
	r = w.open(repo, Options{})
	if _, err := r.Resolve(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	got := r.Pinned()[base.Repository]
	if got.Signature.Size != 14 || got.SHA256 != pin.SHA256 || got.Revision != "1" {
		t.Errorf("pinned %v, want %v with a signature", got, pin)
	}
	delete(f, signaturePath)
	_, err := w.open(repo, Options{}).Resolve(t.Context(), base)
	if !errors.Is(err, fetch.ErrNotThere) || !strings.Contains(err.Error(), "hint: the repository is not signed") {
		t.Errorf("not signed: got %v", err)
	}
}
