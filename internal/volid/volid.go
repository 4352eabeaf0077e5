// Package volid chooses the volume id of an image: the name by which installers
// find their disc among all that a machine has.
//
// An ISO 9660 volume id has 32 characters at most. So there is a list of
// templates, the best one first, and a table of words that can be shortened; the
// first template wins whose text fits.
package volid

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/template"
)

// Limit is the number of characters of a volume id.
const Limit = 32

// Options say how to choose.
type Options struct {
	// Formats are templates, see package template, in the order in which they are tried.
	Formats []string
	// Values of the templates' keys.
	Values map[string]string
	// Substitutions replace text wherever it occurs, the longest key first, so that
	// "WorkstationOstree" comes before "Workstation".
	Substitutions [][2]string
	// Restricted ids have letters, digits, "_" and "-" only: what else there is becomes "-".
	Restricted bool
}

// Choose returns the volume id. If no format fits, the error lists what was tried.
func Choose(o Options) (string, error) {
	if len(o.Formats) == 0 {
		return "", fmt.Errorf("volume id: no format is given")
	}
	var tried []string
	for _, format := range o.Formats {
		id, err := template.Expand(format, o.Values)
		if err != nil {
			return "", fmt.Errorf("volume id: %w", err)
		}
		id = substitute(id, o.Substitutions)
		if len(id) <= Limit {
			return o.check(id)
		}
		tried = append(tried, fmt.Sprintf("%q (%d)", id, len(id)))
	}
	return "", fmt.Errorf("volume id: none of %s has %d characters at most", strings.Join(tried, ", "), Limit)
}

// substitute replaces text by every pair, one after the other.
func substitute(text string, pairs [][2]string) string {
	sorted := slices.SortedFunc(slices.Values(pairs), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(len(b[0]), len(a[0])), cmp.Compare(a[0], b[0]))
	})
	for _, p := range sorted {
		if p[0] != "" {
			text = strings.ReplaceAll(text, p[0], p[1])
		}
	}
	return text
}

// check returns an id that can be written: of printable ASCII, not empty.
func (o *Options) check(id string) (string, error) {
	if o.Restricted {
		id = strings.Map(restrict, id)
	}
	if strings.TrimSpace(id) == "" {
		return "", fmt.Errorf("volume id: it is empty")
	}
	for _, r := range id {
		if r < ' ' || r > '~' {
			return "", fmt.Errorf("volume id: %q has the character %q, and a volume id has printable ASCII only", id, r)
		}
	}
	return id, nil
}

func restrict(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
		return r
	}
	return '-'
}
