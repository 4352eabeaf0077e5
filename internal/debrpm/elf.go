package debrpm

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"path"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// links is what the dynamic linker needs of files, and finds in them, in the
// names of rpm's generator:
//
//	libc.so.6()(64bit)               the library
//	libc.so.6(GLIBC_2.34)(64bit)     a version of symbols in it
//	rtld(GNU_HASH)                   a loader that reads the newer hash table
type links struct {
	provides, requires []rpm.Dependency
	loader             bool // the dynamic loader is among the files
}

// gnuHash is what executables and libraries without the older table require.
// No file says that it provides this: rpm distributions write it by hand.
const gnuHash = "rtld(GNU_HASH)"

// linksOf reads every ELF file. What is no sound ELF file is data to us, as to
// rpm: packages ship such files for other machines, and broken ones for tests.
func linksOf(files []rpm.Content) links {
	var all links
	for i := range files {
		if o, err := readObject(files[i].Data); err == nil {
			all.add(o, path.Base(files[i].Path))
		}
	}
	return all
}

// add adds what an object with the given file name provides and requires.
func (l *links) add(o *object, name string) {
	if soname := o.provided(name); isLibrary(soname) && !strings.ContainsFunc(soname, unfit) {
		l.provides = append(l.provides, rpm.Dependency{Name: o.unversioned(soname)})
		if isLoader(soname) {
			l.provides = append(l.provides, rpm.Dependency{Name: gnuHash})
			l.loader = true
		}
	}
	l.provides = o.appendVersions(l.provides, o.defined)
	for _, name := range o.needed {
		if isLibrary(name) {
			l.requires = append(l.requires, rpm.Dependency{Name: o.unversioned(name)})
		}
	}
	for _, n := range o.neededVersions {
		l.requires = o.appendVersions(l.requires, n)
	}
	if o.gnuHash && !o.hash {
		l.requires = append(l.requires, rpm.Dependency{Name: gnuHash})
	}
}

// unversioned is the name of the library as a whole.
func (o *object) unversioned(library string) string {
	if o.marker == "" {
		return library
	}
	return library + "()" + o.marker
}

// appendVersions appends the names of the library's versions.
func (o *object) appendVersions(deps []rpm.Dependency, l library) []rpm.Dependency {
	if !isLibrary(l.name) {
		return deps
	}
	for _, v := range l.versions {
		deps = append(deps, rpm.Dependency{Name: l.name + "(" + v + ")" + o.marker})
	}
	return deps
}

// isLibrary tells whether rpm takes a name for that of a library, and not for
// that of a plugin which its program opens by path.
func isLibrary(soname string) bool {
	return strings.Contains(soname, ".so") && (strings.HasPrefix(soname, "lib") || isLoader(soname))
}

// isLoader tells whether a soname is that of a dynamic loader.
func isLoader(soname string) bool {
	return strings.HasPrefix(soname, "ld.") || strings.HasPrefix(soname, "ld-") || strings.HasPrefix(soname, "ld64.")
}

// object is what rpm's generator reads in an executable or a shared library.
type object struct {
	marker         string // "(64bit)", or "" where 32 bits are usual
	shared         bool   // a library, or a program that can be loaded anywhere
	soname         string
	needed         []string // libraries
	neededVersions []library
	defined        library
	debug          bool // has a place for debuggers, as programs have
	hash, gnuHash  bool
}

// library is a library and versions of symbols in it. What defines versions says
// there once more what it is called, and rpm believes it.
type library struct {
	name     string
	versions []string
}

// provided is the name under which others find the object: its own, or for a
// library without one that of the file.
func (o *object) provided(name string) string {
	if !o.shared || o.debug {
		return ""
	}
	if o.soname == "" {
		return name
	}
	return o.soname
}

var errNotObject = errors.New("no file that the dynamic linker reads")

// readObject reads an ELF file.
func readObject(b []byte) (*object, error) {
	if !bytes.HasPrefix(b, []byte(elf.ELFMAG)) {
		return nil, errNotObject
	}
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if f.Type != elf.ET_DYN && f.Type != elf.ET_EXEC {
		return nil, errNotObject
	}
	o := &object{shared: f.Type == elf.ET_DYN}
	if f.Class == elf.ELFCLASS64 && f.Machine != elf.EM_ALPHA {
		o.marker = "(64bit)"
	}
	r := tables{f: f, file: b, left: maxRecords}
	for _, s := range f.Sections {
		switch s.Type {
		case elf.SHT_DYNAMIC:
			r.readDynamic(o, s)
		case elf.SHT_GNU_VERDEF:
			r.readDefined(o, s)
		case elf.SHT_GNU_VERNEED:
			r.readNeeded(o, s)
		}
	}
	return o, r.err
}

const (
	maxRecords = 1 << 16 // of the tables of an object; libc has 1,000
	maxName    = 1 << 10 // bytes of a name in them
)

// tables reads the tables of the dynamic linker. debug/elf reads them too, but
// follows whatever offsets they have, which in a hostile file is quadratic.
type tables struct {
	f    *elf.File
	file []byte
	left int // records that may yet be read
	err  error
}

// data is the content of a section and of the names that it refers to.
func (r *tables) data(s *elf.Section) (data, names []byte) {
	if int(s.Link) >= len(r.f.Sections) {
		return nil, nil
	}
	return r.slice(s), r.slice(r.f.Sections[s.Link])
}

func (r *tables) slice(s *elf.Section) []byte {
	size := uint64(len(r.file))
	if s.Type == elf.SHT_NOBITS || s.Offset > size || s.FileSize > size-s.Offset {
		return nil
	}
	return r.file[s.Offset : s.Offset+s.FileSize]
}

// more tells whether a record of n bytes is at an offset, and may be read.
func (r *tables) more(data []byte, at uint64, n int) bool {
	if at > uint64(len(data)) || uint64(len(data))-at < uint64(n) {
		return false
	}
	if r.left == 0 {
		r.err = errNotObject
		return false
	}
	r.left--
	return true
}

// nameAt is the name at an offset of the names, "" if there is no sound one.
func nameAt(names []byte, at uint64) string {
	if at >= uint64(len(names)) {
		return ""
	}
	names = names[at:]
	name, _, ok := bytes.Cut(names[:min(len(names), maxName)], []byte{0})
	if !ok || bytes.ContainsFunc(name, unfit) {
		return ""
	}
	return string(name)
}

// unfit tells whether a character of a name would make another dependency of it.
func unfit(r rune) bool { return r <= ' ' || r >= 0x7f || r == '(' || r == ')' }

// readDynamic reads the records {tag, value}, of a word each.
func (r *tables) readDynamic(o *object, s *elf.Section) {
	data, names := r.data(s)
	word := 8
	number := r.f.ByteOrder.Uint64
	if r.f.Class == elf.ELFCLASS32 {
		word = 4
		number = func(b []byte) uint64 { return uint64(r.f.ByteOrder.Uint32(b)) }
	}
	for at := uint64(0); r.more(data, at, 2*word); at += uint64(2 * word) {
		value := number(data[at+uint64(word):])
		switch elf.DynTag(number(data[at:])) {
		case elf.DT_NULL:
			return
		case elf.DT_NEEDED:
			o.needed = append(o.needed, nameAt(names, value))
		case elf.DT_SONAME:
			o.soname = nameAt(names, value)
		case elf.DT_DEBUG:
			o.debug = true
		case elf.DT_HASH:
			o.hash = true
		case elf.DT_GNU_HASH:
			o.gnuHash = true
		}
	}
}

// readDefined reads the versions that an object defines.
//
//	version 2 | flags 2 | index 2 | names 2 | hash 4 | first name 4 | next 4
//
// A name is {name 4, next 4}; those after the first are of older versions.
func (r *tables) readDefined(o *object, s *elf.Section) {
	data, names := r.data(s)
	order := r.f.ByteOrder
	for at := uint64(0); r.more(data, at, 20); {
		flags, first, next := order.Uint16(data[at+2:]), order.Uint32(data[at+12:]), order.Uint32(data[at+16:])
		if own := at + uint64(first); r.more(data, own, 8) {
			if flags&uint16(elf.VER_FLG_BASE) != 0 {
				o.defined.name = nameAt(names, uint64(order.Uint32(data[own:])))
			} else {
				o.defined.versions = appendName(o.defined.versions, names, order, data[own:])
			}
		}
		if next == 0 {
			return
		}
		at += uint64(next)
	}
}

// readNeeded reads the versions that an object needs, library by library.
//
//	version 2 | versions 2 | library's name 4 | first version 4 | next 4
//
// A version is {hash 4, flags 2, other 2, name 4, next 4}.
func (r *tables) readNeeded(o *object, s *elf.Section) {
	data, names := r.data(s)
	order := r.f.ByteOrder
	for at := uint64(0); r.more(data, at, 16); {
		l := library{name: nameAt(names, uint64(order.Uint32(data[at+4:])))}
		version := at + uint64(order.Uint32(data[at+8:]))
		for range order.Uint16(data[at+2:]) {
			if !r.more(data, version, 16) {
				break
			}
			l.versions = appendName(l.versions, names, order, data[version+8:])
			version += uint64(order.Uint32(data[version+12:]))
		}
		o.neededVersions = append(o.neededVersions, l)
		next := order.Uint32(data[at+12:])
		if next == 0 {
			return
		}
		at += uint64(next)
	}
}

// appendName appends the name to which the first four bytes of record refer.
func appendName(list []string, names []byte, order binary.ByteOrder, record []byte) []string {
	if name := nameAt(names, uint64(order.Uint32(record))); name != "" {
		return append(list, name)
	}
	return list
}
