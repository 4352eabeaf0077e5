package createrepo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// A document is the frames of all groups, one behind the other. Its checksum is
// computed while they are copied. That of its plain text is computed span by span, a
// span being some 16 frames: each is a nested action that takes up the sum of what
// comes before, so spans in front of a change are known. Frames come with their text,
// packed so that it is there at once, for to unpack gzip took longer than all the rest.

// spansOf gathers the frames of groups into spans, cut where groups are cut: by the
// names of packages.
func spansOf(groups [][]*packages.Head, frames []cache.Result) [][]cache.Result {
	const mean = 16 * 64
	var spans [][]cache.Result
	start := 0
	for i, group := range groups {
		if cutsAfter(group[len(group)-1], mean) || i == len(groups)-1 {
			spans = append(spans, frames[start:i+1])
			start = i + 1
		}
	}
	return spans
}

// join writes document i: its head, the frames of all groups, its end.
func (r *repo) join(ctx context.Context, i int, spans [][]cache.Result) (repodata.Record, cache.Node, error) {
	doc := documents[i]
	head, end := doc.open(len(r.entries)), doc.close()
	open := repodata.NewSum(r.kind)
	open.Add(head)
	out, err := r.Trees.Store().Create(ctx)
	if err != nil {
		return repodata.Record{}, cache.Node{}, err
	}
	defer out.Abort()
	c := r.compressions[doc.kind]
	w := repodata.NewFileWriter(out, r.fileOf(doc.kind, doc.kind+".xml", c))
	err = w.Append(c.AppendFrame(nil, head))
	for n := 0; n < len(spans) && err == nil; n++ {
		open, err = r.joinSpan(ctx, doc.kind, spans[n], w, open)
	}
	if err == nil {
		err = w.Append(c.AppendFrame(nil, end))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return repodata.Record{}, cache.Node{}, fmt.Errorf("%s: %w", doc.kind, err)
	}
	open.Add(end)
	d, err := out.Commit()
	return w.Record(open), r.file(d), err
}

// joinSpan writes the frames of a span, and returns the sum of the plain text up to
// its end.
func (r *repo) joinSpan(ctx context.Context, kind string, span []cache.Result, w *repodata.FileWriter, open *repodata.Sum) (*repodata.Sum, error) {
	before, err := r.putSum(ctx, open)
	if err != nil {
		return nil, err
	}
	call := rules.Call{
		Tool:   "repodata_sum",
		Args:   []string{"--checksum", r.Checksum, "--before", "before", "--output", "sum"},
		Inputs: []cache.Node{before},
	}
	for i, f := range span {
		packed, ok := f.Output(kind)
		text, okText := f.Output(kind + textSuffix)
		if !ok || !okText {
			return nil, errors.New("repodata_frame has not made it")
		}
		b, err := r.Trees.Store().Get(ctx, packed.Digest)
		if err != nil {
			return nil, err
		}
		if err := w.Append(b); err != nil {
			return nil, err
		}
		text.Name = fmt.Sprintf("text/%04d", i)
		call.Args = append(call.Args, "--text", text.Name)
		call.Inputs = append(call.Inputs, text)
	}
	after, err := r.CallFile(ctx, call)
	if err != nil {
		return nil, err
	}
	return repodata.ParseSum(r.kind, after)
}

func (r *repo) putSum(ctx context.Context, s *repodata.Sum) (cache.Node, error) {
	b, err := s.MarshalBinary()
	if err != nil {
		return cache.Node{}, err
	}
	d, err := r.Trees.Store().Put(ctx, b)
	return cache.Node{Name: "before", Kind: cache.FileKind, Digest: d}, err
}

// sumParams describe a span of a document.
type sumParams struct {
	Checksum string   `arg:"checksum,required"`
	Before   string   `arg:"before,required"`
	Texts    []string `arg:"text"`
	Output   string   `arg:"output,required"`
}

// texts are buffers for text, which is only looked at.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// sum adds texts of frames to the sum of what comes before.
func sum(ctx context.Context, j *rules.Job) error {
	var p sumParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	kind, err := repodata.ParseChecksumType(p.Checksum)
	if err != nil {
		return err
	}
	before, err := j.Read(ctx, p.Before)
	if err != nil {
		return err
	}
	s, err := repodata.ParseSum(kind, before)
	if err != nil {
		return err
	}
	buffer := texts.Get().(*[]byte)
	defer texts.Put(buffer)
	plain := *buffer
	for _, path := range p.Texts {
		text, err := j.Read(ctx, path)
		if err != nil {
			return err
		}
		if plain, err = repodata.UnpackText(plain, text); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		s.Add(plain)
	}
	*buffer = plain
	after, err := s.MarshalBinary()
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, after)
}
