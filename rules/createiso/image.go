package createiso

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/isomd5"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

type encodeFunc func(io.Writer) error

// text stores what encode writes.
func (m *maker) text(ctx context.Context, encode encodeFunc) (cache.Node, error) {
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		return cache.Node{}, err
	}
	d, err := m.Trees.Store().Put(ctx, b.Bytes())
	return cache.Node{Kind: cache.FileKind, Digest: d}, err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// write writes the image of a disc.
func (m *maker) write(ctx context.Context, d *disc) (*image, error) {
	p, err := m.program(ctx, d)
	if err != nil {
		return nil, err
	}
	draft, err := m.Trees.Store().Draft(ctx, d.leastSize())
	if err != nil {
		return nil, err
	}
	defer draft.Abort()
	var size counter
	sum, err := m.stream(ctx, p, draft, &size)
	if err != nil {
		return nil, err
	}
	if err := m.checkSize(int64(size)); err != nil {
		return nil, err
	}
	implanted, err := sum.Finish()
	if err != nil {
		return nil, fmt.Errorf("what xorriso has written: %w", err)
	}
	if id := sum.VolumeID(); id != m.volumeID {
		return nil, fmt.Errorf("what xorriso has written: it has the volume id %q, want %q", id, m.volumeID)
	}
	implanted.Supported = m.Supported
	if _, err := draft.WriteAt(implanted.Field(), isomd5.Offset); err != nil {
		return nil, err
	}
	i := &image{disc: d, implant: implanted.MD5}
	if i.node.Digest, i.sums, err = m.commit(ctx, draft); err != nil {
		return nil, err
	}
	i.node.Kind, i.node.ModTime = cache.FileKind, d.newest
	catalog := ""
	if m.boot != nil {
		catalog = m.boot.catalog
	}
	i.manifest, err = m.Trees.Store().Put(ctx, d.manifest(catalog))
	return i, err
}

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// stream has the image printed, and writes it while it is summed up and counted, each
// in a goroutine of its own.
func (m *maker) stream(ctx context.Context, p rules.Program, draft io.Writer, size *counter) (*isomd5.Sum, error) {
	sum := isomd5.New()
	r, w := io.Pipe()
	taken := make(chan error, 1)
	go func() {
		err := cache.ReadOnce(ctx, r, draft, sum, size)
		r.CloseWithError(err)
		taken <- err
	}()
	p.Stdout = w
	err := m.RunProgram(ctx, p)
	w.CloseWithError(err)
	if e := <-taken; err == nil {
		err = e
	}
	return sum, err
}

// commit reads the image for its digest and its checksums.
func (m *maker) commit(ctx context.Context, draft cache.Draft) (cache.Digest, productmd.Checksums, error) {
	hashes := map[string]hash.Hash{}
	var readers []io.Writer
	for _, kind := range m.Checksums {
		h, err := productmd.NewHash(kind)
		if err != nil {
			return cache.Digest{}, nil, err
		}
		hashes[kind] = h
		readers = append(readers, h)
	}
	d, err := draft.Commit(ctx, readers...)
	sums := productmd.Checksums{}
	for kind, h := range hashes {
		sums[kind] = hex.EncodeToString(h.Sum(nil))
	}
	return d, sums, err
}

// checkSize holds an image against its limit.
func (m *maker) checkSize(size int64) error {
	if m.maxSize == 0 || size <= m.maxSize {
		return nil
	}
	text := fmt.Sprintf("the image has %d bytes, %d more than max_size", size, size-m.maxSize)
	if m.MaxSizeStrict {
		return fmt.Errorf("%s\n  hint: without max_size_is_strict that is a warning", text)
	}
	m.Warnf("%s", text)
	return nil
}

// leastSize is what an image has at least: its content, each file once.
func (d *disc) leastSize() int64 {
	total := int64(0)
	seen := map[string]bool{}
	for _, e := range d.entries {
		if key := e.key(); e.node.Kind == cache.FileKind && !seen[key] {
			seen[key] = true
			total += blocks(e.node.Digest.Size())
		}
	}
	return total
}

// Names in the folder that xorriso starts in. Content is named by what it is, so that
// equal files are one.
const (
	contentDir = "content"
	emptyDir   = "empty"
	graftPath  = "graft"
	weightPath = "weights"
	mbrPath    = "mbr"
)

// program is the run of xorriso that prints the image of a disc.
func (m *maker) program(ctx context.Context, d *disc) (rules.Program, error) {
	p := rules.Program{Epoch: d.newest}
	var graft, weights bytes.Buffer
	var links []string
	seen := map[string]bool{}
	for i, e := range d.entries {
		switch e.node.Kind {
		case cache.SymlinkKind:
			links = append(links, "-lns", e.node.Target, "/"+e.path)
			continue
		case cache.DirKind:
			fmt.Fprintf(&graft, "%s=%s\n", escape(e.path), emptyDir)
			continue
		}
		name := contentDir + "/" + e.key()
		if !seen[name] {
			seen[name] = true
			n := e.node
			n.Name = name
			p.Inputs = append(p.Inputs, n)
		}
		fmt.Fprintf(&graft, "%s=%s\n", escape(e.path), name)
		fmt.Fprintf(&weights, "%d /%s\n", len(d.entries)-i, e.path)
	}
	p.Inputs = append(p.Inputs, cache.Node{Name: emptyDir, Kind: cache.DirKind, Digest: m.Trees.Empty()})
	for _, f := range []struct {
		name string
		data []byte
	}{{graftPath, graft.Bytes()}, {weightPath, weights.Bytes()}} {
		blob, err := m.Trees.Store().Put(ctx, f.data)
		if err != nil {
			return p, err
		}
		p.Inputs = append(p.Inputs, cache.Node{Name: f.name, Kind: cache.FileKind, Digest: blob})
	}
	if m.MBR != "" {
		n, err := m.Input(ctx, m.MBR)
		if err != nil {
			return p, err
		}
		n.Name = mbrPath
		p.Inputs = append(p.Inputs, n)
	}
	p.Args = m.args(d, links)
	return p, nil
}

// args are the arguments of xorriso. Of files the times are those of the inputs, of
// everything else that of the newest file; owners, ids and serials are fixed.
func (m *maker) args(d *disc, links []string) []string {
	args := []string{
		"-as", "mkisofs", "-quiet", "-iso-level", strconv.Itoa(m.ISOLevel), "-untranslated-filenames",
		"-volid", m.volumeID, "-rational-rock",
	}
	if m.Joliet {
		args = append(args, "-J", "-joliet-long")
	}
	if m.boot != nil {
		args = append(args, m.bootArgs(d)...)
	}
	args = append(args, "-o", "-", "-graft-points", "-path-list", graftPath, "--sort-weight-list", weightPath, "--")
	args = append(args, links...)
	at := "=" + strconv.FormatInt(d.newest, 10)
	return append(args,
		"-find", "/", "-type", "d", "-exec", "alter_date", "m", at, "--",
		"-find", "/", "-type", "l", "-exec", "alter_date", "m", at, "--")
}

// bootArgs are the arguments that make a disc bootable.
func (m *maker) bootArgs(d *disc) []string {
	args := slices.Clone(m.boot.args)
	at := slices.Index(args, "-append_partition")
	if at < 0 {
		return args
	}
	for i := range d.entries {
		if e := &d.entries[i]; e.path == args[at+3] {
			args[at+3] = contentDir + "/" + e.key()
		}
	}
	return args
}

// escape writes a path as graft lists have it.
func escape(at string) string {
	return strings.NewReplacer(`\`, `\\`, "=", `\=`).Replace(at)
}
