package repodata

import "unicode/utf8"

const xmlDeclaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

// AppendText appends s as the content of an element.
//
// The strings of packages may be anything. Like createrepo_c we take what is not
// UTF-8 for ISO 8859-1, and drop its bytes from 0x80 to 0xBF, which are no
// letters there. Characters that XML cannot hold, not even as references, are
// dropped too; for their sake createrepo_c leaves out the whole package.
func AppendText(b []byte, s string) []byte { return appendEscaped(b, s, &textEscapes) }

// AppendAttr appends s as the value of an attribute in double quotes.
func AppendAttr(b []byte, s string) []byte { return appendEscaped(b, s, &attrEscapes) }

// escapes says for each byte what to write: the byte itself if literal, and
// otherwise the replacement. Bytes from 0x80 are not literal.
type escapes struct {
	literal     [256]bool
	replacement [utf8.RuneSelf]string
}

// A parser turns "\r" into "\n" everywhere, and "\t" and "\n" in attributes
// into spaces, unless they come as references.
var (
	textEscapes = newEscapes("\t\n", map[byte]string{
		'&': "&amp;", '<': "&lt;", '>': "&gt;", '\r': "&#13;",
	})
	attrEscapes = newEscapes("", map[byte]string{
		'&': "&amp;", '<': "&lt;", '>': "&gt;", '\r': "&#13;",
		'"': "&quot;", '\t': "&#9;", '\n': "&#10;",
	})
)

func newEscapes(controls string, replacement map[byte]string) escapes {
	var e escapes
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		e.literal[c] = true
	}
	for i := range len(controls) {
		e.literal[controls[i]] = true
	}
	for c, text := range replacement {
		e.literal[c] = false
		e.replacement[c] = text
	}
	return e
}

// appendEscaped appends s with what is not literal replaced. Almost every string
// is literal, and is copied whole.
func appendEscaped(b []byte, s string, e *escapes) []byte {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if suspicious(word(s[i:])) && !e.allLiteral(s[i:i+8]) {
			return appendUnusual(append(b, s[:i]...), s[i:], e)
		}
	}
	if i > 0 && !suspicious(word(s[len(s)-8:])) { // the rest, and some bytes again
		return append(b, s...)
	}
	if !e.allLiteral(s[i:]) {
		return appendUnusual(append(b, s[:i]...), s[i:], e)
	}
	return append(b, s...)
}

func (e *escapes) allLiteral(s string) bool {
	for i := range len(s) {
		if !e.literal[s[i]] {
			return false
		}
	}
	return true
}

// word is the first eight bytes of s.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// suspicious reports whether one of eight bytes might not be literal: it is a
// control character, one of & " < > or not ASCII. Asking eight at a time halves
// the time that writing a package takes.
//
// A byte of v is zero if subtracting one sets its high bit, which was clear.
// '<' and '>' differ in one bit only, and so do '"' and '&': setting it in
// every byte leaves one value to look for.
func suspicious(w uint64) bool {
	const (
		each = 0x0101010101010101 // times c: eight bytes c
		high = 0x80 * each
	)
	angle := (w | 0x02*each) ^ '>'*each
	quote := (w | 0x04*each) ^ '&'*each
	return ((w-' '*each)&^w|(angle-each)&^angle|(quote-each)&^quote|w)&high != 0
}

// appendUnusual is appendEscaped for text that begins with something that
// cannot stay as it is, or is not ASCII.
func appendUnusual(b []byte, s string, e *escapes) []byte {
	valid := utf8.ValidString(s)
	for i := 0; i < len(s); {
		c, size := rune(s[i]), 1
		if valid {
			c, size = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case c < utf8.RuneSelf && e.literal[c]:
			b = append(b, byte(c))
		case c < utf8.RuneSelf:
			b = append(b, e.replacement[c]...)
		case valid && c != 0xFFFE && c != 0xFFFF, !valid && c >= 0xC0:
			b = utf8.AppendRune(b, c)
		}
		i += size
	}
	return b
}
