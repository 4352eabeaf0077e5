// Package sumfile reads and writes checksum files in the form of the BSDs, which
// `sha256sum --check` and its kin take, with a comment that tells the size:
//
//	# Tiny-1.0-x86_64-dvd1.iso: 546816 bytes
//	SHA256 (Tiny-1.0-x86_64-dvd1.iso) = 0f64…
//
// A file may be clear-signed: what is around the text then is passed over.
package sumfile

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Entry is one checksum of a file.
type Entry struct {
	Name string // of the file, in the folder of the checksum file
	Size int64  // bytes; -1 if nobody says
	Kind string // md5, sha256 …
	Hex  string // lower-case
}

// Encode writes a checksum file, sorted by name, then by kind. A name that no line
// can hold is an error.
func Encode(entries []Entry) ([]byte, error) {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Size, b.Size), cmp.Compare(a.Kind, b.Kind))
	})
	sorted = slices.Compact(sorted)
	var b bytes.Buffer
	for k, e := range sorted {
		if e.Name == "" || strings.ContainsAny(e.Name, "/\\\r\n\x00") {
			return nil, fmt.Errorf("file name %q, want one without slash, backslash and line break", e.Name)
		}
		if k == 0 || sorted[k-1].Name != e.Name {
			fmt.Fprintf(&b, "# %s: %d bytes\n", e.Name, e.Size)
		}
		fmt.Fprintf(&b, "%s (%s) = %s\n", strings.ToUpper(e.Kind), e.Name, e.Hex)
	}
	return b.Bytes(), nil
}

// Parse reads a checksum file. Errors begin with the number of the line.
func Parse(data []byte) ([]Entry, error) {
	var entries []Entry
	sizes := map[string]int64{}
	signed, head := false, false
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case line == "-----BEGIN PGP SIGNED MESSAGE-----" && n == 0:
			signed, head = true, true
			continue
		case head:
			head = line != ""
			continue
		case signed && line == "-----BEGIN PGP SIGNATURE-----":
			return withSizes(entries, sizes), nil
		case signed:
			line = strings.TrimPrefix(line, "- ")
		}
		if line == "" {
			continue
		}
		if text, ok := strings.CutPrefix(line, "#"); ok {
			if name, size, ok := parseSize(text); ok {
				sizes[name] = size
			}
			continue
		}
		e, ok := parseEntry(line)
		if !ok {
			return nil, fmt.Errorf("%d: found %q, want ALGORITHM (FILE) = HEX", n+1, line)
		}
		entries = append(entries, e)
	}
	if signed {
		return nil, fmt.Errorf("the text is signed, and there is no signature below it")
	}
	return withSizes(entries, sizes), nil
}

// parseSize reads " NAME: 12 bytes".
func parseSize(text string) (name string, size int64, ok bool) {
	text, ok = strings.CutSuffix(strings.TrimPrefix(text, " "), " bytes")
	i := strings.LastIndex(text, ": ")
	if !ok || i < 0 {
		return "", 0, false
	}
	size, err := strconv.ParseInt(text[i+2:], 10, 64)
	return text[:i], size, err == nil && size >= 0
}

// parseEntry reads "SHA256 (NAME) = HEX".
func parseEntry(line string) (e Entry, ok bool) {
	kind, rest, ok1 := strings.Cut(line, " (")
	i := strings.LastIndex(rest, ") = ")
	if !ok1 || i <= 0 || kind == "" || kind != strings.ToUpper(kind) {
		return e, false
	}
	e = Entry{Name: rest[:i], Size: -1, Kind: strings.ToLower(kind), Hex: rest[i+4:]}
	return e, e.Hex != "" && strings.Trim(e.Hex, "0123456789abcdef") == ""
}

func withSizes(entries []Entry, sizes map[string]int64) []Entry {
	for k := range entries {
		if size, ok := sizes[entries[k].Name]; ok {
			entries[k].Size = size
		}
	}
	return entries
}
