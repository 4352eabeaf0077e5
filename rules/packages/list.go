package packages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
)

// Listed is one line of a package list: which package, where it belongs, and
// what of its identity the compose's metadata repeats.
type Listed struct {
	Tree  string `json:"tree"` // os, debug or src
	NEVRA string `json:"nevra"`
	File  string `json:"file"`
	// Source is the file name of the source package; "" for source packages.
	Source string `json:"source,omitempty"`
	SigKey string `json:"sigkey,omitempty"`
	// Flags say how a solver came to it, sorted: input, fulltree …
	Flags []string `json:"flags,omitempty"`
	// Shard and the file name find the package in the set it was chosen from.
	Shard string `json:"shard"`
}

// List returns e as a line of a list.
func (e *Entry) List(tree string, flags []string) Listed {
	return e.Ident.list(&e.Package, tree, flags)
}

// List returns l as a line of a list.
func (l *Listing) List(tree string, flags []string) (Listed, error) {
	p, err := l.Identity()
	return l.Ident.list(p, tree, flags), err
}

func (id *Ident) list(p *rpm.Package, tree string, flags []string) Listed {
	return Listed{
		Tree: tree, NEVRA: p.NEVRA.String(), File: id.File, Source: p.SourceRPM,
		SigKey: p.SigKey, Flags: flags, Shard: id.Shard(),
	}
}

// EncodeList writes one JSON object a line.
func EncodeList(list []Listed) []byte {
	var lines Lines
	for i := range list {
		lines.AddListed(&list[i])
	}
	return lines.Bytes()
}

// AddListed adds a line of a list.
func (l *Lines) AddListed(e *Listed) {
	o := &l.o
	o.text("tree", e.Tree, false)
	o.text("nevra", e.NEVRA, false)
	o.text("file", e.File, false)
	o.text("source", e.Source, true)
	o.text("sigkey", e.SigKey, true)
	o.texts("flags", e.Flags)
	o.text("shard", e.Shard, false)
	o.end()
}

// DecodeList reads what EncodeList wrote.
func DecodeList(data []byte) ([]Listed, error) {
	text := string(data)
	list := make([]Listed, 0, strings.Count(text, "\n"))
	for len(text) > 0 {
		line, rest, _ := strings.Cut(text, "\n")
		var l Listed
		if !l.decode(line) {
			return decodeAnyList(list, text)
		}
		list, text = append(list, l), rest
	}
	return list, nil
}

// decode reads a line of the form that EncodeList has.
func (l *Listed) decode(line string) bool {
	return fields(line, func(name, value string) bool {
		switch name {
		case "tree":
			l.Tree = value
		case "nevra":
			l.NEVRA = value
		case "file":
			l.File = value
		case "source":
			l.Source = value
		case "sigkey":
			l.SigKey = value
		case "shard":
			l.Shard = value
		default:
			return false
		}
		return true
	}, func(name string, values []string) bool {
		l.Flags = values
		return name == "flags"
	})
}

// decodeAnyList reads the rest of a list in whatever form JSON has.
func decodeAnyList(list []Listed, text string) ([]Listed, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	for {
		var l Listed
		err := dec.Decode(&l)
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("package list, entry %d: %w", len(list)+1, err)
		}
		list = append(list, l)
	}
}

// SelectList decodes those entries of a list, one a line, whose NEVRA is wanted: of a
// list of 60,000 a few.
func SelectList(data []byte, wanted func(nevra string) bool) ([]Listed, error) {
	var list []Listed
	for line := range bytes.Lines(data) {
		if _, rest, ok := bytes.Cut(line, []byte(`"nevra":"`)); ok {
			if nevra, _, _ := bytes.Cut(rest, []byte{'"'}); !bytes.ContainsRune(nevra, '\\') && !wanted(string(nevra)) {
				continue
			}
		}
		entries, err := DecodeList(line)
		if err != nil {
			return nil, err
		}
		for _, l := range entries {
			if wanted(l.NEVRA) {
				list = append(list, l)
			}
		}
	}
	return list, nil
}

// RewriteList writes a list of the job again, as change leaves its entries.
func RewriteList(ctx context.Context, j *rules.Job, in, out string, change func(*Listed) error) error {
	data, err := j.Read(ctx, in)
	if err != nil {
		return err
	}
	list, err := DecodeList(data)
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	for i := range list {
		if err := change(&list[i]); err != nil {
			return err
		}
	}
	return j.Write(ctx, out, EncodeList(list))
}
