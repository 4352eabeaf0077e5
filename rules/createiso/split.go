package createiso

import (
	"fmt"
	"path"
	"strings"
)

// sector is the block of an ISO image: a file occupies whole ones.
const sector = 2048

// sized is a file that is to be put on a disc.
type sized struct {
	path string
	size int64
}

// blocks is what a file occupies, in bytes.
func blocks(size int64) int64 { return (size + sector - 1) / sector * sector }

// split deals files out to discs, in order: a new disc begins where the next file does
// not fit. Sticky files are on each, and count on each. Nothing is reordered, so that
// who needs a package knows which disc comes first. A capacity of 0 has no end. It
// returns the paths of each disc, sticky ones first.
func split(sticky, files []sized, capacity int64) ([][]string, error) {
	var common []string
	var taken int64
	for _, f := range sticky {
		common = append(common, f.path)
		taken += blocks(f.size)
	}
	if capacity > 0 && taken > capacity {
		return nil, fmt.Errorf("the files that are on each disc have %d bytes, and a disc has room for %d", taken, capacity)
	}
	discs := [][]string{common}
	room := capacity - taken
	for _, f := range files {
		size := blocks(f.size)
		if capacity > 0 && size > capacity-taken {
			return nil, fmt.Errorf("%s: it has %d bytes, and a disc has room for %d", f.path, f.size, capacity-taken)
		}
		if capacity > 0 && size > room {
			discs = append(discs, common[:len(common):len(common)])
			room = capacity - taken
		}
		last := len(discs) - 1
		discs[last] = append(discs[last], f.path)
		room -= size
	}
	return discs, nil
}

// isBootRelevant reports whether a file is among the first of an image, where a slow
// drive finds it at once.
func isBootRelevant(name string) bool {
	top, _, below := strings.Cut(name, "/")
	if below {
		switch top {
		case "images", "isolinux", "EFI", "etc", "ppc":
			return true
		}
	}
	return strings.HasSuffix(name, ".img") || strings.HasSuffix(name, ".ins")
}

func isPackage(name string) bool { return strings.HasSuffix(name, ".rpm") }

// isPackagesFile reports whether a file comes after all others when discs are filled.
func isPackagesFile(name string) bool { return strings.HasPrefix(name, "Packages/") }

// rank is the order of content on an image: what boots, the rest, packages.
func rank(name string) int {
	switch {
	case isBootRelevant(name):
		return 0
	case isPackage(name):
		return 2
	}
	return 1
}

// walkOrder compares paths as a walk from the top sees them: files of a folder before
// its folders, both by name.
func walkOrder(a, b string) int {
	for {
		aTop, aRest, aBelow := strings.Cut(a, "/")
		bTop, bRest, bBelow := strings.Cut(b, "/")
		switch {
		case aBelow != bBelow && !aBelow:
			return -1
		case aBelow != bBelow:
			return 1
		case aTop != bTop || !aBelow:
			return strings.Compare(aTop, bTop)
		}
		a, b = aRest, bRest
	}
}

// isLeftOut reports whether a file of the tree has no place on media: boot.iso is an
// image itself.
func isLeftOut(name string) bool {
	return path.Base(name) == "boot.iso" || name == "lost+found" || strings.Contains("/"+name+"/", "/lost+found/")
}
