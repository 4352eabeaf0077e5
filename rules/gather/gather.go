// Package gather decides which packages a variant ships on an arch.
//
// solve follows dependencies from what is asked for, by the rules of Pungi's
// deps method, and says why each package is there. trim then takes away what
// the parent variant or an earlier sibling ships. They are two because the
// parent gets from a child what the child needs of the parent's own sources:
// trim of the parent waits for its children, which wait for solve of the parent.
package gather

import (
	_ "embed"

	"github.com/pungo-build/pungo/rules"
)

// Star is the rules' source.
//
//go:embed gather.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "solve", Version: 4, Params: solveParams{}, Run: runSolve},
		{Name: "file_owners", Version: 1, Params: ownersParams{}, Run: runOwners},
		{Name: "trim", Version: 2, Params: trimParams{}, Run: runTrim},
	}
}
