// Package bootimage makes trees bootable: it puts a kernel, an initrd and boot loaders
// where firmware, installers and PXE servers look for them, and writes what these read.
//
// The tree is that of lorax, as far as there is anything in it:
//
//	images/pxeboot/vmlinuz, initrd.img    also for PXE
//	images/efiboot.img                    FAT, what UEFI firmware starts
//	images/install.img                    what the initrd goes on with
//	EFI/BOOT/                             the same files, for who boots from a folder
//	isolinux/, or images/eltorito.img and boot/grub2/   what BIOS starts
//
// Boot loaders find their disc by its volume id.
package bootimage

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/fat"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed boot_image.star
var Star []byte

// Tools returns the tools of boot_image.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "boot_image", Version: 3, Params: params{}, Run: run}}
}

type params struct {
	Arch  string      `arg:"arch,required"`
	Title string      `arg:"title,required"` // of the menu entry
	VolID string      `arg:"volid,required"` // file
	Files [][2]string `arg:"file"`           // role, file
	// Packaged is a folder of more files, by role.
	Packaged   string `arg:"packaged"`
	KernelArgs string `arg:"kernel-args"` // "{volid}" is the volume id, as the kernel's command line has it
	Serial     bool   `arg:"serial"`      // boot loaders talk to the first serial line, too
	Timeout    int    `arg:"timeout"`     // seconds
	EFIDir     string `arg:"efi-dir"`     // where the EFI loader looks for grub.cfg, beside EFI/BOOT
	Output     string `arg:"output,required"`
	MBR        string `arg:"mbr"`               // the file of the role mbr, if there is one
	TreeInfo   string `arg:"treeinfo,required"` // what .treeinfo says of these files
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	b := &boot{Job: j, params: p, tree: j.Trees.Builder(), roles: map[string]cache.Node{}}
	for _, step := range []func(context.Context) error{b.load, b.place, b.checkFormats, b.configure, b.efiImage, b.finish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// boot is a tree in the making.
type boot struct {
	*rules.Job
	params
	volid  string
	roles  map[string]cache.Node
	newest int64 // time of the newest file that was given
	tree   *cache.Builder
}

// place of a role in the tree.
type place struct {
	role, path string
	image      string // its name in .treeinfo, "" if it is not there
}

const (
	kernelPath = "images/pxeboot/vmlinuz"
	initrdPath = "images/pxeboot/initrd.img"
	efiPath    = "images/efiboot.img"
)

// places returns where each role goes on an arch. Roles without a path are for the
// making of images.
func places(arch string) ([]place, error) {
	efi := map[string]string{"x86_64": "X64", "i386": "IA32", "aarch64": "AA64", "armhfp": "ARM", "riscv64": "RISCV64"}[arch]
	if efi == "" {
		return nil, fmt.Errorf("arch %q: a tree is made bootable for x86_64, i386, aarch64, armhfp and riscv64", arch)
	}
	all := []place{
		{"kernel", kernelPath, "kernel"},
		{"initrd", initrdPath, "initrd"},
		{"stage2", "images/install.img", ""},
		{"efi", "EFI/BOOT/BOOT" + efi + ".EFI", ""},
	}
	if hasBIOS(arch) {
		all = append(all, place{"isolinux", "isolinux/isolinux.bin", ""}, place{"ldlinux", "isolinux/ldlinux.c32", ""},
			place{"grub", "images/eltorito.img", ""}, place{"mbr", "", ""})
	}
	return all, nil
}

func hasBIOS(arch string) bool { return arch == "x86_64" || arch == "i386" }

// load finds the files by role.
func (b *boot) load(ctx context.Context) error {
	id, err := b.Read(ctx, b.VolID)
	if err != nil {
		return err
	}
	b.volid = string(id)
	for _, f := range b.Files {
		if b.roles[f[0]], err = b.Input(ctx, f[1]); err != nil {
			return err
		}
	}
	if b.Packaged != "" {
		in, err := b.Input(ctx, b.Packaged)
		if err != nil {
			return err
		}
		dir, err := b.Trees.Read(ctx, in.Digest)
		if err != nil {
			return err
		}
		for _, n := range dir {
			b.roles[n.Name] = n
		}
	}
	b.newest = rules.Oldest
	for _, n := range b.roles {
		b.newest = max(b.newest, n.ModTime)
	}
	return nil
}

// place puts files where they belong.
func (b *boot) place(ctx context.Context) error {
	all, err := places(b.Arch)
	if err != nil {
		return err
	}
	left := map[string]bool{}
	for role := range b.roles {
		left[role] = true
	}
	for _, p := range all {
		n, ok := b.roles[p.role]
		delete(left, p.role)
		switch {
		case !ok:
			continue
		case n.Kind != cache.FileKind:
			return fmt.Errorf("%s: a folder, want a file", p.role)
		case p.path == "":
			n.Executable = false
			b.Job.Output(b.MBR, n)
		default:
			n.Executable = false
			err = b.tree.Add(p.path, n)
		}
		if err != nil {
			return err
		}
	}
	if len(left) > 0 {
		var roles []string
		for _, p := range all {
			roles = append(roles, p.role)
		}
		return fmt.Errorf("%q is not something that %s boots with; there are %s", slices.Sorted(maps.Keys(left))[0], b.Arch, strings.Join(roles, ", "))
	}
	return b.check()
}

// check reports what lacks.
func (b *boot) check() error {
	for _, role := range []string{"kernel", "initrd"} {
		if _, ok := b.roles[role]; !ok {
			return fmt.Errorf("no %s: want one among files or from_packages", role)
		}
	}
	_, isolinux := b.roles["isolinux"]
	_, ldlinux := b.roles["ldlinux"]
	_, grub := b.roles["grub"]
	_, efi := b.roles["efi"]
	switch {
	case !efi && !hasBIOS(b.Arch):
		return fmt.Errorf("no boot loader: want efi for UEFI")
	case !isolinux && !grub && !efi:
		return fmt.Errorf("no boot loader: want isolinux or grub for BIOS, efi for UEFI, or two of them")
	case isolinux && grub:
		return fmt.Errorf("both isolinux and grub are for BIOS, want one of them")
	case isolinux != ldlinux:
		return fmt.Errorf("isolinux and ldlinux go together, want both: isolinux.bin and ldlinux.c32")
	}
	return nil
}

// add writes a file into the tree.
func (b *boot) add(ctx context.Context, name string, data []byte) error {
	return b.tree.Put(ctx, name, data, b.newest)
}

// configure writes what boot loaders read.
func (b *boot) configure(ctx context.Context) error {
	if _, ok := b.roles["isolinux"]; ok {
		if err := b.add(ctx, "isolinux/isolinux.cfg", b.isolinuxConfig()); err != nil {
			return err
		}
	}
	if _, ok := b.roles["grub"]; ok {
		if err := b.add(ctx, "boot/grub2/grub.cfg", b.grubConfig()); err != nil {
			return err
		}
	}
	if _, ok := b.roles["efi"]; !ok {
		return nil
	}
	return b.add(ctx, "EFI/BOOT/grub.cfg", b.grubConfig())
}

// efiImage makes the file system that UEFI firmware starts. Its serial number is that of
// no image: it follows from nothing, and nobody looks.
func (b *boot) efiImage(ctx context.Context) error {
	loader, ok := b.roles["efi"]
	if !ok {
		return nil
	}
	data, err := b.Trees.Store().Get(ctx, loader.Digest)
	if err != nil {
		return err
	}
	all, err := places(b.Arch)
	if err != nil {
		return err
	}
	var files []fat.File
	for _, p := range all {
		if p.role == "efi" {
			files = append(files, fat.File{Path: p.path, Data: data, ModTime: loader.ModTime})
		}
	}
	dirs := []string{"EFI/BOOT"}
	if b.EFIDir != "" && !strings.EqualFold(b.EFIDir, dirs[0]) { // names on FAT have no case
		dirs = append(dirs, b.EFIDir)
	}
	for _, dir := range dirs {
		files = append(files, fat.File{Path: path.Join(dir, "grub.cfg"), Data: b.grubConfig(), ModTime: b.newest})
	}
	made, err := fat.Write(files)
	if err != nil {
		return fmt.Errorf("%s: %w", efiPath, err)
	}
	return b.add(ctx, efiPath, made)
}

// finish makes the outputs.
func (b *boot) finish(ctx context.Context) error {
	if err := b.OutputTree(ctx, b.params.Output, b.tree); err != nil {
		return err
	}
	return b.Write(ctx, b.TreeInfo, b.treeInfo())
}

// treeInfo is what an installer's .treeinfo says of the files that it made.
func (b *boot) treeInfo() []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "[header]\ntype = productmd.treeinfo\nversion = 1.2\n\n[tree]\narch = %s\nbuild_timestamp = %d\nplatforms = %s\n\n", b.Arch, b.newest, b.Arch)
	fmt.Fprintf(&text, "[images-%s]\nboot.iso = images/boot.iso\n", b.Arch)
	if _, ok := b.roles["efi"]; ok {
		fmt.Fprintf(&text, "efiboot.img = %s\n", efiPath)
	}
	fmt.Fprintf(&text, "initrd = %s\nkernel = %s\n", initrdPath, kernelPath)
	if _, ok := b.roles["stage2"]; ok {
		text.WriteString("\n[stage2]\nmainimage = images/install.img\n")
	}
	return []byte(text.String())
}
