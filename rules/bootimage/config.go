package bootimage

import (
	"fmt"
	"strings"
)

// kernelArgs is the command line of the kernel.
func (b *boot) kernelArgs() string {
	// The kernel splits at spaces; who reads LABEL= undoes this, as udev writes it.
	escaped := strings.ReplaceAll(b.volid, " ", `\x20`)
	return strings.TrimSpace(strings.ReplaceAll(b.KernelArgs, "{volid}", escaped))
}

// isolinuxConfig is isolinux/isolinux.cfg, see https://wiki.syslinux.org/wiki/index.php?title=Config.
func (b *boot) isolinuxConfig() []byte {
	var text strings.Builder
	if b.Serial {
		text.WriteString("serial 0 115200\n")
	}
	// Tenths of seconds; 0 would wait for ever.
	fmt.Fprintf(&text, "default linux\nprompt 0\ntimeout %d\n\nlabel linux\n  menu label %s\n", max(10*b.Timeout, 1), b.Title)
	fmt.Fprintf(&text, "  linux /%s\n  initrd /%s\n", kernelPath, initrdPath)
	if args := b.kernelArgs(); args != "" {
		fmt.Fprintf(&text, "  append %s\n", args)
	}
	return []byte(text.String())
}

// grubConfig is grub.cfg, the same for BIOS and UEFI, on the disc and in the EFI image:
// it looks for the disc first.
func (b *boot) grubConfig() []byte {
	var text strings.Builder
	if b.Serial {
		text.WriteString("serial --unit=0 --speed=115200\nterminal_input serial console\nterminal_output serial console\n")
	}
	fmt.Fprintf(&text, "set default=0\nset timeout=%d\n\nsearch --no-floppy --set=root -l %s\n\n", b.Timeout, grubQuote(b.volid))
	fmt.Fprintf(&text, "menuentry %s {\n  linux /%s %s\n  initrd /%s\n}\n", grubQuote(b.Title), kernelPath, grubEscape(b.kernelArgs()), initrdPath)
	return []byte(text.String())
}

// grubQuote quotes a word for GRUB, whose single quotes are those of a shell.
func grubQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// grubEscape protects what would mean something to GRUB in arguments: what is behind a
// backslash is taken as it is. Backslashes stay, as lorax and Pungi leave them: Fedora's
// GRUB hands \x20 on to the kernel. Upstream's drops the backslash, and doubles each of
// two, so that there is no way to write a space.
func grubEscape(s string) string {
	return strings.NewReplacer(`$`, `\$`, `;`, `\;`, `&`, `\&`, `|`, `\|`, `<`, `\<`, `>`, `\>`, `{`, `\{`, `}`, `\}`).Replace(s)
}
