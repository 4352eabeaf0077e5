package modulemd

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	// maxSize bounds a file, in bytes. Of the largest known, of a distribution with all
	// that it ever updated, it is several times the size.
	maxSize = 128 << 20
	// maxDocument bounds a document, in bytes; that of a module of 6,000 packages has an
	// eighth of it.
	maxDocument = 8 << 20
	// maxMarks bounds how many characters of a document can begin an element. A parsed
	// element takes 200 bytes, so this bounds memory.
	maxMarks = 1 << 20
	// maxDepth bounds nesting; modulemd needs seven levels.
	maxDepth = 32
	// maxProblems bounds how many documents one error tells of.
	maxProblems = 20
)

// Parse reads a file of documents. Its name is for messages, which begin with
// "NAME:LINE:"; an error tells what is wrong with each of the first 20 documents that
// are wrong. Of documents of one identity see [Merge].
//
// A document of type modulemd-packager is left out, see Index.Skipped: it says how a
// module is to be built, and names no packages. Every other type that is not known is an
// error, as are versions, and aliases: readers know none, and so none can expand.
func Parse(name string, r io.Reader) (*Index, error) {
	text, err := readAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	x := &Index{}
	var problems []error
	for _, c := range split(text) {
		if len(problems) == maxProblems {
			problems = append(problems, fmt.Errorf("%s: too many mistakes, the rest is not reported", name))
			break
		}
		p := &parser{name: name, first: c.line, index: x}
		if err := p.document(c.text); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return Merge(x)
}

// readAll reads text, with line feeds for line ends.
func readAll(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSize {
		return "", fmt.Errorf("exceeds %d bytes", maxSize)
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	for n, line := 0, text; line != ""; {
		n++
		var one string
		one, line, _ = strings.Cut(line, "\n")
		if !utf8.ValidString(one) {
			return "", fmt.Errorf("line %d is not UTF-8", n)
		}
	}
	return strings.ReplaceAll(text, "\r\n", "\n"), nil
}

// parser reads one document into an index.
type parser struct {
	name  string
	first int // line of the document in the file
	index *Index
}

// at is an error at an element.
func (p *parser) at(n *yaml.Node, format string, args ...any) error {
	return p.atLine(n.Line, format, args...)
}

// atLine is an error at a line of the document, from 1.
func (p *parser) atLine(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format, append([]any{p.name, p.first + max(line, 1) - 1}, args...)...)
}

func (p *parser) document(text string) error {
	root, err := p.load(text)
	if err != nil {
		return err
	}
	d := document{origin: p.name, text: text, sum: sumOf(root)}
	top, err := p.mapping(root, "document")
	if err != nil {
		return err
	}
	kind, err := top.text("document", true)
	if err != nil {
		return err
	}
	if kind == "modulemd-packager" {
		p.index.Skipped = append(p.index.Skipped, p.at(root, "document %q says how to build a module, want one that was built", kind).Error())
		return nil
	}
	read, versions, ok := p.reader(kind)
	if !ok {
		return p.at(top.fields["document"], "document %q, want modulemd, modulemd-defaults, modulemd-obsoletes or modulemd-translations", kind)
	}
	version, err := top.text("version", true)
	if err != nil {
		return err
	}
	if !slices.Contains(versions, version) {
		return p.at(top.fields["version"], "%s of version %q, want %s", kind, version, strings.Join(versions, " or "))
	}
	data, err := top.mapping("data", true)
	if err != nil {
		return err
	}
	return read(data, version, d)
}

// reader returns what reads a type of document, and its versions that are known.
func (p *parser) reader(kind string) (read func(data *mapping, version string, d document) error, versions []string, ok bool) {
	switch kind {
	case "modulemd":
		return p.stream, []string{"1", "2"}, true
	case "modulemd-defaults":
		return p.defaults, []string{"1"}, true
	case "modulemd-obsoletes":
		return p.obsoletes, []string{"1"}, true
	case "modulemd-translations":
		return p.translations, []string{"1"}, true
	}
	return nil, nil, false
}

// load parses the text of a document.
func (p *parser) load(text string) (*yaml.Node, error) {
	if len(text) > maxDocument {
		return nil, p.atLine(1, "document exceeds %d bytes", maxDocument)
	}
	if marks(text) > maxMarks {
		return nil, p.atLine(1, "document may have more than %d elements", maxMarks)
	}
	dec := yaml.NewDecoder(strings.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		return nil, p.syntax(err)
	}
	if err := dec.Decode(&more); err != io.EOF {
		// A line end that is none to us, such as a bare carriage return.
		return nil, p.atLine(1, "document is several, of which only one has a marker on a line of its own")
	}
	root := doc.Content[0]
	return root, p.check(root, 0)
}

// marks counts the characters that can begin an element.
func marks(text string) int {
	n := 0
	for i := range len(text) {
		switch text[i] {
		case '\n', ',', ':', '[', '{':
			n++
		case '-', '?':
			if i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\t') {
				n++
			}
		}
	}
	return n
}

// countsFrom0 are the errors in which the library counts lines from 0.
var countsFrom0 = regexp.MustCompile(`^did not find expected (<|key|'-'|','|node content)`)

var syntaxError = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)

// syntax gives an error of the library our form.
func (p *parser) syntax(err error) error {
	if err == io.EOF {
		return p.atLine(1, "document is empty")
	}
	if m := syntaxError.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1]) // 0 if it does not tell
		if countsFrom0.MatchString(m[2]) {
			line++
		}
		return p.atLine(line, "not YAML: %s", m[2])
	}
	return p.atLine(1, "not YAML: %w", err)
}

// check refuses what makes a document larger or deeper than it looks.
func (p *parser) check(n *yaml.Node, depth int) error {
	if n.Kind == yaml.AliasNode {
		return p.at(n, "alias *%s, want the thing itself: readers of modulemd know no aliases", n.Value)
	}
	if depth > maxDepth {
		return p.at(n, "nested deeper than %d", maxDepth)
	}
	for _, child := range n.Content {
		if err := p.check(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}
