package productmd

import (
	"fmt"
	"strconv"
)

// ComposeType says what a compose is for.
type ComposeType string

// The compose types, with their mark in a compose id.
const (
	Production  ComposeType = "production"  // no mark
	Nightly     ComposeType = "nightly"     // ".n"
	Test        ComposeType = "test"        // ".t"
	CI          ComposeType = "ci"          // ".ci"
	Development ComposeType = "development" // ".d"
)

// composeTypes lists the types with their marks.
var composeTypes = []struct {
	kind ComposeType
	mark string
}{
	{Production, ""}, {Nightly, ".n"}, {Test, ".t"}, {CI, ".ci"}, {Development, ".d"},
}

// Mark returns the type's part of a compose id, "" for production.
func (t ComposeType) Mark() string {
	for _, c := range composeTypes {
		if c.kind == t {
			return c.mark
		}
	}
	return ""
}

// Validate reports a type that does not exist.
func (t ComposeType) Validate() error {
	var known []string
	for _, c := range composeTypes {
		known = append(known, string(c.kind))
	}
	return validateOneOf("compose type", string(t), known)
}

// ReleaseID is the part of a compose id that names a release, such as
// "Acme-42" or "Acme-42-updates".
type ReleaseID struct {
	Short   string
	Version string
	Type    string // "" is ga
}

// String returns the form in a compose id.
func (r ReleaseID) String() string {
	s := r.Short + "-" + r.Version
	if r.Type != "" && r.Type != "ga" {
		s += "-" + r.Type
	}
	return s
}

// Validate reports what productmd would not accept.
func (r ReleaseID) Validate() error {
	if !shortPattern.MatchString(r.Short) {
		return fmt.Errorf("release short name %q, want letters and digits, in words separated by dashes", r.Short)
	}
	if !versionPattern.MatchString(r.Version) {
		return fmt.Errorf("release version %q, want dotted numbers or a word that begins with a letter", r.Version)
	}
	if r.Type == "" {
		return nil
	}
	return validateOneOf("release type", r.Type, ReleaseTypes())
}

// Identity is what distinguishes one compose from all others.
type Identity struct {
	Release ReleaseID
	Base    ReleaseID // what a layered release is based on; the zero value if it is not layered
	Date    string    // YYYYMMDD
	Type    ComposeType
	Respin  int // from 0, counts composes of one release, date and type
}

// ID returns the compose id:
//
//	<short>-<version>[-<type>][-<base short>-<base version>[-<base type>]]-<date><mark>.<respin>
func (i Identity) ID() string {
	s := i.Release.String()
	if i.Base != (ReleaseID{}) {
		s += "-" + i.Base.String()
	}
	return s + "-" + i.Date + i.Type.Mark() + "." + strconv.Itoa(i.Respin)
}

// Validate reports the first part that is not acceptable.
func (i Identity) Validate() error {
	if err := i.Release.Validate(); err != nil {
		return err
	}
	if i.Base != (ReleaseID{}) {
		if err := i.Base.Validate(); err != nil {
			return fmt.Errorf("base product: %w", err)
		}
	}
	return i.Compose().Validate()
}

// Compose returns the compose section of the metadata, without a label.
func (i Identity) Compose() Compose {
	return Compose{ID: i.ID(), Date: i.Date, Type: i.Type, Respin: i.Respin}
}

// LayeredProduct returns the identity of a variant that is a release of its
// own. It is based on the compose's release, whose version is cut to its major
// part and whose type does not count.
func (i Identity) LayeredProduct(short, version string) Identity {
	i.Base = ReleaseID{Short: i.Release.Short, Version: Major(i.Release.Version)}
	i.Release = ReleaseID{Short: short, Version: version}
	return i
}
