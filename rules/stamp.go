package rules

import (
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/internal/productmd"
)

// Stamp is the identity of one run: what two composes of the same content
// differ in. Only actions whose arguments name a part of it depend on it.
type Stamp struct {
	Release     Release
	BaseProduct *Release
	Date        string // YYYYMMDD, UTC
	Type        string // nightly …
	Respin      int
	Label       string
	// ID is the compose id: DefaultID unless another was given.
	ID string
}

// SameRelease reports whether two composes are of one release, on one base product.
func (s Stamp) SameRelease(other Stamp) bool {
	if (s.BaseProduct == nil) != (other.BaseProduct == nil) || s.BaseProduct != nil && *s.BaseProduct != *other.BaseProduct {
		return false
	}
	return s.Release == other.Release
}

// stampParts are the placeholders that Expand replaces.
var stampParts = []string{"{compose_id}", "{date}", "{compose_type}", "{respin}", "{label}"}

// HasStamp reports whether text names a part of the stamp.
func HasStamp(text string) bool {
	if !strings.Contains(text, "{") {
		return false
	}
	for _, p := range stampParts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// Expand replaces {compose_id}, {date}, {compose_type}, {respin} and {label} in
// text. In cells of a layered product {compose_id} is that product's id: its
// short name and version, then the compose's with the major version only.
func (s Stamp) Expand(text string, product *Release) string {
	if !HasStamp(text) {
		return text
	}
	return strings.NewReplacer(
		"{compose_id}", s.idFor(product),
		"{date}", s.Date,
		"{compose_type}", s.Type,
		"{respin}", strconv.Itoa(s.Respin),
		"{label}", s.Label,
	).Replace(text)
}

func (s Stamp) idFor(product *Release) string {
	if product == nil {
		return s.ID
	}
	return s.identity().LayeredProduct(product.Short, product.Version).ID()
}

// DefaultID is the compose id that follows from the other fields.
func (s Stamp) DefaultID() string { return s.identity().ID() }

func (s Stamp) identity() productmd.Identity {
	id := productmd.Identity{
		Release: releaseID(s.Release), Date: s.Date, Type: productmd.ComposeType(s.Type), Respin: s.Respin,
	}
	if s.BaseProduct != nil {
		id.Base = releaseID(*s.BaseProduct)
	}
	return id
}

func releaseID(r Release) productmd.ReleaseID {
	return productmd.ReleaseID{Short: r.Short, Version: r.Version, Type: r.Type}
}

func itoa(n int) string { return strconv.Itoa(n) }
