package rpm

import (
	"slices"
	"strings"
	"testing"
)

func TestValidArches(t *testing.T) {
	tests := []struct {
		name     string
		tree     string
		multilib bool
		more     []string
		want     string
	}{
		{"x86_64", "x86_64", true, nil, "x86_64 athlon i686 i586 i486 i386 noarch"},
		{"x86_64 native", "x86_64", false, nil, "x86_64 noarch"},
		{"x86_64 with sources", "x86_64", false, []string{"nosrc", "src"}, "x86_64 noarch nosrc src"},
		{"i386", "i386", true, nil, "i686 i586 i486 i386 noarch"},
		{"i386 native is the same", "i386", false, nil, "i686 i586 i486 i386 noarch"},
		{"i386 with sources", "i386", false, []string{"src"}, "i686 i586 i486 i386 noarch src"},
		{"ppc64", "ppc64", true, nil, "ppc64 ppc noarch"},
		{"ppc64 native", "ppc64", false, nil, "ppc64 noarch"},
		{"ppc64le has no multilib", "ppc64le", true, nil, "ppc64le noarch"},
		{"s390x", "s390x", true, nil, "s390x s390 noarch"},
		{"s390x native", "s390x", false, nil, "s390x noarch"},
		{"sparc", "sparc", true, nil, "sparc64v sparc64 sparcv9v sparcv9 sparcv8 sparc noarch"},
		{"sparc native", "sparc", false, nil, "sparc64v sparc64 noarch"},
		{"arm", "arm", false, nil, "armv7l armv6l armv5tejl armv5tel noarch"},
		{"armhfp", "armhfp", true, nil, "armv7hnl armv7hl armv6hl noarch"},
		{"aarch64", "aarch64", true, nil, "aarch64 noarch"},
		{"arm64", "arm64", true, nil, "arm64 noarch"},
		{"ia64", "ia64", true, nil, "ia64 noarch"},
		{"unknown", "m68k", true, nil, "m68k noarch"},
		{"noarch", "noarch", true, nil, "noarch"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(ValidArches(test.tree, test.multilib, test.more...), " ")
			if got != test.want {
				t.Errorf("ValidArches(%q, %t) = %s, want %s", test.tree, test.multilib, got, test.want)
			}
		})
	}
}

func TestMultilibArches(t *testing.T) {
	tests := []struct{ tree, want string }{
		{"x86_64", "athlon i686 i586 i486 i386"},
		{"ppc64", "ppc"},
		{"s390x", "s390"},
		{"sparc", "sparcv9v sparcv9 sparcv8 sparc"},
		{"i386", ""},
		{"aarch64", ""},
		{"ppc64le", ""},
		{"noarch", ""},
		{"m68k", ""},
	}
	for _, test := range tests {
		t.Run(test.tree, func(t *testing.T) {
			if got := strings.Join(MultilibArches(test.tree), " "); got != test.want {
				t.Errorf("MultilibArches(%q) = %q, want %q", test.tree, got, test.want)
			}
		})
	}
}

// Every chain must end in noarch.
func TestArchTablesAreClosed(t *testing.T) {
	for arch, next := range nextArch {
		if next != "noarch" && nextArch[next] == "" {
			t.Errorf("%q leads to %q, which is unknown", arch, next)
		}
	}
	for tree, best := range bestArches {
		if nextArch[best] == "" {
			t.Errorf("the best arch of %q is %q, which is unknown", tree, best)
		}
	}
	for arch, foreign := range foreignArch {
		if !slices.Contains(chain(arch), foreign) {
			t.Errorf("%q is foreign to %q, whose chain is %q", foreign, arch, chain(arch))
		}
	}
}

func TestIsRPMArch(t *testing.T) {
	tests := []struct {
		arch string
		want bool
	}{
		{"x86_64", true},
		{"i386", true},
		{"i686", true},
		{"armhfp", false},
		{"arm", false},
		{"noarch", true},
		{"src", true},
		{"nosrc", true},
		{"foo", false},
		{"", false},
	}
	for _, test := range tests {
		t.Run(test.arch, func(t *testing.T) {
			if got := IsRPMArch(test.arch); got != test.want {
				t.Errorf("IsRPMArch(%q) = %t, want %t", test.arch, got, test.want)
			}
		})
	}
}

func TestSplitNameArch(t *testing.T) {
	tests := []struct{ in, name, arch string }{
		{"pkg", "pkg", ""},
		{"pkg.x86_64", "pkg", "x86_64"},
		{"pkg.noarch", "pkg", "noarch"},
		{"pkg.src", "pkg", "src"},
		{"pkg.nosrc", "pkg", "nosrc"},
		{"python3.6", "python3.6", ""},
		{"python3.6.i686", "python3.6", "i686"},
		{"pkg.armhfp", "pkg.armhfp", ""},
		{"pkg.foo", "pkg.foo", ""},
		{"i386", "i386", ""},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			name, arch := SplitNameArch(test.in)
			if name != test.name || arch != test.arch {
				t.Errorf("SplitNameArch(%q) = %q, %q, want %q, %q", test.in, name, arch, test.name, test.arch)
			}
		})
	}
}
