package buildinstall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/fat"
	"github.com/pungo-build/pungo/rules"
)

type tweakParams struct {
	Installer  string `arg:"installer,required"` // what lorax has made
	VolID      string `arg:"volid,required"`     // file
	Kickstart  string `arg:"kickstart"`
	ProductImg string `arg:"product-img"`
	// NoBootISO leaves out boot.iso, which is made anew.
	NoBootISO bool   `arg:"without-boot-iso"`
	Output    string `arg:"output,required"`
	TreeInfo  string `arg:"treeinfo,required"` // its .treeinfo
	MBR       string `arg:"mbr"`               // boot code of its boot.iso
}

// Files of the installer.
const (
	efiImage   = "images/efiboot.img"
	bootISO    = "images/boot.iso"
	productImg = "images/product.img"
	ksFile     = "ks.cfg"
	treeInfo   = ".treeinfo"
	discInfo   = ".discinfo"
)

// configs are the files that tell boot loaders which volume to look for.
var configs = []string{
	"isolinux/isolinux.cfg", "etc/yaboot.conf", "ppc/ppc64/yaboot.conf", "EFI/BOOT/BOOTX64.conf", "EFI/BOOT/grub.cfg",
	"boot/grub2/grub.cfg", "boot/grub/grub.cfg", // of BIOS and of Open Firmware, since lorax has no isolinux and yaboot
}

// tweak makes the part of the tree of what lorax has made.
func tweak(ctx context.Context, j *rules.Job) error {
	t := &tweaker{Job: j}
	if err := rules.Parse(j.Args, &t.tweakParams); err != nil {
		return err
	}
	if err := t.load(ctx); err != nil {
		return err
	}
	if err := t.configure(ctx); err != nil {
		return err
	}
	if err := t.add(ctx, productImg, t.ProductImg); err != nil {
		return err
	}
	if err := t.bootCode(ctx); err != nil {
		return err
	}
	if t.NoBootISO {
		delete(t.files, bootISO)
	}
	b := t.Trees.Builder()
	for at, n := range t.files {
		if err := b.Add(at, n); err != nil {
			return err
		}
	}
	return t.OutputTree(ctx, t.tweakParams.Output, b)
}

type tweaker struct {
	*rules.Job
	tweakParams
	volid string
	files map[string]cache.Node // by path
}

// load reads what there is. What tree_metadata writes is left out, but for the
// .treeinfo, which it reads.
func (t *tweaker) load(ctx context.Context) error {
	id, err := t.Read(ctx, t.VolID)
	if err != nil {
		return err
	}
	t.volid, t.files = string(id), map[string]cache.Node{}
	in, err := t.Input(ctx, t.Installer)
	if err != nil {
		return err
	}
	err = t.Trees.Walk(ctx, in.Digest, func(at string, n cache.Node) error {
		if n.Kind != cache.DirKind {
			t.files[at] = n
		}
		return nil
	})
	if err != nil {
		return err
	}
	info, ok := t.files[treeInfo]
	if !ok {
		return fmt.Errorf("the installer has no %s, which says what it is", treeInfo)
	}
	t.Job.Output(t.TreeInfo, info)
	delete(t.files, treeInfo)
	delete(t.files, discInfo)
	return nil
}

// configure changes volume ids, in the tree and in the image for UEFI.
func (t *tweaker) configure(ctx context.Context) error {
	changed := map[string][]byte{}
	found := false
	for _, name := range configs {
		n, ok := t.files[name]
		if !ok {
			continue
		}
		found = true
		data, err := t.Trees.Store().Get(ctx, n.Digest)
		if err != nil {
			return err
		}
		text := t.config(name, data)
		if bytes.Equal(text, data) {
			continue
		}
		changed[name] = text
		if err := t.put(ctx, name, text); err != nil {
			return err
		}
	}
	switch {
	case found:
		if err := t.add(ctx, ksFile, t.Kickstart); err != nil {
			return err
		}
	case t.Kickstart != "":
		t.Warnf("the kickstart file is left out: the installer has no boot configuration that could name it")
	}
	if _, ok := t.files[efiImage]; !ok || len(changed) == 0 {
		return nil
	}
	return named(efiImage, t.configureEFI(ctx, changed))
}

var (
	labels   = regexp.MustCompile(`(:(?:CD)?LABEL=)[^ \n"]*`)
	searches = regexp.MustCompile(`(search .* -l) '[^'\n]*'`)
)

// config returns a boot configuration with the volume id. yaboot undoes one backslash
// more than others do.
func (t *tweaker) config(name string, data []byte) []byte {
	volid := strings.ReplaceAll(t.volid, " ", `\x20`)
	if strings.Contains(name, "yaboot") {
		volid = strings.ReplaceAll(t.volid, " ", `\\x20`)
	}
	ks := ""
	if t.Kickstart != "" {
		ks = " inst.ks=hd:LABEL=" + volid + ":/" + ksFile
	}
	data = labels.ReplaceAllFunc(data, func(m []byte) []byte {
		option, _, _ := bytes.Cut(m, []byte("="))
		return append(append(bytes.Clone(option), '='), volid+ks...)
	})
	return searches.ReplaceAllFunc(data, func(m []byte) []byte {
		before, _, _ := bytes.Cut(m, []byte(" '"))
		return append(bytes.Clone(before), " '"+t.volid+"'"...)
	})
}

// configureEFI puts changed files into the image for UEFI, in the place of those that
// are there. It keeps its size.
func (t *tweaker) configureEFI(ctx context.Context, changed map[string][]byte) error {
	data, err := t.Trees.Store().Get(ctx, t.files[efiImage].Digest)
	if err != nil {
		return err
	}
	if data, err = fat.Replace(data, changed); err != nil {
		return err
	}
	return t.put(ctx, efiImage, data)
}

// put changes a file.
func (t *tweaker) put(ctx context.Context, name string, data []byte) error {
	d, err := t.Trees.Store().Put(ctx, data)
	n := t.files[name]
	n.Digest = d
	t.files[name] = n
	return err
}

// add adds an input as a file, if there is one.
func (t *tweaker) add(ctx context.Context, name, input string) error {
	if input == "" {
		return nil
	}
	n, err := t.Input(ctx, input)
	n.Executable = false
	t.files[name] = n
	return err
}

// bootCodeSize is that of isolinux and GRUB 2 for USB sticks, up to where an image has
// its own facts: the block that they start.
const bootCodeSize = 432

// bootCode makes the boot code of boot.iso an output, for images that are made of this
// tree.
func (t *tweaker) bootCode(ctx context.Context) error {
	if t.MBR == "" {
		return nil
	}
	f, err := t.Open(ctx, t.Installer+"/"+bootISO)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the installer has no %s", bootISO)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	code := make([]byte, bootCodeSize)
	if _, err := f.ReadAt(code, 0); err != nil && err != io.EOF {
		return named(bootISO, err)
	}
	return t.Write(ctx, t.MBR, code)
}
