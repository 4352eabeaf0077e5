package packages

import (
	"slices"
	"strings"

	format "github.com/pungo-build/pungo/internal/rpm"
)

// ArchLimits judges what ExcludeArch and ExclusiveArch of a source package say of its
// noarch packages in the trees of an arch.
type ArchLimits struct {
	native []string // arches that they mean by the tree
}

// NewArchLimits returns the limits of a tree arch. If considersNoarch, a source package whose
// ExclusiveArch has noarch has its noarch packages everywhere.
func NewArchLimits(tree string, considersNoarch bool) ArchLimits {
	native := format.ValidArches(tree, false)
	if !considersNoarch {
		native = slices.DeleteFunc(native, func(arch string) bool { return arch == "noarch" })
	}
	return ArchLimits{native}
}

// Violated returns the tag by which noarch packages are not for the tree, and what it says;
// "" if they are.
func (l ArchLimits) Violated(exclude, exclusive []string) (tag, why string) {
	isNative := func(arch string) bool { return slices.Contains(l.native, arch) }
	if i := slices.IndexFunc(exclude, isNative); i >= 0 {
		return "ExcludeArch", "ExcludeArch has " + exclude[i]
	}
	if len(exclusive) > 0 && !slices.ContainsFunc(exclusive, isNative) {
		return "ExclusiveArch", "ExclusiveArch is " + strings.Join(exclusive, " ")
	}
	return "", ""
}
