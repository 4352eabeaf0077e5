package packages

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Lists and logs of a distribution have 60,000 lines each. So what writes them, and what
// reads lists back, knows the few forms that lines have; encoding/json takes several
// times as long. The bytes are those that it writes, without escaping HTML.

// Lines are lists and logs in the making: for who would make 60,000 lines first, and the
// text of them then. The zero value is empty.
type Lines struct{ o object }

// Bytes returns what was added.
func (l *Lines) Bytes() []byte { return l.o.b }

// object writes a JSON object.
type object struct {
	b     []byte
	begun bool
}

// text writes a field; what may be omitted is, if it is empty.
func (o *object) text(name, value string, omit bool) {
	if omit && value == "" {
		return
	}
	o.name(name)
	o.b = appendJSON(o.b, value)
}

// texts writes a list, unless it is empty.
func (o *object) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.name(name)
	for i, v := range values {
		if i == 0 {
			o.b = append(o.b, '[')
		} else {
			o.b = append(o.b, ',')
		}
		o.b = appendJSON(o.b, v)
	}
	o.b = append(o.b, ']')
}

func (o *object) name(name string) {
	if o.begun {
		o.b = append(o.b, ',')
	} else {
		o.b = append(o.b, '{')
	}
	o.begun = true
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

// end ends the object and its line.
func (o *object) end() {
	if !o.begun {
		o.b = append(o.b, '{')
	}
	o.b = append(o.b, '}', '\n')
	o.begun = false
}

// appendJSON appends a string, quoted.
func appendJSON(b []byte, s string) []byte {
	if !plain(s) || strings.ContainsRune(s, '"') {
		return append(b, quoted(s)...)
	}
	return append(append(append(b, '"'), s...), '"')
}

// plain reports whether a text means itself in JSON, but for quotes.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// quoted quotes a string that has to be escaped.
func quoted(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("internal error: " + err.Error()) // a string always can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// fields reads the fields of an object that object wrote, as long as its strings are of
// printable ASCII and need no escape: it calls text for each with its value, or texts. It
// reports whether the line is such an object; if not, encoding/json is to be asked.
func fields(line string, text func(name, value string) bool, texts func(name string, values []string) bool) bool {
	line, ok := strings.CutSuffix(strings.TrimSuffix(line, "\n"), "}")
	if !ok || !strings.HasPrefix(line, "{") || !plain(line) {
		return false
	}
	for separator := "{"; line != ""; separator = "," {
		if line, ok = strings.CutPrefix(line, separator+`"`); !ok {
			return false
		}
		var name, value string
		if name, line, ok = strings.Cut(line, `":`); !ok {
			return false
		}
		if rest, isText := strings.CutPrefix(line, `"`); isText {
			if value, line, ok = strings.Cut(rest, `"`); !ok || !text(name, value) {
				return false
			}
			continue
		}
		if value, line, ok = strings.Cut(line, `"]`); !ok || !strings.HasPrefix(value, `["`) || !texts(name, strings.Split(value[2:], `","`)) {
			return false
		}
	}
	return true
}
