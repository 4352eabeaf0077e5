package multilib

import (
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

func TestSpeaks(t *testing.T) {
	const lib = "/usr/lib/libz.so.1"
	pkg := func(name string, provides ...string) *rpm.Package {
		p := &rpm.Package{NEVRA: rpm.NEVRA{Name: name, Arch: "i686"}}
		for _, name := range provides {
			p.Provides = append(p.Provides, rpm.Dependency{Name: name})
		}
		return p
	}
	tests := []struct {
		name    string
		methods Methods
		pkg     *rpm.Package
		file    string
		want    string
	}{
		{"no method", nil, pkg("zlib"), lib, ""},
		{"none", Methods{"none"}, pkg("zlib"), lib, ""},
		{"all", Methods{"all"}, pkg("bash"), "", "all"},
		{"library", Methods{"runtime"}, pkg("zlib"), lib, "runtime: " + lib},
		{"program", Methods{"runtime"}, pkg("bash"), "", ""},
		{"always", Methods{"runtime"}, pkg("wine"), "", "runtime: by name"},
		{"never", Methods{"runtime"}, pkg("tomcat-native"), lib, ""},
		{"kernel by name", Methods{"runtime"}, pkg("kernel"), lib, ""},
		{"kernel by what it provides", Methods{"runtime"}, pkg("kernel-rt", "kernel"), lib, ""},
		{"headers", Methods{"devel"}, pkg("zlib-devel"), "", "devel"},
		{"static", Methods{"devel"}, pkg("zlib-static"), "", "devel"},
		{"devel has what runtime has", Methods{"devel"}, pkg("zlib"), lib, "devel: " + lib},
		{"the first method counts", Methods{"runtime", "devel"}, pkg("zlib-devel"), lib, "runtime: " + lib},
		{"devel never", Methods{"devel"}, pkg("php-devel"), lib, ""},
		{"devel always", Methods{"devel"}, pkg("libstdc++-static"), "", "devel: by name"},
		{"Haskell", Methods{"devel"}, pkg("ghc-zlib-devel"), "", ""},
		{"kernel-devel", Methods{"devel"}, pkg("kernel-devel"), "", ""},
		{"provider of kernel-devel", Methods{"devel"}, pkg("kernel-rt-devel", "kernel-devel"), "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.methods.Speaks(test.pkg, test.file); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	if _, err := Parse([]string{"devel", "runtime", "all", "none"}); err != nil {
		t.Error(err)
	}
	_, err := Parse([]string{"devel", "kernel"})
	const want = `method "kernel" is not known, want none, all, devel or runtime`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestIsRuntime(t *testing.T) {
	tests := map[string]bool{
		"/usr/lib/libz.so.1":                                     true,
		"/usr/lib64/libz.so.1.2":                                 true,
		"/lib/libc.so.6":                                         true,
		"/usr/lib/libz.so":                                       false,
		"/usr/lib/private/libz.so.1":                             false,
		"/usr/bin/bash":                                          false,
		"/lib/libnss_files.so":                                   true,
		"/usr/lib/libnss_files.so":                               false,
		"/lib64/libdb-4.so":                                      true,
		"/lib/security/pam_unix.so":                              true,
		"/usr/lib/security/pam_unix.so":                          false,
		"/etc/ld.so.conf.d/qt-i386.conf":                         true,
		"/etc/ld.so.conf.d/README":                               false,
		"/etc/lsb-release.d/core":                                true,
		"/usr/lib/dri/i915_dri.so":                               true,
		"/usr/lib/dri/deeper/i915_dri.so":                        false,
		"/usr/lib/krb5/plugins/x":                                true,
		"/usr/lib64/sasl2/libplain.so":                           true,
		"/usr/lib/gtk-2.0/modules/libgail.so":                    true,
		"/usr/lib/gtk-2.0/2.10.0/engines/x.so":                   true,
		"/usr/lib64/gtk-2.0/2.10.0/loaders/x.so":                 true,
		"/usr/lib64/gtk-2.0/2.10.0/other/x.so":                   false,
		"/usr/lib64/gtk-2.0/engines/x.so":                        false,
		"/usr/lib64/gstreamer-1.0/libgstogg.so":                  true,
		"/usr/lib64/qt5/plugins/platforms/x.so":                  true,
		"/usr/lib64/qt5/plugins/x.so":                            false,
		"/usr/lib64/kde4/plugins/styles/x.so":                    true,
		"/usr/lib64/qt5/qml/QtQuick/x.so":                        true,
		"/usr/lib64/gdk-pixbuf-2.0/2.10.0/loaders/x":             true,
		"/usr/lib64/gdk-pixbuf-2.0/2.10.0/x":                     false,
		"/usr/lib64/xine/plugins/2.5/x.so":                       true,
		"/usr/lib64/oprofile/libopagent.so.1":                    true,
		"/usr/lib64/oprofile/x":                                  false,
		"/usr/lib/wine/a.so":                                     true,
		"/usr/lib/sane/libsane-hp.so":                            true,
		"/usr/lib/sane/other.so":                                 false,
		"/usr/library/gtk-2.0/2/engines/x":                       false,
		"relative":                                               false,
		"":                                                       false,
		"/usr/lib/qt/plugins":                                    false,
		"/usr/lib":                                               false,
		"/usr/lib/python3/site-packages/qt/no/x.so":              false,
		"/usr/lib/jvm/java/lib/qtplugins/plugins/imageformats/x": true,
	}
	for path, want := range tests {
		if got := IsRuntime(path); got != want {
			t.Errorf("%s: got %t, want %t", path, got, want)
		}
	}
}
