package difference

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/comps"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

var updateGoldens = flag.Bool("update", false, "rewrite goldens")

// madeRPM is a package of a compose in the making.
type madeRPM struct {
	nevra, source string // epochs may be missing
	size, built   int64
	key, sum      string
	log           []rpm.Change
}

// made is a compose in the making.
type made struct {
	info    productmd.ComposeInfo
	status  string
	rpms    map[Cell][]madeRPM
	modules []productmd.Module
	images  string // of images.json, all of the variants
	comps   map[Cell]string
	trees   map[string]productmd.TreeInfo // by path
}

func write(t *testing.T, name string, encode func(io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func nevraOf(t *testing.T, s string) rpm.NEVRA {
	t.Helper()
	n, err := rpm.ParseNEVRA(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// folderOf is where a package lies: like Pungi's, without hashed directories.
func folderOf(c Cell, n rpm.NEVRA) string {
	switch categoryOf(n) {
	case "source":
		return c.Variant + "/source/tree"
	case "debug":
		return c.Variant + "/" + c.Arch + "/debug/tree"
	}
	return c.Variant + "/" + c.Arch + "/os"
}

// write writes the compose and returns its folder.
func (m *made) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	metadata := filepath.Join(dir, "compose", "metadata")
	repos := map[string][]madeRPM{}
	list := productmd.RPMs{Compose: m.info.Compose}
	for cell, all := range m.rpms {
		for _, r := range all {
			n := nevraOf(t, r.nevra)
			at := folderOf(cell, n)
			repos[at] = append(repos[at], r)
			source := n
			if r.source != "" {
				source = nevraOf(t, r.source)
			}
			list.RPMs = append(list.RPMs, productmd.RPM{
				Variant: cell.Variant, Arch: cell.Arch, Source: source.String(), NEVRA: n.String(),
				Path: at + "/Packages/" + n.FileName(), SigKey: r.key, Category: categoryOf(n),
			})
		}
	}
	m.paths(repos)
	write(t, filepath.Join(dir, "STATUS"), text(m.status+"\n"))
	write(t, filepath.Join(dir, "COMPOSE_ID"), text(m.info.Compose.ID))
	write(t, filepath.Join(metadata, "composeinfo.json"), m.info.Encode)
	write(t, filepath.Join(metadata, "rpms.json"), list.Encode)
	write(t, filepath.Join(metadata, "modules.json"), (&productmd.Modules{Compose: m.info.Compose, Modules: m.modules}).Encode)
	if m.images != "" {
		write(t, filepath.Join(metadata, "images.json"), text(`{"header": {"type": "productmd.images", "version": "1.2"}, "payload": {"compose": {"date": "20260101", "id": "Acme-42-20260101.n.0", "respin": 0, "type": "nightly"}, "images": `+m.images+`}}`))
	}
	for at, rpms := range repos {
		groups := ""
		for cell, doc := range m.comps {
			if at == cell.Variant+"/"+cell.Arch+"/os" {
				groups = doc
			}
		}
		writeRepository(t, filepath.Join(dir, "compose", at), rpms, groups)
	}
	for at, tree := range m.trees {
		write(t, filepath.Join(dir, "compose", at, ".treeinfo"), tree.Encode)
	}
	return dir
}

// paths says in composeinfo where repositories are.
func (m *made) paths(repos map[string][]madeRPM) {
	for i := range m.info.Variants {
		v := &m.info.Variants[i]
		if v.Paths == nil {
			v.Paths = map[string]map[string]string{}
		}
		for _, arch := range v.Arches {
			for field, at := range map[string]string{
				"repository": v.UID + "/" + arch + "/os", "debug_repository": v.UID + "/" + arch + "/debug/tree",
				"source_repository": v.UID + "/source/tree", "os_tree": v.UID + "/" + arch + "/os",
			} {
				if repos[at] == nil {
					continue
				}
				if v.Paths[field] == nil {
					v.Paths[field] = map[string]string{}
				}
				v.Paths[field][arch] = at
			}
		}
	}
}

// writeRepository writes the repodata of packages, none of which are there.
func writeRepository(t *testing.T, dir string, rpms []madeRPM, groups string) {
	t.Helper()
	primary, other := repodata.PrimaryOpen(len(rpms)), repodata.OtherOpen(len(rpms))
	for _, r := range rpms {
		p := &rpm.Package{NEVRA: nevraOf(t, r.nevra), BuildTime: r.built, Text: rpm.Text{Changelog: r.log}}
		if r.source != "" {
			p.SourceRPM = nevraOf(t, r.source).FileName()
		}
		sum := repodata.SHA256.Sum([]byte(r.nevra + r.sum + r.key))
		at := repodata.Location{Href: "Packages/" + p.FileName(), Checksum: sum, PackageSize: r.size}
		primary, other = repodata.AppendPrimary(primary, p, at), repodata.AppendOther(other, p, at, 10)
	}
	index := repodata.Repomd{Revision: "1"}
	for _, doc := range []struct {
		kind, file string
		data       []byte
	}{
		{"primary", "primary.xml.gz", append(primary, repodata.PrimaryClose()...)},
		{"other", "other.xml.zst", append(other, repodata.OtherClose()...)},
		{"group", "comps.xml", []byte(groups)},
	} {
		if len(doc.data) == 0 {
			continue
		}
		packed := repodata.Compression(filepath.Ext(doc.file)).AppendFrame
		data := doc.data
		if doc.kind != "group" {
			data = packed(nil, data)
		}
		write(t, filepath.Join(dir, "repodata", doc.file), text(string(data)))
		index.Records = append(index.Records, repodata.Record{
			Type: doc.kind, Location: "repodata/" + doc.file, Checksum: repodata.SHA256.Sum(data), Size: int64(len(data)),
		})
	}
	write(t, filepath.Join(dir, "repodata", "repomd.xml"), func(w io.Writer) error { _, err := index.WriteTo(w); return err })
}

// groupsOf is a comps file of groups, "id: name type, name type", and an environment of
// all of them.
func groupsOf(t *testing.T, groups ...string) string {
	t.Helper()
	c := &comps.Comps{}
	e := comps.Environment{ID: "product", Name: comps.Text{Value: "Product"}}
	for _, g := range groups {
		id, members, _ := strings.Cut(g, ": ")
		group := comps.Group{ID: id, Name: comps.Text{Value: strings.ToUpper(id)}, UserVisible: true}
		for m := range strings.SplitSeq(members, ", ") {
			name, kind, _ := strings.Cut(m, " ")
			group.Packages = append(group.Packages, comps.PackageReq{Name: name, Type: comps.PackageType(kind)})
		}
		c.Groups = append(c.Groups, group)
		e.GroupList = append(e.GroupList, comps.GroupID{ID: id})
	}
	c.Environments = []comps.Environment{e}
	var b bytes.Buffer
	if err := comps.Write(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func entry(day int64, version, text string) rpm.Change {
	return rpm.Change{Author: "Ann <ann@example.org> - " + version, Time: day * 86400, Text: text}
}

// nights are two composes with everything in between that can be told.
func nights(t *testing.T) (before, after *made) {
	server, optional := Cell{"Server", "x86_64"}, Cell{"Server-optional", "x86_64"}
	info := func(day int) productmd.ComposeInfo {
		date := fmt.Sprintf("2026010%d", day)
		return productmd.ComposeInfo{
			Compose: productmd.Compose{ID: "Acme-42-" + date + ".n.0", Date: date, Type: productmd.Nightly},
			Release: productmd.Product{Name: "Acme", Short: "Acme", Version: "42", Type: "ga"},
			Variants: []productmd.Variant{
				{ID: "Server", UID: "Server", Name: "Server", Type: "variant", Arches: []string{"x86_64"}},
				{ID: "optional", UID: "Server-optional", Parent: "Server", Name: "optional", Type: "optional", Arches: []string{"x86_64"}},
			},
		}
	}
	first := []rpm.Change{entry(20000, "5.1-1", "- first")}
	before = &made{
		info: info(1), status: "FINISHED",
		rpms: map[Cell][]madeRPM{
			server: {
				{nevra: "bash-5.1-1.src", size: 900, log: first},
				{nevra: "bash-5.1-1.x86_64", source: "bash-5.1-1.src", size: 1000, log: first},
				{nevra: "bash-doc-5.1-1.x86_64", source: "bash-5.1-1.src", size: 100},
				{nevra: "bash-old-5.1-1.x86_64", source: "bash-5.1-1.src", size: 100},
				{nevra: "bash-debuginfo-5.1-1.x86_64", source: "bash-5.1-1.src", size: 5000},
				{nevra: "going-1-1.noarch", source: "going-1-1.src", size: 10},
				{nevra: "late-2-1.noarch", source: "late-2-1.src", size: 10},
				{nevra: "signed-1-1.noarch", source: "signed-1-1.src", size: 10, key: "aaaa0001"},
				{nevra: "built-1-1.noarch", source: "built-1-1.src", size: 10, built: 1},
				{nevra: "padded-1-1.noarch", source: "padded-1-1.src", size: 10, built: 1},
				{nevra: "kernel-5-1.x86_64", source: "kernel-5-1.src", size: 10},
				{nevra: "kernel-6-1.x86_64", source: "kernel-6-1.src", size: 10},
				{nevra: "wandering-1-1.noarch", source: "wandering-1-1.src", size: 10},
				{nevra: "wandering-doc-1-1.noarch", source: "wandering-1-1.src", size: 10},
				{nevra: "parts-1-1.noarch", source: "parts-1-1.src", size: 10},
			},
			optional: {{nevra: "steady-1-1.noarch", source: "steady-1-1.src", size: 10}},
		},
		modules: []productmd.Module{
			{Variant: "Server", Arch: "x86_64", Name: "node", Stream: "18", Version: "1", Context: "c", KojiTag: "t", RPMs: []string{"node-0:18-1.x86_64"}},
			{Variant: "Server", Arch: "x86_64", Name: "perl", Stream: "5", Version: "1", Context: "c", KojiTag: "t"},
		},
		images: `{"Server": {"x86_64": [
			{"path": "a.iso", "size": 1000, "type": "dvd", "format": "iso", "arch": "x86_64", "subvariant": "Server", "disc_number": 1, "disc_count": 1, "volume_id": "Acme-42", "bootable": true, "checksums": {"md5": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}},
			{"path": "b.qcow2", "size": 77, "type": "qcow2", "format": "qcow2", "arch": "x86_64", "subvariant": "Cloud", "disc_number": 1, "disc_count": 1, "checksums": {"md5": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}},
			{"path": "same-1.iso", "size": 5, "type": "boot", "format": "iso", "arch": "x86_64", "subvariant": "Server", "disc_number": 1, "disc_count": 1, "checksums": {"md5": "cccccccccccccccccccccccccccccccc"}}]}}`,
		comps: map[Cell]string{
			server: groupsOf(t, "core: bash mandatory, going default, parts mandatory", "tools: kernel optional", "web: wandering default"),
		},
		trees: map[string]productmd.TreeInfo{"Server/x86_64/os": {
			Release: productmd.Product{Name: "Acme", Short: "Acme", Version: "42"}, Arch: "x86_64", Timestamp: 1,
			Variants:  []productmd.TreeVariant{{ID: "Server", UID: "Server", Name: "Server", Type: "variant", Packages: "Packages", Repository: "."}},
			Checksums: map[string]productmd.Checksum{"repodata/repomd.xml": {Algorithm: "sha256", Hex: "aa"}},
		}},
	}
	second := append([]rpm.Change{
		entry(20005, "5.2-3", "- third `of` <them>\n- and *more*"), entry(20003, "5.2-2", "- second"), entry(20003, "5.2-1", "- new version"),
	}, first...)
	after = &made{
		info: info(2), status: "DOOMED",
		rpms: map[Cell][]madeRPM{
			server: {
				{nevra: "bash-5.2-3.src", size: 950, log: second},
				{nevra: "bash-5.2-3.x86_64", source: "bash-5.2-3.src", size: 1200, log: second},
				{nevra: "bash-doc-5.2-3.noarch", source: "bash-5.2-3.src", size: 90},
				{nevra: "bash-new-5.2-3.x86_64", source: "bash-5.2-3.src", size: 90},
				{nevra: "bash-debuginfo-5.2-3.x86_64", source: "bash-5.2-3.src", size: 5001},
				{nevra: "coming-1:1-1.x86_64", source: "coming-1:1-1.src", size: 2_000_000},
				{nevra: "coming-libs-1:1-1.i686", source: "coming-1:1-1.src", size: 1_000_000},
				{nevra: "late-1-1.noarch", source: "late-1-1.src", size: 10},
				{nevra: "signed-1-1.noarch", source: "signed-1-1.src", size: 10, key: "bbbb0002"},
				{nevra: "built-1-1.noarch", source: "built-1-1.src", size: 10, built: 2, sum: "x"},
				{nevra: "padded-1-1.noarch", source: "padded-1-1.src", size: 12, built: 1, sum: "x"},
				{nevra: "kernel-6-1.x86_64", source: "kernel-6-1.src", size: 10},
				{nevra: "kernel-7-1.x86_64", source: "kernel-7-1.src", size: 10},
				{nevra: "parts-1-1.noarch", source: "parts-1-1.src", size: 10},
				{nevra: "parts-extra-1-1.noarch", source: "parts-1-1.src", size: 10},
			},
			optional: {
				{nevra: "steady-1-1.noarch", source: "steady-1-1.src", size: 10},
				{nevra: "wandering-2-1.noarch", source: "wandering-2-1.src", size: 10, log: []rpm.Change{entry(20005, "2-1", "- arrived")}},
				{nevra: "wandering-doc-2-1.noarch", source: "wandering-2-1.src", size: 10},
			},
		},
		modules: []productmd.Module{
			{Variant: "Server", Arch: "x86_64", Name: "node", Stream: "18", Version: "2", Context: "c", KojiTag: "t", RPMs: []string{"node-0:18-2.x86_64"}},
			{Variant: "Server", Arch: "x86_64", Name: "node", Stream: "20", Version: "1", Context: "c", KojiTag: "t"},
		},
		images: `{"Server": {"x86_64": [
			{"path": "a2.iso", "size": 1500, "type": "dvd", "format": "iso", "arch": "x86_64", "subvariant": "Server", "disc_number": 1, "disc_count": 1, "volume_id": "Acme-42-x", "bootable": false, "checksums": {"md5": "abababababababababababababababab"}},
			{"path": "c.tar.xz", "size": 88, "type": "container", "format": "tar.xz", "arch": "x86_64", "subvariant": "Base", "disc_number": 1, "disc_count": 1, "checksums": {"md5": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}},
			{"path": "same-2.iso", "size": 5, "type": "boot", "format": "iso", "arch": "x86_64", "subvariant": "Server", "disc_number": 1, "disc_count": 1, "checksums": {"md5": "cccccccccccccccccccccccccccccccc"}}]}}`,
		comps: map[Cell]string{
			server:   groupsOf(t, "core: bash default, coming mandatory", "tools: kernel optional, parts mandatory"),
			optional: groupsOf(t, "web: wandering default"),
		},
		trees: map[string]productmd.TreeInfo{"Server/x86_64/os": {
			Release: productmd.Product{Name: "Acme", Short: "Acme", Version: "42"}, Arch: "x86_64", Timestamp: 2,
			Variants:  []productmd.TreeVariant{{ID: "Server", UID: "Server", Name: "Server", Type: "variant", Packages: "Packages", Repository: "."}},
			Images:    map[string]map[string]string{"x86_64": {"boot.iso": "images/boot.iso"}},
			Checksums: map[string]productmd.Checksum{"repodata/repomd.xml": {Algorithm: "sha256", Hex: "bb"}},
		}},
	}
	after.info.Compose.Label = "Beta-1.0"
	return before, after
}

func compared(t *testing.T, before, after string, o Options) (*Report, error) {
	t.Helper()
	var sides [2]*Side
	for i, name := range []string{before, after} {
		s, err := Open(name)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { s.Close() })
		s.Path = []string{"before", "after"}[i]
		sides[i] = s
	}
	return Compare(context.Background(), sides[0], sides[1], o)
}

func bytesText(n int64) string { return fmt.Sprintf("%d B", n) }

// asText is a report as the command prints it.
func asText(r *Report) string {
	var b strings.Builder
	for _, l := range r.Lines(bytesText) {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *updateGoldens {
		write(t, name, text(got))
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// TestReport tells everything there is to tell, in every format.
func TestReport(t *testing.T) {
	before, after := nights(t)
	a, b := before.write(t), after.write(t)
	r, err := compared(t, a, b, Options{Changelog: 2})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "nights.txt", asText(r))
	golden(t, "nights.md", r.Markdown(bytesText))
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "nights.json", string(data)+"\n")
	if strings.Contains(string(data), "null") {
		t.Error("something is null in the JSON")
	}
	for range 5 {
		again, err := compared(t, a, b, Options{Changelog: 2})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := asText(again), asText(r); got != want {
			t.Fatalf("another time it says\n%s\nfirst\n%s", got, want)
		}
	}
}
