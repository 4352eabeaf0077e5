package productmd

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// formatVersion is the version of the JSON files and of .treeinfo.
const formatVersion = "1.2"

// maxDocument bounds what is read. The rpms.json of 60,000 packages has 20 MB.
const maxDocument = 256 << 20

// writeDocument writes the envelope that all JSON files share:
//
//	{"header": {"type": "productmd.<kind>", "version": "1.2"}, "payload": {…}}
//
// payload writes the fields of the payload. There is no line end after the
// closing brace, because productmd writes none.
func writeDocument(w io.Writer, kind string, payload func(e *encoder)) error {
	e := &encoder{w: bufio.NewWriterSize(w, 64<<10)}
	e.object(func() {
		e.key("header")
		e.object(func() {
			e.stringField("type", "productmd."+kind)
			e.stringField("version", formatVersion)
		})
		e.key("payload")
		e.object(func() { payload(e) })
	})
	return e.w.Flush()
}

// envelope is the part of a JSON file that is read first.
type envelope struct {
	Header struct {
		Type    string `json:"type"`
		Version string `json:"version"`
	} `json:"header"`
	Payload json.RawMessage `json:"payload"`
}

// readDocument decodes a JSON file of a kind into payload, after a look at its
// header. Versions 1.0 to 1.2 are understood; 1.0 did not record the kind.
func readDocument(r io.Reader, kind string, payload any) error {
	limited := &io.LimitedReader{R: r, N: maxDocument + 1}
	var document envelope
	err := json.NewDecoder(limited).Decode(&document)
	if limited.N <= 0 {
		return fmt.Errorf("document exceeds %d bytes", maxDocument)
	}
	if err != nil {
		return inWords(err)
	}
	h := document.Header
	if err := validateOneOf("header version", h.Version, []string{"1.0", "1.1", formatVersion}); err != nil {
		return err
	}
	if h.Version != "1.0" && h.Type != "productmd."+kind {
		return fmt.Errorf("header type %q, want %q", h.Type, "productmd."+kind)
	}
	if len(document.Payload) == 0 {
		return errors.New("no payload")
	}
	return inWords(json.Unmarshal(document.Payload, payload))
}

// inWords says of a value of the wrong kind what it is and what it should be, not how we
// call the type.
func inWords(err error) error {
	bad, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	wanted := map[reflect.Kind]string{
		reflect.Struct: "an object", reflect.Map: "an object", reflect.Slice: "a list",
		reflect.String: "a string", reflect.Bool: "true or false",
	}[bad.Type.Kind()]
	if wanted == "" {
		wanted = "a whole number"
	}
	return fmt.Errorf("%s: got JSON of type %s, want %s", cmp.Or(bad.Field, "document"), bad.Value, wanted)
}

// encoder writes JSON as Python's json module does with an indent of four and
// sorted keys. The caller names keys in sorted order; encoding/json could not
// do it without all values in nested maps, and escapes other characters. The
// error of a write is kept by the buffer and comes back from its Flush.
type encoder struct {
	w     *bufio.Writer
	depth int
	begun bool // the innermost object or list has an element
}

func (e *encoder) object(fields func()) { e.nest('{', '}', fields) }

func (e *encoder) list(items func()) { e.nest('[', ']', items) }

func (e *encoder) nest(open, end byte, content func()) {
	e.w.WriteByte(open)
	e.depth++
	e.begun = false
	content()
	e.depth--
	if e.begun {
		e.newline()
	}
	e.w.WriteByte(end)
	e.begun = true
}

func (e *encoder) newline() {
	e.w.WriteByte('\n')
	for range e.depth {
		e.w.WriteString("    ")
	}
}

// item begins an element of a list; its value must follow.
func (e *encoder) item() {
	if e.begun {
		e.w.WriteByte(',')
	}
	e.begun = true
	e.newline()
}

// key begins a field of an object; its value must follow.
func (e *encoder) key(k string) {
	e.item()
	e.string(k)
	e.w.WriteString(": ")
}

func (e *encoder) stringField(k, s string) {
	e.key(k)
	e.string(s)
}

// nullableField writes an empty string as null.
func (e *encoder) nullableField(k, s string) {
	e.key(k)
	if s == "" {
		e.w.WriteString("null")
		return
	}
	e.string(s)
}

func (e *encoder) intField(k string, n int64) {
	e.key(k)
	e.w.Write(strconv.AppendInt(e.w.AvailableBuffer(), n, 10))
}

func (e *encoder) boolField(k string, b bool) {
	e.key(k)
	e.w.Write(strconv.AppendBool(e.w.AvailableBuffer(), b))
}

func (e *encoder) listField(k string, items []string) {
	e.key(k)
	e.list(func() {
		for _, s := range items {
			e.item()
			e.string(s)
		}
	})
}

func (e *encoder) mapField(k string, m map[string]string) {
	e.key(k)
	e.object(func() {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			e.stringField(name, m[name])
		}
	})
}

// string writes a string in ASCII; what is not is escaped as in UTF-16.
func (e *encoder) string(s string) {
	e.w.WriteByte('"')
	plain := 0 // start of the text that is not written yet
	for i := 0; i < len(s); {
		c := s[i]
		if ' ' <= c && c <= '~' && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		e.w.WriteString(s[plain:i])
		e.escape(r)
		i += size
		plain = i
	}
	e.w.WriteString(s[plain:])
	e.w.WriteByte('"')
}

func (e *encoder) escape(r rune) {
	switch r {
	case '"', '\\':
		e.w.WriteByte('\\')
		e.w.WriteByte(byte(r))
	case '\b':
		e.w.WriteString(`\b`)
	case '\f':
		e.w.WriteString(`\f`)
	case '\n':
		e.w.WriteString(`\n`)
	case '\r':
		e.w.WriteString(`\r`)
	case '\t':
		e.w.WriteString(`\t`)
	default:
		if r > 0xffff {
			fmt.Fprintf(e.w, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
			return
		}
		fmt.Fprintf(e.w, `\u%04x`, r)
	}
}

// runs yields the parts of a sorted list whose elements have the same key.
func runs[T any](sorted []T, key func(*T) string) iter.Seq2[string, []T] {
	return func(yield func(string, []T) bool) {
		for start := 0; start < len(sorted); {
			k := key(&sorted[start])
			end := start + 1
			for end < len(sorted) && key(&sorted[end]) == k {
				end++
			}
			if !yield(k, sorted[start:end]) {
				return
			}
			start = end
		}
	}
}
