package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// A record is a compact form of a Package, in three parts that are stored and
// read separately: a solver wants the first of sixty thousand packages, and only
// repodata wants the others.
//
//	part    what                                  magic byte
//	meta    all but the other two                 'M'
//	files   Files                                 'F'
//	text    Text                                  'T'
//
// Each part is its magic byte, a version byte and values: numbers are unsigned
// varints (signed ones zigzag), a string is its length and its bytes, a list
// its length and its elements. The same Package is always the same bytes.
//
// What is decoded shares one string, a copy of the part: nothing is allocated
// for single strings, and keeping any of them keeps them all.

// recordVersion is raised when the meaning of the bytes changes.
const recordVersion = 1

// Bits of the first byte of a dependency, after the three of its Sense.
const (
	depPre     = 1 << 3
	depSameEVR = 1 << 4 // it is the package's own, as in most Provides
	depEpoch   = 1 << 5
	depRelease = 1 << 6
	depVersion = 1 << 7
)

// Bits of the first byte of a file.
const (
	recordDir   = 1 << 0
	recordGhost = 1 << 1
)

// AppendMeta appends the record of everything but files and text to b.
func (p *Package) AppendMeta(b []byte) []byte {
	b = append(b, 'M', recordVersion)
	b = appendString(b, p.Name)
	b = binary.AppendUvarint(b, uint64(p.Epoch))
	b = appendString(b, p.Version)
	b = appendString(b, p.Release)
	b = appendString(b, p.Arch)
	b = appendString(b, p.SourceRPM)
	b = appendString(b, p.SigKey)
	for _, n := range p.metaNumbers() {
		b = binary.AppendVarint(b, *n)
	}
	for _, list := range [...][]string{p.ExclusiveArch, p.ExcludeArch} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendString(b, s)
		}
	}
	for _, deps := range p.dependencyLists() {
		b = binary.AppendUvarint(b, uint64(len(*deps)))
	}
	for _, deps := range p.dependencyLists() {
		for i := range *deps {
			b = appendDependency(b, &(*deps)[i], p.EVR)
		}
	}
	return b
}

// metaNumbers are the numbers of a meta record in their order.
func (p *Package) metaNumbers() [5]*int64 {
	return [...]*int64{&p.BuildTime, &p.InstalledSize, &p.ArchiveSize, &p.HeaderStart, &p.HeaderEnd}
}

// dependencyLists are the lists of a meta record in their order.
func (p *Package) dependencyLists() [8]*[]Dependency {
	return [...]*[]Dependency{&p.Provides, &p.Requires, &p.Conflicts, &p.Obsoletes,
		&p.Recommends, &p.Suggests, &p.Supplements, &p.Enhances}
}

func appendDependency(b []byte, d *Dependency, own EVR) []byte {
	first := byte(d.Sense & (Less | Greater | Equal))
	if d.Pre {
		first |= depPre
	}
	switch {
	case d.EVR == own:
		first |= depSameEVR
	default:
		if d.EVR.Epoch != 0 {
			first |= depEpoch
		}
		if d.EVR.Version != "" {
			first |= depVersion
		}
		if d.EVR.Release != "" {
			first |= depRelease
		}
	}
	b = append(b, first)
	b = appendString(b, d.Name)
	if first&depEpoch != 0 {
		b = binary.AppendUvarint(b, uint64(d.EVR.Epoch))
	}
	if first&depVersion != 0 {
		b = appendString(b, d.EVR.Version)
	}
	if first&depRelease != 0 {
		b = appendString(b, d.EVR.Release)
	}
	return b
}

// AppendFiles appends the record of the file list to b. A path is written as
// the number of bytes that it shares with the path before it, and the rest.
func (p *Package) AppendFiles(b []byte) []byte {
	b = append(b, 'F', recordVersion)
	b = binary.AppendUvarint(b, uint64(len(p.Files)))
	last := ""
	for _, f := range p.Files {
		var bits byte
		if f.Dir {
			bits |= recordDir
		}
		if f.Ghost {
			bits |= recordGhost
		}
		shared := sharedPrefix(last, f.Path)
		b = append(b, bits, shared)
		b = appendString(b, f.Path[shared:])
		last = f.Path
	}
	return b
}

// sharedPrefix is the length of the common beginning of a and b. One byte must
// hold it, which also bounds how much longer than its record a list can be.
func sharedPrefix(a, b string) byte {
	n := min(len(a), len(b), math.MaxUint8)
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	return byte(i)
}

// AppendText appends the record of the prose to b.
func (p *Package) AppendText(b []byte) []byte {
	b = append(b, 'T', recordVersion)
	for _, s := range p.Text.strings() {
		b = appendString(b, *s)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Text.Changelog)))
	for i := range p.Text.Changelog {
		c := &p.Text.Changelog[i]
		b = appendString(b, c.Author)
		b = binary.AppendVarint(b, c.Time)
		b = appendString(b, c.Text)
	}
	return b
}

// strings are the strings of a text record in their order.
func (t *Text) strings() [8]*string {
	return [...]*string{&t.Summary, &t.Description, &t.License, &t.URL, &t.Group, &t.Vendor, &t.Packager, &t.BuildHost}
}

// DecodeMeta reads what AppendMeta wrote and sets those fields of p. It copies b.
// On an error p is in no particular state.
func DecodeMeta(b []byte, p *Package) error {
	d := decoder{data: string(b)}
	d.identity(p)
	d.dependencies(p, len(p.dependencyLists()))
	return d.end("package record")
}

// DecodeNeeds reads of what AppendMeta wrote what a solver asks for: of the dependencies
// Provides and Requires, which are two thirds of all.
func DecodeNeeds(b []byte, p *Package) error {
	const provides, requires = 1, 1
	d := decoder{data: string(b)}
	d.identity(p)
	d.dependencies(p, provides+requires)
	if d.err != nil {
		return fmt.Errorf("package record: %w", d.err)
	}
	return nil
}

// DecodeIdentity reads no more of what AppendMeta wrote than what stands before the
// dependencies: names, versions, arches, times and sizes.
func DecodeIdentity(b []byte, p *Package) error {
	const usual = 512
	d := decoder{data: string(b[:min(len(b), usual)])}
	if d.identity(p); d.err != nil && len(b) > usual {
		d = decoder{data: string(b)}
		d.identity(p)
	}
	if d.err != nil {
		return fmt.Errorf("package record: %w", d.err)
	}
	return nil
}

// identity reads what stands before the dependencies.
func (d *decoder) identity(p *Package) {
	d.magic('M')
	p.Name = d.text()
	p.Epoch = d.uint32()
	p.Version = d.text()
	p.Release = d.text()
	p.Arch = d.text()
	p.SourceRPM = d.text()
	p.SigKey = d.text()
	for _, n := range p.metaNumbers() {
		*n = d.varint()
	}
	p.ExclusiveArch = d.texts()
	p.ExcludeArch = d.texts()
}

// dependencies reads the first n lists into one array.
func (d *decoder) dependencies(p *Package, n int) {
	lists := p.dependencyLists()
	var lengths [len(lists)]int
	total := 0
	for i := range lists {
		if lengths[i] = d.length(2); i < n {
			total += lengths[i]
		}
	}
	if total > len(d.data)/2 {
		d.fail(fmt.Errorf("%d dependencies in %d bytes", total, len(d.data)))
	}
	if d.err != nil {
		return
	}
	all := make([]Dependency, total)
	for i := range all {
		d.dependency(&all[i], p.EVR)
	}
	for i, list := range lists {
		*list = nil
		if k := lengths[i]; i < n && k > 0 {
			*list, all = all[:k:k], all[k:]
		}
	}
}

func (d *decoder) dependency(dep *Dependency, own EVR) {
	first := d.byte()
	dep.Sense = Sense(first) & (Less | Greater | Equal)
	dep.Pre = first&depPre != 0
	dep.Name = d.text()
	if first&depSameEVR != 0 {
		if first&(depEpoch|depVersion|depRelease) != 0 {
			d.fail(fmt.Errorf("dependency %q has the version of its package and another", dep.Name))
		}
		dep.EVR = own
	}
	if first&depEpoch != 0 {
		dep.EVR.Epoch = d.uint32()
	}
	if first&depVersion != 0 {
		dep.EVR.Version = d.text()
	}
	if first&depRelease != 0 {
		dep.EVR.Release = d.text()
	}
}

// DecodeFiles reads what AppendFiles wrote into p.Files. It copies b.
func DecodeFiles(b []byte, p *Package) error {
	d := decoder{data: string(b)}
	size, err := sizePaths(d.data)
	if err != nil {
		return err
	}
	d.magic('F')
	p.Files = nil
	n := d.length(3)
	if n == 0 {
		return d.end("file list record")
	}
	p.Files = make([]File, n)
	var paths strings.Builder
	paths.Grow(size)
	last := 0
	for i := range p.Files {
		bits, shared := d.byte(), int(d.byte())
		start := paths.Len()
		paths.WriteString(paths.String()[last : last+shared])
		paths.WriteString(d.text())
		last = start
		p.Files[i] = File{Path: paths.String()[start:], Dir: bits&recordDir != 0, Ghost: bits&recordGhost != 0}
	}
	return d.end("file list record")
}

// EachPath calls fn for each path of the record that AppendFiles wrote, in its
// order. What fn gets is overwritten after it returns: who looks for a few paths
// in many lists allocates nothing for the others.
func EachPath(b []byte, fn func(path []byte)) error {
	d := decoder{data: string(b)}
	if _, err := sizePaths(d.data); err != nil {
		return err
	}
	d.magic('F')
	var path []byte
	for range d.length(3) {
		d.byte()
		shared := d.byte()
		path = append(path[:shared], d.text()...)
		fn(path)
	}
	return d.end("file list record")
}

// sizePaths checks a file list record and returns the bytes of all its paths.
func sizePaths(s string) (total int, err error) {
	d := decoder{data: s}
	d.magic('F')
	last := 0
	for n := d.length(3); n > 0 && d.err == nil; n-- {
		d.byte()
		shared := int(d.byte())
		if shared > last {
			d.fail(fmt.Errorf("path shares %d bytes with one of %d", shared, last))
		}
		last = shared + len(d.text())
		total += last
	}
	return total, d.end("file list record")
}

// DecodeText reads what AppendText wrote into p.Text. It copies b.
func DecodeText(b []byte, p *Package) error {
	d := decoder{data: string(b)}
	d.magic('T')
	p.Text = Text{}
	for _, s := range p.Text.strings() {
		*s = d.text()
	}
	if n := d.length(3); n > 0 {
		p.Text.Changelog = make([]Change, n)
	}
	for i := range p.Text.Changelog {
		p.Text.Changelog[i] = Change{Author: d.text(), Time: d.varint(), Text: d.text()}
	}
	return d.end("text record")
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errCutOff = errors.New("cut off")

// decoder reads the values of a record from the front of data. After the first
// error everything is empty.
type decoder struct {
	data string
	err  error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.data = ""
}

// magic reads the two bytes that every part begins with.
func (d *decoder) magic(want byte) {
	if got := d.byte(); got != want {
		d.fail(fmt.Errorf("begins with %q, want %q", got, want))
	}
	if got := d.byte(); got != recordVersion {
		d.fail(fmt.Errorf("has version %d, want %d", got, recordVersion))
	}
}

// end returns the error of what was decoded; bytes that are left are one.
func (d *decoder) end(what string) error {
	if len(d.data) > 0 {
		d.fail(fmt.Errorf("%d bytes are left over", len(d.data)))
	}
	if d.err != nil {
		return fmt.Errorf("%s: %w", what, d.err)
	}
	return nil
}

func (d *decoder) byte() byte {
	if d.data == "" {
		d.fail(errCutOff)
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return b
}

// uvarint reads a number as encoding/binary writes it; that package reads
// slices of bytes only. Superfluous bytes are refused: a value has one form.
func (d *decoder) uvarint() uint64 {
	if d.data != "" && d.data[0] < 0x80 { // nearly always
		v := d.data[0]
		d.data = d.data[1:]
		return uint64(v)
	}
	var v uint64
	for i := 0; i < len(d.data) && i < binary.MaxVarintLen64; i++ {
		c := d.data[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c >= 0x80 {
			continue
		}
		if c == 0 || i == binary.MaxVarintLen64-1 && c > 1 {
			break
		}
		d.data = d.data[i+1:]
		return v
	}
	d.fail(errors.New("malformed or cut off number"))
	return 0
}

func (d *decoder) varint() int64 {
	v := d.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (d *decoder) uint32() uint32 {
	v := d.uvarint()
	if v > math.MaxUint32 {
		d.fail(fmt.Errorf("number %d, want at most %d", v, uint32(math.MaxUint32)))
		return 0
	}
	return uint32(v)
}

// length reads how many elements of at least size bytes follow.
func (d *decoder) length(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.data)/size) {
		d.fail(fmt.Errorf("%d elements in %d bytes", n, len(d.data)))
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.length(1)
	s := d.data[:n]
	d.data = d.data[n:]
	return s
}

func (d *decoder) texts() []string {
	n := d.length(1)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.text()
	}
	return list
}
