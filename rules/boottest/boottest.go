// Package boottest boots images in QEMU and waits for a line on the serial console.
package boottest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed boot_test.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "boot_test", Version: 1, Params: params{}, Run: run}}
}

type params struct {
	Arch     string   `arg:"arch,required"`
	Image    string   `arg:"image,required"`
	Modes    []string `arg:"mode,required"` // bios, uefi, usb
	Line     string   `arg:"line,required"`
	Seconds  int      `arg:"seconds,required"`
	Memory   int      `arg:"memory,required"` // MiB
	Firmware string   `arg:"firmware,required"`
	Log      string   `arg:"log,required"`
}

// run boots the image in every mode. What it writes of one that boots does not depend on
// what else the console said, which tells the time.
func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	reports := make([]string, len(p.Modes))
	passed := make([]bool, len(p.Modes))
	err := j.Each(ctx, len(p.Modes), func(ctx context.Context, i int) (err error) {
		reports[i], passed[i], err = p.boot(ctx, j, p.Modes[i])
		return err
	})
	if err != nil {
		return err
	}
	for i, mode := range p.Modes {
		if !passed[i] {
			j.Fail()
			first, _, _ := strings.Cut(reports[i], "\n")
			j.Warnf("%s", strings.TrimSuffix(first, ":"))
		} else {
			reports[i] = fmt.Sprintf("%s: the console says %q\n", mode, p.Line)
		}
	}
	return j.Write(ctx, p.Log, []byte(strings.Join(reports, "")))
}

// tail is how much of what the console said is reported.
const tail = 4000

// boot boots the image in a mode. Of a boot that failed it tells how.
func (p *params) boot(ctx context.Context, j *rules.Job, mode string) (report string, passed bool, err error) {
	args, err := p.machine(mode)
	if err != nil {
		return "", false, err
	}
	image, err := j.Input(ctx, p.Image)
	if err != nil {
		return "", false, err
	}
	image.Name = imageName
	c := &console{line: p.Line}
	err = j.RunCommand(ctx, rules.Command{
		Args: args, Inputs: append(j.Inputs[:0:0], image), Epoch: rules.Oldest, Stdout: c,
		Limit: time.Duration(p.Seconds) * time.Second,
	})
	gaveUp := (*gaveUpError)(nil)
	switch {
	case errors.Is(err, errSeen):
		return "", true, nil
	case errors.As(err, &gaveUp):
		report = fmt.Sprintf("%s: the console does not say %q, but %q", mode, p.Line, gaveUp.text)
	case errors.Is(err, rules.ErrLimit):
		report = fmt.Sprintf("%s: the console does not say %q within %d seconds", mode, p.Line, p.Seconds)
	case err != nil:
		return "", false, fmt.Errorf("%s: %w", mode, err)
	default:
		report = fmt.Sprintf("%s: the machine was turned off, and the console did not say %q", mode, p.Line)
	}
	return report + ":\n" + c.said(), false, nil
}

// imageName is what the image is called where QEMU runs.
const imageName = "image.iso"

// machine is the command line of QEMU. The image is read-only; there is no network.
func (p *params) machine(mode string) ([]string, error) {
	args := []string{"-no-user-config", "-accel", "tcg", "-nographic", "-no-reboot", "-nic", "none", "-m", strconv.Itoa(p.Memory)}
	if p.Arch == "aarch64" {
		args = append(args, "-machine", "virt", "-cpu", "cortex-a57", "-device", "virtio-scsi-pci")
	}
	if mode == "uefi" || p.Arch == "aarch64" {
		if path.Clean(p.Firmware) != p.Firmware || !strings.HasPrefix(p.Firmware, "/usr/") {
			return nil, fmt.Errorf("firmware %q, want a clean path below /usr: a program sees no other file", p.Firmware)
		}
		args = append(args, "-bios", p.Firmware)
	}
	drive := "if=none,id=image,format=raw,readonly=on,file=" + imageName
	switch {
	case mode == "usb":
		return append(args, "-drive", drive, "-device", "qemu-xhci", "-device", "usb-storage,drive=image"), nil
	case p.Arch == "aarch64" && mode == "uefi":
		return append(args, "-drive", drive, "-device", "scsi-cd,drive=image"), nil
	case p.Arch == "x86_64" && (mode == "bios" || mode == "uefi"):
		return append(args, "-drive", drive, "-device", "ide-cd,drive=image", "-boot", "d"), nil
	}
	return nil, fmt.Errorf("mode %q: %s does not boot so", mode, p.Arch)
}

var errSeen = errors.New("the line was seen")

// gaveUpError says that the machine will not go on.
type gaveUpError struct{ text string }

func (e *gaveUpError) Error() string { return e.text }

// gaveUp are what SeaBIOS, OVMF, GRUB and Linux say when they stay where they are.
var gaveUp = []string{
	"No bootable device", "BdsDxe: No bootable option or device was found", "Press ESC in 5 seconds to skip startup.nsh",
	"Shell> ", "grub rescue>", "grub> ", "Press any key to continue...", "Booting kernel failed", "Kernel panic - not syncing",
}

// console looks for the line in what the serial console says.
type console struct {
	line string
	text []byte
}

// Write ends the machine by an error as soon as it is known how it ends.
func (c *console) Write(b []byte) (int, error) {
	from := max(0, len(c.text)-1024) // whatever was begun before
	c.text = append(c.text, b...)
	// What was said first counts, however it comes in pieces.
	first, verdict := len(c.text), error(nil)
	find := func(text string, err error) {
		if at := bytes.Index(c.text[from:], []byte(text)); at >= 0 && at < first {
			first, verdict = at, err
		}
	}
	find(c.line, errSeen)
	for _, text := range gaveUp {
		find(text, &gaveUpError{text})
	}
	if verdict != nil {
		return 0, verdict
	}
	if len(c.text) > 1<<20 {
		c.text = append(c.text[:0], c.text[len(c.text)-tail:]...)
	}
	return len(b), nil
}

// control are the sequences that move the cursor and choose colours.
var control = regexp.MustCompile("\x1b\\[[0-9;?=]*[A-Za-z]")

// said is the end of what the console said, as text.
func (c *console) said() string {
	text := strings.Map(func(r rune) rune {
		if r == '\n' || r >= ' ' && r <= '~' {
			return r
		}
		return -1
	}, control.ReplaceAllString(string(c.text[max(0, len(c.text)-tail):]), ""))
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") + "\n"
}
