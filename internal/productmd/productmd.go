// Package productmd knows the metadata that a finished compose carries, as the
// productmd library defines and reads it: the compose id and label, the JSON
// files below compose/metadata, and the files at the top of each tree.
//
//	compose/metadata/composeinfo.json  [ComposeInfo]  variants and their paths
//	compose/metadata/rpms.json         [RPMs]         every package, by variant and arch
//	compose/metadata/images.json       [Images]       every image
//	compose/metadata/modules.json      [Modules]      every module
//	compose/metadata/extra_files.json  [ExtraFiles]   files of trees that are no packages
//	<tree>/.treeinfo                   [TreeInfo]     what an installer reads first
//	<tree>/.discinfo, media.repo       [DiscInfo]     which medium this is
//	<tree>/extra_files.json            [TreeFile]     those of one tree
//
// Everything is a plain value with a Validate method that applies productmd's
// rules, and an Encode method that validates and writes. Output depends on the
// value alone: keys are sorted, so equal values give equal bytes. Paths in JSON
// are relative to compose/, those in a tree's files to the tree. Parsers are for
// those who look at a finished compose.
package productmd

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/spell"
)

// Product names a product or release.
type Product struct {
	Name    string // for people, for example "Acme OS"
	Short   string // for ids, for example "Acme"
	Version string // dotted numbers or a word, for example "42", "8.4", "Rawhide"
	Type    string // one of ReleaseTypes; .treeinfo does not record it
}

// ReleaseTypes are the types of a release that productmd accepts.
func ReleaseTypes() []string {
	return []string{"ga", "updates", "updates-testing", "fast", "eus", "aus", "els", "tus", "e4s"}
}

// VariantTypes are the types of a variant that productmd accepts.
func VariantTypes() []string {
	return []string{"variant", "optional", "addon", "layered-product"}
}

// arches are the keys that productmd accepts for an architecture, without src,
// nosrc and noarch: those are never the architecture of a tree.
var arches = setOf(
	"aarch64", "alpha", "alphaev4", "alphaev45", "alphaev5", "alphaev56", "alphaev6", "alphaev67", "alphaev68",
	"alphaev7", "alphapca56", "amd64", "arm64", "armhfp", "armv5tejl", "armv5tel", "armv5tl", "armv6hl", "armv6l",
	"armv7hl", "armv7hnl", "armv7l", "armv8hl", "armv8l", "athlon", "geode", "i386", "i486", "i586", "i686", "ia32e",
	"ia64", "loongarch64", "mips", "mips64", "mips64el", "mipsel", "ppc", "ppc64", "ppc64iseries", "ppc64le",
	"ppc64p7", "ppc64pseries", "riscv128", "riscv32", "riscv64", "s390", "s390x", "sh3", "sh4", "sh4a", "sparc",
	"sparc64", "sparc64v", "sparcv8", "sparcv9", "sparcv9v", "x86_64",
)

func setOf(words ...string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}

var (
	shortPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$`)
	// A version that begins with a digit must be dotted numbers, any other may
	// be a word; it becomes part of file names.
	versionPattern   = regexp.MustCompile(`^([0-9]+(\.[0-9]+)*|[A-Za-z][A-Za-z0-9._+~-]*)$`)
	variantIDPattern = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	datePattern      = regexp.MustCompile(`^[0-9]{8}$`)
)

// Validate reports what productmd would not accept. An empty type is allowed
// where a type is not recorded, and means ga elsewhere.
func (p Product) Validate() error {
	if strings.TrimSpace(p.Name) == "" {
		return fmt.Errorf("release name %q, want some text", p.Name)
	}
	return p.id().Validate()
}

func (p Product) id() ReleaseID {
	return ReleaseID{Short: p.Short, Version: p.Version, Type: p.Type}
}

// ValidateVariantID reports an id that is not letters and digits. A variant
// such as "Foo-Tools" has the id "FooTools".
func ValidateVariantID(id string) error {
	if !variantIDPattern.MatchString(id) {
		return fmt.Errorf("variant id %q, want letters and digits", id)
	}
	return nil
}

// ValidateArch reports an architecture that cannot be that of a tree. Sources
// are listed under the architectures of their binaries, so src is none.
func ValidateArch(arch string) error {
	switch {
	case arches[arch]:
		return nil
	case arch == "src" || arch == "nosrc":
		return fmt.Errorf("arch %q, want the binary arch that the sources belong to", arch)
	case arch == "noarch" || arch == "source":
		return fmt.Errorf("arch %q is that of no tree", arch)
	}
	return fmt.Errorf("arch %q is not known%s", arch, spell.DidYouMean(arch, slices.Collect(maps.Keys(arches))))
}

// Major returns the part of a version before the first dot.
func Major(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}

// validatePath wants a clean relative path below the directory that the
// metadata describes.
func validatePath(path string) error {
	if !fs.ValidPath(path) || path == "." {
		return fmt.Errorf("path %q, want a clean relative path", path)
	}
	return nil
}

func validateOneOf(what, value string, allowed []string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("%s %q, want one of %s", what, value, strings.Join(allowed, ", "))
	}
	return nil
}
