package rpm

import (
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
)

const (
	leadMagic = 0xedabeedb
	leadSize  = 96
	// firstRead covers the headers of most packages in one system call:
	// the signature header, padded for later signatures, has some 4 KiB.
	firstRead = 32 << 10
	maxPath   = 4096 // bytes, PATH_MAX of Linux
	// maxPaths bounds the file list, bytes of all its paths: directories are
	// stored once, so that a small hostile header could ask for terabytes.
	maxPaths = 256 << 20
)

// windows keeps the buffers of Read, for it is called ten thousands of times.
var windows = sync.Pool{New: func() any { return &window{buf: make([]byte, 0, firstRead)} }}

// Read reads the headers of a package file of size bytes. It stops in front of
// the payload, and does not verify digests (see Open) or signatures. Many
// goroutines may call it at once.
//
// The order of the header is kept everywhere. Requires lacks the rpmlib(...)
// entries, which rpm itself answers. Strings are as the header has them, which
// need not be UTF-8, and share one copy of the header's data: who keeps few of
// them for long should clone them (or keep a record).
//
// Errors say what was found and what was wanted. File lists with relative paths,
// ".." or newlines are errors too, since those paths end up in file systems and
// in line-based lists; so are names and versions that cannot stand in a file name.
func Read(r io.ReaderAt, size int64) (*Package, error) {
	p, _, _, err := read(r, size, func(*header, []byte) error { return nil })
	return p, err
}

// read returns the signature header and the header too. The bytes of the header are
// shown to check, which returns what is wrong with them.
func read(r io.ReaderAt, size int64, check func(sig *header, raw []byte) error) (p *Package, sig, h *header, err error) {
	w := windows.Get().(*window)
	w.r, w.size, w.buf = r, size, w.buf[:0]
	defer func() {
		w.r = nil
		if cap(w.buf) <= 1<<20 { // one kernel must not make every buffer huge
			windows.Put(w)
		}
	}()

	sig, start, err := readSignature(w)
	if err != nil {
		return nil, nil, nil, err
	}
	h, end, err := w.header("header", start)
	if err != nil {
		return nil, nil, nil, err
	}
	p = &Package{HeaderStart: start, HeaderEnd: end}
	p.readIdentity(h)
	p.readFacts(h, sig)
	p.readDependencies(h)
	p.readText(h)
	p.readFiles(h)
	if h.err != nil {
		return nil, nil, nil, h.err
	}
	if sig.err != nil {
		return nil, nil, nil, sig.err
	}
	if err := p.checkIdentity(); err != nil {
		return nil, nil, nil, err
	}
	if err := check(sig, w.buf[start:end]); err != nil {
		return nil, nil, nil, err
	}
	return p, sig, h, nil
}

// readSignature reads the lead and the signature header, and returns where the
// main header begins.
func readSignature(w *window) (sig *header, start int64, err error) {
	if err := w.need(min(w.size, firstRead), "file"); err != nil {
		return nil, 0, err
	}
	if len(w.buf) < 4 {
		return nil, 0, fmt.Errorf("not an RPM: %d bytes, want a lead of %d", len(w.buf), leadSize)
	}
	if magic := binary.BigEndian.Uint32(w.buf); magic != leadMagic {
		return nil, 0, fmt.Errorf("not an RPM: magic 0x%08x, want 0x%08x", magic, uint32(leadMagic))
	}
	sig, end, err := w.header("signature header", leadSize)
	return sig, (end + 7) &^ 7, err
}

// header reads the header that begins at start, and returns where it ends.
func (w *window) header(what string, start int64) (*header, int64, error) {
	if err := w.need(start+headerIntro, what); err != nil {
		return nil, 0, err
	}
	size, err := parseIntro(what, w.buf[start:])
	if err != nil {
		return nil, 0, err
	}
	end := start + size.total()
	if err := w.need(end, what); err != nil {
		return nil, 0, err
	}
	h, err := parseHeader(what, size, w.buf[start:end])
	return h, end, err
}

func (p *Package) readIdentity(h *header) {
	p.Name = h.text(tagName)
	p.Epoch = uint32(h.number(tagEpoch))
	p.Version = h.text(tagVersion)
	p.Release = h.text(tagRelease)
	p.Arch = h.text(tagArch)
	p.SourceRPM = h.text(tagSourceRPM)
	if !h.has(tagSourceRPM) {
		// In a source package the tag says where it was built.
		p.Arch = "src"
		if h.has(tagNoSource) || h.has(tagNoPatch) {
			p.Arch = "nosrc"
		}
	}
}

// checkIdentity refuses what would make a file name point elsewhere.
func (p *Package) checkIdentity() error {
	for _, part := range [...]struct{ what, value string }{
		{"name", p.Name}, {"version", p.Version}, {"release", p.Release}, {"arch", p.Arch},
	} {
		if part.value == "" {
			return fmt.Errorf("package %q has no %s", p.NEVRA, part.what)
		}
		for i := 0; i < len(part.value); i++ {
			if c := part.value[i]; c <= ' ' || c == '/' || c == 0x7f {
				return fmt.Errorf("package %q: %s %q has a %q", p.NEVRA, part.what, part.value, c)
			}
		}
	}
	if strings.ContainsAny(p.SourceRPM, "/\n") {
		return fmt.Errorf("package %q: source package %q is not a file name", p.NEVRA, p.SourceRPM)
	}
	return nil
}

func (p *Package) readFacts(h, sig *header) {
	p.ExclusiveArch = h.list(tagExclusiveArch)
	p.ExcludeArch = h.list(tagExcludeArch)
	p.BuildTime = h.number(tagBuildTime)
	p.InstalledSize = h.number(tagLongSize, tagSize)
	p.ArchiveSize = sig.number(sigLongArchiveSize, sigPayloadSize)
	if p.ArchiveSize == 0 {
		p.ArchiveSize = h.number(tagArchiveSize)
	}
	p.SigKey = signingKey(sig)
}

func (p *Package) readText(h *header) {
	p.Text = Text{
		Summary:     h.text(tagSummary),
		Description: h.text(tagDescription),
		License:     h.text(tagLicense),
		URL:         h.text(tagURL),
		Group:       h.text(tagGroup),
		Vendor:      h.text(tagVendor),
		Packager:    h.text(tagPackager),
		BuildHost:   h.text(tagBuildHost),
	}
	times, names, texts := h.numbers(tagChangelogTime), h.array(tagChangelogName), h.array(tagChangelogText)
	n := times.len()
	if names.left != n || texts.left != n {
		h.fail(tagChangelogTime, "changelog of %d times, %d authors and %d texts, want as many of each", n, names.left, texts.left)
		return
	}
	if n == 0 {
		return
	}
	p.Text.Changelog = make([]Change, n)
	for i := range p.Text.Changelog {
		p.Text.Changelog[i] = Change{Author: names.next(), Time: int64(times.at(i)), Text: texts.next()}
	}
}

func (p *Package) readDependencies(h *header) {
	p.Provides = h.dependencies(tagsProvide)
	p.Requires = h.dependencies(tagsRequire)
	p.Conflicts = h.dependencies(tagsConflict)
	p.Obsoletes = h.dependencies(tagsObsolete)
	p.Recommends = h.dependencies(tagsRecommend)
	p.Suggests = h.dependencies(tagsSuggest)
	p.Supplements = h.dependencies(tagsSupplement)
	p.Enhances = h.dependencies(tagsEnhance)
}

// dependencies reads one kind of dependency. Flags and versions are missing
// together in packages of the last century.
func (h *header) dependencies(tags dependencyTags) []Dependency {
	names, flags, versions := h.array(tags.name), h.numbers(tags.flags), h.array(tags.version)
	n := names.left
	if n == 0 {
		return nil
	}
	if flags.len() != versions.left || versions.left != n && versions.left != 0 {
		h.fail(tags.name, "dependencies of %d names, %d flags and %d versions, want as many of each", n, flags.len(), versions.left)
		return nil
	}
	deps := make([]Dependency, 0, n)
	for i := range n {
		name, bits, version := names.next(), flags.at(i), versions.next()
		if strings.HasPrefix(name, "rpmlib(") {
			continue
		}
		evr, err := splitEVR(version)
		if err != nil {
			h.fail(tags.version, "%q: %w", name, err)
			return nil
		}
		deps = append(deps, Dependency{name, Sense(bits & senseMask >> senseShift), evr, bits&flagPre != 0})
	}
	if len(deps) == 0 {
		return nil
	}
	return deps
}

func (p *Package) readFiles(h *header) {
	names, indexes, dirs := h.array(tagBaseNames), h.numbers(tagDirIndexes), h.list(tagDirNames)
	compressed := names.left > 0
	if !compressed { // each path in full, as before rpm 4
		names = h.array(tagOldFileNames)
	}
	n := names.left
	if n == 0 {
		return
	}
	modes, flags := h.numbers(tagFileModes), h.numbers(tagFileFlags)
	if compressed && indexes.len() != n || modes.len() != n || flags.len() != n {
		h.fail(names.tag, "file list of %d names, %d directories, %d modes and %d flags, want as many of each",
			n, indexes.len(), modes.len(), flags.len())
		return
	}
	paths := pathBuilder{files: make([]File, n), ends: make([]int, n), buf: make([]byte, 0, min(48*n, len(h.data)))}
	for i := range n {
		var dir string
		if compressed {
			k := indexes.at(i)
			if k >= uint64(len(dirs)) {
				h.fail(tagDirIndexes, "directory %d of file %d, want one of %d", k, i, len(dirs))
				return
			}
			dir = dirs[k]
		}
		if err := paths.add(i, dir, names.next(), p.IsSource()); err != nil {
			h.fail(names.tag, "%w", err)
			return
		}
		paths.files[i].Dir = modes.at(i)&modeType == modeDir
		paths.files[i].Ghost = flags.at(i)&fileGhost != 0
	}
	p.Files = paths.finish()
}

// pathBuilder joins directories and names in one buffer, so that a thousand
// paths are one allocation.
type pathBuilder struct {
	files []File
	ends  []int // of each path in buf
	buf   []byte
	dir   string // the last directory
	clean bool   // what isCleanDir said of it
}

// add appends path number i. The files of source packages have no directory.
func (b *pathBuilder) add(i int, dir, name string, source bool) error {
	if dir != b.dir {
		b.dir, b.clean = dir, isCleanDir(dir)
	}
	if len(dir)+len(name) > maxPath {
		return fmt.Errorf("path of %d bytes, want at most %d: %q", len(dir)+len(name), maxPath, (dir + name)[:80])
	}
	start := len(b.buf)
	b.buf = append(append(b.buf, dir...), name...)
	if !b.clean || !isCleanName(dir, name) {
		clean, err := checkPath(string(b.buf[start:]), source)
		if err != nil {
			return err
		}
		b.buf = append(b.buf[:start], clean...)
	}
	if len(b.buf) > maxPaths {
		return fmt.Errorf("paths of more than %d bytes", maxPaths)
	}
	b.ends[i] = len(b.buf)
	return nil
}

// finish cuts the buffer into the paths.
func (b *pathBuilder) finish() []File {
	all, start := string(b.buf), 0
	for i, end := range b.ends {
		b.files[i].Path = all[start:end]
		start = end
	}
	return b.files
}

// isCleanDir tells at a glance that dir is absolute, ends in '/' and needs no
// closer look.
func isCleanDir(dir string) bool {
	return strings.HasPrefix(dir, "/") && strings.HasSuffix(dir, "/") &&
		!strings.Contains(dir, "//") && !strings.Contains(dir, "/./") && !strings.Contains(dir, "/../") &&
		strings.IndexByte(dir, '\n') < 0
}

// isCleanName tells the same of a name in a clean directory.
func isCleanName(dir, name string) bool {
	if name == "" {
		return dir == "/"
	}
	return name != "." && name != ".." && strings.IndexByte(name, '/') < 0 && strings.IndexByte(name, '\n') < 0
}

// checkPath refuses paths that could lead anywhere or break a list, and returns
// the others cleaned.
func checkPath(p string, source bool) (string, error) {
	if strings.ContainsAny(p, "\x00\n") {
		return "", fmt.Errorf("path %q has a NUL or a newline", p)
	}
	if !strings.HasPrefix(p, "/") && !(source && p != "" && p != "." && strings.IndexByte(p, '/') < 0) {
		return "", fmt.Errorf("path %q is not absolute", p)
	}
	for element := range strings.SplitSeq(p, "/") {
		if element == ".." {
			return "", fmt.Errorf("path %q leads out by %q", p, element)
		}
	}
	return path.Clean(p), nil
}
