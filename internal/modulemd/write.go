package modulemd

import (
	"bufio"
	"io"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Write writes an index: defaults, streams, obsoletes, translations, each in the order of
// the index, between markers on lines of their own. Defaults, which may have been merged,
// are written anew; other documents are as they were read. An empty index is an empty
// file.
func Write(w io.Writer, x *Index) error {
	out := bufio.NewWriter(w)
	for _, d := range x.Defaults {
		text, err := d.text()
		if err != nil {
			return err
		}
		writeDocument(out, text)
	}
	for _, s := range x.Streams {
		writeDocument(out, s.document.text)
	}
	for _, o := range x.Obsoletes {
		writeDocument(out, o.document.text)
	}
	for _, t := range x.Translations {
		writeDocument(out, t.document.text)
	}
	return out.Flush()
}

// writeDocument writes a document. Its error comes back from Flush.
func writeDocument(w *bufio.Writer, text string) {
	w.WriteString("---\n")
	w.WriteString(text)
	w.WriteString("...\n")
}

// text is the document of defaults.
func (d *Defaults) text() (string, error) {
	data := &object{}
	data.field("module", quoted(d.Module))
	if d.Modified != 0 {
		data.field("modified", bare(strconv.FormatUint(d.Modified, 10)))
	}
	d.Choice.addTo(data)
	if len(d.Intents) > 0 {
		intents := &object{}
		for _, name := range slices.Sorted(maps.Keys(d.Intents)) {
			intent := &object{}
			choice := d.Intents[name]
			choice.addTo(intent)
			intents.entry(name, intent.node())
		}
		data.field("intents", intents.node())
	}
	top := &object{}
	top.field("document", bare("modulemd-defaults"))
	top.field("version", bare("1"))
	top.field("data", data.node())
	b, err := yaml.Marshal(top.node())
	return string(b), err
}

func (c *Choice) addTo(o *object) {
	if c.Stream != "" {
		o.field("stream", quoted(c.Stream))
	}
	if len(c.Profiles) == 0 {
		return
	}
	profiles := &object{}
	for _, stream := range slices.Sorted(maps.Keys(c.Profiles)) {
		list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, profile := range slices.Sorted(slices.Values(c.Profiles[stream])) {
			list.Content = append(list.Content, quoted(profile))
		}
		profiles.entry(stream, list)
	}
	o.field("profiles", profiles.node())
}

// object is a mapping in the making.
type object struct{ fields []*yaml.Node }

// field adds a field of the specification.
func (o *object) field(name string, value *yaml.Node) {
	o.fields = append(o.fields, bare(name), value)
}

// entry adds a field whose name somebody chose.
func (o *object) entry(name string, value *yaml.Node) {
	o.fields = append(o.fields, quoted(name), value)
}

// node is the mapping, on one line if it is empty.
func (o *object) node() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Content: o.fields}
	if len(o.fields) == 0 {
		n.Style = yaml.FlowStyle
	}
	return n
}

func bare(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

// quoted is a text that stays one, be it 1.10 or no.
func quoted(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: yaml.DoubleQuotedStyle}
}
