package repodata

import (
	"strings"
	"sync"

	"github.com/pungo-build/pungo/internal/rpm"
)

// appendRequires appends what the package needs of others.
func appendRequires(b []byte, p *rpm.Package) []byte {
	if len(p.Requires) == 0 {
		return b
	}
	start := len(b)
	b = append(b, "    <rpm:requires>\n"...)
	empty := len(b)
	eachRequire(p, func(d *rpm.Dependency) { b = appendDependency(b, d, d.Pre) })
	if len(b) == empty {
		return b[:start]
	}
	return append(b, "    </rpm:requires>\n"...)
}

// Requires lists what primary says that a package requires: it is all that who reads
// the repository learns. Of p.Files it needs those that primary lists. The list may be
// that of p.
func Requires(p *rpm.Package) []rpm.Dependency {
	n := 0
	eachRequire(p, func(*rpm.Dependency) { n++ })
	if n == len(p.Requires) {
		return p.Requires
	}
	list := make([]rpm.Dependency, 0, n)
	eachRequire(p, func(d *rpm.Dependency) { list = append(list, *d) })
	return list
}

// eachRequire visits what primary says that a package requires. Left out is what
// a solver need not look at, by the rules of createrepo_c:
//
//   - features of rpm itself, rpmlib(...)
//   - files the package brings, where primary lists them
//   - capabilities that the package provides in the very same words
//   - repetitions of the last requirement of the same name
//   - all versions of libc.so.6 but the highest, which comes last
func eachRequire(p *rpm.Package, visit func(*rpm.Dependency)) {
	if len(p.Requires) == 0 {
		return
	}
	f := newRequireFilter(p)
	var libc *rpm.Dependency
	for i := range p.Requires {
		switch d := &p.Requires[i]; {
		case !f.keep(d):
		case !strings.HasPrefix(d.Name, "libc.so.6"):
			visit(d)
		case libc == nil || lessLibc(libc.Name, d.Name):
			libc = d
		}
	}
	f.release()
	if libc != nil {
		visit(libc)
	}
}

// requireFilter decides which requirements of one package are written.
type requireFilter struct {
	own      map[string]bool             // required paths that primary would list; true if in the package
	provided map[rpm.Dependency]struct{} // by sameWords
	last     map[string]rpm.Dependency   // last requirement kept, by name; values by sameWords

	// Most names are in neither of the first two maps, and most can be told by
	// their length alone.
	ownLengths, providedLengths lengths
}

// lengths is a set of lengths modulo 64.
type lengths uint64

func (l *lengths) add(s string)     { *l |= 1 << (len(s) % 64) }
func (l lengths) has(s string) bool { return l>>(len(s)%64)&1 != 0 }

// requireFilters keeps the maps, so that writing a package allocates nothing.
var requireFilters = sync.Pool{New: func() any {
	return &requireFilter{
		own:      map[string]bool{},
		provided: map[rpm.Dependency]struct{}{},
		last:     map[string]rpm.Dependency{},
	}
}}

func newRequireFilter(p *rpm.Package) *requireFilter {
	f := requireFilters.Get().(*requireFilter)
	for i := range p.Requires {
		if name := p.Requires[i].Name; strings.HasPrefix(name, "/") && PrimaryPath(name) {
			f.own[name] = false
			f.ownLengths.add(name)
		}
	}
	for i := range p.Files {
		if path := p.Files[i].Path; f.ownLengths.has(path) {
			if _, asked := f.own[path]; asked {
				f.own[path] = true
			}
		}
	}
	for i := range p.Provides {
		f.provided[sameWords(&p.Provides[i], false)] = struct{}{}
		f.providedLengths.add(p.Provides[i].Name)
	}
	return f
}

// release gives the filter back. One that a giant package has used is left to
// the collector: clearing a map costs what it once held.
func (f *requireFilter) release() {
	const giant = 1024
	if len(f.own)+len(f.provided)+len(f.last) > giant {
		return
	}
	clear(f.own)
	clear(f.provided)
	clear(f.last)
	f.ownLengths, f.providedLengths = 0, 0
	requireFilters.Put(f)
}

// keep reports whether the next requirement is written.
func (f *requireFilter) keep(d *rpm.Dependency) bool {
	if d.Name == "" || strings.HasPrefix(d.Name, "rpmlib(") {
		return false
	}
	if f.ownLengths.has(d.Name) && f.own[d.Name] {
		return false
	}
	if f.providedLengths.has(d.Name) {
		if _, ok := f.provided[sameWords(d, false)]; ok {
			return false
		}
	}
	words := sameWords(d, d.Pre)
	if last, ok := f.last[d.Name]; ok && last == words {
		return false
	}
	f.last[d.Name] = words
	return true
}

// sameWords is a dependency as a key: equal for those that are written alike.
func sameWords(d *rpm.Dependency, pre bool) rpm.Dependency {
	key := *d
	key.Pre = pre
	if flagName(key.Sense) == "" {
		key.Sense = 0
	}
	return key
}

// lessLibc reports whether b asks for a newer C library than a. Both begin with
// "libc.so.6", and the symbol version is in the first parentheses:
//
//	libc.so.6 < libc.so.6( < libc.so.6() < libc.so.6(GLIBC_PRIVATE) < libc.so.6(GLIBC_2.4)
func lessLibc(a, b string) bool {
	rankA, versionA := libcVersion(a)
	rankB, versionB := libcVersion(b)
	if rankA != rankB {
		return rankA < rankB
	}
	return rpm.CompareVersion(versionA, versionB) < 0
}

// libcVersion is the version in the parentheses of a requirement, from its
// first digit on. The rank orders requirements by how much they have of that.
func libcVersion(name string) (rank int, version string) {
	_, rest, ok := strings.Cut(name, "(")
	if !ok {
		return 0, ""
	}
	symbol, _, ok := strings.Cut(rest, ")")
	if !ok {
		return 1, ""
	}
	if symbol == "" {
		return 2, ""
	}
	digit := strings.IndexAny(symbol, "0123456789")
	if digit < 0 {
		return 3, ""
	}
	return 4, symbol[digit:]
}
