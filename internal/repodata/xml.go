package repodata

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The documents are large, and regular: 106 MB of primary for 60,000 packages, an element
// each. So they are cut into those elements, and each is gone through with a cursor, which
// knows as much of XML 1.0 as documents without a DOCTYPE can have. encoding/xml takes
// several times as long.

// elements yields the package elements of a document, as text.
type elements struct {
	r    io.Reader
	root string
	buf  []byte
	from int   // in buf: where what was not looked at begins
	at   int64 // of buf in the document
	eof  bool
}

const (
	packageOpen  = "<package"
	packageClose = "</package>"
)

// more reads on. What comes before from is dropped.
func (e *elements) more() error {
	if e.eof {
		return io.ErrUnexpectedEOF
	}
	if e.from > 0 { // else an element that is read bit by bit would be moved with each
		e.at += int64(e.from)
		e.buf = append(e.buf[:0], e.buf[e.from:]...)
		e.from = 0
	}
	if len(e.buf) > maxElement {
		return fmt.Errorf("an element of more than %d bytes", maxElement)
	}
	if cap(e.buf)-len(e.buf) < 64<<10 {
		e.buf = append(make([]byte, 0, 2*cap(e.buf)+256<<10), e.buf...)
	}
	n, err := e.r.Read(e.buf[len(e.buf):cap(e.buf)])
	e.buf = e.buf[:len(e.buf)+n]
	if err == io.EOF {
		e.eof = true
		return nil
	}
	return err
}

// find returns where text is in what was not looked at, reading on for it; -1 if the
// document ends before.
func (e *elements) find(text string) (int, error) { return e.findBehind(0, text) }

// findBehind is find of what is not before the offset looked. Offsets count from e.from,
// which reading on moves.
func (e *elements) findBehind(looked int, text string) (int, error) {
	for {
		if i := bytes.Index(e.buf[e.from+looked:], []byte(text)); i >= 0 {
			return looked + i, nil
		}
		if e.eof {
			return -1, nil
		}
		looked = max(len(e.buf)-e.from-len(text)+1, looked)
		if err := e.more(); err != nil {
			return -1, err
		}
	}
}

// next returns the next element with all that is in it, until something else is read, or
// io.EOF. Between elements there is nothing but the root, white space and comments.
func (e *elements) next(first bool) ([]byte, error) {
	for {
		at, err := e.find("<")
		if err != nil {
			return nil, err
		}
		if at < 0 {
			return nil, fmt.Errorf("the document ends within <%s>", e.root)
		}
		if !isSpace(e.buf[e.from:e.from+at]) && !(first && e.at+int64(e.from) == 0) {
			return nil, e.locate(errors.New("text between packages"))
		}
		e.from += at
		for !e.eof && len(e.buf)-e.from < len(packageOpen)+1 {
			if err := e.more(); err != nil {
				return nil, err
			}
		}
		rest := e.buf[e.from:]
		switch {
		case bytes.HasPrefix(rest, []byte(packageOpen)) && !first && len(rest) > len(packageOpen) && !nameByte[rest[len(packageOpen)]]:
			return e.element()
		case bytes.HasPrefix(rest, []byte("</")) && !first:
			return nil, e.end()
		case bytes.HasPrefix(rest, []byte("<?")):
			err = e.skip("?>")
		case bytes.HasPrefix(rest, []byte("<!--")):
			err = e.skip("-->")
		case bytes.HasPrefix(rest, []byte("<!")):
			err = errors.New("a document type, want none")
		case first:
			return nil, e.begin()
		default:
			err = errors.New("an element that is no package")
		}
		if err != nil {
			return nil, e.locate(err)
		}
	}
}

func isSpace(b []byte) bool { return len(bytes.TrimLeft(b, " \t\r\n")) == 0 }

func (e *elements) locate(err error) error {
	return fmt.Errorf("byte %d: %w", e.at+int64(e.from), err)
}

func (e *elements) skip(end string) error {
	at, err := e.find(end)
	if err == nil && at < 0 {
		err = fmt.Errorf("no %q", end)
	}
	e.from += max(at, 0) + len(end)
	return err
}

// begin reads the start of the root.
func (e *elements) begin() error {
	at, err := e.find(">")
	if err == nil && at < 0 {
		err = errors.New("a tag without end")
	}
	if err != nil {
		return e.locate(err)
	}
	c := cursor{s: string(e.buf[e.from : e.from+at+1])}
	t, err := c.next()
	if err == nil && t.name != e.root {
		err = fmt.Errorf("found <%s>, want one <%s>", t.name, e.root)
	}
	if err != nil {
		return e.locate(err)
	}
	e.from += at + 1
	if t.kind == emptyTag {
		return io.EOF
	}
	return nil
}

// end reads the end of the root, behind which there is nothing.
func (e *elements) end() error {
	want := "</" + e.root
	at, err := e.find(">")
	if err != nil {
		return err
	}
	if at < 0 || strings.TrimRight(string(e.buf[e.from:e.from+at]), " \t\r\n") != want {
		return e.locate(fmt.Errorf("want %s>", want))
	}
	e.from += at + 1
	for {
		if rest := bytes.TrimLeft(e.buf[e.from:], " \t\r\n"); len(rest) > 0 && !bytes.HasPrefix(rest, []byte("<!--")) {
			return e.locate(fmt.Errorf("something behind %s>", want))
		}
		if e.eof {
			return io.EOF
		}
		if err := e.more(); err != nil {
			return err
		}
	}
}

// passed are the beginnings of markup in which tags are none, and how it ends.
var passed = []struct{ begin, end string }{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}}

// element returns the text of the element that begins here. What looks like its end in a
// comment, CDATA or an instruction is none.
func (e *elements) element() ([]byte, error) {
	end, err := e.find(packageClose)
	if err != nil {
		return nil, err
	}
	// Hardly any element has what could hide an end, and one look tells.
	if end >= 0 && !bytes.Contains(e.buf[e.from:e.from+end], []byte("<!")) && !bytes.Contains(e.buf[e.from:e.from+end], []byte("<?")) {
		return e.take(end + len(packageClose)), nil
	}
	return e.markedElement()
}

// take returns the next n bytes, which are at hand.
func (e *elements) take(n int) []byte {
	text := e.buf[e.from : e.from+n]
	e.from += n
	return text
}

// markedElement is element for who looks at every tag.
func (e *elements) markedElement() ([]byte, error) {
	for at := 0; ; {
		next, err := e.findBehind(at, "<")
		for err == nil && !e.eof && len(e.buf)-e.from-next < len(packageClose) {
			err = e.more()
		}
		if err != nil {
			return nil, err
		}
		if next < 0 {
			return nil, e.locate(errors.New("the document ends before </package>"))
		}
		rest := e.buf[e.from+next:]
		if bytes.HasPrefix(rest, []byte(packageClose)) {
			return e.take(next + len(packageClose)), nil
		}
		at = next + 1
		for _, p := range passed {
			if !bytes.HasPrefix(rest, []byte(p.begin)) {
				continue
			}
			end, err := e.findBehind(next+len(p.begin), p.end)
			if err == nil && end < 0 {
				err = e.locate(fmt.Errorf("%s without %s", p.begin, p.end))
			}
			if err != nil {
				return nil, err
			}
			at = end + len(p.end)
		}
	}
}

// kind is what a cursor has come upon.
type kind uint8

const (
	startTag kind = iota
	emptyTag      // <name/>
	endTag
	text
)

// token is a tag or text. Its strings are parts of the document where they can be.
type token struct {
	kind  kind
	name  string // without prefix: tools differ in these
	text  string
	attrs []attribute
}

type attribute struct{ name, value string }

func (t *token) attr(name string) string {
	for i := range t.attrs {
		if t.attrs[i].name == name {
			return t.attrs[i].value
		}
	}
	return ""
}

// cursor goes through a part of a document.
type cursor struct {
	s     string
	i     int
	attrs []attribute // of the token last returned
}

func (c *cursor) next() (token, error) {
	if c.i >= len(c.s) {
		return token{}, io.ErrUnexpectedEOF
	}
	rest := c.s[c.i:]
	switch {
	case rest[0] != '<':
		return c.text(rest)
	case strings.HasPrefix(rest, "<!--"):
		return c.pass(rest, "-->")
	case strings.HasPrefix(rest, "<![CDATA["):
		at := strings.Index(rest, "]]>")
		if at < 0 {
			return token{}, errors.New("CDATA without end")
		}
		c.i += at + 3
		return token{kind: text, text: rest[9:at]}, checkText(rest[9:at])
	case strings.HasPrefix(rest, "<?"):
		return c.pass(rest, "?>")
	case strings.HasPrefix(rest, "<!"):
		return token{}, errors.New("a declaration, want none")
	}
	return c.tag()
}

func (c *cursor) pass(rest, end string) (token, error) {
	at := strings.Index(rest, end)
	if at < 0 {
		return token{}, fmt.Errorf("no %q", end)
	}
	c.i += at + len(end)
	return c.next()
}

func (c *cursor) text(rest string) (token, error) {
	at, plain := 0, true
	for at < len(rest) && rest[at] != '<' {
		plain = plain && !marked[rest[at]]
		at++
	}
	c.i += at
	if plain {
		return token{kind: text, text: rest[:at]}, nil
	}
	s, err := unescape(rest[:at])
	return token{kind: text, text: s}, err
}

// marked are the bytes of text that does not mean itself, or has to be looked at as a whole.
var marked = func() (is [256]bool) {
	for b := range is {
		is[b] = b == '&' || b >= utf8.RuneSelf || b < ' ' && b != '\n' && b != '\t' && b != '\r'
	}
	return is
}()

// tag reads a tag; c.i is at its "<".
func (c *cursor) tag() (t token, err error) {
	c.i++
	if c.i < len(c.s) && c.s[c.i] == '/' {
		c.i++
		t.kind = endTag
	}
	if t.name, err = c.name(); err != nil {
		return t, err
	}
	c.attrs = c.attrs[:0]
	for {
		space := c.i
		c.space()
		switch {
		case c.i >= len(c.s):
			return t, errors.New("a tag without end")
		case c.s[c.i] == '>':
			c.i++
			t.attrs = c.attrs
			return t, nil
		case strings.HasPrefix(c.s[c.i:], "/>") && t.kind == startTag:
			c.i += 2
			t.kind, t.attrs = emptyTag, c.attrs
			return t, nil
		case t.kind == endTag || c.i == space:
			return t, fmt.Errorf("found %.20q in <%.40s>", c.s[c.i:], t.name)
		}
		if err := c.attribute(); err != nil {
			return t, err
		}
	}
}

func (c *cursor) space() {
	for c.i < len(c.s) && (c.s[c.i] == ' ' || c.s[c.i] == '\n' || c.s[c.i] == '\t' || c.s[c.i] == '\r') {
		c.i++
	}
}

// name reads a name, and drops its prefix.
func (c *cursor) name() (string, error) {
	from, local := c.i, c.i
	for c.i < len(c.s) && nameByte[c.s[c.i]] {
		if c.s[c.i] == ':' && local == from {
			local = c.i + 1
		}
		c.i++
	}
	if local == c.i {
		return "", fmt.Errorf("found %.20q, want a name", c.s[from:])
	}
	return c.s[local:c.i], nil
}

// nameByte are the bytes of names. More letters than those of ASCII are taken, but not
// told from what XML would not have in a name.
var nameByte = func() (ok [256]bool) {
	for b := range ok {
		ok[b] = b >= 0x80 || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || strings.IndexByte(":_-.", byte(b)) >= 0
	}
	return ok
}()

func (c *cursor) attribute() error {
	name, err := c.name()
	if err != nil {
		return err
	}
	c.space()
	if c.i >= len(c.s) || c.s[c.i] != '=' {
		return fmt.Errorf("attribute %.40s has no value", name)
	}
	c.i++
	c.space()
	if c.i >= len(c.s) || c.s[c.i] != '"' && c.s[c.i] != '\'' {
		return fmt.Errorf("attribute %.40s has a value without quotes", name)
	}
	quote, start, plain := c.s[c.i], c.i+1, true
	end := start
	for ; end < len(c.s) && c.s[end] != quote; end++ {
		plain = plain && !marked[c.s[end]] && c.s[end] != '<'
	}
	if end == len(c.s) {
		return fmt.Errorf("attribute %.40s has a value without end", name)
	}
	value := c.s[start:end]
	if !plain {
		if strings.IndexByte(value, '<') >= 0 {
			return fmt.Errorf("attribute %.40s has %q in its value", name, "<")
		}
		if value, err = unescape(value); err != nil {
			return fmt.Errorf("attribute %.40s: %w", name, err)
		}
	}
	c.i = end + 1
	c.attrs = append(c.attrs, attribute{name, value})
	return nil
}

// unescape replaces references to characters, and checks the text.
func unescape(s string) (string, error) {
	at := strings.IndexByte(s, '&')
	if at < 0 {
		return s, checkText(s)
	}
	var b strings.Builder
	for ; at >= 0; at = strings.IndexByte(s, '&') {
		b.WriteString(s[:at])
		end := strings.IndexByte(s[at:min(len(s), at+12)], ';')
		if end < 0 {
			return "", errors.New(`found "&", want an entity`)
		}
		r, ok := entity(s[at+1 : at+end])
		if !ok {
			return "", fmt.Errorf("entity &%s; is not known", s[at+1:at+end])
		}
		b.WriteRune(r)
		s = s[at+end+1:]
	}
	b.WriteString(s)
	return b.String(), checkText(b.String())
}

func entity(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, ok := strings.CutPrefix(name, "#")
	base := 10
	if hex, isHex := strings.CutPrefix(digits, "x"); isHex {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), ok && err == nil && n > 0 && n <= utf8.MaxRune && utf8.ValidRune(rune(n))
}

// checkText reports what no document may have (XML 1.0, production 2).
func checkText(s string) error {
	ascii := true
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\n' && b != '\t' && b != '\r' {
			return fmt.Errorf("character %#x, which no XML has", b)
		} else if b >= utf8.RuneSelf {
			ascii = false
		}
	}
	if !ascii && (!utf8.ValidString(s) || strings.ContainsAny(s, "\ufffe\uffff")) {
		return errors.New("text is not UTF-8 without U+FFFE and U+FFFF")
	}
	return nil
}
