package payload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

type selectParams struct {
	Packages []string `arg:"packages,required"` // package sets
	Globs    []string `arg:"glob,required"`
	Output   string   `arg:"output,required"` // package set
}

// selectPackages makes a package set of those that files are taken of, so that no
// others need be downloaded: of each name and arch the newest version.
func selectPackages(ctx context.Context, j *rules.Job) error {
	var p selectParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	if err := packages.CheckGlobs(p.Globs); err != nil {
		return err
	}
	sets := make([][]*packages.Listing, len(p.Packages))
	for k, name := range p.Packages {
		n, err := j.Input(ctx, name)
		if err != nil {
			return err
		}
		if sets[k], err = packages.LoadListings(ctx, j, n.Digest); err != nil {
			return err
		}
	}
	all, err := packages.Union(sets, p.Packages)
	if err != nil {
		return err
	}
	chosen, err := newestOf(all, p.Globs)
	if err != nil {
		return err
	}
	set, err := packages.Write(ctx, j, chosen)
	if err != nil {
		return err
	}
	j.Output(p.Output, set)
	return nil
}

// newestOf returns the packages that globs match, in their order. That a glob matches
// none is an error.
func newestOf(all []*packages.Listing, globs packages.Globs) ([]*packages.Listing, error) {
	type nameArch struct{ name, arch string }
	type version struct {
		*packages.Listing
		is rpm.NEVRA
	}
	best := map[nameArch]version{}
	matched, names := map[string]bool{}, []string{}
	for _, l := range all {
		p, err := l.Identity()
		if err != nil {
			return nil, err
		}
		names = append(names, p.Name)
		found := false
		for _, glob := range globs {
			if matches(glob, p.NEVRA) {
				matched[glob], found = true, true
			}
		}
		key := nameArch{p.Name, p.Arch}
		if old, ok := best[key]; found && (!ok || rpm.Compare(p.EVR, old.is.EVR) > 0) {
			best[key] = version{l, p.NEVRA}
		}
	}
	for _, glob := range globs {
		if !matched[glob] {
			return nil, fmt.Errorf("from_packages: %w", noPackage(glob, names))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(l *packages.Listing) bool {
		p, err := l.Identity()
		return err != nil || best[nameArch{p.Name, p.Arch}].Listing != l
	}), nil
}

// matches reports whether a glob means a package. Sources are meant only if it says so.
func matches(glob string, n rpm.NEVRA) bool {
	if (n.Arch == "src" || n.Arch == "nosrc") && !strings.HasSuffix(glob, "src") {
		return false
	}
	_, ok := (packages.Globs{glob}).Find(n)
	return ok
}

// noPackage says that a glob matches nothing, and what there is.
func noPackage(glob string, names []string) error {
	slices.Sort(names)
	names = slices.Compact(names)
	return fmt.Errorf("no package matches %q; there are %s%s", glob, spell.Some(names), spell.DidYouMean(glob, names))
}
