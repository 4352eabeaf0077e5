package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Read returns the files of a file system.
func Read(b []byte) (*Image, error) {
	r, err := open(b)
	if err != nil {
		return nil, err
	}
	i := &Image{Serial: r.serial}
	top := r.root
	if r.rootCluster != 0 {
		if top, err = r.chain(r.rootCluster, MaxSize); err != nil {
			return nil, fmt.Errorf("top folder: %w", err)
		}
	}
	if err := r.folder(i, "", top, 0); err != nil {
		return nil, err
	}
	slices.SortFunc(i.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return i, nil
}

// maxDepth and maxFiles bound what a hostile image makes us do.
const (
	maxDepth = 16
	maxFiles = 65536
)

var errFormat = errors.New("not a FAT file system")

type imageReader struct {
	clusters    []byte // from cluster 2 on
	clusterSize int
	bits        int // of an entry of the table: 12, 16 or 32
	table       []byte
	root        []byte // the top folder of FAT12 and FAT16
	rootCluster int    // that of FAT32, else 0
	serial      uint32
	left        int // how many bytes of files may still be read
}

// open reads the boot sector.
func open(b []byte) (*imageReader, error) {
	le := binary.LittleEndian
	if len(b) < sectorSize || len(b) > MaxSize || b[510] != 0x55 || b[511] != 0xaa {
		return nil, errFormat
	}
	sector, perCluster := int(le.Uint16(b[11:])), int(b[13])
	reserved, tables, slots := int(le.Uint16(b[14:])), int(b[16]), int(le.Uint16(b[17:]))
	table, total := int(le.Uint16(b[22:])), int(le.Uint16(b[19:]))
	fat32 := table == 0
	if fat32 {
		table = int(le.Uint32(b[36:]))
	}
	if total == 0 {
		total = int(le.Uint32(b[32:]))
	}
	if sector < 512 || sector > 4096 || perCluster == 0 || tables == 0 || reserved == 0 || table == 0 {
		return nil, errFormat
	}
	rootAt := (reserved + tables*table) * sector
	data := rootAt + (slots*entrySize+sector-1)/sector*sector
	end := min(total*sector, len(b))
	if data > end || (reserved+table)*sector > len(b) {
		return nil, fmt.Errorf("%d bytes, want the %d that the boot sector tells of", len(b), total*sector)
	}
	r := &imageReader{
		clusters: b[data:end], clusterSize: perCluster * sector, table: b[reserved*sector:][:table*sector],
		root: b[rootAt:data], bits: 12, serial: le.Uint32(b[39:]), left: MaxSize,
	}
	switch {
	case fat32:
		r.bits, r.rootCluster, r.serial = 32, int(le.Uint32(b[44:])), le.Uint32(b[67:])
	case len(r.clusters)/r.clusterSize >= minClusters:
		r.bits = 16
	}
	return r, nil
}

// next returns what follows a cluster: another one, or 0 at the end.
func (r *imageReader) next(cluster int) (int, error) {
	at := cluster * r.bits / 8
	if at+r.bits/8+1 > len(r.table) && at+r.bits/8 != len(r.table) {
		return 0, fmt.Errorf("cluster %d is in no table", cluster)
	}
	var n, end int
	switch r.bits {
	case 12:
		n, end = int(binary.LittleEndian.Uint16(append(slices.Clone(r.table[at:min(at+2, len(r.table))]), 0))), 0xff8
		if n >>= 4 * (cluster & 1); cluster&1 == 0 {
			n &= 0xfff
		}
	case 16:
		n, end = int(binary.LittleEndian.Uint16(r.table[at:])), 0xfff8
	default:
		n, end = int(binary.LittleEndian.Uint32(r.table[at:])&0x0fffffff), 0x0ffffff8
	}
	if n >= end {
		return 0, nil
	}
	return n, nil
}

// chain returns the content of a file or folder that begins in a cluster, at most
// limit bytes.
func (r *imageReader) chain(cluster, limit int) ([]byte, error) {
	var out []byte
	for seen := 0; cluster != 0 && len(out) < limit; seen++ {
		at := (cluster - 2) * r.clusterSize
		if cluster < 2 || at+r.clusterSize > len(r.clusters) || seen > len(r.clusters)/r.clusterSize {
			return nil, fmt.Errorf("cluster %d is not there, or met twice", cluster)
		}
		if r.left -= r.clusterSize; r.left < 0 {
			return nil, fmt.Errorf("more than %d bytes", MaxSize)
		}
		out = append(out, r.clusters[at:at+r.clusterSize]...)
		var err error
		if cluster, err = r.next(cluster); err != nil {
			return nil, err
		}
	}
	return out[:min(len(out), limit)], nil
}

// folder adds the files of a folder and of those below it.
func (r *imageReader) folder(i *Image, dir string, entries []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: more than %d folders inside one another", dir, maxDepth)
	}
	long := ""
	for ; len(entries) >= entrySize && entries[0] != 0; entries = entries[entrySize:] {
		e := entries[:entrySize]
		switch attr := e[11]; {
		case e[0] == 0xe5: // deleted
			long = ""
		case attr == attrLong:
			long = longName(e) + long
		case attr&attrLabel != 0:
			i.Label, long = strings.TrimRight(string(e[:11]), " "), ""
		default:
			name := long
			if long == "" {
				name = plainName(e)
			}
			long = ""
			if name == "." || name == ".." {
				continue
			}
			if err := r.entry(i, strings.TrimPrefix(dir+"/"+name, "/"), e, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry adds what an entry of a folder tells of.
func (r *imageReader) entry(i *Image, path string, e []byte, depth int) error {
	le := binary.LittleEndian
	if err := checkPath(path); err != nil {
		return err
	}
	first := int(le.Uint16(e[26:]))
	if r.bits == 32 {
		first |= int(le.Uint16(e[20:])) << 16
	}
	if e[11]&attrFolder != 0 {
		content, err := r.chain(first, MaxSize)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return r.folder(i, path, content, depth+1)
	}
	size := int(le.Uint32(e[28:]))
	data, err := r.chain(first, size)
	if err == nil && len(data) != size {
		err = fmt.Errorf("%d bytes, want %d", len(data), size)
	}
	if err == nil && len(i.Files) == maxFiles {
		err = fmt.Errorf("more than %d files", maxFiles)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	i.Files = append(i.Files, File{Path: path, Data: data, ModTime: unstamp(le.Uint16(e[24:]), le.Uint16(e[22:]))})
	return nil
}

// plainName is the name of an entry without a long one. Two bits say that Windows
// would show it in lower case; Linux does, too.
func plainName(e []byte) string {
	base, ext := strings.TrimRight(string(e[:8]), " "), strings.TrimRight(string(e[8:11]), " ")
	if e[12]&0x08 != 0 {
		base = strings.ToLower(base)
	}
	if e[12]&0x10 != 0 {
		ext = strings.ToLower(ext)
	}
	if ext == "" {
		return base
	}
	return base + "." + ext
}

func longName(e []byte) string {
	var name []rune
	for _, at := range longPlaces {
		c := binary.LittleEndian.Uint16(e[at:])
		if c == 0 {
			break
		}
		name = append(name, rune(c))
	}
	return string(name)
}

func unstamp(day, clock uint16) int64 {
	return time.Date(1980+int(day>>9), time.Month(day>>5&15), int(day&31), int(clock>>11), int(clock>>5&63), 2*int(clock&31), 0, time.UTC).Unix()
}
