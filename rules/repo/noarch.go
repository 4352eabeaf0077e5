package repo

import (
	"maps"
	"slices"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules/packages"
)

// warnOfArches warns of noarch packages that are not for the arch, by their source package.
// Repositories do not tell ExcludeArch and ExclusiveArch, so that the package set could not
// leave them out; now there are headers.
func (d *downloader) warnOfArches(limits packages.ArchLimits, arch string) error {
	identities := make(map[string]*format.Package, len(d.listings))
	for file, l := range d.listings {
		p, err := l.Identity()
		if err != nil {
			return err
		}
		identities[file] = p
	}
	for _, file := range slices.Sorted(maps.Keys(identities)) {
		source, ok := identities[identities[file].SourceRPM]
		if !ok || identities[file].Arch != "noarch" {
			continue
		}
		if tag, why := limits.Violated(source.ExcludeArch, source.ExclusiveArch); tag != "" {
			d.Warnf("%s is not for %s, by %s: %s, which repodata does not tell\n  hint: name it in filter_packages of gather, or excludepkgs of repo",
				file, arch, source.FileName(), why)
		}
	}
	return nil
}
