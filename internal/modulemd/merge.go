package modulemd

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Merge puts indexes together, as libmodulemd does for sources of one priority, but for
// what it would leave to chance. Of documents of one identity:
//
//   - Streams and obsoletes have to say the same, whatever their form.
//   - Of translations the last modified counts; of one time they have to say the same.
//   - Of defaults of one module the last modified count. Of one time they become one:
//     what only one says is so, and it is an error if they name different streams, or
//     different profiles of a stream.
//
// The error names each conflict and the files it is between.
func Merge(all ...*Index) (*Index, error) {
	merged := &Index{}
	m := &merger{}
	for _, x := range all {
		merged.Streams = append(merged.Streams, x.Streams...)
		merged.Defaults = append(merged.Defaults, x.Defaults...)
		merged.Obsoletes = append(merged.Obsoletes, x.Obsoletes...)
		merged.Translations = append(merged.Translations, x.Translations...)
		merged.Skipped = append(merged.Skipped, x.Skipped...)
	}
	merged.sort()
	merged.Streams = unite(merged.Streams, (*Stream).identity, m.streams)
	merged.Defaults = unite(merged.Defaults, func(d *Defaults) string { return d.Module }, m.defaults)
	merged.Obsoletes = unite(merged.Obsoletes, (*Obsoletes).identity, m.obsoletes)
	merged.Translations = unite(merged.Translations, (*Translations).identity, m.translations)
	return merged, errors.Join(m.conflicts...)
}

// Override puts indexes together of which the second counts where both have documents of
// one identity: its streams, and its defaults of a module, replace those of the first.
func Override(x, by *Index) *Index {
	merged := &Index{
		Streams:      append(without(x.Streams, by.Streams, (*Stream).identity), by.Streams...),
		Defaults:     append(without(x.Defaults, by.Defaults, func(d *Defaults) string { return d.Module }), by.Defaults...),
		Obsoletes:    append(without(x.Obsoletes, by.Obsoletes, (*Obsoletes).identity), by.Obsoletes...),
		Translations: append(without(x.Translations, by.Translations, (*Translations).identity), by.Translations...),
		Skipped:      slices.Concat(x.Skipped, by.Skipped),
	}
	merged.sort()
	return merged
}

// without returns those of a list that have other identities than all of another.
func without[T any](list, others []T, identity func(T) string) []T {
	known := map[string]bool{}
	for _, o := range others {
		known[identity(o)] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(e T) bool { return known[identity(e)] })
}

// sort sorts the lists; what has one identity stays in its order.
func (x *Index) sort() {
	slices.SortStableFunc(x.Streams, compareStreams)
	slices.SortStableFunc(x.Defaults, func(a, b *Defaults) int { return strings.Compare(a.Module, b.Module) })
	slices.SortStableFunc(x.Obsoletes, func(a, b *Obsoletes) int {
		return cmp.Or(strings.Compare(a.Module, b.Module), strings.Compare(a.Stream, b.Stream),
			strings.Compare(a.Context, b.Context), strings.Compare(a.Modified, b.Modified))
	})
	slices.SortStableFunc(x.Translations, func(a, b *Translations) int {
		return cmp.Or(strings.Compare(a.Module, b.Module), strings.Compare(a.Stream, b.Stream))
	})
}

// unite makes one of those in a sorted list that have one identity.
func unite[T any](sorted []T, identity func(T) string, merge func(a, b T) T) []T {
	var united []T
	for _, e := range sorted {
		if n := len(united); n > 0 && identity(united[n-1]) == identity(e) {
			united[n-1] = merge(united[n-1], e)
		} else {
			united = append(united, e)
		}
	}
	return united
}

// merger merges what has one identity, and collects what cannot be merged.
type merger struct{ conflicts []error }

func (m *merger) conflict(format string, args ...any) {
	m.conflicts = append(m.conflicts, fmt.Errorf(format, args...))
}

func (m *merger) streams(a, b *Stream) *Stream {
	if a.sum != b.sum {
		m.conflict("module %s for %s: %s and %s describe it differently", a.NSVC(), cmp.Or(a.Arch, "any arch"), a.origin, b.origin)
	}
	return a
}

func (m *merger) obsoletes(a, b *Obsoletes) *Obsoletes {
	if a.sum != b.sum {
		m.conflict("obsoletes of module %s:%s, modified %s: %s and %s describe them differently", a.Module, a.Stream, a.Modified, a.origin, b.origin)
	}
	return a
}

func (m *merger) translations(a, b *Translations) *Translations {
	switch {
	case a.Modified < b.Modified:
		return b
	case a.Modified == b.Modified && a.sum != b.sum:
		m.conflict("translations of module %s:%s, modified %d: %s and %s have different ones", a.Module, a.Stream, a.Modified, a.origin, b.origin)
	}
	return a
}

func (m *merger) defaults(a, b *Defaults) *Defaults {
	if a.Modified != b.Modified {
		if a.Modified < b.Modified {
			return b
		}
		return a
	}
	where := func(what string) string { return "defaults of module " + fmt.Sprintf("%q", a.Module) + what }
	merged := &Defaults{Module: a.Module, Modified: a.Modified, origin: a.origin, Intents: maps.Clone(a.Intents)}
	merged.Choice = m.choices(where(""), a.Choice, b.Choice, a.origin, b.origin)
	for name, choice := range b.Intents {
		if merged.Intents == nil {
			merged.Intents = map[string]Choice{}
		}
		if other, ok := a.Intents[name]; ok {
			choice = m.choices(where(fmt.Sprintf(", intent %q", name)), other, choice, a.origin, b.origin)
		}
		merged.Intents[name] = choice
	}
	return merged
}

func (m *merger) choices(what string, a, b Choice, inA, inB string) Choice {
	if a.Stream != "" && b.Stream != "" && a.Stream != b.Stream {
		m.conflict("%s: stream %q in %s, %q in %s, want one", what, a.Stream, inA, b.Stream, inB)
	}
	c := Choice{Stream: cmp.Or(a.Stream, b.Stream), Profiles: maps.Clone(a.Profiles)}
	for _, stream := range slices.Sorted(maps.Keys(b.Profiles)) {
		theirs := b.Profiles[stream]
		ours, ok := c.Profiles[stream]
		switch {
		case c.Profiles == nil:
			c.Profiles = map[string][]string{stream: theirs}
		case !ok:
			c.Profiles[stream] = theirs
		case !slices.Equal(slices.Sorted(slices.Values(ours)), slices.Sorted(slices.Values(theirs))):
			m.conflict("%s: profiles of stream %q are %q in %s, %q in %s", what, stream, ours, inA, theirs, inB)
		}
	}
	return c
}

// sumOf is the checksum of what an element says, whatever its form: quotes, indentation,
// comments and the order of fields do not count.
func sumOf(n *yaml.Node) (sum [32]byte) {
	h := sha256.New()
	feed(h, n)
	return [32]byte(h.Sum(nil))
}

func feed(h hash.Hash, n *yaml.Node) {
	head := make([]byte, 9)
	head[0] = byte(n.Kind)
	if n.Kind == yaml.ScalarNode {
		binary.BigEndian.PutUint64(head[1:], uint64(len(n.Value)))
		h.Write(head)
		h.Write([]byte(n.Value))
		return
	}
	binary.BigEndian.PutUint64(head[1:], uint64(len(n.Content)))
	h.Write(head)
	if n.Kind != yaml.MappingNode {
		for _, child := range n.Content {
			feed(h, child)
		}
		return
	}
	var fields [][2][32]byte
	for i := 0; i+1 < len(n.Content); i += 2 {
		fields = append(fields, [2][32]byte{sumOf(n.Content[i]), sumOf(n.Content[i+1])})
	}
	slices.SortFunc(fields, func(a, b [2][32]byte) int { return slices.Compare(a[0][:], b[0][:]) })
	for _, f := range fields {
		h.Write(f[0][:])
		h.Write(f[1][:])
	}
}
