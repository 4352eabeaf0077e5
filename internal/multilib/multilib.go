// Package multilib decides which packages of a foreign arch accompany the
// native ones: i686 libraries on an x86_64 tree, so that programs which exist
// in 32 bits only can run there, or be built.
//
// The methods and their lists are those of the library python-multilib, which
// Pungi asks. They go by names and by the files of a package:
//
//	none      nothing
//	all       every package
//	runtime   libraries and plug-ins in the folders where programs look for them
//	devel     what programs are built with, and what runtime takes
package multilib

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Methods are the names of methods, in the order in which they are asked.
type Methods []string

// The methods.
const (
	none    = "none"
	all     = "all"
	devel   = "devel"
	runtime = "runtime"
)

// Parse returns methods by their names.
func Parse(names []string) (Methods, error) {
	for _, name := range names {
		if !slices.Contains([]string{none, all, devel, runtime}, name) {
			return nil, fmt.Errorf("method %q is not known, want none, all, devel or runtime", name)
		}
	}
	return names, nil
}

// NeedFiles reports whether a method goes by the files of packages.
func (m Methods) NeedFiles() bool {
	return slices.Contains(m, devel) || slices.Contains(m, runtime)
}

// Speaks returns what speaks for a package of a foreign arch: the first method that takes
// it, and the file by which it does, such as "runtime: /usr/lib/libz.so.1"; "" is nothing.
// Noarch, source and debug packages are nobody's. The file is a path of the package for
// which IsRuntime holds, "" if there is none.
func (m Methods) Speaks(p *rpm.Package, file string) string {
	for _, method := range m {
		switch method {
		case all:
			return all
		case runtime:
			if isRuntime, why := takesRuntime(p, file); isRuntime {
				return runtime + why
			}
		case devel:
			if isDevel, why := takesDevel(p, file); isDevel {
				return devel + why
			}
		}
	}
	return ""
}

var (
	runtimeNever  = []string{"kernel", "tomcat-native"}
	runtimeAlways = []string{
		"glibc-static", "libflashsupport", "libgnat", "lmms-vst", "nspluginwrapper", "perl-libs",
		"pulseaudio-utils", "redhat-lsb", "valgrind", "wine", "wine-arts", "yaboot",
	}
	develNever = []string{
		"dmraid-devel", "java-1.5.0-gcj-devel", "java-1.6.0-openjdk-devel", "java-1.7.0-icedtea-devel",
		"java-1.7.0-openjdk-devel", "kdeutils-devel", "mkinitrd-devel", "php-devel",
	}
	develAlways = []string{"glibc-static", "libstdc++-static"}
)

func takesRuntime(p *rpm.Package, file string) (takes bool, why string) {
	switch {
	case slices.Contains(runtimeNever, p.Name):
		return false, ""
	case slices.Contains(runtimeAlways, p.Name):
		return true, ": by name"
	case provides(p, "kernel"):
		return false, ""
	}
	return file != "", ": " + file
}

func takesDevel(p *rpm.Package, file string) (takes bool, why string) {
	switch {
	case slices.Contains(develNever, p.Name):
		return false, ""
	case slices.Contains(develAlways, p.Name):
		return true, ": by name"
	}
	if takes, why := takesRuntime(p, file); takes {
		return true, why
	}
	if strings.HasPrefix(p.Name, "ghc-") || provides(p, "kernel-devel") {
		return false, ""
	}
	return strings.HasSuffix(p.Name, "-devel") || strings.HasSuffix(p.Name, "-static"), ""
}

func provides(p *rpm.Package, name string) bool {
	return p.Name == name || slices.ContainsFunc(p.Provides, func(d rpm.Dependency) bool { return d.Name == name })
}
