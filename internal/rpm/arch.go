package rpm

import "slices"

// There are two vocabularies of architectures. A tree arch ("x86_64", "i386",
// "armhfp") names what is composed; an rpm arch ("i686", "armv7hl", "noarch")
// stands in a package. A machine of an rpm arch also runs the packages of every
// arch further down its chain, which ends in noarch.

// nextArch links each rpm arch to the next best one that its machines run too.
var nextArch = map[string]string{
	"amd64": "x86_64", "ia32e": "x86_64", "x86_64": "athlon",
	"athlon": "i686", "geode": "i586",
	"i686": "i586", "i586": "i486", "i486": "i386", "i386": "noarch",

	"aarch64": "noarch", "arm64": "noarch",
	"armv7hnl": "armv7hl", "armv7hl": "armv6hl", "armv6hl": "noarch",
	"armv7l": "armv6l", "armv6l": "armv5tejl", "armv5tejl": "armv5tel", "armv5tel": "noarch",

	"ppc64le": "noarch",
	"ppc64p7": "ppc64", "ppc64pseries": "ppc64", "ppc64iseries": "ppc64",
	"ppc64": "ppc", "ppc": "noarch",

	"s390x": "s390", "s390": "noarch",

	"sparc64v": "sparc64", "sparc64": "sparcv9v", "sparcv9v": "sparcv9",
	"sparcv9": "sparcv8", "sparcv8": "sparc", "sparc": "noarch",

	"alphaev7": "alphaev68", "alphaev68": "alphaev67", "alphaev67": "alphaev6",
	"alphaev6": "alphapca56", "alphapca56": "alphaev56", "alphaev56": "alphaev5",
	"alphaev5": "alphaev45", "alphaev45": "alphaev4", "alphaev4": "alpha", "alpha": "noarch",

	"sh4a": "sh4", "sh4": "noarch", "sh3": "noarch",
	"ia64": "noarch", "riscv64": "noarch", "loongarch64": "noarch",
}

// bestArches has the best rpm arch of the tree arches that are not their own.
var bestArches = map[string]string{
	"i386": "i686", "sparc": "sparc64v", "arm": "armv7l", "armhfp": "armv7hnl",
}

// foreignArch is the arch with which the foreign part of a chain begins: what
// 64-bit machines run, but what only a multilib tree contains.
var foreignArch = map[string]string{
	"x86_64": "athlon", "ppc64": "ppc", "s390x": "s390", "sparc64v": "sparcv9v", "sparc64": "sparcv9v",
}

// IsRPMArch tells whether a package can say that it is of arch s: a known
// machine, "noarch", "src" or "nosrc".
func IsRPMArch(s string) bool {
	return s == "noarch" || s == "src" || s == "nosrc" || nextArch[s] != ""
}

// bestArch is the best rpm arch of a tree arch: i686 for i386, and the arch
// itself for most others, unknown ones too.
func bestArch(tree string) string {
	if best, ok := bestArches[tree]; ok {
		return best
	}
	return tree
}

// ValidArches lists the rpm arches that packages of a tree may have, best first:
// for x86_64 that is x86_64, athlon, i686, i586, i486, i386, noarch, and without
// multilib x86_64 and noarch. The arches of more ("src", "nosrc") are appended.
func ValidArches(tree string, multilib bool, more ...string) []string {
	arches := chain(bestArch(tree))
	if !multilib {
		foreign := MultilibArches(tree)
		arches = slices.DeleteFunc(arches, func(a string) bool { return slices.Contains(foreign, a) })
	}
	return append(arches, more...)
}

// MultilibArches lists the foreign arches of a tree, best first: athlon to i386
// for x86_64, none for most trees, aarch64 and ppc64le among them.
func MultilibArches(tree string) []string {
	for _, arch := range chain(bestArch(tree)) {
		if foreign, ok := foreignArch[arch]; ok {
			arches := chain(foreign)
			return arches[:len(arches)-1] // noarch is never foreign
		}
	}
	return nil
}

// chain lists arch and all that its machines run too, best first, noarch last.
func chain(arch string) []string {
	arches := make([]string, 0, 8)
	for arch != "noarch" && arch != "" {
		arches = append(arches, arch)
		arch = nextArch[arch]
	}
	return append(arches, "noarch")
}

// SplitNameArch splits "bash.x86_64" into name and arch. What follows the last
// dot is an arch only if it is an rpm arch: "python3.6" and "pkg.armhfp" are
// names, and so is a bare "i386". No arch is "".
func SplitNameArch(s string) (name, arch string) {
	if name, arch, ok := cutLast(s, '.'); ok && IsRPMArch(arch) {
		return name, arch
	}
	return s, ""
}
