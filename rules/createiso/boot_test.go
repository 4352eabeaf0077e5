package createiso

import (
	"slices"
	"strings"
	"testing"
)

func TestBootOf(t *testing.T) {
	const (
		isolinux = "isolinux/isolinux.bin"
		grub     = "images/eltorito.img"
		bios     = "-b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table"
		uefi     = "-eltorito-alt-boot -e images/efiboot.img -no-emul-boot"
	)
	tests := []struct {
		name, arch string
		files      []string
		mbr        string
		want       string // arguments or error
		catalog    string
	}{
		{"x86_64", "x86_64", []string{isolinux, efiImage}, "mbr", bios + " -isohybrid-mbr mbr -append_partition 2 0xef images/efiboot.img -appended_part_as_gpt -eltorito-alt-boot -e --interval:appended_partition_2:all:: -no-emul-boot", "isolinux/boot.cat"},
		{"x86_64, no boot code", "x86_64", []string{isolinux, efiImage}, "", bios + " " + uefi + " -efi-boot-part --efi-boot-image", "isolinux/boot.cat"},
		{"x86_64, BIOS only", "x86_64", []string{isolinux}, "mbr", bios + " -isohybrid-mbr mbr", "isolinux/boot.cat"},
		{"x86_64, UEFI only", "x86_64", []string{efiImage}, "mbr", "-c boot.cat " + uefi + " -efi-boot-part --efi-boot-image", "boot.cat"},
		{
			"x86_64, grub", "x86_64", []string{grub, efiImage}, "mbr",
			"-b images/eltorito.img -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info --grub2-mbr mbr " + uefi + " -efi-boot-part --efi-boot-image", "boot.cat",
		},
		{"i386", "i386", []string{isolinux, efiImage}, "", bios, "isolinux/boot.cat"},
		{"aarch64", "aarch64", []string{efiImage}, "", "-c boot.cat " + uefi, "boot.cat"},
		{"ppc64le", "ppc64le", []string{"ppc/bootinfo.txt"}, "", "-sysid PPC -chrp-boot-part", ""},
		{"s390x", "s390x", []string{"images/cdboot.img"}, "", "-c boot.cat -eltorito-boot images/cdboot.img -no-emul-boot", "boot.cat"},
		{"armhfp", "armhfp", nil, "", "", ""},
		{"armhfp with UEFI", "armhfp", []string{efiImage}, "", "-c boot.cat " + uefi, "boot.cat"},
		{"riscv64", "riscv64", []string{efiImage}, "", "-c boot.cat " + uefi, "boot.cat"},
		{"x86_64, nothing", "x86_64", []string{"isolinux/isolinux.cfg"}, "mbr", "the image is to be bootable, and has nothing to boot from: x86_64 wants isolinux/isolinux.bin or images/eltorito.img or images/efiboot.img", ""},
		{"aarch64, nothing", "aarch64", []string{isolinux}, "", "the image is to be bootable, and has nothing to boot from: aarch64 wants images/efiboot.img", ""},
		{"ppc64le, nothing", "ppc64le", nil, "", "the image is to be bootable, and has nothing to boot from: ppc64le wants ppc/bootinfo.txt", ""},
		{"s390x, nothing", "s390x", nil, "", "the image is to be bootable, and has nothing to boot from: s390x wants images/cdboot.img", ""},
		{"other", "mips", nil, "", "nobody knows how an image of mips boots, and it is to be bootable", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b, err := bootOf(test.arch, func(path string) bool { return slices.Contains(test.files, path) }, test.mbr)
			if err != nil {
				if err.Error() != test.want {
					t.Errorf("got error %v, want %s", err, test.want)
				}
				return
			}
			if got := strings.Join(b.args, " "); got != test.want || b.catalog != test.catalog {
				t.Errorf("got %s, catalog %q, want %s, catalog %q", got, b.catalog, test.want, test.catalog)
			}
		})
	}
}
