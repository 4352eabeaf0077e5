package productmd

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// ini is a file in the manner of Python's ConfigParser: section to key to
// value. Keys keep their case.
//
//	[section]
//	key = value
//	# comment, as is a line that begins with ";"
type ini map[string]map[string]string

// set stores a value and makes the section if needed.
func (f ini) set(section, key, value string) {
	if f[section] == nil {
		f[section] = make(map[string]string)
	}
	f[section][key] = value
}

// encode writes sections and keys sorted, with an empty line after each
// section. It refuses what a reader would understand differently.
func (f ini) encode(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, section := range slices.Sorted(maps.Keys(f)) {
		if strings.ContainsAny(section, "[]\r\n") {
			return fmt.Errorf("section %q, want a name without brackets and line ends", section)
		}
		fmt.Fprintf(b, "[%s]\n", section)
		for _, key := range slices.Sorted(maps.Keys(f[section])) {
			value := f[section][key]
			if err := validateEntry(key, value); err != nil {
				return fmt.Errorf("section %q: %w", section, err)
			}
			fmt.Fprintf(b, "%s = %s\n", key, value)
		}
		b.WriteString("\n")
	}
	return b.Flush()
}

// noticePrefix begins the keys of [general] that are comments to all readers.
const noticePrefix = "; WARNING."

// validateEntry refuses a key that does not end where it should or begins a
// comment, and a value that is longer than its line or that ConfigParser would
// interpolate.
func validateEntry(key, value string) error {
	name := strings.TrimPrefix(key, noticePrefix)
	if name == "" || name != strings.TrimSpace(name) || strings.ContainsAny(name, "=:;[]#%\r\n") {
		return fmt.Errorf("key %q, want one without any of %q", key, "=:;[]#%")
	}
	if value != strings.TrimSpace(value) || strings.ContainsAny(value, "%\r\n") {
		return fmt.Errorf("value %q of %q, want one line without %q and surrounding whitespace", value, key, "%")
	}
	return nil
}

// maxINI bounds a file that is read; real ones have a few kilobytes.
const maxINI = 1 << 20

// parseINI reads a file. As in ConfigParser, a key ends at the first "=" or
// ":", and an indented line continues the value before it.
func parseINI(r io.Reader) (ini, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxINI+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxINI {
		return nil, fmt.Errorf("file exceeds %d bytes", maxINI)
	}
	p := &iniParser{file: make(ini)}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		if err := p.line(strings.TrimRight(line, " \t\r\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return p.file, nil
}

// iniParser knows where the next line belongs.
type iniParser struct {
	file    ini
	section string
	key     string // of the line before, "" if it had none
}

func (p *iniParser) line(line string) error {
	text := strings.TrimLeft(line, " \t")
	switch {
	case text == "" || text[0] == '#' || text[0] == ';':
		return nil
	case text != line && p.key != "":
		p.file[p.section][p.key] += "\n" + text
		return nil
	case text[0] == '[':
		return p.header(text)
	}
	return p.entry(text)
}

func (p *iniParser) header(text string) error {
	name, found := strings.CutSuffix(text[1:], "]")
	if !found || name == "" {
		return fmt.Errorf("%q, want [section]", text)
	}
	p.section, p.key = name, ""
	if p.file[name] == nil {
		p.file[name] = make(map[string]string)
	}
	return nil
}

func (p *iniParser) entry(text string) error {
	end := strings.IndexAny(text, "=:")
	if end <= 0 {
		return fmt.Errorf("%q, want key = value", text)
	}
	if p.section == "" {
		return fmt.Errorf("%q comes before any [section]", text)
	}
	p.key = strings.TrimSpace(text[:end])
	p.file[p.section][p.key] = strings.TrimSpace(text[end+1:])
	return nil
}
