// Package modulemd reads, merges, selects from and writes modulemd: the YAML
// documents in which a repository describes its modules. A module comes in streams,
// of which a system has one at most: nodejs 18, nodejs 20. What is built of a stream
// for an arch is one document, with the packages that belong to it.
//
//	---
//	document: modulemd
//	version: 2
//	data:
//	  name: nodejs             the identity: name, stream, version, context, arch
//	  stream: "18"
//	  version: 20260101000000  the greatest counts
//	  context: ab12cd34        tells apart what is built for other dependencies
//	  arch: x86_64
//	  …
//	  artifacts: {rpms: ["nodejs-1:18.1-1.x86_64"]}
//	...
//
// Beside streams there are defaults (which stream a system takes that was not told),
// obsoletes (until when a stream lives) and translations. An [Index] holds all four.
//
// The documents are specified by libmodulemd, whose readers know no aliases, take
// scalars as text (stream 1.10 is not 1.1) and fail where a field of their
// specification is missing; so does [Parse]. Documents of streams, obsoletes and
// translations are kept as they were written, with what is not looked at here.
package modulemd

import (
	"cmp"
	"slices"
	"strings"
)

// Index is what a repository says of modules. Its lists are sorted, and each
// identity is in them once.
type Index struct {
	Streams      []*Stream
	Defaults     []*Defaults
	Obsoletes    []*Obsoletes
	Translations []*Translations
	// Skipped says which documents were left out and why, "FILE:LINE: …".
	Skipped []string
}

// Empty tells whether there is nothing to write.
func (x *Index) Empty() bool {
	return len(x.Streams)+len(x.Defaults)+len(x.Obsoletes)+len(x.Translations) == 0
}

// document is the text of a document, for to write it again.
type document struct {
	origin string // the name of the file it was read from
	text   string // between the markers, whole lines
	sum    [32]byte
}

// Stream is one build of a module's stream.
type Stream struct {
	Name    string
	Stream  string
	Version string // a number
	Context string
	Arch    string // of the machines that it was built for, "" if the document does not say
	// StaticContext: the context was chosen by whoever made the module, and is not made of
	// its dependencies.
	StaticContext bool
	Summary       string
	Description   string
	Licenses      []string // of the module's metadata
	Dependencies  []Dependencies
	API           []string            // names of the packages that users are promised
	Profiles      map[string][]string // names of packages to install, by name of the profile
	Artifacts     []string            // NEVRAs of packages, epoch included
	Filter        []string            // names of packages that were built and are left out
	number        uint64
	document
}

// Dependencies are one alternative of what a stream needs: for each module the
// streams that do; an empty list stands for any, "-1.0" for any but 1.0.
type Dependencies struct {
	BuildRequires map[string][]string
	Requires      map[string][]string
}

// NS returns name:stream.
func (s *Stream) NS() string { return s.Name + ":" + s.Stream }

// NSVC returns name:stream:version:context, which tells builds for one arch apart.
func (s *Stream) NSVC() string { return s.NS() + ":" + s.Version + ":" + s.Context }

func (s *Stream) identity() string { return s.NSVC() + ":" + s.Arch }

// Platform returns the streams of the module "platform", which stands for the base
// system, that the stream can run on: sorted, as the document names them.
func (s *Stream) Platform() []string {
	var streams []string
	for _, d := range s.Dependencies {
		streams = append(streams, d.Requires["platform"]...)
	}
	slices.Sort(streams)
	return slices.Compact(streams)
}

func compareStreams(a, b *Stream) int {
	return cmp.Or(
		strings.Compare(a.Name, b.Name), strings.Compare(a.Stream, b.Stream), cmp.Compare(a.number, b.number),
		strings.Compare(a.Version, b.Version), strings.Compare(a.Context, b.Context), strings.Compare(a.Arch, b.Arch),
	)
}

// Defaults say what a system takes of a module that was told no stream, or no profile.
type Defaults struct {
	Module   string
	Modified uint64 // a time as digits, 0 if the document does not say
	Choice
	Intents map[string]Choice // for systems of a kind
	origin  string
}

// Choice is a stream, and of each stream the profiles.
type Choice struct {
	Stream   string // "" for none
	Profiles map[string][]string
}

// Obsoletes says until when a stream lives, and what comes after it.
type Obsoletes struct {
	Module   string
	Stream   string
	Context  string // "" for all
	Modified string // a time in ISO 8601
	document
}

func (o *Obsoletes) identity() string {
	return strings.Join([]string{o.Module, o.Stream, o.Context, o.Modified}, ":")
}

// Translations are the texts of a stream in other languages.
type Translations struct {
	Module   string
	Stream   string
	Modified uint64
	document
}

func (t *Translations) identity() string { return t.Module + ":" + t.Stream }
