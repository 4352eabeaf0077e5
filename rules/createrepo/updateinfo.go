package createrepo

import (
	"bytes"
	"context"
	"fmt"
	"path"

	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/updateinfo"
)

// maxUpdateInfo bounds a file of advisories, unpacked. Those of ten years of an enterprise
// distribution are a quarter of it.
const maxUpdateInfo = 512 << 20

// addUpdateInfo adds the advisories of packages that are here, if there are any.
func (r *repo) addUpdateInfo(ctx context.Context) error {
	if len(r.UpdateInfo) == 0 {
		return nil
	}
	covers, err := r.covers()
	if err != nil {
		return err
	}
	var all, kept []*updateinfo.Advisory
	for _, file := range r.UpdateInfo {
		more, err := r.advisories(ctx, file)
		if err != nil {
			return fmt.Errorf("%s: %w", path.Base(file), err)
		}
		all = append(all, more...)
	}
	// Merged before they are narrowed down, they say the same in every tree.
	for _, a := range updateinfo.Merge(all) {
		if here, ok := a.Keep(covers); ok {
			kept = append(kept, here)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := updateinfo.Write(&b, kept); err != nil {
		return err
	}
	return r.addRecord(ctx, "updateinfo", "updateinfo.xml", r.compressions["updateinfo"], b.Bytes())
}

// covers returns whether a package of an advisory is here, in its version or a newer one.
// An update has what the updates before it were for: whoever upgrades to it from what is
// older still wants to know that one of these mended a hole.
func (r *repo) covers() (func(*updateinfo.Package) bool, error) {
	type nameArch struct{ name, arch string }
	newest := make(map[nameArch]rpm.EVR, len(r.entries))
	for _, e := range r.entries {
		p, err := rpm.ParseFileName(e.File)
		if err != nil {
			return nil, err
		}
		p.Epoch = e.Epoch
		at := nameArch{p.Name, p.Arch}
		if other, ok := newest[at]; !ok || rpm.Compare(p.EVR, other) > 0 {
			newest[at] = p.EVR
		}
	}
	return func(p *updateinfo.Package) bool {
		here, ok := newest[nameArch{p.Name, p.Arch}]
		return ok && rpm.Compare(here, p.EVR) >= 0
	}, nil
}

// advisories reads a file of advisories, packed or not. Other trees read it, too, so it is
// kept in memory.
func (r *repo) advisories(ctx context.Context, file string) ([]*updateinfo.Advisory, error) {
	n, err := r.Input(ctx, file)
	if err != nil {
		return nil, err
	}
	v, err := r.Decoded(ctx, n.Digest, "updateinfo", func(_ context.Context, b []byte) (any, int64, error) {
		var all []*updateinfo.Advisory
		in, err := repodata.Unpack(bytes.NewReader(b), maxUpdateInfo)
		if err == nil {
			err = updateinfo.Parse(in, func(a *updateinfo.Advisory) error {
				all = append(all, a)
				return nil
			})
		}
		return all, memoryOf(all), err
	})
	if err != nil {
		return nil, err
	}
	return v.([]*updateinfo.Advisory), nil
}

// memoryOf is about what advisories occupy.
func memoryOf(all []*updateinfo.Advisory) int64 {
	const anAdvisory, aPackage = 1000, 400
	n := anAdvisory * len(all)
	for _, a := range all {
		n += len(a.Description)
		for _, c := range a.Collections {
			n += aPackage * len(c.Packages)
		}
	}
	return int64(n)
}
