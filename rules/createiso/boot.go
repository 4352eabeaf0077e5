package createiso

import (
	"fmt"
	"strings"
)

// boot is how an image boots.
type boot struct {
	// args are those of xorriso -as mkisofs. What is appended as a partition is named by
	// its path in the tree.
	args []string
	// catalog is the path of the boot catalog that xorriso adds, "" if it adds none.
	catalog string
}

// The loaders that images of x86 boot from by BIOS, the first that is there.
var biosLoaders = []struct {
	path, catalog string
	args          []string
	// mbr is the option that takes boot code for USB sticks.
	mbr string
}{
	{"isolinux/isolinux.bin", "isolinux/boot.cat", nil, "-isohybrid-mbr"},
	{"images/eltorito.img", "boot.cat", []string{"--grub2-boot-info"}, "--grub2-mbr"},
}

const efiImage = "images/efiboot.img"

// bootOf returns how an image of an arch boots that has the files for which has says
// so. mbr is the path of boot code for the first bytes, "" if there is none.
func bootOf(arch string, has func(path string) bool, mbr string) (*boot, error) {
	switch arch {
	case "x86_64", "i386", "i686":
		return bootX86(arch, has, mbr)
	case "aarch64", "riscv64", "arm", "armhfp":
		if !has(efiImage) && (arch == "arm" || arch == "armhfp") {
			return &boot{}, nil // boards have their loaders elsewhere
		}
		if !has(efiImage) {
			return nil, unbootable(arch, efiImage)
		}
		return &boot{[]string{"-c", "boot.cat", "-eltorito-alt-boot", "-e", efiImage, "-no-emul-boot"}, "boot.cat"}, nil
	case "ppc", "ppc64", "ppc64le":
		// Open Firmware looks for ppc/bootinfo.txt on a disc with a CHRP partition.
		const info = "ppc/bootinfo.txt"
		if !has(info) {
			return nil, unbootable(arch, info)
		}
		return &boot{args: []string{"-sysid", "PPC", "-chrp-boot-part"}}, nil
	case "s390", "s390x":
		const image = "images/cdboot.img"
		if !has(image) {
			return nil, unbootable(arch, image)
		}
		return &boot{[]string{"-c", "boot.cat", "-eltorito-boot", image, "-no-emul-boot"}, "boot.cat"}, nil
	}
	return nil, fmt.Errorf("nobody knows how an image of %s boots, and it is to be bootable", arch)
}

// bootX86 makes an image that boots by BIOS and UEFI, from discs and from USB sticks.
func bootX86(arch string, has func(string) bool, mbr string) (*boot, error) {
	b := new(boot)
	mbrOption := ""
	for _, l := range biosLoaders {
		if has(l.path) {
			b.args = append(b.args, "-b", l.path, "-c", l.catalog, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table")
			b.args = append(b.args, l.args...)
			b.catalog, mbrOption = l.catalog, l.mbr
			break
		}
	}
	efi := has(efiImage) && arch == "x86_64"
	if mbrOption == "" && !efi {
		return nil, unbootable(arch, biosLoaders[0].path, biosLoaders[1].path, efiImage)
	}
	if mbrOption != "" && mbr != "" {
		b.args = append(b.args, mbrOption, mbr)
	}
	if !efi {
		return b, nil
	}
	if mbrOption == "" {
		b.catalog = "boot.cat"
		b.args = append(b.args, "-c", b.catalog)
	}
	// On a USB stick, UEFI looks for a partition. Beside the boot code of isolinux that is
	// a copy behind the image: partitions of -isohybrid-gpt-basdat overlap, and who reads
	// them strictly, as sgdisk does, finds none.
	if mbrOption == "-isohybrid-mbr" && mbr != "" {
		b.args = append(b.args, "-append_partition", "2", "0xef", efiImage, "-appended_part_as_gpt",
			"-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot")
	} else {
		b.args = append(b.args, "-eltorito-alt-boot", "-e", efiImage, "-no-emul-boot", "-efi-boot-part", "--efi-boot-image")
	}
	return b, nil
}

func unbootable(arch string, wanted ...string) error {
	return fmt.Errorf("the image is to be bootable, and has nothing to boot from: %s wants %s", arch, strings.Join(wanted, " or "))
}
