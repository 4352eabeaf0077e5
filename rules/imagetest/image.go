package imagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/imageformat"
	"github.com/pungo-build/pungo/internal/isomd5"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

type imageParams struct {
	Image       string `arg:"image,required"`
	Description string `arg:"description,required"` // JSON, see productmd.Image
	Read        bool   `arg:"read"`                 // as a whole
	Output      string `arg:"output,required"`      // JSON list of what is wrong
}

// imageCheck compares one image with what is said of it.
type imageCheck struct {
	file     cache.File
	size     int64
	is       productmd.Image
	messages []string
}

func (c *imageCheck) found(format string, args ...any) {
	c.messages = append(c.messages, fmt.Sprintf(format, args...))
}

func checkImage(ctx context.Context, j *rules.Job) error {
	var p imageParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	c := &imageCheck{messages: []string{}}
	if err := json.Unmarshal([]byte(p.Description), &c.is); err != nil {
		return fmt.Errorf("argument --description: %w", err)
	}
	n, err := j.Input(ctx, p.Image)
	if err != nil {
		return err
	}
	c.size = n.Digest.Size()
	if c.file, err = j.Open(ctx, p.Image); err != nil {
		return err
	}
	defer c.file.Close()
	if err := c.head(); err != nil {
		return err
	}
	if p.Read {
		if err := c.whole(); err != nil {
			return err
		}
	}
	data, err := json.Marshal(c.messages)
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, data)
}

// head checks what the first and last bytes of an image tell.
func (c *imageCheck) head() error {
	if err := imageformat.Check(c.file, c.size, c.is.Format); err != nil {
		c.found("format %s: %v", c.is.Format, err)
		return nil
	}
	if err := c.boots(); err != nil || c.is.Format != "iso" {
		return err
	}
	v, err := isomd5.Read(c.file)
	if err != nil {
		return err
	}
	if v.ID != c.is.VolumeID {
		c.found("its volume id is %q, and its description says %q", v.ID, c.is.VolumeID)
	}
	implanted := ""
	if v.Implanted != nil {
		implanted = v.Implanted.MD5
	}
	if implanted != c.is.ImplantMD5 {
		c.found("its implanted MD5 sum is %q, and its description says %q", implanted, c.is.ImplantMD5)
	}
	return nil
}

// boots wants a bootable image to be one that a PC boots from. What is packed or of
// another arch has boot code that nobody can tell from data.
func (c *imageCheck) boots() error {
	pc := slices.Contains([]string{"x86_64", "i386", "i486", "i586", "i686"}, c.is.Arch)
	if !c.is.Bootable || !pc || c.is.Format != "iso" && c.is.Format != "raw" {
		return nil
	}
	by, err := imageformat.Boot(c.file, c.size)
	if err == nil && len(by) == 0 {
		c.found("it is to be bootable, and has neither an El Torito boot record nor an MBR or a GPT")
	}
	return err
}

// whole reads an image once, for its checksums and the sum that is to be in it.
func (c *imageCheck) whole() error {
	var implanted *isomd5.Sum
	var in io.Reader = io.NewSectionReader(c.file, 0, c.size)
	if c.is.ImplantMD5 != "" {
		implanted = isomd5.Again()
		in = io.TeeReader(in, implanted)
	}
	made, _, err := productmd.Sum(in, slices.Sorted(maps.Keys(c.is.Checksums)))
	if err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(made)) {
		if made[kind] != c.is.Checksums[kind] {
			c.found("its %s is %s, and its description says %s", kind, made[kind], c.is.Checksums[kind])
		}
	}
	if implanted == nil {
		return nil
	}
	sum, err := implanted.Finish()
	if err == nil && sum.MD5 != c.is.ImplantMD5 {
		err = errors.New("the MD5 sum of its content is " + sum.MD5 + ", and implanted is " + c.is.ImplantMD5)
	}
	if err != nil {
		c.found("%v", err)
	}
	return nil
}
