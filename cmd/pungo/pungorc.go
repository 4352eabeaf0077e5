package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// rcLine is a line of a .pungorc: flags of a command, or of a name that
// --config asks for.
//
//	build --jobs=4            # whenever something is built
//	build:ci --keep-going     # with --config ci
//	common --cache=/srv/cache # every command that has the flag
type rcLine struct {
	at      string // file:line
	command string // "build", or common
	config  string // "ci"; "" if the line always holds
	words   []string
}

// common is the name of lines for every command.
const common = "common"

// rcReader reads .pungorc files and what they import.
type rcReader struct {
	workspace string // what %workspace% stands for; "" if there is none
	lines     []rcLine
	// open are the files being read, outermost first; read are those that were.
	open, read []string
}

// file reads the lines of a file. If it is not there, that is an error unless it
// is optional.
func (r *rcReader) file(path string, optional bool) error {
	if slices.Contains(r.read, path) {
		return nil // HOME may well be the workspace
	}
	data, err := os.ReadFile(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return usagef("settings: %v", err)
	}
	r.open = append(r.open, path)
	err = r.text(path, string(data))
	r.open = r.open[:len(r.open)-1]
	r.read = append(r.read, path)
	return err
}

// text reads the lines of a file's content. A line whose last character is a
// backslash goes on in the next.
func (r *rcReader) text(path, text string) error {
	lines := strings.Split(text, "\n")
	for n := 0; n < len(lines); n++ {
		at, line := path+":"+strconv.Itoa(n+1), lines[n]
		for strings.HasSuffix(line, "\\") && n+1 < len(lines) {
			n++
			line = strings.TrimSuffix(line, "\\") + lines[n]
		}
		words, err := shellWords(line)
		if err != nil {
			return usagef("%s: %v", at, err)
		}
		if len(words) == 0 {
			continue
		}
		if err := r.line(at, words); err != nil {
			return err
		}
	}
	return nil
}

func (r *rcReader) line(at string, words []string) error {
	switch words[0] {
	case "import", "try-import":
		return r.imported(at, words)
	}
	command, config, named := strings.Cut(words[0], ":")
	if named && config == "" {
		return usagef("%s: %q: the name after the colon is missing", at, words[0])
	}
	r.lines = append(r.lines, rcLine{at, command, config, words[1:]})
	return nil
}

// imported reads the file that an import line names. The lines stand where the
// import does.
func (r *rcReader) imported(at string, words []string) error {
	if len(words) != 2 {
		return usagef("%s: %s wants one file, got %d", at, words[0], len(words)-1)
	}
	optional := words[0] == "try-import"
	path := words[1]
	if below, ok := strings.CutPrefix(path, "%workspace%/"); ok {
		if r.workspace == "" && optional {
			return nil
		}
		if r.workspace == "" {
			return usagef("%s: %s %q: there is no workspace here", at, words[0], path)
		}
		path = filepath.Join(r.workspace, below)
	}
	if !filepath.IsAbs(path) {
		return usagef("%s: %s %q: want %%workspace%%/... or an absolute path", at, words[0], path)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !optional {
		return usagef("%s: import %q: there is no such file\n  hint: try-import does without", at, words[1])
	}
	if path = filepath.Clean(path); slices.Contains(r.open, path) {
		chain := append(slices.Clone(r.open), path)
		return usagef("%s: %s %q goes in a circle: %s", at, words[0], words[1], strings.Join(chain, " → "))
	}
	return r.file(path, optional)
}

// shellWords splits a line at blanks, as a shell does: 'single' and "double"
// quotes, a backslash before a character outside of single quotes, and # at the
// start of a word for a comment.
func shellWords(line string) ([]string, error) {
	var (
		words  []string
		word   strings.Builder
		inWord bool
		quote  rune // the quote that is open, or 0
	)
	for rest := []rune(line); len(rest) > 0; {
		c := rest[0]
		rest = rest[1:]
		switch {
		case c == '\\' && quote != '\'':
			if len(rest) == 0 {
				return nil, fmt.Errorf("a backslash ends the file")
			}
			word.WriteRune(rest[0])
			rest, inWord = rest[1:], true
		case c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == '#' && !inWord:
			return words, nil
		case strings.ContainsRune(" \t\r", c):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
