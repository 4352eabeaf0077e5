package packages

import (
	"fmt"
	"path"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Globs choose packages: by name, name.arch or name-version-release.arch, as
// includepkgs does in the configuration of dnf.
type Globs []string

// CheckGlobs reports what is not a glob.
func CheckGlobs(globs Globs) error {
	for _, glob := range globs {
		if _, err := path.Match(glob, ""); err != nil {
			return fmt.Errorf("%q is not a glob", glob)
		}
	}
	return nil
}

// Match returns the first of the globs that matches a package.
func (g Globs) Match(n rpm.NEVRA) (glob string, ok bool) {
	if len(g) == 0 {
		return "", false
	}
	names := []string{n.Name, n.Name + "." + n.Arch, strings.TrimSuffix(n.FileName(), ".rpm")}
	for _, glob := range g {
		for _, name := range names {
			if ok, _ := path.Match(glob, name); ok {
				return glob, true
			}
		}
	}
	return "", false
}
