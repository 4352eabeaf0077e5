package local

import (
	"fmt"
	"os"

	"github.com/pungo-build/pungo/rules"
)

// databases are the files in which package managers note what is installed.
var databases = []string{"/var/lib/dpkg/status", "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite"}

// Glance returns what stands for a program and the packages around it, by file
// statuses alone. Unlike the fingerprint it costs next to nothing, is no part of
// any key, and may differ where the fingerprint does not; never the other way
// round.
func (l *Local) Glance(t *rules.Toolchain) string {
	text := ""
	if name, err := lookUp(t); err == nil {
		text = glance(name)
	}
	for _, name := range databases {
		text += " " + glance(name)
	}
	return text
}

func glance(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return "none"
	}
	return fmt.Sprint(name, info.Size(), info.ModTime().UnixNano())
}
