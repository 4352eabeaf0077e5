package fat

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Write returns the file system, of at least size bytes.
func (i *Image) Write(size int) ([]byte, error) {
	root, err := i.tree()
	if err != nil {
		return nil, err
	}
	g, err := layOut(root, size)
	if err != nil {
		return nil, err
	}
	w := &writer{geometry: g, image: make([]byte, g.total*sectorSize), next: 2}
	w.bootSector(i)
	w.link(0, 0xfff8) // the first two entries are no clusters
	w.link(1, 0xffff)
	slots := root.slots(0, 0)
	if label := i.label(); i.Label != "" {
		slots = slices.Insert(slots, 0, entry(label, attrLabel, 0, 0, 0))
	}
	if err := w.folder(root, 0, slots); err != nil {
		return nil, err
	}
	copy(w.image[(1+g.table)*sectorSize:], w.image[sectorSize:(1+g.table)*sectorSize])
	return w.image, nil
}

// label is the name of the file system as it is stored.
func (i *Image) label() (name [11]byte) {
	copy(name[:], fmt.Sprintf("%-11s", strings.ToUpper(i.Label)))
	return name
}

// node is a file or a folder.
type node struct {
	name     string
	short    [11]byte
	file     *File // nil for a folder
	children []*node
	parent   *node
	first    int // cluster; 0 of what is empty
	modTime  int64
}

// tree returns the root of all files, with children in the order of their names.
func (i *Image) tree() (*node, error) {
	if len(i.Label) > 11 || strings.Trim(i.Label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_- ") != "" {
		return nil, fmt.Errorf("label %q, want at most 11 letters, digits, spaces, _ and -", i.Label)
	}
	root := &node{}
	files := slices.Clone(i.Files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for k := range files {
		if err := root.add(&files[k]); err != nil {
			return nil, err
		}
	}
	return root, root.nameShort()
}

// add puts a file into the tree below n. A folder has the time of its newest file.
func (n *node) add(f *File) error {
	if err := checkPath(f.Path); err != nil {
		return err
	}
	names := strings.Split(f.Path, "/")
	for k, name := range names {
		n.modTime = max(n.modTime, f.ModTime)
		child := n.child(name)
		last := k == len(names)-1
		switch {
		case child == nil:
			child = &node{name: name, parent: n}
			n.children = append(n.children, child)
		case last || child.file != nil:
			// Names differ in more than case.
			return fmt.Errorf("path %q is there twice", f.Path)
		}
		n = child
	}
	n.file, n.modTime = f, f.ModTime
	return nil
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

// nameShort gives all below n a name of 8 and 3 characters beside the long one.
func (n *node) nameShort() error {
	taken := map[[11]byte]bool{}
	for _, c := range n.children {
		if short, ok := shortName(c.name); ok {
			c.short, taken[short] = short, true
		}
	}
	for _, c := range n.children {
		if c.short == [11]byte{} {
			if c.short = alias(c.name, taken); c.short == [11]byte{} {
				return fmt.Errorf("path %q: too many names that begin so", c.name)
			}
			taken[c.short] = true
		}
		if err := c.nameShort(); err != nil {
			return err
		}
	}
	return nil
}

// shortName returns a name as it is stored without a long one, if that is possible.
func shortName(name string) (short [11]byte, ok bool) {
	base, ext, _ := strings.Cut(name, ".")
	if len(base) > 8 || len(ext) > 3 || base == "" || clean(base) != base || clean(ext) != ext || strings.HasSuffix(name, ".") {
		return short, false
	}
	copy(short[:], fmt.Sprintf("%-8s%-3s", base, ext))
	return short, true
}

// clean is what a short name keeps of a name.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '~':
			return r
		}
		return -1
	}, s)
}

// alias returns a short name for a long one, which nobody in the folder has: GRUB~1.
func alias(name string, taken map[[11]byte]bool) (short [11]byte) {
	base, ext := name, ""
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		base, ext = name[:dot], name[dot+1:]
	}
	base, ext = clean(base), clean(ext)
	for n := 1; n < 1000; n++ {
		tail := fmt.Sprintf("~%d", n)
		copy(short[:], fmt.Sprintf("%-8s%-3.3s", base[:min(len(base), 8-len(tail))]+tail, ext))
		if !taken[short] {
			return short
		}
	}
	return [11]byte{}
}

// long reports whether the short name does not say all of the name.
func (n *node) long() bool {
	short, ok := shortName(n.name)
	return !ok || short != n.short
}

// slotsOf is the number of entries that n takes in its folder.
func (n *node) slotsOf() int {
	if !n.long() {
		return 1
	}
	return 1 + (len(n.name)+longPiece-1)/longPiece
}

// size is the number of bytes that n occupies in clusters.
func (n *node) size() int {
	if n.file != nil {
		return len(n.file.Data)
	}
	slots := 2 // "." and ".."
	for _, c := range n.children {
		slots += c.slotsOf()
	}
	return slots * entrySize
}

// geometry says what is where, in sectors.
type geometry struct {
	perCluster, clusters int
	table                int // of one of the two tables
	total                int
}

const rootSectors = rootSlots * entrySize / sectorSize

// layOut returns the smallest geometry of at least size bytes that holds all below
// root. One cluster is never used.
func layOut(root *node, size int) (g geometry, err error) {
	for g.perCluster = 1; g.perCluster <= 64; g.perCluster *= 2 {
		g.clusters = max(root.clusters(g.perCluster*sectorSize)+1, minClusters)
		for {
			g.table = ((g.clusters+2)*2 + sectorSize - 1) / sectorSize
			g.total = g.data() + g.clusters*g.perCluster
			missing := (size - g.total*sectorSize + g.perCluster*sectorSize - 1) / (g.perCluster * sectorSize)
			if missing <= 0 {
				break
			}
			g.clusters += missing
		}
		if g.clusters <= maxClusters {
			if g.total*sectorSize > MaxSize {
				break
			}
			return g, nil
		}
	}
	return g, fmt.Errorf("the files have no room in a file system of %d bytes, which is the most", MaxSize)
}

// data is the sector in which clusters begin.
func (g *geometry) data() int { return 1 + 2*g.table + rootSectors }

// clusters is how many all below n take.
func (n *node) clusters(clusterSize int) int {
	sum := 0
	for _, c := range n.children {
		sum += (c.size()+clusterSize-1)/clusterSize + c.clusters(clusterSize)
	}
	return sum
}

type writer struct {
	geometry
	image []byte
	next  int // the first cluster that is free
}

func (w *writer) bootSector(i *Image) {
	b := w.image[:sectorSize]
	le := binary.LittleEndian
	copy(b, "\xeb\x3c\x90PUNGO   ")
	le.PutUint16(b[11:], sectorSize)
	b[13] = byte(w.perCluster)
	le.PutUint16(b[14:], 1) // sectors before the tables
	b[16] = 2
	le.PutUint16(b[17:], rootSlots)
	if w.total < 1<<16 {
		le.PutUint16(b[19:], uint16(w.total))
	} else {
		le.PutUint32(b[32:], uint32(w.total))
	}
	b[21] = 0xf8 // a fixed disk
	le.PutUint16(b[22:], uint16(w.table))
	le.PutUint16(b[24:], 32) // sectors of a track, heads: nobody looks
	le.PutUint16(b[26:], 64)
	b[36], b[38] = 0x80, 0x29
	le.PutUint32(b[39:], i.Serial)
	label := i.label()
	if i.Label == "" {
		copy(label[:], "NO NAME    ")
	}
	copy(b[43:], label[:])
	copy(b[54:], "FAT16   ")
	// Who boots it by BIOS finds nothing to run: int 18h, and stop.
	copy(b[62:], "\xcd\x18\xf4\xeb\xfd")
	b[510], b[511] = 0x55, 0xaa
}

func (w *writer) link(cluster, to int) {
	binary.LittleEndian.PutUint16(w.image[sectorSize+2*cluster:], uint16(to))
}

// folder writes the entries of a folder, after slots, then what is below it. All
// children get their clusters before the folder tells of them.
func (w *writer) folder(n *node, size int, slots [][entrySize]byte) error {
	for _, c := range n.children {
		w.reserve(c)
	}
	for _, c := range n.children {
		slots = append(slots, c.entries()...)
	}
	at := w.image[(1+2*w.table)*sectorSize:][:rootSectors*sectorSize]
	if n.parent != nil {
		at = w.cluster(n.first)[:size]
	} else if len(slots) > rootSlots {
		return fmt.Errorf("the top folder has %d entries, and FAT16 has %d at most", len(slots), rootSlots)
	}
	for k, s := range slots {
		copy(at[k*entrySize:], s[:])
	}
	for _, c := range n.children {
		if c.file != nil {
			copy(w.cluster(c.first), c.file.Data)
			continue
		}
		up := 0
		if n.parent != nil {
			up = n.first
		}
		if err := w.folder(c, c.size(), c.slots(c.first, up)); err != nil {
			return err
		}
	}
	return nil
}

// cluster returns the image from a cluster on; clusters of a file follow one another.
func (w *writer) cluster(n int) []byte {
	if n == 0 {
		return nil
	}
	return w.image[(w.data()+(n-2)*w.perCluster)*sectorSize:]
}

// reserve gives n its clusters.
func (w *writer) reserve(n *node) {
	clusterSize := w.perCluster * sectorSize
	count := (n.size() + clusterSize - 1) / clusterSize
	if count == 0 {
		return
	}
	n.first = w.next
	for w.next < n.first+count {
		w.link(w.next, w.next+1)
		w.next++
	}
	w.link(w.next-1, 0xffff)
}

// slots are the entries that every folder but the top one begins with.
func (n *node) slots(self, up int) [][entrySize]byte {
	if n.parent == nil {
		return nil
	}
	dot, dots := [11]byte([]byte(".          ")), [11]byte([]byte("..         "))
	return [][entrySize]byte{entry(dot, attrFolder, self, 0, n.modTime), entry(dots, attrFolder, up, 0, n.modTime)}
}

// entries are those of n in its folder: pieces of the long name, the last one first,
// then the short name.
func (n *node) entries() [][entrySize]byte {
	var out [][entrySize]byte
	if n.long() {
		pieces := n.slotsOf() - 1
		for k := pieces; k > 0; k-- {
			out = append(out, longEntry(n.name, k, k == pieces, checksum(n.short)))
		}
	}
	if n.file == nil {
		return append(out, entry(n.short, attrFolder, n.first, 0, n.modTime))
	}
	return append(out, entry(n.short, attrArchive, n.first, len(n.file.Data), n.modTime))
}

func entry(name [11]byte, attr byte, first, size int, modTime int64) (e [entrySize]byte) {
	le := binary.LittleEndian
	copy(e[:], name[:])
	e[11] = attr
	day, clock := stamp(modTime)
	le.PutUint16(e[14:], clock) // made
	le.PutUint16(e[16:], day)
	le.PutUint16(e[18:], day) // read
	le.PutUint16(e[22:], clock)
	le.PutUint16(e[24:], day)
	le.PutUint16(e[26:], uint16(first))
	le.PutUint32(e[28:], uint32(size))
	return e
}

// stamp is a time as FAT has it: in UTC, to two seconds, from 1980 on.
func stamp(seconds int64) (day, clock uint16) {
	t := time.Unix(seconds, 0).UTC()
	if t.Year() < 1980 {
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	day = uint16((min(t.Year(), 2107)-1980)<<9 | int(t.Month())<<5 | t.Day())
	clock = uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2)
	return day, clock
}

// longPiece is how many characters of a name an entry has, at longPlaces.
const longPiece = 13

var longPlaces = [longPiece]int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30}

func longEntry(name string, number int, last bool, sum byte) (e [entrySize]byte) {
	e[0], e[11], e[13] = byte(number), attrLong, sum
	if last {
		e[0] |= 0x40
	}
	name = name[(number-1)*longPiece:]
	for k, at := range longPlaces {
		c := uint16(0xffff)
		if k < len(name) {
			c = uint16(name[k])
		} else if k == len(name) {
			c = 0
		}
		binary.LittleEndian.PutUint16(e[at:], c)
	}
	return e
}

// checksum ties a long name to the short one.
func checksum(short [11]byte) (sum byte) {
	for _, c := range short {
		sum = sum>>1 | sum<<7
		sum += c
	}
	return sum
}
