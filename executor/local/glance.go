package local

import (
	"fmt"
	"os"

	"github.com/pungo-build/pungo/rules"
)

// databases are the files in which package managers note what is installed: dpkg, and
// rpm with sqlite, ndb or Berkeley DB in the old place or the new.
var databases = []string{
	"/var/lib/dpkg/status",
	"/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages.db", "/var/lib/rpm/Packages",
	"/usr/lib/sysimage/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db", "/usr/lib/sysimage/rpm/Packages",
}

// Glance returns what stands for a program and the packages around it, by file
// statuses alone. Unlike the fingerprint it costs next to nothing, is no part of
// any key, and may differ where the fingerprint does not; never the other way
// round.
func (l *Local) Glance(t *rules.Toolchain) string {
	text := ""
	if name, err := lookUp(t); err == nil {
		text = glance(name)
	}
	for _, name := range t.Files {
		text += " " + glance(name)
	}
	for _, name := range databases {
		text += " " + glance(name)
	}
	// Of the surroundings what decides about a sandbox, and what there is without one.
	mask, _ := programUmask()
	return fmt.Sprint(text, " ", glance(bubblewrap), " user ", os.Getuid(), ":", os.Getgid(), " umask ", mask)
}

func glance(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return "none"
	}
	return fmt.Sprint(name, info.Size(), info.ModTime().UnixNano())
}
