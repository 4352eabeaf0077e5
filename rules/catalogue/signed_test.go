package catalogue_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/internal/openpgp/openpgptest"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/rpm"
)

// signedWorkspace is a workspace with signed packages and, of another compose, a signed
// repository.
type signedWorkspace struct {
	dir                  string
	release, old, mirror *openpgptest.Key
}

func newSignedWorkspace(t *testing.T, other composed) *signedWorkspace {
	t.Helper()
	text, err := os.ReadFile("testdata/signed.txtar")
	if err != nil {
		t.Fatal(err)
	}
	w := &signedWorkspace{
		dir:     unpack(t, parseArchive(text)),
		release: openpgptest.NewKey(t, "release", openpgptest.Options{V6: true}),
		old:     openpgptest.NewKey(t, "old", openpgptest.Options{Lifetime: 24 * time.Hour}),
		mirror:  openpgptest.NewKey(t, "mirror", openpgptest.Options{}),
	}
	w.write(t, "keys/release.asc", w.release.Armored())
	w.write(t, "keys/old.gpg", w.old.Public())
	w.write(t, "keys/mirror.asc", w.mirror.Armored())
	w.write(t, "rpms/new.rpm", w.signed(t, "new", w.old, w.release))
	w.write(t, "rpms/old.rpm", w.signed(t, "old", w.old))
	w.write(t, "rpms/plain.rpm", w.signed(t, "plain"))
	repo, err := other.trees.Lookup(t.Context(), other.tree, "compose/Server/x86_64/os")
	if err != nil {
		t.Fatal(err)
	}
	if err := materialize.Tree(t.Context(), other.trees, repo.Digest, filepath.Join(w.dir, "mirror"), materialize.Options{}); err != nil {
		t.Fatal(err)
	}
	w.signMirror(t, w.mirror)
	return w
}

func (w *signedWorkspace) write(t *testing.T, name string, data []byte) {
	t.Helper()
	name = filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// signedAt is when everything is signed.
var signedAt = openpgptest.Made.Add(time.Hour)

// signed is a package that keys have signed.
func (w *signedWorkspace) signed(t *testing.T, name string, keys ...*openpgptest.Key) []byte {
	t.Helper()
	s := &rpm.Spec{}
	s.NEVRA = rpm.NEVRA{Name: name, EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}
	file, err := rpm.Sign(packageFile(t, s), func(header, _ []byte) (list []rpm.Signature, _ error) {
		for _, k := range keys {
			list = append(list, rpm.Signature{Packet: k.Sign(header, signedAt)})
		}
		return list, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (w *signedWorkspace) signMirror(t *testing.T, key *openpgptest.Key) {
	t.Helper()
	repomd, err := os.ReadFile(filepath.Join(w.dir, "mirror", "repodata", "repomd.xml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "mirror/repodata/repomd.xml.asc", openpgptest.Armor(t, "PGP SIGNATURE", key.Sign(repomd, signedAt)))
}

// TestSigned: each package has the sigkey that comes first among the keys.
func TestSigned(t *testing.T) {
	w := newSignedWorkspace(t, compose(t, os.DirFS(tiny), tiny, phases()))
	c, err := tryComposeDir(t, w.dir)
	if err != nil {
		t.Fatal(err)
	}
	tree := readTree(t, c)
	all, err := productmd.ParseRPMs(bytes.NewReader(tree["compose/metadata/rpms.json"]))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"new-1-1.noarch.rpm": w.release.ID(), "old-1-1.noarch.rpm": w.old.ID(), "plain-1-1.noarch.rpm": ""}
	for _, p := range all.RPMs {
		name := path.Base(p.Path)
		if key, ok := want[name]; ok && p.SigKey != key {
			t.Errorf("%s: sigkey %q, want %q", name, p.SigKey, key)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not shipped: %v", want)
	}
}
