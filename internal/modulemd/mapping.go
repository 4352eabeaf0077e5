package modulemd

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// mapping is a mapping with its fields by name.
type mapping struct {
	*parser
	node   *yaml.Node
	path   string // how messages call it
	fields map[string]*yaml.Node
}

func (p *parser) mapping(n *yaml.Node, path string) (*mapping, error) {
	if n.Kind != yaml.MappingNode {
		return nil, p.at(n, "%s is %s, want a mapping", path, kindOf(n))
	}
	m := &mapping{p, n, path, map[string]*yaml.Node{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return nil, p.at(key, "%s has a key that is %s, want text", path, kindOf(key))
		}
		if m.fields[key.Value] != nil {
			return nil, p.at(key, "%s has %q twice", path, key.Value)
		}
		m.fields[key.Value] = n.Content[i+1]
	}
	return m, nil
}

func kindOf(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "nothing"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.Value)
}

func isNull(n *yaml.Node) bool { return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// of is the path of a field.
func (m *mapping) of(name string) string {
	if m.path == "document" {
		return name
	}
	return m.path + "." + name
}

// lacks is the error of a field that is not there.
func (m *mapping) lacks(name string) error { return m.at(m.node, "no %s", m.of(name)) }

// text returns a field as it is written, whatever YAML would take it for.
func (m *mapping) text(name string, needed bool) (string, error) {
	n := m.fields[name]
	if isNull(n) || n.Kind == yaml.ScalarNode && n.Value == "" {
		if needed {
			return "", m.lacks(name)
		}
		return "", nil
	}
	return m.scalar(n, m.of(name))
}

// stated returns a text that has to be there, and may be empty.
func (m *mapping) stated(name string) (string, error) {
	if m.fields[name] == nil {
		return "", m.lacks(name)
	}
	return m.text(name, false)
}

var iso8601 = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}Z$`)

// time is a text such as 2026-01-31T12:00Z.
func (m *mapping) time(name string) (string, error) {
	s, err := m.text(name, true)
	if err == nil && !iso8601.MatchString(s) {
		return "", m.at(m.fields[name], "%s is %q, want YYYY-MM-DDTHH:MMZ", m.of(name), s)
	}
	return s, err
}

func (p *parser) scalar(n *yaml.Node, path string) (string, error) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		return "", p.at(n, "%s is %s, want text", path, kindOf(n))
	}
	return n.Value, nil
}

// word is a text that is part of an identity, in which colons part words.
func (m *mapping) word(name string, needed bool) (string, error) {
	s, err := m.text(name, needed)
	if err == nil && strings.ContainsFunc(s, notOfWord) {
		return "", m.at(m.fields[name], "%s is %q, want a word without colons and blanks", m.of(name), s)
	}
	return s, err
}

func notOfWord(r rune) bool { return r == ':' || unicode.IsSpace(r) || unicode.IsControl(r) }

// number is a text of digits.
func (m *mapping) number(name string, needed bool) (text string, value uint64, err error) {
	if text, err = m.text(name, needed); err != nil || text == "" {
		return text, 0, err
	}
	value, err = strconv.ParseUint(text, 10, 64)
	if err != nil {
		return text, 0, m.at(m.fields[name], "%s is %q, want a number", m.of(name), text)
	}
	return text, value, nil
}

// mapping returns a field, without any fields if it is not there.
func (m *mapping) mapping(name string, needed bool) (*mapping, error) {
	n := m.fields[name]
	if isNull(n) {
		if needed {
			return nil, m.lacks(name)
		}
		return &mapping{m.parser, m.node, m.of(name), nil}, nil
	}
	return m.parser.mapping(n, m.of(name))
}

// list returns a field, a list of texts.
func (m *mapping) list(name string) ([]string, error) {
	n := m.fields[name]
	if isNull(n) {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, m.at(n, "%s is %s, want a list", m.of(name), kindOf(n))
	}
	list := make([]string, len(n.Content))
	for i, e := range n.Content {
		var err error
		if list[i], err = m.scalar(e, fmt.Sprintf("%s[%d]", m.of(name), i)); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// names returns the fields in the order in which they are written.
func (m *mapping) names() []string {
	var names []string
	for i := 0; i+1 < len(m.node.Content) && m.fields != nil; i += 2 {
		names = append(names, m.node.Content[i].Value)
	}
	return names
}

// lists returns what is a list in every field; nil without fields.
func (m *mapping) lists() (map[string][]string, error) {
	if len(m.fields) == 0 {
		return nil, nil
	}
	lists := make(map[string][]string, len(m.fields))
	for _, name := range m.names() {
		list, err := m.list(name)
		if err != nil {
			return nil, err
		}
		lists[name] = list
	}
	return lists, nil
}

// rpms returns the list "rpms" of a field.
func (m *mapping) rpms(name string) ([]string, error) {
	in, err := m.mapping(name, false)
	if err != nil {
		return nil, err
	}
	return in.list("rpms")
}
