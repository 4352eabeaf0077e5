package comps

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

const (
	// maxSize bounds a document. The largest known, Fedora's with all its
	// translations, has 4.3 MB.
	maxSize = 32 << 20
	// maxDepth bounds the nesting of elements; a comps file has four levels.
	maxDepth = 32
	// maxProblems bounds how many mistakes of content one error reports.
	maxProblems = 20
)

// Parse reads a comps file in UTF-8. Unknown elements and attributes are passed
// over. No entities but XML's own five are known, so none can expand.
//
// Mistakes of content (a missing id, a package name with whitespace, a value
// that is no boolean or number) are collected, so that one run shows them all;
// a mistake of syntax ends the reading. Each message begins with "line N:".
func Parse(r io.Reader) (*Comps, error) {
	limited := &io.LimitedReader{R: r, N: maxSize + 1}
	p := &parser{dec: xml.NewDecoder(limited)}
	p.dec.CharsetReader = charset
	c := new(Comps)
	err := p.document(c)
	if limited.N <= 0 {
		return nil, fmt.Errorf("document exceeds %d bytes", maxSize)
	}
	if err != nil {
		p.problems = append(p.problems, err)
	}
	if len(p.problems) > 0 {
		return nil, errors.Join(p.problems...)
	}
	return c, nil
}

// charset accepts other names of UTF-8 and its subset, which the decoder does not know.
func charset(name string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "utf8", "us-ascii", "ascii":
		return r, nil
	}
	return nil, encodingError(name)
}

// encodingError is the name of an encoding that we do not read.
type encodingError string

func (e encodingError) Error() string { return fmt.Sprintf("encoding %q, want UTF-8", string(e)) }

// parser descends through the elements of a document. Each method for an element
// is called after its start tag and consumes everything up to and including its
// end tag.
type parser struct {
	dec      *xml.Decoder
	depth    int
	problems []error
}

// errTooManyProblems ends the reading of a file that is beyond repair.
var errTooManyProblems = errors.New("too many mistakes, the rest is not reported")

// at prefixes a message with the line that was read last.
func (p *parser) at(format string, args ...any) error {
	line, _ := p.dec.InputPos()
	return fmt.Errorf("line %d: "+format, append([]any{line}, args...)...)
}

// problem records a mistake of content. It fails when there are too many.
func (p *parser) problem(format string, args ...any) error {
	if len(p.problems) == maxProblems {
		return errTooManyProblems
	}
	p.problems = append(p.problems, p.at(format, args...))
	return nil
}

// next returns the next token, keeps count of the depth and gives errors of the
// XML decoder our form. The decoder sees to it that tags match.
func (p *parser) next() (xml.Token, error) {
	tok, err := p.dec.Token()
	if bad, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return nil, fmt.Errorf("line %d: %s", bad.Line, bad.Msg)
	}
	if foreign, ok := errors.AsType[encodingError](err); ok {
		return nil, p.at("%v", foreign)
	}
	if err != nil {
		return nil, err
	}
	switch tok.(type) {
	case xml.StartElement:
		p.depth++
		if p.depth > maxDepth {
			return nil, p.at("elements are nested deeper than %d", maxDepth)
		}
	case xml.EndElement:
		p.depth--
	}
	return tok, nil
}

// document reads the whole file: one comps element, nothing after it.
func (p *parser) document(c *Comps) error {
	seen := false
	for {
		tok, err := p.next()
		if err == io.EOF && seen {
			return nil
		}
		if err == io.EOF {
			return p.at("no element, want <comps>")
		}
		if err != nil {
			return err
		}
		root, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if seen || root.Name.Local != "comps" {
			return p.at("root element <%s>, want one <comps>", root.Name.Local)
		}
		seen = true
		if err := p.comps(c); err != nil {
			return err
		}
	}
}

// children calls fn for each child of the element that began last.
func (p *parser) children(fn func(child xml.StartElement) error) error {
	for {
		tok, err := p.next()
		if err != nil {
			return err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if err := fn(tok); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// skip passes over an element and what is in it.
func (p *parser) skip(xml.StartElement) error {
	return p.children(p.skip)
}

// text reads an element that has no children.
func (p *parser) text(e xml.StartElement) (string, error) {
	var b []byte
	for {
		tok, err := p.next()
		if err != nil {
			return "", err
		}
		switch tok := tok.(type) {
		case xml.CharData:
			b = append(b, tok...)
		case xml.StartElement:
			return "", p.at("<%s> within <%s>, want text", tok.Name.Local, e.Name.Local)
		case xml.EndElement:
			return string(b), nil
		}
	}
}

// word reads an element whose surrounding whitespace has no meaning.
func (p *parser) word(e xml.StartElement) (string, error) {
	s, err := p.text(e)
	return strings.TrimSpace(s), err
}

// translated reads a name or description into t, as its value or as one of its
// translations.
func (p *parser) translated(e xml.StartElement, t *Text) error {
	lang := xmlLang(e)
	s, err := p.text(e)
	if err != nil {
		return err
	}
	if lang == "" {
		t.Value = s
		return nil
	}
	if t.ByLang == nil {
		t.ByLang = make(map[string]string)
	}
	t.ByLang[lang] = s
	return nil
}

// flag reads a boolean element. An empty one leaves the default.
func (p *parser) flag(e xml.StartElement, b *bool) error {
	s, err := p.word(e)
	if err != nil || s == "" {
		return err
	}
	v, ok := parseBool(s)
	if !ok {
		return p.problem("<%s> is %q, want true or false", e.Name.Local, s)
	}
	*b = v
	return nil
}

// number reads an integer element. An empty one counts as missing.
func (p *parser) number(e xml.StartElement, n **int) error {
	s, err := p.word(e)
	if err != nil || s == "" {
		return err
	}
	v, err := strconv.Atoi(s)
	if err != nil {
		return p.problem("<%s> is %q, want a whole number", e.Name.Local, s)
	}
	*n = &v
	return nil
}

// attrFlag reads a boolean attribute, false if missing.
func (p *parser) attrFlag(e xml.StartElement, name string) (bool, error) {
	s, ok := attr(e, name)
	if !ok || s == "" {
		return false, nil
	}
	v, ok := parseBool(s)
	if !ok {
		return false, p.problem("attribute %s of <%s> is %q, want true or false", name, e.Name.Local, s)
	}
	return v, nil
}

// comps reads the root element.
func (p *parser) comps(c *Comps) error {
	return p.children(func(child xml.StartElement) error {
		switch child.Name.Local {
		case "group":
			g, err := p.group(child)
			c.Groups = append(c.Groups, g)
			return err
		case "category":
			cat, err := p.category(child)
			c.Categories = append(c.Categories, cat)
			return err
		case "environment":
			env, err := p.environment(child)
			c.Environments = append(c.Environments, env)
			return err
		case "langpacks":
			return p.langpacks(c)
		}
		return p.skip(child)
	})
}

func (p *parser) group(e xml.StartElement) (Group, error) {
	g := Group{UserVisible: true, Arches: attrList(e, "arch"), Variants: attrList(e, "variant")}
	line, _ := p.dec.InputPos()
	err := p.children(func(child xml.StartElement) (err error) {
		switch child.Name.Local {
		case "id":
			g.ID, err = p.word(child)
		case "name":
			err = p.translated(child, &g.Name)
		case "description":
			err = p.translated(child, &g.Description)
		case "default":
			err = p.flag(child, &g.Default)
		case "uservisible":
			err = p.flag(child, &g.UserVisible)
		case "langonly":
			g.LangOnly, err = p.word(child)
		case "packagelist":
			err = p.packageList(&g)
		default:
			err = p.skip(child)
		}
		return err
	})
	if err != nil {
		return g, err
	}
	return g, p.wantID(e, line, g.ID)
}

// wantID reports an element that has no id. line is where it begins.
func (p *parser) wantID(e xml.StartElement, line int, id string) error {
	if id != "" {
		return nil
	}
	return p.problem("<%s> of line %d has no id", e.Name.Local, line)
}

func (p *parser) packageList(g *Group) error {
	return p.children(func(child xml.StartElement) error {
		if child.Name.Local != "packagereq" {
			return p.skip(child)
		}
		pkg, err := p.packageReq(child, g.ID)
		g.Packages = append(g.Packages, pkg)
		return err
	})
}

// packageReq reads one package entry. The group's id serves the message: a file
// that has the id behind the package list gets one without it.
func (p *parser) packageReq(e xml.StartElement, group string) (PackageReq, error) {
	pkg := PackageReq{Type: Mandatory, Arches: attrList(e, "arch"), Variants: attrList(e, "variant")}
	if t, _ := attr(e, "type"); t != "" {
		pkg.Type = PackageType(t)
	}
	pkg.Requires, _ = attr(e, "requires")
	pkg.Line, _ = p.dec.InputPos()
	var err error
	if pkg.BaseArchOnly, err = p.attrFlag(e, "basearchonly"); err != nil {
		return pkg, err
	}
	if pkg.Name, err = p.text(e); err != nil {
		return pkg, err
	}
	switch {
	case strings.TrimSpace(pkg.Name) == "":
		err = p.problem("group %q: package without a name", group)
	case strings.ContainsFunc(pkg.Name, unicode.IsSpace):
		err = p.problem("group %q: package %q: whitespace in the name", group, pkg.Name)
	}
	return pkg, err
}

func (p *parser) category(e xml.StartElement) (Category, error) {
	var c Category
	line, _ := p.dec.InputPos()
	err := p.children(func(child xml.StartElement) (err error) {
		switch child.Name.Local {
		case "id":
			c.ID, err = p.word(child)
		case "name":
			err = p.translated(child, &c.Name)
		case "description":
			err = p.translated(child, &c.Description)
		case "display_order":
			err = p.number(child, &c.DisplayOrder)
		case "grouplist":
			var ids []GroupID
			ids, err = p.groupIDs()
			for _, id := range ids {
				c.GroupList = append(c.GroupList, id.ID)
			}
		default:
			err = p.skip(child)
		}
		return err
	})
	if err != nil {
		return c, err
	}
	return c, p.wantID(e, line, c.ID)
}

func (p *parser) environment(e xml.StartElement) (Environment, error) {
	env := Environment{Arches: attrList(e, "arch"), Variants: attrList(e, "variant")}
	line, _ := p.dec.InputPos()
	err := p.children(func(child xml.StartElement) (err error) {
		switch child.Name.Local {
		case "id":
			env.ID, err = p.word(child)
		case "name":
			err = p.translated(child, &env.Name)
		case "description":
			err = p.translated(child, &env.Description)
		case "display_order":
			err = p.number(child, &env.DisplayOrder)
		case "grouplist":
			err = p.appendGroupIDs(&env.GroupList)
		case "optionlist":
			err = p.appendGroupIDs(&env.OptionList)
		default:
			err = p.skip(child)
		}
		return err
	})
	if err != nil {
		return env, err
	}
	return env, p.wantID(e, line, env.ID)
}

func (p *parser) appendGroupIDs(list *[]GroupID) error {
	ids, err := p.groupIDs()
	*list = append(*list, ids...)
	return err
}

// groupIDs reads a grouplist or optionlist.
func (p *parser) groupIDs() ([]GroupID, error) {
	var ids []GroupID
	err := p.children(func(child xml.StartElement) error {
		if child.Name.Local != "groupid" {
			return p.skip(child)
		}
		byDefault, err := p.attrFlag(child, "default")
		if err != nil {
			return err
		}
		id, err := p.word(child)
		if err != nil {
			return err
		}
		if id == "" {
			return p.problem("<groupid> is empty, want the id of a group")
		}
		ids = append(ids, GroupID{ID: id, Default: byDefault, Arches: attrList(child, "arch")})
		return nil
	})
	return ids, err
}

func (p *parser) langpacks(c *Comps) error {
	return p.children(func(child xml.StartElement) error {
		if child.Name.Local != "match" {
			return p.skip(child)
		}
		name, _ := attr(child, "name")
		install, _ := attr(child, "install")
		if name == "" || install == "" {
			if err := p.problem("<match> with name %q and install %q, want both", name, install); err != nil {
				return err
			}
		}
		c.Langpacks = append(c.Langpacks, Langpack{Name: name, Install: install})
		return p.skip(child)
	})
}

// attr returns the value of an attribute without namespace.
func attr(e xml.StartElement, name string) (string, bool) {
	for _, a := range e.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// attrList returns the words of an attribute that are separated by commas or
// spaces, nil if there is no such attribute.
func attrList(e xml.StartElement, name string) Only {
	value, ok := attr(e, name)
	if !ok {
		return nil
	}
	words := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	return append(Only{}, words...)
}

// xmlNamespace is what the prefix "xml" always stands for.
const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

// xmlLang returns the value of xml:lang, or "".
func xmlLang(e xml.StartElement) string {
	for _, a := range e.Attr {
		if a.Name.Space == xmlNamespace && a.Name.Local == "lang" {
			return a.Value
		}
	}
	return ""
}

// parseBool knows the words that yum took for booleans.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "1":
		return true, true
	case "false", "no", "0":
		return false, true
	}
	return false, false
}
