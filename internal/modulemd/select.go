package modulemd

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/spell"
)

// Spec names streams by shell patterns.
type Spec struct {
	Name    string
	Stream  string
	Version string // "" for the newest of each stream
	Context string // "" for all
	text    string
}

var legacyVersion = regexp.MustCompile(`^[0-9]{14}$`)

// ParseSpec reads NAME:STREAM, NAME:STREAM:VERSION or NAME:STREAM:VERSION:CONTEXT, and
// "*", which is every stream. It also knows the older forms NAME-STREAM and
// NAME-STREAM-VERSION, whose version has 14 digits: for these, instead returns how to
// write them.
func ParseSpec(text string) (s Spec, instead string, err error) {
	parts := strings.Split(text, ":")
	switch {
	case text == "*":
		parts = []string{"*", "*"}
	case len(parts) == 1:
		if parts = splitLegacy(text); parts == nil {
			return s, "", fmt.Errorf("module %q has no stream, want NAME:STREAM[:VERSION[:CONTEXT]]\n  hint: %q is every stream of it", text, text+":*")
		}
		instead = strings.Join(parts, ":")
	case len(parts) > 4:
		return s, "", fmt.Errorf("module %q has %d parts, want NAME:STREAM[:VERSION[:CONTEXT]]", text, len(parts))
	}
	if slices.Contains(parts, "") {
		return s, "", fmt.Errorf("module %q has an empty part, want NAME:STREAM[:VERSION[:CONTEXT]]", text)
	}
	for i, to := range []*string{&s.Name, &s.Stream, &s.Version, &s.Context}[:len(parts)] {
		*to = parts[i]
	}
	s.text = text
	return s, instead, nil
}

// splitLegacy splits NAME-STREAM and NAME-STREAM-VERSION; nil if it is neither.
func splitLegacy(text string) []string {
	rest, last, ok := cutLast(text)
	if !ok {
		return nil
	}
	if legacyVersion.MatchString(last) {
		if name, stream, ok := cutLast(rest); ok {
			return []string{name, stream, last}
		}
	}
	return []string{rest, last}
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// String returns the spec as it was written.
func (s Spec) String() string { return s.text }

// Matches tells whether the patterns match a stream.
func (s Spec) Matches(t *Stream) bool {
	return glob.Match(s.Name, t.Name) && glob.Match(s.Stream, t.Stream) &&
		(s.Version == "" || glob.Match(s.Version, t.Version)) && (s.Context == "" || glob.Match(s.Context, t.Context))
}

// Select returns the streams that specs name, sorted, and the specs that name none.
// Where a spec has no version, only those of the greatest version of each name:stream
// count, in all their contexts.
func Select(streams []*Stream, specs []Spec) (selected []*Stream, unmatched []Spec) {
	chosen := map[*Stream]bool{}
	for _, spec := range specs {
		matched := slices.DeleteFunc(slices.Clone(streams), func(s *Stream) bool { return !spec.Matches(s) })
		if len(matched) == 0 {
			unmatched = append(unmatched, spec)
		}
		if spec.Version == "" {
			matched = newest(matched)
		}
		for _, s := range matched {
			chosen[s] = true
		}
	}
	for _, s := range streams {
		if chosen[s] {
			selected = append(selected, s)
		}
	}
	slices.SortFunc(selected, compareStreams)
	return selected, unmatched
}

// newest keeps those of the greatest version of each name:stream.
func newest(streams []*Stream) []*Stream {
	greatest := map[string]uint64{}
	for _, s := range streams {
		greatest[s.NS()] = max(greatest[s.NS()], s.number)
	}
	return slices.DeleteFunc(streams, func(s *Stream) bool { return s.number < greatest[s.NS()] })
}

// Unknown says of a spec that matches none of the streams what is wrong with it, and
// what may have been meant: nil if it matches one.
func (s Spec) Unknown(streams []*Stream) error {
	var names, its, builds []string // of all, of the module, of the stream
	for _, t := range streams {
		names = append(names, t.Name)
		switch {
		case s.Matches(t):
			return nil
		case !glob.Match(s.Name, t.Name):
		case glob.Match(s.Stream, t.Stream):
			builds = append(builds, t.NSVC())
			fallthrough
		default:
			its = append(its, t.Stream)
		}
	}
	switch {
	case s.Name == "*" && s.Stream == "*":
		return errors.New("there are no modules")
	case len(its) == 0 && slices.Contains(names, s.text):
		return fmt.Errorf("module %q has no stream, want NAME:STREAM\n  hint: %q is every stream of it", s.text, s.text+":*")
	case len(its) == 0:
		return fmt.Errorf("module %q is not there%s", s.Name, spell.DidYouMean(s.Name, names))
	case len(builds) == 0:
		return fmt.Errorf("module %q has no stream %q, there are %s", s.Name, s.Stream, listed(its))
	}
	return fmt.Errorf("module %q was not built, of its stream there are %s", s.text, listed(builds))
}

func listed(words []string) string {
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ", ")
}

// Subset returns the index of some of the streams, with what it says of their modules:
// defaults and obsoletes of these, and translations of the streams.
func (x *Index) Subset(streams []*Stream) *Index {
	modules, both := map[string]bool{}, map[string]bool{}
	for _, s := range streams {
		modules[s.Name], both[s.NS()] = true, true
	}
	sub := &Index{Streams: streams}
	for _, d := range x.Defaults {
		if modules[d.Module] {
			sub.Defaults = append(sub.Defaults, d)
		}
	}
	for _, o := range x.Obsoletes {
		if modules[o.Module] {
			sub.Obsoletes = append(sub.Obsoletes, o)
		}
	}
	for _, t := range x.Translations {
		if both[t.identity()] {
			sub.Translations = append(sub.Translations, t)
		}
	}
	return sub
}
