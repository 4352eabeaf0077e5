package boottest

import (
	"errors"
	"strings"
	"testing"
)

func TestMachine(t *testing.T) {
	const start = "-no-user-config -accel tcg -nographic -no-reboot -nic none -m 512"
	const drive = " -drive if=none,id=image,format=raw,readonly=on,file=image.iso"
	for _, tt := range []struct{ name, arch, mode, firmware, want string }{
		{"BIOS", "x86_64", "bios", "", start + drive + " -device ide-cd,drive=image -boot d"},
		{"UEFI", "x86_64", "uefi", "/usr/share/ovmf/OVMF.fd", start + " -bios /usr/share/ovmf/OVMF.fd" + drive + " -device ide-cd,drive=image -boot d"},
		{"USB", "x86_64", "usb", "", start + drive + " -device qemu-xhci -device usb-storage,drive=image"},
		{"aarch64", "aarch64", "uefi", "/usr/share/x.fd", start + " -machine virt -cpu cortex-a57 -device virtio-scsi-pci -bios /usr/share/x.fd" + drive + " -device scsi-cd,drive=image"},
		{"aarch64, USB", "aarch64", "usb", "/usr/share/x.fd", start + " -machine virt -cpu cortex-a57 -device virtio-scsi-pci -bios /usr/share/x.fd" + drive + " -device qemu-xhci -device usb-storage,drive=image"},
		{"no BIOS", "aarch64", "bios", "/usr/share/x.fd", `mode "bios": aarch64 does not boot so`},
		{"firmware", "x86_64", "uefi", "/home/OVMF.fd", `firmware "/home/OVMF.fd", want a clean path below /usr: a program sees no other file`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := params{Arch: tt.arch, Memory: 512, Firmware: tt.firmware}
			args, err := p.machine(tt.mode)
			got := strings.Join(args, " ")
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestConsole cuts what the console says at every place.
func TestConsole(t *testing.T) {
	for _, tt := range []struct {
		said string
		seen bool
		gave string
	}{
		{"Welcome\r\nthe installer has started\r\nKernel panic - not syncing", true, ""},
		{"SeaBIOS\r\nNo bootable device.\r\nthe installer has started", false, "No bootable device"},
		{"the installer has stopped", false, ""},
	} {
		for cut := range len(tt.said) {
			c := &console{line: "the installer has started"}
			_, err := c.Write([]byte(tt.said[:cut]))
			if err == nil {
				_, err = c.Write([]byte(tt.said[cut:]))
			}
			gaveUp := (*gaveUpError)(nil)
			if errors.As(err, &gaveUp) != (tt.gave != "") || gaveUp != nil && gaveUp.text != tt.gave || errors.Is(err, errSeen) != tt.seen {
				t.Errorf("%q cut at %d: got %v", tt.said, cut, err)
			}
		}
	}
}
