package rpm

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
)

// Sign returns a package file with other signatures, as rpmsign does: those that sign
// returns of the header and the payload, in the place of all that were there. One at
// most is over the whole of it; those over the header alone are written as rpm 6 does.
func Sign(file []byte, sign func(header, payload []byte) ([]Signature, error)) ([]byte, error) {
	w := &window{r: bytes.NewReader(file), size: int64(len(file))}
	sig, start, err := readSignature(w)
	if err != nil {
		return nil, err
	}
	_, end, err := w.header("header", start)
	if err != nil {
		return nil, err
	}
	signatures, err := sign(file[start:end], file[end:])
	if err != nil {
		return nil, err
	}
	b := &headerBuilder{}
	if err := sig.copyTo(b, tagRegionSignature, sigDSA, sigRSA, sigOpenPGP, sigPGP, sigGPG); err != nil {
		return nil, err
	}
	b.signatures(signatures)
	return slices.Concat(file[:leadSize], pad(b.bytes(tagRegionSignature), 8), file[start:]), b.err
}

// copyTo adds all facts of a header to another but some.
func (h *header) copyTo(b *headerBuilder, without ...tag) error {
	for _, e := range h.entries {
		if slices.Contains(without, e.tag) {
			continue
		}
		size := int(e.count) * e.kind.width()
		if e.kind.isString() {
			rest := h.data[e.offset:]
			size = 0
			for c := (stringCursor{h, e.tag, rest, int(e.count)}); c.left > 0; {
				size += len(c.next()) + 1
			}
		}
		if h.err != nil {
			return h.err
		}
		b.add(e.tag, e.kind, int(e.count), []byte(h.data[e.offset:int(e.offset)+size]))
	}
	return nil
}

func (b *headerBuilder) signatures(list []Signature) {
	var texts []string
	for _, s := range list {
		switch {
		case !s.Whole:
			texts = append(texts, base64.StdEncoding.EncodeToString(s.Packet))
		case slices.ContainsFunc(b.facts, func(f fact) bool { return f.tag == sigPGP }):
			b.err = errors.New("two signatures over header and payload, want at most one")
		default:
			b.binary(sigPGP, s.Packet)
		}
	}
	b.array(sigOpenPGP, texts)
}
