// Package gather decides which packages a variant ships on an arch.
//
//	what is asked for ──▶ solve ──▶ solution ──▶ trim ──▶ package sets os, debug, src
//	 groups, names        of this variant        takes away what others ship
//
// solve follows dependencies from what is asked for, by the rules of Pungi's
// deps method, or takes just that (nodeps), and says why each package is there.
// What asks is in inputs.go, what goes by the files of packages in multilib.go.
//
// trim then takes away what the parent variant or an earlier sibling ships. They
// are two because the parent gets from a child what the child needs of the
// parent's own sources: trim of the parent waits for its children, which wait
// for solve of the parent.
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
		{Name: "solve", Version: 9, Params: solveParams{}, Run: runSolve},
		{Name: "trim", Version: 4, Params: trimParams{}, Run: runTrim},
		{Name: "multilib_files", Version: 1, Params: multilibParams{}, Run: runMultilibFiles},
	}
}
