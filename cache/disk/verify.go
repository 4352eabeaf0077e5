package disk

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/pungo-build/pungo/cache"
)

// Damage is something in the folder that is not what it was.
type Damage struct {
	// Kind is "blob", "result", "note", "calls" or "pack".
	Kind string `json:"kind"`
	// Digest of the blob, or of the action whose result it is; Pack is the name of a
	// pack.
	Digest string `json:"digest,omitempty"`
	Pack   string `json:"pack,omitempty"`
	Reason string `json:"reason"`
}

func (d Damage) String() string {
	if d.Digest == "" {
		return fmt.Sprintf("%s %s: %s", d.Kind, d.Pack, d.Reason)
	}
	return fmt.Sprintf("%s %s: %s", d.Kind, d.Digest, d.Reason)
}

// Checked is what Verify found.
type Checked struct {
	Files   Amount `json:"files"`   // blobs that stand alone
	Blobs   Amount `json:"blobs"`   // blobs in packs
	Results int    `json:"results"` // records of them, and of what was called
	Notes   int    `json:"notes"`
	Packs   int    `json:"packs"`
	// Skipped blobs are not in the sample.
	Skipped int      `json:"skipped"`
	Damaged []Damage `json:"damaged"`
	// Left are files that could not be set aside, with the reason.
	Left []string `json:"left,omitempty"`
}

// Verify reads records and a sample of blobs, in percent, and compares them with their
// checksums and digests. What is damaged it sets aside, to be made again. The sample
// is by digest, so it is the same each time.
func (c *Cache) Verify(ctx context.Context, percent float64) (*Checked, error) {
	if err := c.Flush(ctx); err != nil {
		return nil, err
	}
	s, err := c.survey(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	v := &verifier{c: c, percent: percent, done: &Checked{Damaged: []Damage{}}}
	for _, name := range s.unreadable {
		v.done.Damaged = append(v.done.Damaged, Damage{Kind: "pack", Pack: name, Reason: "it cannot be read"})
	}
	for _, p := range s.packs {
		if err := v.pack(ctx, p); err != nil {
			return nil, err
		}
	}
	for _, hash := range sortedHashes(s.blobs) {
		if b := s.blobs[hash]; b.file != "" && !b.aside {
			if err := v.file(ctx, hash, b); err != nil {
				return nil, err
			}
		}
	}
	return v.done, nil
}

type verifier struct {
	c       *Cache
	percent float64
	done    *Checked
}

// sampled reports whether a blob is in the sample.
func (v *verifier) sampled(hash [32]byte) bool {
	// The bits by which look-ups go are the first; those of the sample are others.
	return float64(binary.BigEndian.Uint32(hash[28:]))/(1<<32)*100 < v.percent
}

// pack checks the records of a pack. If there is damage, it goes into the folder
// corrupt, and what is sound into a new one.
func (v *verifier) pack(ctx context.Context, p *surveyedPack) error {
	if p.foreign {
		return nil
	}
	v.done.Packs++
	before := len(v.done.Damaged)
	if reason := p.unsound(); reason != "" {
		v.done.Damaged = append(v.done.Damaged, Damage{Kind: "pack", Pack: p.name, Reason: reason})
	}
	var sound []entry
	for _, e := range p.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		kind, reason := v.record(p, e)
		if reason == "" {
			sound = append(sound, e)
			continue
		}
		v.done.Damaged = append(v.done.Damaged, Damage{Kind: kind, Digest: v.digest(e, kind), Reason: reason})
	}
	if len(v.done.Damaged) == before {
		return nil
	}
	return v.c.explain(v.replace(p, sound))
}

// unsound tells why a pack has fewer entries than were written.
func (p *surveyedPack) unsound() string {
	total := int64(0)
	for _, f := range p.fanout {
		total += f.size
	}
	switch {
	case total == 0:
		return "it has no sound list of entries"
	case total != int64(len(p.entries))*entrySize:
		return "part of its entries are not sound"
	}
	return ""
}

// digest names what a record is about. The size of a blob is that of its record.
func (v *verifier) digest(e entry, kind string) string {
	fn := v.c.opts.Function.String()
	if kind == "blob" {
		return fmt.Sprintf("%s:%s/%d", fn, hex.EncodeToString(e.key.hash[:]), e.length)
	}
	return fn + ":" + hex.EncodeToString(e.key.hash[:])
}

// record checks a record, and returns what kind it is and what is wrong.
func (v *verifier) record(p *surveyedPack, e entry) (kind, reason string) {
	payload, err := p.read(e)
	var check func() bool
	switch e.key.kind {
	case blobRecord:
		kind = "blob"
		if err == nil && !v.sampled(e.key.hash) {
			v.done.Skipped++
			return kind, ""
		}
		v.done.Blobs.add(int64(len(payload)))
		check = func() bool { return v.c.opts.Function.Sum(payload).Hash() == e.key.hash }
	case resultRecord:
		kind = "result"
		v.done.Results++
		check = func() bool {
			_, err := cache.ParseResult(v.c.opts.Function, payload)
			return err == nil
		}
	case callsRecord:
		kind = "calls"
		check = func() bool { return len(payload)%8 == 0 }
	case noteRecord:
		kind = "note"
		v.done.Notes++
		check = func() bool { return len(payload) >= 32 && len(payload)%4 == 0 }
	default:
		return "", "" // a newer pungo's
	}
	switch {
	case errors.Is(err, cache.ErrCorrupt):
		return kind, "its checksum is another"
	case err != nil:
		return kind, "it cannot be read"
	case !check():
		return kind, "it is not what it is named after"
	}
	return kind, ""
}

// replace moves a pack into the folder corrupt, and writes what is sound of it anew.
func (v *verifier) replace(p *surveyedPack, sound []entry) error {
	c := v.c
	if c.opts.ReadOnly {
		return nil
	}
	anew := packName(p.generation)
	if len(sound) > 0 {
		if err := c.rewrite(anew, p, sound); err != nil {
			return err
		}
	}
	if _, err := c.mkdir(c.path("corrupt")); err != nil {
		return err
	}
	err := c.fs.Rename(p.path, c.path("corrupt", p.name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.done.Left = append(v.done.Left, leftAs(c, p.path, err))
		c.fs.Remove(filepath.Join(c.packDir(), anew))
	}
	return nil
}

// file checks a blob that stands alone.
func (v *verifier) file(ctx context.Context, hash [32]byte, b *held) error {
	if !v.sampled(hash) {
		v.done.Skipped++
		return nil
	}
	got, size, err := v.sum(ctx, b.file)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return nil // somebody removed it meanwhile
	}
	v.done.Files.add(size)
	reason := "it is not what it is named after"
	if err != nil {
		reason = "it cannot be read"
	} else if got.Hash() == hash {
		return nil
	}
	d, err := cache.NewDigest(v.c.opts.Function, hash[:], size)
	if err != nil {
		return err
	}
	// A blob that was damaged has perhaps not the size that its digest had.
	v.done.Damaged = append(v.done.Damaged, Damage{Kind: "blob", Digest: strings.SplitN(d.String(), "/", 2)[0], Reason: reason})
	if err := v.c.Discard(ctx, d); err != nil && !errors.Is(err, cache.ErrReadOnly) {
		return err
	} else if err != nil {
		v.done.Left = append(v.done.Left, leftAs(v.c, b.file, err))
	}
	return nil
}

func (v *verifier) sum(ctx context.Context, path string) (d cache.Digest, size int64, err error) {
	f, err := v.c.fs.Open(path)
	if err != nil {
		return d, 0, err
	}
	defer f.Close()
	h := v.c.opts.Function.New()
	buf := pieces.Get().(*[piece]byte)
	defer pieces.Put(buf)
	size, err = io.CopyBuffer(struct{ io.Writer }{h}, &interruptible{ctx, f}, buf[:])
	return h.Digest(), size, err
}
