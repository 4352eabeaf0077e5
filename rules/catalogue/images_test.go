package catalogue_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/executor/local"
	"github.com/pungo-build/pungo/internal/isomd5"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// pretended is a Strategy that runs no program: the image that xorriso would print is
// what it was told, a machine boots at once, and lorax makes what it was told and such an
// image. So tests of tools do not depend on their versions.
type pretended struct{ trees *cache.Trees }

func (pretended) Fingerprint(context.Context, *rules.Toolchain, string) (string, error) {
	return "pretended", nil
}

func (p pretended) Run(ctx context.Context, c *executor.Command) (r cache.Result, err error) {
	switch {
	case strings.HasPrefix(c.Toolchain.Program, "qemu"):
		_, err = io.WriteString(c.Stdout, "the installer has started\n")
		return r, err
	case c.Toolchain.Program == "lorax":
		return p.installer(ctx, c)
	case slices.Contains(c.Args, "-indev"):
		_, err = io.WriteString(c.Stdout, "'/'\n'/isolinux'\n'/images'\n")
		return r, err
	}
	paths, err := p.told(ctx, c)
	if err == nil {
		_, err = c.Stdout.Write(pretendedImage(c, paths))
	}
	return r, err
}

// told returns the paths that xorriso is told to put on an image.
func (p pretended) told(ctx context.Context, c *executor.Command) ([]string, error) {
	dir, err := p.trees.Read(ctx, c.Root)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, n := range dir {
		if n.Name != "graft" {
			continue
		}
		data, err := p.trees.Store().Get(ctx, n.Digest)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(data)) {
			at, _, _ := strings.Cut(line, "=")
			paths = append(paths, at)
		}
	}
	for i, arg := range c.Args {
		switch arg {
		case "-c":
			paths = append(paths, c.Args[i+1])
		case "-lns":
			paths = append(paths, strings.TrimPrefix(c.Args[i+2], "/"))
		}
	}
	return paths, nil
}

// installer is what lorax would make.
func (p pretended) installer(ctx context.Context, c *executor.Command) (r cache.Result, err error) {
	b := p.trees.Builder()
	for name, data := range map[string]string{
		".treeinfo":             "[general]\narch = x86_64\n[images-x86_64]\nboot.iso = images/boot.iso\n",
		"images/boot.iso":       string(pretendedImage(c, []string{"isolinux", "images"})),
		"isolinux/isolinux.bin": strings.Join(c.Args, "\n"),
		"isolinux/isolinux.cfg": "append inst.stage2=hd:LABEL=Other\n",
	} {
		d, err := p.trees.Store().Put(ctx, []byte(data))
		if err != nil {
			return r, err
		}
		if err := b.Add(name, cache.Node{Kind: cache.FileKind, Digest: d}); err != nil {
			return r, err
		}
	}
	root, err := b.Build(ctx)
	if err != nil {
		return r, err
	}
	log, err := p.trees.Store().Put(ctx, []byte("done\n"))
	for _, o := range c.Outputs {
		if o.Digest = log; o.Kind == cache.DirKind {
			o.Digest = root
		}
		r.Outputs = append(r.Outputs, o)
	}
	return r, err
}

// pretendedImage is an image of empty files, with what xorriso was told.
func pretendedImage(c *executor.Command, paths []string) []byte {
	const sectors, descriptor, folders = 64, 16 * 2048, 34
	image := make([]byte, sectors*2048)
	d := image[descriptor:]
	copy(d, "\x01CD001\x01\x00")
	copy(d[40:72], strings.Repeat(" ", 32))
	if i := slices.Index(c.Args, "-volid"); i >= 0 {
		copy(d[40:72], c.Args[i+1])
	}
	binary.BigEndian.PutUint32(d[84:], sectors)
	copy(d[883:1395], strings.Repeat(" ", 512))
	copy(d[2048:folders*2048-descriptor], fmt.Sprintln(c.Args, c.Root, c.Epoch))
	binary.LittleEndian.PutUint16(d[128:], 2048)
	names := map[string][]string{".": nil} // of each folder
	for _, at := range paths {
		for ; at != "." && !slices.Contains(names[path.Dir(at)], path.Base(at)); at = path.Dir(at) {
			names[path.Dir(at)] = append(names[path.Dir(at)], path.Base(at))
		}
	}
	sector := map[string]int{}
	for i, dir := range slices.Sorted(maps.Keys(names)) { // "." is the first one
		sector[dir] = folders + i
	}
	copy(d[156:], isoRecord(folders, ""))
	for dir, at := range sector {
		b := isoRecord(at, "")
		for _, name := range names[dir] {
			b = append(b, isoRecord(sector[path.Join(dir, name)], name)...)
		}
		if len(b) > 2048 {
			panic("too many files in folder " + dir)
		}
		copy(image[at*2048:(at+1)*2048], b)
	}
	return image
}

// isoRecord is that of a folder of one sector, or of a file if sector is 0, with a name of
// Rock Ridge; "" is the folder itself.
func isoRecord(sector int, name string) []byte {
	b := make([]byte, 34)
	b[32] = 1
	if name != "" {
		b[33] = 'F'
		b = append(append(b, 'N', 'M', byte(5+len(name)), 1, 0), name...)
	}
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	b[0] = byte(len(b))
	if sector != 0 {
		b[25] = 2
		binary.LittleEndian.PutUint32(b[2:], uint32(sector))
		binary.LittleEndian.PutUint32(b[10:], 2048)
	}
	return b
}

// realPrograms runs them on this machine.
func realPrograms(t *testing.T) func(*cache.Trees) executor.Strategy {
	return func(trees *cache.Trees) executor.Strategy {
		return local.New(trees, local.Options{Dir: t.TempDir()})
	}
}

// image returns the path of an image below compose/.
func (d *dummyCompose) image(t *testing.T, name string) string {
	t.Helper()
	for at := range d.finished {
		if path.Base(at) == name {
			return strings.TrimPrefix(at, "compose/")
		}
	}
	t.Fatalf("image %s is not there", name)
	return ""
}

// images returns the paths of all images in the compose.
func (d *dummyCompose) images() []string {
	var images []string
	for _, name := range slices.Sorted(maps.Keys(d.finished)) {
		if strings.HasSuffix(name, ".iso") {
			images = append(images, name)
		}
	}
	return images
}

// unpackImages reads what is at the top of images with isoinfo.
func (d *dummyCompose) unpackImages(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	d.onImages = map[string][]byte{}
	for _, name := range d.images() {
		file := filepath.Join(dir, path.Base(name))
		writeFile(t, file, d.finished[name])
		for _, inside := range []string{".treeinfo", ".discinfo", "media.repo"} {
			out, err := exec.Command("isoinfo", "-R", "-x", "/"+inside, "-i", file).Output()
			if err != nil {
				t.Fatalf("isoinfo: %s: %v", name, err)
			}
			d.onImages[strings.TrimPrefix(name, "compose/")+"/"+inside] = out
		}
	}
}

// compareManifests compares lists of content with Pungi's, and with what isoinfo finds.
func (d *dummyCompose) compareManifests(t *testing.T) {
	for _, file := range dummyFiles(t, "manifest") {
		name := strings.TrimSuffix(file, ".manifest")
		at := "compose/" + d.image(t, name)
		manifest := string(d.finished[at+".manifest"])
		t.Run(name, func(t *testing.T) {
			want := string(readFile(t, dummy+"expected/manifest/"+file))
			d.compareSets(t,
				strings.Fields(checksumName.ReplaceAllString(manifest, "/<sha256>-")),
				strings.Fields(checksumName.ReplaceAllString(want, "/<sha256>-")))
			if got := listImage(t, d.finished[at]); got != manifest {
				t.Errorf("isoinfo finds\n%s\nthe manifest has\n%s", got, manifest)
			}
		})
	}
}

// listImage lists an image as isoinfo finds it, sorted.
func listImage(t *testing.T, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.iso")
	writeFile(t, file, data)
	out, err := exec.Command("isoinfo", "-R", "-f", "-i", file).Output()
	if err != nil {
		t.Fatalf("isoinfo: %v", err)
	}
	lines := strings.SplitAfter(string(out), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// compareImages compares images.json, and holds what it says of an image against the
// image.
func (d *dummyCompose) compareImages(t *testing.T) {
	got := listImages(t, d.finished["compose/metadata/images.json"])
	d.compareSets(t, got, listImages(t, readFile(t, dummy+"expected/images.json")))
	all, err := productmd.ParseImages(bytes.NewReader(d.finished["compose/metadata/images.json"]))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all.Images {
		data := d.finished["compose/"+i.Path]
		sums, size, err := productmd.Sum(bytes.NewReader(data), productmd.ChecksumTypes())
		if err != nil || size != i.Size {
			t.Errorf("%s: %d bytes, want %d; error %v", i.Path, i.Size, size, err)
		}
		for kind, sum := range i.Checksums {
			if sums[kind] != sum {
				t.Errorf("%s: %s is %s, want %s", i.Path, kind, sum, sums[kind])
			}
		}
		v, err := isomd5.Read(bytes.NewReader(data))
		if err != nil || v.ID != i.VolumeID || v.Implanted == nil || v.Implanted.MD5 != i.ImplantMD5 || v.Sectors*2048 != size {
			t.Errorf("%s: got %+v with %+v and error %v, want volume id %s, implanted %s, %d bytes", i.Path, v, v.Implanted, err, i.VolumeID, i.ImplantMD5, size)
			continue
		}
		if got := sumAgain(t, data); got != i.ImplantMD5 {
			t.Errorf("%s: its implanted sum is %s, want %s", i.Path, i.ImplantMD5, got)
		}
	}
}

// sumAgain computes the implanted MD5 sum of an image that has one.
func sumAgain(t *testing.T, data []byte) string {
	t.Helper()
	s := isomd5.Again()
	if _, err := s.Write(data); err != nil {
		t.Fatal(err)
	}
	i, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return i.MD5
}

// listImages lists images.json, a line a field of an image. What depends on the run is
// there, whatever it is.
func listImages(t *testing.T, data []byte) (lines []string) {
	t.Helper()
	var document struct {
		Payload struct {
			Images map[string]map[string][]map[string]any
		}
	}
	parseJSON(t, data, &document)
	for variant, arches := range document.Payload.Images {
		for arch, images := range arches {
			for _, i := range images {
				for key, value := range i {
					switch key {
					case "implant_md5", "mtime", "size":
						value = "*"
					case "checksums":
						value = slices.Sorted(maps.Keys(value.(map[string]any)))
					}
					lines = append(lines, fmt.Sprintf("image %s.%s %s %s %v", variant, arch, i["path"], key, value))
				}
			}
		}
	}
	return lines
}

// TestReproducibleImages: two runs of xorriso, of other inodes at other times, print
// the same bytes.
func TestReproducibleImages(t *testing.T) {
	t.Parallel()
	var first composed
	for round := range 2 {
		dir := unpack(t, parseArchive(readFile(t, "testdata/compose/images.txtar")))
		c, err := tryCompose(t, os.DirFS(dir), dir, executor.Options{Jobs: 1 + round}, phases(), realPrograms(t))
		if err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			first = c
			continue
		}
		if c.tree != first.tree {
			t.Errorf("the second compose is %s, the first %s", c.tree, first.tree)
		}
	}
	at := filepath.Join(onDisk(t, first), "compose/Server/x86_64/iso")
	for disc, packages := range []int{1, 2} {
		isRepository(t, fmt.Sprintf("%s/T-1.2-20261122.t.0-Server-x86_64-dvd%d.iso", at, disc+1), packages)
	}
}

// isRepository looks at the repository of a disc: it has the packages that are below
// Packages, and .treeinfo has its checksum.
func isRepository(t *testing.T, image string, packages int) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "image")
	program(t, "xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", dir)
	defer program(t, "chmod", "-R", "u+w", dir)
	rpms, err := filepath.Glob(dir + "/Packages/*/*.rpm")
	if err != nil || len(rpms) != packages {
		t.Errorf("%s: got packages %q, want %d; error %v", image, rpms, packages, err)
	}
	primary := program(t, "sh", "-c", "zcat "+dir+"/repodata/*-primary.xml.gz")
	if n := strings.Count(primary, "<location "); n != packages {
		t.Errorf("%s: its repository has %d packages, want %d", image, n, packages)
	}
	for _, rpm := range rpms {
		if href := strings.TrimPrefix(rpm, dir+"/"); !strings.Contains(primary, `href="`+href+`"`) {
			t.Errorf("%s: its repository lacks %s", image, href)
		}
	}
	sum := strings.Fields(program(t, "sha256sum", dir+"/repodata/repomd.xml"))[0]
	if info := string(readFile(t, dir+"/.treeinfo")); !strings.Contains(info, "repodata/repomd.xml = sha256:"+sum+"\n") {
		t.Errorf("%s: .treeinfo has not the checksum %s of the repository: %s", image, sum, info)
	}
}

// TestMedia: what programs read of a DVD that boots is what was put there.
func TestMedia(t *testing.T) {
	t.Parallel()
	dir := unpack(t, parseArchive(readFile(t, "testdata/media.txtar")))
	writeFile(t, filepath.Join(dir, "isolinux.bin"), readFile(t, "/usr/lib/ISOLINUX/isolinux.bin"))
	writeFile(t, filepath.Join(dir, "isohdpfx.bin"), readFile(t, "/usr/lib/ISOLINUX/isohdpfx.bin"))
	writeFile(t, filepath.Join(dir, "efiboot.img"), bytes.Repeat([]byte("no loader\n"), 100_000))
	c, err := tryCompose(t, os.DirFS(dir), dir, executor.Options{}, phases(), realPrograms(t))
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "compose")
	if err := materialize.Tree(t.Context(), c.trees, c.tree, at, materialize.Options{}); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(at, "compose/Server/x86_64/iso/T-1.2-20261122.t.0-Server-x86_64-dvd1.iso")
	t.Run("checkisomd5", func(t *testing.T) { program(t, "checkisomd5", image) })
	t.Run("boots", func(t *testing.T) { bootsFrom(t, image) })
	t.Run("Joliet and Rock Ridge", func(t *testing.T) {
		manifest := string(readFile(t, image+".manifest"))
		if got := listImage(t, readFile(t, image)); got != manifest {
			t.Errorf("Rock Ridge has\n%s\nthe manifest has\n%s", got, manifest)
		}
		joliet := program(t, "isoinfo", "-J", "-f", "-i", image)
		for line := range strings.Lines(manifest) {
			// Joliet has no links.
			if !strings.Contains(joliet, line) && !strings.HasSuffix(line, "/LICENSE\n") {
				t.Errorf("Joliet lacks %s", line)
			}
		}
	})
	t.Run("content", func(t *testing.T) { sameContent(t, image, filepath.Join(at, "compose/Server/x86_64/os")) })
	t.Run("dnf installs", func(t *testing.T) { installsFrom(t, image) })
	t.Run("image_test", func(t *testing.T) {
		if got := string(readFile(t, filepath.Join(at, "logs/global/image_test.log"))); !strings.HasSuffix(got, "trees: 0 errors, 0 warnings\n") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("checksums", func(t *testing.T) {
		for _, kind := range []string{"md5", "sha1", "sha256", "sha512"} {
			cmd := exec.Command(kind+"sum", "--strict", "--check", strings.ToUpper(kind)+"SUM")
			cmd.Dir = filepath.Dir(image)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", kind, err, out)
			}
		}
	})
}

// bootsFrom looks at the boot record and the partitions of an image as xorriso finds them.
func bootsFrom(t *testing.T, image string) {
	t.Helper()
	report := program(t, "xorriso", "-indev", image, "-report_el_torito", "plain", "-report_system_area", "plain")
	for _, want := range []string{
		"El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4",
		"El Torito boot img :   2  UEFI  y",
		"El Torito img path :   1  /isolinux/isolinux.bin",
		"El Torito img opts :   1  boot-info-table isohybrid-suitable",
		"System area summary: MBR isohybrid",
		"GPT partname local :   2  Appended2",
		"GPT type GUID      :   2",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("xorriso does not report %q, but\n%s", want, report)
		}
	}
}

// sameContent compares what is on an image with the tree that it is of, whose boot.iso
// and whose description of the medium it has not.
func sameContent(t *testing.T, image, tree string) {
	t.Helper()
	extracted := filepath.Join(t.TempDir(), "image")
	program(t, "xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", extracted)
	out, _ := exec.Command("diff", "-r", "--no-dereference", extracted, tree).Output()
	want := []string{".discinfo", ".treeinfo", "isolinux/isolinux.bin", "Only in " + extracted + "/isolinux: boot.cat"}
	for line := range strings.Lines(string(out)) {
		if (strings.HasPrefix(line, "diff ") || strings.HasPrefix(line, "Only in ")) &&
			!slices.ContainsFunc(want, func(w string) bool { return strings.Contains(line, w) }) {
			t.Errorf("the image differs from the tree: %s\n%s", line, out)
		}
	}
	for _, w := range want {
		if !strings.Contains(string(out), w) && !strings.Contains(w, "isolinux.bin") {
			t.Errorf("%s does not differ from the tree's, in\n%s", w, out)
		}
	}
	for _, file := range []string{"Packages/a/app-1-1.x86_64.rpm", "GPL", "images/efiboot.img"} {
		a, err1 := os.Stat(filepath.Join(extracted, file))
		b, err2 := os.Stat(filepath.Join(tree, file))
		if err1 != nil || err2 != nil || !a.ModTime().Equal(b.ModTime()) || a.Mode() != b.Mode() {
			t.Errorf("%s: got %v, %v, want %v, %v", file, a, err1, b, err2)
		}
	}
	program(t, "chmod", "-R", "u+w", extracted)
}

// installsFrom has dnf install from an image that was extracted.
func installsFrom(t *testing.T, image string) {
	t.Helper()
	dir := t.TempDir()
	extracted := filepath.Join(dir, "image")
	program(t, "xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", extracted)
	program(t, "chmod", "-R", "u+w", extracted)
	root := filepath.Join(dir, "root")
	args := []string{
		"--installroot=" + root, "--releasever=1", "--forcearch=x86_64", "--disablerepo=*", "--setopt=reposdir=/nowhere",
		"--setopt=cachedir=" + dir + "/cache", "--setopt=logdir=" + dir, "--setopt=persistdir=" + dir + "/persist",
		"--repofrompath=dvd,file://" + extracted, "--repofrompath=ha,file://" + extracted + "/addons/HA",
		"--nogpgcheck", "--assumeyes", "install", "ha",
	}
	program(t, "dnf", args...)
	for _, file := range []string{"usr/bin/app", "usr/lib/lib", "usr/bin/ha"} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			t.Errorf("dnf has not installed it: %v", err)
		}
	}
}

// compareSumFiles has sha256sum and its kin check all files with checksums, and holds
// their form against Pungi's. Which there are is seen among the paths.
func (d *dummyCompose) compareSumFiles(t *testing.T) {
	form := regexp.MustCompile(`^(# \S+: [0-9]+ bytes\n[A-Z0-9]+ \(\S+\) = [0-9a-f]+\n)+$`)
	dir := t.TempDir()
	for _, name := range d.images() {
		if err := os.MkdirAll(filepath.Join(dir, path.Dir(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), d.finished[name])
	}
	checked := 0
	for _, name := range slices.Sorted(maps.Keys(d.finished)) {
		program, ok := strings.CutSuffix(path.Ext("."+path.Base(name)), "SUM")
		if !ok {
			continue
		}
		checked++
		file := filepath.Join(dir, name)
		writeFile(t, file, d.finished[name])
		if !form.Match(d.finished[name]) {
			t.Errorf("%s has another form:\n%s", name, d.finished[name])
		}
		cmd := exec.Command(strings.ToLower(strings.TrimPrefix(program, "."))+"sum", "--strict", "--check", file)
		cmd.Dir = filepath.Dir(file)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if checked != 99 {
		t.Errorf("%d files with checksums, want 99", checked)
	}
	if got, want := string(d.finished["logs/global/image_test.log"]), "18 images, 34 trees: 0 errors, 0 warnings\n"; got != want {
		t.Errorf("image_test: got %s, want %s", got, want)
	}
}
