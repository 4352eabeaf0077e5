// Package template fills in the templates that name images and volumes:
//
//	{compose_id}-{variant}-{arch}-{disc_type}{disc_num}{suffix}
//
// Both notations are taken that Pungi's configurations have: %(key)s, which is
// filled in first, and {key}. "%%", "{{" and "}}" stand for "%", "{" and "}".
// There is nothing else in a template: no widths, no conversions.
package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/spell"
)

// Expand fills in a template. The error names the template, the key that values
// does not have, and those that it has.
func Expand(template string, values map[string]string) (string, error) {
	e := expansion{template: template, values: values}
	text := e.percents(template)
	text = e.braces(text)
	return text, e.err
}

// expansion is one template as it is filled in; err is the first mistake.
type expansion struct {
	template string
	values   map[string]string
	err      error
}

func (e *expansion) mistake(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf("template %q: "+format, append([]any{e.template}, args...)...)
	}
}

func (e *expansion) value(key string) string {
	v, ok := e.values[key]
	if !ok {
		known := slices.Sorted(maps.Keys(e.values))
		e.mistake("key %q is not known%s; the keys are %s", key, spell.DidYouMean(key, known), strings.Join(known, ", "))
	}
	return v
}

// percents fills in %(key)s. What comes out is text for braces, so that braces of
// a value are doubled.
func (e *expansion) percents(text string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		if after, ok := strings.CutPrefix(rest, "%"); ok {
			out.WriteString("%")
			text = after
			continue
		}
		key, after, ok := strings.Cut(strings.TrimPrefix(rest, "("), ")s")
		if !strings.HasPrefix(rest, "(") || !ok {
			e.mistake("%% is followed neither by %% nor by (key)s")
			return ""
		}
		out.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(e.value(key)))
		text = after
	}
}

// braces fills in {key}.
func (e *expansion) braces(text string) string {
	var out strings.Builder
	for text != "" {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			out.WriteString(text)
			break
		}
		out.WriteString(text[:i])
		brace := text[i : i+1]
		text = text[i+1:]
		switch {
		case strings.HasPrefix(text, brace):
			out.WriteString(brace)
			text = text[1:]
		case brace == "}":
			e.mistake("a single }")
			return ""
		default:
			key, after, ok := strings.Cut(text, "}")
			if !ok {
				e.mistake("a { that is not closed")
				return ""
			}
			out.WriteString(e.value(key))
			text = after
		}
	}
	return out.String()
}
