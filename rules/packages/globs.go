package packages

import (
	"fmt"
	"strings"

	"github.com/pungo-build/pungo/internal/glob"
	"github.com/pungo-build/pungo/internal/rpm"
)

// Globs choose packages: by name, name.arch or name-version-release.arch, as
// includepkgs does in the configuration of dnf.
type Globs []string

// CheckGlobs reports what is not a glob.
func CheckGlobs(globs Globs) error {
	for _, g := range globs {
		if !glob.Closed(g) {
			return fmt.Errorf("%q is not a glob: nothing closes its \"[\"", g)
		}
	}
	return nil
}

// Find returns the first of the globs that matches a package.
func (g Globs) Find(n rpm.NEVRA) (found string, ok bool) {
	if len(g) == 0 {
		return "", false
	}
	names := []string{n.Name, n.Name + "." + n.Arch, strings.TrimSuffix(n.FileName(), ".rpm")}
	for _, pattern := range g {
		for _, name := range names {
			if glob.Match(pattern, name) {
				return pattern, true
			}
		}
	}
	return "", false
}
