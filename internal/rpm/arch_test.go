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

func TestBaseAndCompatibleArches(t *testing.T) {
	tests := []struct{ arch, base, compatible string }{
		{"i686", "i386", "i686 i586 i486 i386 noarch"},
		{"i586", "i386", "i686 i586 i486 i386 noarch"},
		{"i386", "i386", "i686 i586 i486 i386 noarch"},
		{"athlon", "i386", "i686 i586 i486 i386 noarch"},
		{"geode", "i386", "i686 i586 i486 i386 noarch"},
		{"x86_64", "x86_64", "x86_64 noarch"},
		{"amd64", "x86_64", "x86_64 noarch"},
		{"ppc64p7", "ppc64", "ppc64 noarch"},
		{"ppc", "ppc", "ppc noarch"},
		{"s390", "s390", "s390 noarch"},
		{"sparcv9", "sparc", "sparc64v sparc64 noarch"},
		{"sparc64", "sparc", "sparc64v sparc64 noarch"},
		{"armv7hl", "armhfp", "armv7hnl armv7hl armv6hl noarch"},
		{"armv6hl", "armhfp", "armv7hnl armv7hl armv6hl noarch"},
		{"armv5tel", "arm", "armv7l armv6l armv5tejl armv5tel noarch"},
		{"aarch64", "aarch64", "aarch64 noarch"},
		{"riscv64", "riscv64", "riscv64 noarch"},
		{"noarch", "noarch", "noarch"},
		{"m68k", "m68k", "m68k noarch"},
	}
	for _, test := range tests {
		t.Run(test.arch, func(t *testing.T) {
			if got := BaseArch(test.arch); got != test.base {
				t.Errorf("BaseArch(%q) = %q, want %q", test.arch, got, test.base)
			}
			if got := strings.Join(CompatibleArches(test.arch), " "); got != test.compatible {
				t.Errorf("CompatibleArches(%q) = %s, want %s", test.arch, got, test.compatible)
			}
		})
	}
}

// Every chain must end in noarch, and every known arch must have a tree.
func TestArchTablesAreClosed(t *testing.T) {
	for arch, next := range nextArch {
		if next != "noarch" && nextArch[next] == "" {
			t.Errorf("%q leads to %q, which is unknown", arch, next)
		}
		if base := BaseArch(arch); !IsTreeArch(base) {
			t.Errorf("BaseArch(%q) = %q, want a tree arch", arch, base)
		}
	}
	if !slices.IsSorted(TreeArches()) {
		t.Errorf("TreeArches() = %q, want it sorted", TreeArches())
	}
	for _, tree := range TreeArches() {
		if base := BaseArch(BestArch(tree)); base != tree {
			t.Errorf("BaseArch(BestArch(%q)) = %q, want %q", tree, base, tree)
		}
	}
}

func TestIsArch(t *testing.T) {
	tests := []struct {
		arch      string
		tree, rpm bool
	}{
		{"x86_64", true, true},
		{"i386", true, true},
		{"i686", false, true},
		{"armhfp", true, false},
		{"arm", true, false},
		{"noarch", false, true},
		{"src", false, true},
		{"nosrc", false, true},
		{"foo", false, false},
		{"", false, false},
	}
	for _, test := range tests {
		t.Run(test.arch, func(t *testing.T) {
			if got := IsTreeArch(test.arch); got != test.tree {
				t.Errorf("IsTreeArch(%q) = %t, want %t", test.arch, got, test.tree)
			}
			if got := IsRPMArch(test.arch); got != test.rpm {
				t.Errorf("IsRPMArch(%q) = %t, want %t", test.arch, got, test.rpm)
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
