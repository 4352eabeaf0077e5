package debrpm

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// elfLayout describes an object to make: a library of 64 bits, little endian, if
// nothing else is said.
type elfLayout struct {
	small, big, program bool // 32 bits, big endian, executable
	soname              string
	needed              []string
	tags                []elf.DynTag
	defines             []string            // versions
	needs               map[string][]string // versions by library
}

// newELF makes an object that has nothing but what rpm's generator reads.
func newELF(l elfLayout) []byte {
	w := &elfWriter{layout: l, order: binary.LittleEndian, names: []byte{0}}
	if l.big {
		w.order = binary.BigEndian
	}
	for _, n := range l.needed {
		w.dynamic = w.words(w.dynamic, uint64(elf.DT_NEEDED), w.name(n))
	}
	if l.soname != "" {
		w.dynamic = w.words(w.dynamic, uint64(elf.DT_SONAME), w.name(l.soname))
	}
	for _, tag := range l.tags {
		w.dynamic = w.words(w.dynamic, uint64(tag), 0)
	}
	w.dynamic = w.words(w.dynamic, uint64(elf.DT_NULL), 0)
	return w.file(w.definitions(), w.needs())
}

type elfWriter struct {
	layout         elfLayout
	order          binary.AppendByteOrder
	names, dynamic []byte
}

// name adds a name and returns its offset.
func (w *elfWriter) name(s string) uint64 {
	at := len(w.names)
	w.names = append(append(w.names, s...), 0)
	return uint64(at)
}

// words appends numbers of a word each.
func (w *elfWriter) words(b []byte, list ...uint64) []byte {
	for _, n := range list {
		if w.layout.small {
			b = w.order.AppendUint32(b, uint32(n))
		} else {
			b = w.order.AppendUint64(b, n)
		}
	}
	return b
}

// definitions is the table of versions, the first of which is the soname.
func (w *elfWriter) definitions() []byte {
	var b []byte
	all := w.layout.defines
	if len(all) > 0 {
		all = append([]string{w.layout.soname}, all...)
	}
	for i, v := range all {
		flags, next := uint16(0), uint32(28)
		if i == 0 {
			flags = uint16(elf.VER_FLG_BASE)
		}
		if i == len(all)-1 {
			next = 0
		}
		for _, n := range []uint16{1, flags, uint16(i + 1), 1} {
			b = w.order.AppendUint16(b, n)
		}
		for _, n := range []uint32{0, 20, next, uint32(w.name(v)), 0} {
			b = w.order.AppendUint32(b, n)
		}
	}
	return b
}

// needs is the table of needed versions.
func (w *elfWriter) needs() []byte {
	var b []byte
	for i, library := range slices.Sorted(maps.Keys(w.layout.needs)) {
		versions := w.layout.needs[library]
		next := uint32(16 + 16*len(versions))
		if i == len(w.layout.needs)-1 {
			next = 0
		}
		b = w.order.AppendUint16(w.order.AppendUint16(b, 1), uint16(len(versions)))
		for _, n := range []uint32{uint32(w.name(library)), 16, next} {
			b = w.order.AppendUint32(b, n)
		}
		for j, v := range versions {
			following := uint32(16)
			if j == len(versions)-1 {
				following = 0
			}
			b = w.order.AppendUint32(b, 0)
			b = w.order.AppendUint16(w.order.AppendUint16(b, 0), uint16(j+2))
			b = w.order.AppendUint32(w.order.AppendUint32(b, uint32(w.name(v))), following)
		}
	}
	return b
}

// file puts header, sections and section headers together.
func (w *elfWriter) file(definitions, needs []byte) []byte {
	l := w.layout
	type section struct {
		kind       elf.SectionType
		data       []byte
		link, info uint32
	}
	sections := []section{
		{},
		{elf.SHT_STRTAB, w.names, 0, 0},
		{elf.SHT_DYNAMIC, w.dynamic, 1, 0},
		{elf.SHT_GNU_VERDEF, definitions, 1, uint32(len(definitions) / 28)},
		{elf.SHT_GNU_VERNEED, needs, 1, uint32(len(l.needs))},
	}
	class, order, kind := elf.ELFCLASS64, elf.ELFDATA2LSB, elf.ET_DYN
	headerSize, sectionSize, recordSize, machine := 64, 64, uint64(16), elf.EM_X86_64
	if l.small {
		class, headerSize, sectionSize, recordSize, machine = elf.ELFCLASS32, 52, 40, 8, elf.EM_386
	}
	if l.big {
		order = elf.ELFDATA2MSB
	}
	if l.program {
		kind = elf.ET_EXEC
	}
	at := uint64(headerSize)
	var headers, body []byte
	for _, s := range sections {
		headers = w.order.AppendUint32(headers, 0)
		headers = w.order.AppendUint32(headers, uint32(s.kind))
		headers = w.words(headers, uint64(elf.SHF_ALLOC), 0, at, uint64(len(s.data)))
		headers = w.order.AppendUint32(w.order.AppendUint32(headers, s.link), s.info)
		headers = w.words(headers, 1, recordSize)
		body = append(body, s.data...)
		at += uint64(len(s.data))
	}
	b := append([]byte(elf.ELFMAG), byte(class), byte(order), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = w.order.AppendUint16(w.order.AppendUint16(b, uint16(kind)), uint16(machine))
	b = w.words(w.order.AppendUint32(b, 1), 0, 0, at)
	b = w.order.AppendUint32(b, 0)
	for _, n := range []int{headerSize, 0, 0, sectionSize, len(sections), 1} {
		b = w.order.AppendUint16(b, uint16(n))
	}
	return append(append(b, body...), headers...)
}

// TestLinksOfLayouts compares made objects with what rpm's generator says.
func TestLinksOfLayouts(t *testing.T) {
	tests := []struct {
		name   string
		file   string
		layout elfLayout
	}{
		{"library", "libx.so.1.2", elfLayout{soname: "libx.so.1", needed: []string{"libc.so.6"}, tags: []elf.DynTag{elf.DT_GNU_HASH}}},
		{"older table", "libx.so", elfLayout{soname: "libx.so.1", tags: []elf.DynTag{elf.DT_GNU_HASH, elf.DT_HASH}}},
		{"versions", "libx.so", elfLayout{
			soname: "libx.so.1", defines: []string{"X_1", "X_2"},
			needs: map[string][]string{"libc.so.6": {"GLIBC_2.2.5", "GLIBC_2.34"}, "libm.so.6": {"GLIBC_2.2.5"}},
		}},
		{"32 bits", "libx.so", elfLayout{
			small: true, soname: "libx.so.1", needed: []string{"libc.so.6"}, defines: []string{"X_1"},
			needs: map[string][]string{"libc.so.6": {"GLIBC_2.1"}}, tags: []elf.DynTag{elf.DT_GNU_HASH},
		}},
		{"big endian", "libx.so", elfLayout{
			big: true, soname: "libx.so.1", needed: []string{"libc.so.6"}, defines: []string{"X_1"},
			needs: map[string][]string{"libc.so.6": {"GLIBC_2.1"}},
		}},
		{"no soname", "libplug.so", elfLayout{needed: []string{"libc.so.6"}}},
		{"plugin", "plug.so", elfLayout{needed: []string{"libc.so.6", "plug.so"}}},
		{"program", "x", elfLayout{program: true, needed: []string{"libc.so.6"}, tags: []elf.DynTag{elf.DT_DEBUG}}},
		{"program that moves", "libx.so", elfLayout{needed: []string{"libc.so.6"}, tags: []elf.DynTag{elf.DT_DEBUG}}},
		{"loader", "ld.so", elfLayout{soname: "ld-linux-x86-64.so.2", defines: []string{"GLIBC_2.3"}}},
		{"needs a loader", "x", elfLayout{program: true, needed: []string{"ld-linux-x86-64.so.2", "linux-vdso.so.1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.file)
			must(t, os.WriteFile(path, newELF(tt.layout), 0o755))
			compareLinks(t, path)
		})
	}
}

// TestLinksOfHost compares what this system has with what rpm's generator says.
func TestLinksOfHost(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"/usr/bin/*", "/usr/lib/*/*.so*", "/lib64/ld-*", "/usr/lib/python3/dist-packages/*.so"} {
		found, err := filepath.Glob(pattern)
		must(t, err)
		paths = append(paths, found...)
	}
	objects := 0
	for i, path := range paths {
		// Some of them, for each takes two processes.
		if i%16 != 0 {
			continue
		}
		if b, err := os.ReadFile(path); err == nil && bytes.HasPrefix(b, []byte(elf.ELFMAG)) {
			compareLinks(t, path)
			objects++
		}
	}
	if objects == 0 {
		t.Error("no objects on this system")
	}
}

// compareLinks compares what we and rpm's generator say of a file.
func compareLinks(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	got := linksOf([]rpm.Content{{Path: path, Mode: 0o100755, Data: b}})
	for flag, deps := range map[string][]rpm.Dependency{"--provides": got.provides, "--requires": got.requires} {
		var names []string
		for _, d := range deps {
			// rpm's glibc says this in its spec file.
			if flag == "--requires" || d.Name != gnuHash {
				names = append(names, d.Name)
			}
		}
		if want := elfdeps(t, flag, path); !slices.Equal(sorted(names), want) {
			t.Errorf("%s %s:\ngot  %q\nwant %q", path, flag, sorted(names), want)
		}
	}
}

// elfdeps asks rpm's generator.
func elfdeps(t *testing.T, flag, path string) []string {
	t.Helper()
	cmd := exec.Command("/usr/lib/rpm/elfdeps", flag)
	cmd.Stdin = strings.NewReader(path + "\n")
	out, err := cmd.Output()
	must(t, err)
	return sorted(strings.Fields(string(out)))
}

func sorted(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// TestLoaderProvides wants the package of the loader to provide what all others
// require of it.
func TestLoaderProvides(t *testing.T) {
	loader := newELF(elfLayout{soname: "ld-linux-x86-64.so.2"})
	s, err := Convert(bytes.NewReader(newDeb(t, minimal("libc6", "1"), entry{name: "./lib64/ld.so", data: string(loader)})), Options{MapDepends: true})
	must(t, err)
	compare(t, s.Provides, dependencies(t, "ld-linux-x86-64.so.2()(64bit)", "rtld(GNU_HASH)"))
	compare(t, s.Requires, dependencies(t, "base-files"))
}

func FuzzReadObject(f *testing.F) {
	f.Add(newELF(elfLayout{soname: "libx.so.1", needed: []string{"libc.so.6"}, tags: []elf.DynTag{elf.DT_GNU_HASH}}))
	f.Add(newELF(elfLayout{
		small: true, big: true, soname: "libx.so.1", defines: []string{"X_1", "X_2"},
		needs: map[string][]string{"libc.so.6": {"GLIBC_2.2.5", "GLIBC_2.34"}, "libm.so.6": {"GLIBC_2.2.5"}},
	}))
	f.Add(newELF(elfLayout{soname: "libx.so.1 evil", needed: []string{"libc(.so"}, needs: map[string][]string{"libc.so.6": {"GLIBC 2"}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		all := linksOf([]rpm.Content{{Path: "/usr/lib/libx.so", Mode: 0o100755, Data: b}})
		for _, d := range slices.Concat(all.provides, all.requires) {
			if strings.ContainsAny(d.Name, " \n\x00") {
				t.Errorf("dependency %q", d.Name)
			}
		}
	})
}
