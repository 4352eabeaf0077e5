package imagetest

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

// host runs nested actions at once, one after the other.
type host struct {
	rules.Host
	trees *cache.Trees
	calls int
}

func (h *host) Each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	for i := range n {
		if err := fn(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) Call(ctx context.Context, c rules.Call) (cache.Result, error) {
	h.calls++
	for _, t := range append(Tools(), images.Tools()...) {
		if t.Name == c.Tool {
			j := &rules.Job{Host: h, Trees: h.trees, Args: c.Args, Inputs: c.Inputs}
			err := t.Run(ctx, j)
			return j.Result(), err
		}
	}
	return cache.Result{}, fmt.Errorf("tool %s: %w", c.Tool, fs.ErrNotExist)
}

const (
	image  = "Server/x86_64/iso/disc.raw"
	tree   = "Server/x86_64/os/"
	golden = `[{"path": "disc.raw", "type": "raw", "format": "raw", "arch": "x86_64"}]`
)

// product is a compose without a fault: files below compose/, and the description of
// its image.
func product(t *testing.T) (files map[string]string, description string) {
	t.Helper()
	files = map[string]string{image: "a disc", tree + "Packages/app-1-1.noarch.rpm": "a package", tree + "images/boot.img": "boot"}
	sums, _, err := productmd.Sum(strings.NewReader(files[image]), []string{"sha256"})
	if err != nil {
		t.Fatal(err)
	}
	files["Server/x86_64/iso/SHA256SUM"] = "# disc.raw: 6 bytes\nSHA256 (disc.raw) = " + sums["sha256"] + "\n"
	var text bytes.Buffer
	listed := productmd.Images{
		Compose: productmd.Compose{ID: "T-1-20261122.t.0", Date: "20261122", Type: "test"},
		Images: []productmd.ListedImage{{Variant: "Server", Under: "x86_64", Image: productmd.Image{
			Path: image, MTime: rules.Oldest, Size: 6, Type: "raw", Format: "raw", Arch: "x86_64", DiscCount: 1, DiscNumber: 1,
			Checksums: sums, Subvariant: "Server",
		}}},
	}
	if err := listed.Encode(&text); err != nil {
		t.Fatal(err)
	}
	files[manifest] = text.String()
	addRepository(t, files)
	return files, golden
}

// addRepository adds repodata and a .treeinfo.
func addRepository(t *testing.T, files map[string]string) {
	t.Helper()
	p := &rpm.Package{NEVRA: rpm.NEVRA{Name: "app", EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}}
	pkg := []byte(files[tree+"Packages/app-1-1.noarch.rpm"])
	at := repodata.Location{Href: "Packages/app-1-1.noarch.rpm", Checksum: repodata.SHA256.Sum(pkg), PackageSize: int64(len(pkg))}
	primary := append(repodata.AppendPrimary(repodata.PrimaryOpen(1), p, at), repodata.PrimaryClose()...)
	files[tree+"repodata/primary.xml"] = string(primary)
	repomd := &repodata.Repomd{Revision: "1", Records: []repodata.Record{{
		Type: "primary", Location: "repodata/primary.xml", Checksum: repodata.SHA256.Sum(primary), Size: int64(len(primary)), Timestamp: 1,
	}}}
	var text bytes.Buffer
	if _, err := repomd.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	files[tree+"repodata/repomd.xml"] = text.String()
	info := &productmd.TreeInfo{
		Release: productmd.Product{Name: "Test", Short: "T", Version: "1"}, Arch: "x86_64", Timestamp: 1,
		Variants: []productmd.TreeVariant{{ID: "Server", UID: "Server", Name: "Server", Type: "variant", Packages: "Packages", Repository: "."}},
		Images:   map[string]map[string]string{"x86_64": {"boot.img": "images/boot.img"}},
		Checksums: map[string]productmd.Checksum{
			"repodata/repomd.xml": {Algorithm: "sha256", Hex: repodata.SHA256.Sum(text.Bytes()).Hex},
			"images/boot.img":     {Algorithm: "sha256", Hex: repodata.SHA256.Sum([]byte("boot")).Hex},
		},
	}
	var ini bytes.Buffer
	if err := info.Encode(&ini); err != nil {
		t.Fatal(err)
	}
	files[tree+".treeinfo"] = ini.String()
}

// check runs the test over a compose, and returns its log and whether it failed.
func check(t *testing.T, files map[string]string, description string) (string, bool) {
	t.Helper()
	ctx := t.Context()
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	put := func(text string) cache.Node {
		d, err := trees.Store().Put(ctx, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return cache.Node{Kind: cache.FileKind, Digest: d}
	}
	compose, sums := trees.Builder(), trees.Builder()
	for name, text := range files {
		if err := compose.Add(name, put(text)); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "SUM") {
			if err := sums.Add(name, put(text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	folder := func(name string, b *cache.Builder) cache.Node {
		root, err := b.Build(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return cache.Node{Name: name, Kind: cache.DirKind, Digest: root}
	}
	described, disc := put(description), put("a disc")
	described.Name, disc.Name = "described", "disc.raw"
	j := &rules.Job{Host: &host{trees: trees}, Trees: trees, Args: []string{
		"--compose", "compose", "--images", "Server", "x86_64", "Server/x86_64/iso", "disc.raw", "described", "--checksum", "sha256",
		"--sum-files", "sums", "--repo", "Server/x86_64/os", "Server/x86_64/os", "Packages", "compose", "--read", "true",
		"--log", "log", "--json", "json",
	}, Inputs: []cache.Node{folder("compose", compose), described, disc, folder("sums", sums)}}
	slices.SortFunc(j.Inputs, func(a, b cache.Node) int { return strings.Compare(a.Name, b.Name) })
	if err := run(ctx, j); err != nil {
		t.Fatal(err)
	}
	log, err := trees.Store().Get(ctx, j.Result().Outputs[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return string(log), j.Result().ExitCode != 0
}

func TestRun(t *testing.T) {
	replace := func(name, old, new string) func(map[string]string) {
		return func(files map[string]string) { files[name] = strings.Replace(files[name], old, new, 1) }
	}
	tests := []struct {
		name   string
		change func(files map[string]string)
		want   []string // beginnings of lines of the log
	}{
		{"nothing", func(map[string]string) {}, nil},
		{"an image is gone", func(files map[string]string) { delete(files, image) }, []string{
			"error: Server/x86_64/iso/disc.raw: images.json lists it, and there is no such file",
		}},
		{"another size", replace(manifest, `"size": 6`, `"size": 7`), []string{
			"error: Server/x86_64/iso/disc.raw: it has 6 bytes, and images.json says 7",
		}},
		{"another property", replace(manifest, `"bootable": false`, `"bootable": true`), []string{
			"error: Server/x86_64/iso/disc.raw: images.json says bootable true, want false",
		}},
		{"another path", replace(manifest, "disc.raw", "disk.raw"), []string{
			"error: Server/x86_64/iso/disc.raw: images.json does not list it",
			"error: Server/x86_64/iso/disk.raw: images.json lists it, and there is no such file",
		}},
		{"no images.json", func(files map[string]string) { files["metadata/rpms.json"] = "{}"; delete(files, manifest) }, []string{
			"error: metadata/images.json: it is not there, and the compose has 1 images",
		}},
		{"a wrong sum", replace("Server/x86_64/iso/SHA256SUM", "= ", "= 00"), []string{
			"error: Server/x86_64/iso/SHA256SUM: sha256 of disc.raw is 00",
			"error: Server/x86_64/iso/disc.raw: no checksum file has its sha256",
		}},
		{"a sum of nothing", replace("Server/x86_64/iso/SHA256SUM", "(disc.raw)", "(disk.raw)"), []string{
			"error: Server/x86_64/iso/SHA256SUM: it lists disk.raw, and there is no such image",
			"error: Server/x86_64/iso/disc.raw: no checksum file has its sha256",
		}},
		{"another form", replace("Server/x86_64/iso/SHA256SUM", "SHA256 (", "SHA256 "), []string{
			"error: Server/x86_64/iso/SHA256SUM: 2: found ",
			"error: Server/x86_64/iso/disc.raw: no checksum file has its sha256",
		}},
		{"treeinfo names what is not there", func(files map[string]string) { delete(files, tree+"images/boot.img") }, []string{
			"error: Server/x86_64/os: .treeinfo names images/boot.img, and there is no such file",
		}},
		{"treeinfo has another sum", func(files map[string]string) { files[tree+"images/boot.img"] = "boat" }, []string{
			"error: Server/x86_64/os: .treeinfo says that images/boot.img has the sha256 ",
		}},
		{"a package is gone", func(files map[string]string) { delete(files, tree+"Packages/app-1-1.noarch.rpm") }, []string{
			"error: Server/x86_64/os: repodata lists Packages/app-1-1.noarch.rpm, and there is no such package",
		}},
		{"a package is another", func(files map[string]string) { files[tree+"Packages/app-1-1.noarch.rpm"] = "x" }, []string{
			"error: Server/x86_64/os: Packages/app-1-1.noarch.rpm has 1 bytes, and repodata says 9",
		}},
		{"a package is not listed", func(files map[string]string) { files[tree+"Packages/b/b-1-1.noarch.rpm"] = "b" }, []string{
			"error: Server/x86_64/os: repodata does not list Packages/b/b-1-1.noarch.rpm",
		}},
		{"repodata is cut off", func(files map[string]string) {
			files[tree+"repodata/primary.xml"] = files[tree+"repodata/primary.xml"][:100]
		}, []string{"error: Server/x86_64/os: repodata/primary.xml has 100 bytes, and repomd.xml says "}},
		{"repodata is gone", func(files map[string]string) { delete(files, tree+"repodata/primary.xml") }, []string{
			"error: Server/x86_64/os: repomd.xml lists repodata/primary.xml, and there is no such file",
		}},
		{"no tree", func(files map[string]string) {
			for name := range files {
				if strings.HasPrefix(name, tree) {
					delete(files, name)
				}
			}
		}, []string{"error: Server/x86_64/os: nothing is delivered there, and a target says that it is a tree"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, description := product(t)
			test.change(files)
			log, failed := check(t, files, description)
			lines := strings.Split(strings.TrimSpace(log), "\n")
			last := fmt.Sprintf("1 images, 1 trees: %d errors, 0 warnings", len(test.want))
			for k, want := range append(test.want, last) {
				if k >= len(lines) || !strings.HasPrefix(lines[k], want) {
					t.Fatalf("got\n%swant line %d: %s", log, k+1, want)
				}
			}
			if failed != (len(test.want) > 0) {
				t.Errorf("failed is %t, with %d findings", failed, len(test.want))
			}
		})
	}
}
