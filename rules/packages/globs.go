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

// Find returns the first of the globs that matches a package.
func (g Globs) Find(n rpm.NEVRA) (glob string, ok bool) {
	if len(g) == 0 {
		return "", false
	}
	names := []string{n.Name, n.Name + "." + n.Arch, strings.TrimSuffix(n.FileName(), ".rpm")}
	for _, glob := range g {
		for _, name := range names {
			if MatchGlob(glob, name) {
				return glob, true
			}
		}
	}
	return "", false
}

// MatchGlob reports whether a glob matches a name. A class that is all but its characters
// is [!a], as in the shell, or [^a].
func MatchGlob(glob, name string) bool {
	ok, _ := path.Match(strings.ReplaceAll(glob, "[!", "[^"), name)
	return ok
}
