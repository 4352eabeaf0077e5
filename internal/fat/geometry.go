package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// geometry says what is where. The library believes what a file system says of itself,
// and follows chains of clusters for as long as they go on: this is looked at before.
// The format is that of Microsoft's "FAT: General Overview of On-Disk Format", 1.03.
type geometry struct {
	image    []byte
	size     int // that the file system says it has
	bits     int // of a number of a cluster: 12, 16 or 32
	table    int // where the first one is
	perTable int // bytes
	clusters int // numbered from 2
}

const sector = 512

func parse(image []byte) (*geometry, error) {
	le := binary.LittleEndian
	if len(image) > MaxSize {
		return nil, fmt.Errorf("a file system of %d bytes, want at most %d", len(image), MaxSize)
	}
	if len(image) < 8*sector || image[510] != 0x55 || image[511] != 0xaa {
		return nil, errors.New("no FAT file system: it has no boot sector")
	}
	b := image[:sector]
	perCluster, reserved, top := int(b[13]), int(le.Uint16(b[14:])), int(le.Uint16(b[17:]))
	if le.Uint16(b[11:]) != sector || perCluster == 0 || perCluster&(perCluster-1) != 0 || reserved == 0 || b[16] != 2 {
		return nil, errors.New("no FAT file system with sectors of 512 bytes and two tables")
	}
	total, sectors := int(le.Uint16(b[19:])), int(le.Uint16(b[22:]))
	if le.Uint32(b[32:]) != 0 {
		total = int(le.Uint32(b[32:])) // the library, too, takes this one if there are both
	}
	g := &geometry{image: image, size: total * sector, table: reserved * sector}
	if sectors == 0 {
		g.bits, sectors = 32, int(le.Uint32(b[36:]))
		if le.Uint32(b[44:]) != 2 || top != 0 {
			return nil, errors.New("a FAT32 file system whose top folder does not begin with cluster 2")
		}
		if int(le.Uint16(b[48:])) >= reserved || int(le.Uint16(b[50:]))+1 >= reserved {
			return nil, errors.New("a FAT32 file system without its sectors of facts")
		}
	}
	g.perTable = sectors * sector
	data := reserved + 2*sectors + (top*32+sector-1)/sector
	if g.size > len(image) || data >= total || sectors == 0 {
		return nil, fmt.Errorf("no FAT file system, or one that was cut off: %d bytes, and it says %d", len(image), g.size)
	}
	g.clusters = (total - data) / perCluster
	switch {
	case g.bits == 32:
	case g.clusters < 4085:
		g.bits = 12
	case g.clusters < 65525:
		g.bits = 16
	default:
		return nil, fmt.Errorf("no FAT file system of a known type: %d clusters", g.clusters)
	}
	if (g.clusters+2)*g.bits > g.perTable*8 {
		return nil, fmt.Errorf("no FAT file system: a table of %d bytes for %d clusters", g.perTable, g.clusters)
	}
	return g, nil
}

func (g *geometry) tables() [2][]byte {
	return [2][]byte{g.image[g.table:][:g.perTable], g.image[g.table+g.perTable:][:g.perTable]}
}

// next is what the table says of a cluster.
func (g *geometry) next(n int) int {
	t := g.image[g.table:][:g.perTable]
	switch g.bits {
	case 12:
		v := int(binary.LittleEndian.Uint16(t[n*3/2:]))
		return v >> (n % 2 * 4) & 0xfff
	case 16:
		return int(binary.LittleEndian.Uint16(t[n*2:]))
	}
	return int(binary.LittleEndian.Uint32(t[n*4:]))
}

// check wants every chain to end, to stay within the file system, and to meet no other.
func (g *geometry) check() error {
	end := g.clusters + 2
	bad := 0x0ffffff7 & (1<<min(g.bits, 28) - 1) // and what is above ends a chain
	last := func(v int) bool { return v&0x0fffffff >= bad }
	used := 0
	follows := make([]bool, end)
	for n := 2; n < end; n++ {
		v := g.next(n)
		if v == 0 {
			continue
		}
		used++
		if last(v) {
			continue
		}
		if v < 2 || v >= end || follows[v] || g.next(v) == 0 {
			return fmt.Errorf("the chain of cluster %d goes on with cluster %d, which is not its own", n, v)
		}
		follows[v] = true
	}
	for n := 2; n < end; n++ {
		if v := g.next(n); v == 0 || follows[n] {
			continue
		}
		for v := n; !last(v); v = g.next(v) {
			used--
		}
	}
	if used > 0 {
		return fmt.Errorf("%d clusters are in chains without an end", used)
	}
	for n := end; n < g.perTable*8/g.bits; n++ {
		if g.next(n) != 0 {
			return fmt.Errorf("the file system is full: cluster %d is behind its end", n)
		}
	}
	return nil
}

// countFree puts right what FAT32 says of free clusters, which the library keeps.
func (g *geometry) countFree() {
	if g.bits != 32 {
		return
	}
	free := 0
	for n := 2; n < g.clusters+2; n++ {
		if g.next(n) == 0 {
			free++
		}
	}
	le := binary.LittleEndian
	facts, backup := int(le.Uint16(g.image[48:])), int(le.Uint16(g.image[50:]))
	le.PutUint32(g.image[facts*sector+488:], uint32(free))
	if backup > 0 {
		le.PutUint32(g.image[(backup+1)*sector+488:], uint32(free))
	}
}
