package modulemd

import "strings"

// chunk is the text of a document between its markers.
type chunk struct {
	line int // of its first line, from 1
	text string
}

// split cuts a file of YAML into its documents. "---" and "..." at the start of a line
// are markers wherever they stand, within a quoted text too; so this takes no parser,
// and each document is parsed, or refused, by itself.
func split(text string) []chunk {
	s := &splitter{line: 1}
	for line := range strings.Lines(text) {
		s.add(line)
		s.line++
	}
	s.end()
	return s.all
}

type splitter struct {
	all   []chunk
	line  int // that is added next
	first int // line of the document
	text  strings.Builder
	// open: a "---" has begun the document, so that it is one even if it is empty.
	open bool
}

func (s *splitter) add(line string) {
	switch {
	case isMarker(line, "---"):
		s.end()
		s.open, s.first = true, s.line
		if rest := strings.TrimLeft(line[3:], " \t"); strings.TrimSpace(rest) != "" {
			s.text.WriteString(rest)
		} else {
			s.first++
		}
	case isMarker(line, "..."):
		s.end()
	case s.text.Len() == 0 && strings.TrimSpace(line) == "":
		s.first = s.line + 1
	case !s.open && strings.HasPrefix(line, "%YAML") && onlyComments(s.text.String()):
		// A directive, which says nothing that is not so anyway.
	default:
		if s.text.Len() == 0 && !s.open {
			s.first = s.line
		}
		s.text.WriteString(line)
	}
}

// end ends a document. What is between documents is none, if it is nothing but
// comments.
func (s *splitter) end() {
	text := strings.TrimRight(s.text.String(), " \t\n")
	if text != "" && (s.open || !onlyComments(text)) {
		s.all = append(s.all, chunk{s.first, text + "\n"})
	}
	s.text.Reset()
	s.open, s.first = false, s.line+1
}

func isMarker(line, marker string) bool {
	rest, ok := strings.CutPrefix(line, marker)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], " \t\n"))
}

func onlyComments(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}
