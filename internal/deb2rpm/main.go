// Command deb2rpm makes RPMs of Debian's packages: of all in the folder DEBS, in the new
// folder RPMS. examples/bootable is composed of them.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/pungo-build/pungo/internal/debrpm"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: deb2rpm DEBS RPMS")
		os.Exit(2)
	}
	if err := convert(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "deb2rpm:", err)
		os.Exit(1)
	}
}

// convert leaves no folder that has only some of the packages.
func convert(debs, rpms string) error {
	part := rpms + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if _, err := debrpm.ConvertDir(debs, part, runtime.GOMAXPROCS(0)); err != nil {
		return err
	}
	return os.Rename(part, rpms)
}
