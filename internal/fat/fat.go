// Package fat makes and reads FAT file systems: what UEFI firmware finds boot loaders
// in.
//
// Write makes FAT16, and the same files make the same bytes:
//
//	| boot sector | table | its copy | root folder | clusters: folders, files |
//	| 512 B       |       |          | 16 KiB      | numbered from 2          |
//
// Read understands FAT12, FAT16 and FAT32, with long names. The format is that of
// Microsoft's "FAT: General Overview of On-Disk Format", 1.03.
package fat

import (
	"fmt"
	"path"
	"strings"
)

// Image is a file system.
type Image struct {
	Label  string // at most 11 characters of ASCII, "" for none
	Serial uint32
	Files  []File // sorted by path when read
}

// File is a file in it. Its folders are there by themselves.
type File struct {
	Path    string // relative, clean, with slashes
	Data    []byte
	ModTime int64 // seconds since 1970; what is before 1980 cannot be written and becomes that
}

const (
	sectorSize = 512
	entrySize  = 32 // of an entry in a folder
	rootSlots  = 512
	// minClusters and maxClusters are what makes a file system FAT16: with fewer it
	// is FAT12, with more FAT32.
	minClusters, maxClusters = 4085, 65524
	// MaxSize bounds what Read takes and Write makes: a boot partition has some MiB.
	MaxSize = 1 << 30
)

// The attributes of an entry.
const (
	attrLabel   = 0x08
	attrFolder  = 0x10
	attrArchive = 0x20
	attrLong    = 0x0f // a piece of a long name
)

// checkPath reports what cannot be the path of a file.
func checkPath(p string) error {
	if p == "" || p != path.Clean(p) || p[0] == '/' || strings.HasPrefix(p, "..") {
		return fmt.Errorf("path %q, want a clean relative one", p)
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > 255 || strings.ContainsAny(name, "\\:*?\"<>|") || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
			return fmt.Errorf("path %q: FAT has no file of the name %q", p, name)
		}
		for _, r := range name {
			if r < ' ' || r > '~' {
				return fmt.Errorf("path %q: the character %q is not printable ASCII", p, r)
			}
		}
	}
	return nil
}
