package catalogue_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// packageFile returns the bytes of a package.
func packageFile(t *testing.T, s *rpm.Spec) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := rpm.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withoutSource hides the name of the source package in a package: its tag
// becomes one that nobody knows, and the digest that of the changed header.
func withoutSource(t *testing.T, data []byte) []byte {
	t.Helper()
	const tagSourceRPM, typeString = 1044, 6
	entry := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, tagSourceRPM), typeString)
	if bytes.Count(data, entry) != 1 {
		t.Fatalf("%d entries of the header name a source package, want 1", bytes.Count(data, entry))
	}
	unknown := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 999999), typeString)
	changed := bytes.Replace(data, entry, unknown, 1)
	return bytes.Replace(changed, headerDigest(t, data), headerDigest(t, changed), 1)
}

// headerDigest is the SHA-256 of a package's header, as text.
func headerDigest(t *testing.T, data []byte) []byte {
	t.Helper()
	p, err := rpm.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "%x", sha256.Sum256(data[p.HeaderStart:p.HeaderEnd]))
}

// TestForeignPackages composes packages as other programs make them.
func TestForeignPackages(t *testing.T) {
	spec := func(name, source string) *rpm.Spec {
		s := &rpm.Spec{}
		s.NEVRA = rpm.NEVRA{Name: name, EVR: rpm.EVR{Epoch: 3, Version: "1", Release: "1"}, Arch: "x86_64"}
		s.SourceRPM = source
		return s
	}
	a := parseArchive([]byte(`
-- compose.star --
load("//lib.star", "phases")

compose(name = "Test", short = "T", version = "1", type = "test", arches = ["x86_64"])

variant(name = "Server")

rpm_dir(name = "rpms", path = "rpms")

phases(sources = [":rpms"], comps_file = None, gather_with = {"additional_packages": ["*"]})
-- rpms/README --
Not a package, and of another suffix.
-- want/packages --
Server/source/tree:
Server/x86_64/debug/tree:
Server/x86_64/os: other-1-1.x86_64 plain-1-1.x86_64 Éclair-1-1.x86_64
-- want/paths --
compose/Server/x86_64/os/Packages/é/Éclair-1-1.x86_64.rpm
-- want/match/compose/metadata/rpms.json --
"other-3:1-1.src": {
"path": "Server/x86_64/os/Packages/o/other-1-1.x86_64.rpm",
"plain-3:1-1.src": {
"\u00c9clair-3:1-1.src": {
"path": "Server/x86_64/os/Packages/\u00e9/\u00c9clair-1-1.x86_64.rpm",
-- want/warnings --
//:metadata: other-3:1-1.x86_64 names "(none)" as its source package, which is none: metadata says other-3:1-1.src
`))
	dir := unpack(t, a)
	for name, data := range map[string][]byte{
		"plain.rpm":  packageFile(t, spec("plain", "")),
		"again.rpm":  packageFile(t, spec("plain", "")),
		"x/fpm.rpm":  packageFile(t, spec("other", "(none)")),
		"eclair.rpm": packageFile(t, spec("Éclair", "")),
		// As rpm and createrepo_c see it, a package without the tag is a source.
		"gpg-pubkey.rpm": withoutSource(t, packageFile(t, spec("gpg-pubkey", ""))),
	} {
		name = filepath.Join(dir, "rpms", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	judgeIn(t, a, dir)
}

// TestCutPackage: a package file that is cut off anywhere is an error that names
// it.
func TestCutPackage(t *testing.T) {
	s := &rpm.Spec{}
	s.NEVRA = rpm.NEVRA{Name: "a", EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}
	data := packageFile(t, s)
	for _, n := range []int{0, 3, 95, 200, 400, len(data) - 60, len(data) - 1} {
		a := parseArchive(slices.Concat([]byte(`-- compose.star --
compose(name = "Test", short = "T", version = "1", type = "test", arches = ["x86_64"])
variant(name = "Server")
rpm_dir(name = "rpms", path = "rpms")
pkgset(name = "packages", sources = [":rpms"])
-- rpms/cut.rpm --
`), data[:n:n]))
		dir := unpack(t, a)
		_, err := tryComposeDir(t, dir)
		if err == nil || !bytes.HasPrefix([]byte(err.Error()), []byte("//:rpms: cut.rpm: ")) {
			t.Errorf("cut off after %d bytes: got %v, want an error about //:rpms: cut.rpm", n, err)
		}
	}
}
