// Command deb2rpm makes RPMs of Debian's packages: deb2rpm DEBS RPMS, two folders. It is
// how examples/bootable gets a kernel and boot loaders where there is no RPM of them.
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
	if _, err := debrpm.ConvertDir(os.Args[1], os.Args[2], runtime.GOMAXPROCS(0)); err != nil {
		fmt.Fprintln(os.Stderr, "deb2rpm:", err)
		os.Exit(1)
	}
}
