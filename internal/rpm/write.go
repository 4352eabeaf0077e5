package rpm

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"
)

// formatVersion is the rpm whose packages ours are like. rpm takes packages
// without such a number for ones of the last century.
const formatVersion = "4.18.0"

// digestSHA256 is SHA-256 in the numbering of OpenPGP, which headers use.
const digestSHA256 = 8

// Write writes a package file that rpm, createrepo_c and dnf accept. The bytes
// depend on s alone.
//
// It adds what rpmbuild adds: that the package provides its own name (and
// name(isa) for a machine's arch) in exactly its version, that it requires the
// shell of its scriptlets and the rpmlib(...) features that it makes use of.
// Where s says nothing, SourceRPM is the source package of the same name,
// version and release, and BuildHost is localhost. SigKey is not used: the
// package is not signed.
//
// Source packages (Arch "src", or "nosrc" for one without its sources) have
// contents without a directory: "bash.spec".
func Write(w io.Writer, s *Spec) error {
	b, err := s.encode()
	if err != nil {
		return fmt.Errorf("package %s: %w", s.NEVRA, err)
	}
	_, err = w.Write(b)
	return err
}

func (s *Spec) encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	compression, err := findCompression(s.Compression)
	if err != nil {
		return nil, err
	}
	files, err := s.sortedContents()
	if err != nil {
		return nil, err
	}
	payload, err := packPayload(files, s.IsSource(), compression)
	if err != nil {
		return nil, err
	}
	h := &headerBuilder{}
	s.addFacts(h)
	s.addScriptlets(h)
	s.addDependencies(h, compression)
	addFiles(h, files)
	addPayload(h, payload, compression)
	if h.err != nil {
		return nil, h.err
	}
	header := h.bytes(tagRegionImmutable)
	return slices.Concat(s.lead(), signature(header, payload), header, payload.compressed), nil
}

// check refuses what rpm would not take, or take for something else.
func (s *Spec) check() error {
	if err := s.checkIdentity(); err != nil {
		return err
	}
	if err := checkVersion(s.Version); err != nil {
		return fmt.Errorf("version %w", err)
	}
	if err := checkVersion(s.Release); err != nil {
		return fmt.Errorf("release %w", err)
	}
	if s.IsSource() && s.SourceRPM != "" {
		return fmt.Errorf("source package %q, want none in a source package", s.SourceRPM)
	}
	for name := range s.Scriptlets {
		if !slices.ContainsFunc(scriptlets[:], func(k scriptlet) bool { return k.name == name }) {
			return fmt.Errorf("scriptlet %q, want prein, postin, preun or postun", name)
		}
	}
	return nil
}

// sortedContents checks the files and sorts them by path, as rpm expects.
func (s *Spec) sortedContents() ([]Content, error) {
	files := slices.Clone(s.Contents)
	var size int64
	for i := range files {
		if err := files[i].check(s.IsSource()); err != nil {
			return nil, fmt.Errorf("file %q: %w", files[i].Path, err)
		}
		size += int64(len(files[i].Data))
	}
	if size > math.MaxInt32 {
		return nil, fmt.Errorf("files of %d bytes, want at most %d", size, math.MaxInt32)
	}
	slices.SortFunc(files, func(a, b Content) int { return cmp.Compare(a.Path, b.Path) })
	for i := 1; i < len(files); i++ {
		if files[i].Path == files[i-1].Path {
			return nil, fmt.Errorf("file %q is there twice", files[i].Path)
		}
	}
	return files, nil
}

func (c *Content) check(source bool) error {
	if clean, err := checkPath(c.Path, source); err != nil {
		return err
	} else if clean != c.Path {
		return fmt.Errorf("path is not clean, want %q", clean)
	}
	switch kind := c.Mode & modeType; {
	case c.Mode > math.MaxUint16 || kind != modeRegular && kind != modeDir && kind != modeLink:
		return fmt.Errorf("mode %#o, want a regular file, a directory or a symbolic link", c.Mode)
	case kind != modeRegular && len(c.Data) > 0:
		return fmt.Errorf("mode %#o with %d bytes of data, want data in regular files only", c.Mode, len(c.Data))
	case kind == modeLink && c.Link == "":
		return fmt.Errorf("symbolic link without a target")
	case kind != modeLink && c.Link != "":
		return fmt.Errorf("mode %#o with link target %q, want targets in symbolic links only", c.Mode, c.Link)
	}
	return nil
}

// body is what the archive has as the file's content.
func (c *Content) body() []byte {
	if c.Link != "" {
		return []byte(c.Link)
	}
	return c.Data
}

// lead is the first 96 bytes: a relic that tells programs like file(1) what this is.
func (s *Spec) lead() []byte {
	const (
		version       = 3
		machine, os   = 0, 1
		signatureType = 5 // "a header follows"
		nameSize      = 66
	)
	var kind uint16
	if s.IsSource() {
		kind = 1
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, leadSize), leadMagic)
	b = append(b, version, 0)
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, machine)
	name := make([]byte, nameSize)
	copy(name[:nameSize-1], s.Name+"-"+s.Version+"-"+s.Release)
	b = append(b, name...)
	b = binary.BigEndian.AppendUint16(b, os)
	b = binary.BigEndian.AppendUint16(b, signatureType)
	return append(b, make([]byte, leadSize-len(b))...)
}

// signature is the signature header, which has the digests of what follows.
func signature(header []byte, p *payload) []byte {
	sum1, sum256 := sha1.Sum(header), sha256.Sum256(header)
	both := md5.New()
	both.Write(header)
	both.Write(p.compressed)

	h := &headerBuilder{}
	h.text(sigSHA1, hex.EncodeToString(sum1[:]))
	h.text(sigSHA256, hex.EncodeToString(sum256[:]))
	h.int32s(sigSize, uint32(len(header)+len(p.compressed)))
	h.binary(sigMD5, both.Sum(nil))
	h.int32s(sigPayloadSize, uint32(p.size))
	return pad(h.bytes(tagRegionSignature), 8)
}

func (s *Spec) addFacts(h *headerBuilder) {
	h.array(tagI18NTable, []string{"C"})
	h.text(tagEncoding, "utf-8")
	h.text(tagRPMVersion, formatVersion)
	h.text(tagOS, "linux")

	h.text(tagName, s.Name)
	h.text(tagVersion, s.Version)
	h.text(tagRelease, s.Release)
	if s.Epoch != 0 {
		h.int32s(tagEpoch, s.Epoch)
	}
	s.addOrigin(h)
	h.array(tagExcludeArch, s.ExcludeArch)
	h.array(tagExclusiveArch, s.ExclusiveArch)
	h.time(tagBuildTime, s.BuildTime)

	t := &s.Text
	h.translated(tagSummary, t.Summary)
	h.translated(tagDescription, t.Description)
	h.translated(tagGroup, cmp.Or(t.Group, "Unspecified"))
	h.text(tagLicense, t.License)
	h.text(tagURL, t.URL)
	h.text(tagVendor, t.Vendor)
	h.text(tagPackager, t.Packager)
	h.text(tagBuildHost, cmp.Or(t.BuildHost, "localhost"))
	addChangelog(h, t.Changelog)
}

// addOrigin tells source packages from others: rpm takes a package without the
// name of a source package for one, and its arch for that of the build host.
func (s *Spec) addOrigin(h *headerBuilder) {
	if !s.IsSource() {
		source := s.NEVRA
		source.Arch = "src"
		h.text(tagArch, s.Arch)
		h.text(tagSourceRPM, cmp.Or(s.SourceRPM, source.FileName()))
		return
	}
	h.text(tagArch, "noarch")
	h.int32s(tagSourcePackage, 1)
	if s.Arch == "nosrc" {
		h.int32s(tagNoSource, 0) // the number of the source that is missing
	}
}

func addChangelog(h *headerBuilder, log []Change) {
	times := make([]int64, len(log))
	authors, texts := make([]string, len(log)), make([]string, len(log))
	for i, c := range log {
		times[i], authors[i], texts[i] = c.Time, c.Author, c.Text
	}
	h.time(tagChangelogTime, times...)
	h.array(tagChangelogName, authors)
	h.array(tagChangelogText, texts)
}

type scriptlet struct {
	name          string
	body, program tag
	flag          uint32
}

var scriptlets = [...]scriptlet{
	{"prein", tagPreIn, tagPreInProg, flagScriptPre},
	{"postin", tagPostIn, tagPostInProg, flagScriptPost},
	{"preun", tagPreUn, tagPreUnProg, flagScriptPreun},
	{"postun", tagPostUn, tagPostUnProg, flagScriptPostun},
}

const shell = "/bin/sh"

func (s *Spec) addScriptlets(h *headerBuilder) {
	for _, k := range scriptlets {
		if body, ok := s.Scriptlets[k.name]; ok {
			h.text(k.body, body)
			h.text(k.program, shell)
		}
	}
}

func (s *Spec) addDependencies(h *headerBuilder, c compression) {
	addDependencies(h, tagsProvide, s.allProvides())
	addDependencies(h, tagsRequire, s.allRequires(c))
	addDependencies(h, tagsConflict, wire(s.Conflicts))
	addDependencies(h, tagsObsolete, wire(s.Obsoletes))
	addDependencies(h, tagsRecommend, wire(s.Recommends))
	addDependencies(h, tagsSuggest, wire(s.Suggests))
	addDependencies(h, tagsSupplement, wire(s.Supplements))
	addDependencies(h, tagsEnhance, wire(s.Enhances))
}

// wireDependency is a dependency with its flags as the header has them.
type wireDependency struct {
	Dependency
	flags uint32
}

func wire(deps []Dependency) []wireDependency {
	list := make([]wireDependency, len(deps))
	for i, d := range deps {
		list[i] = wireDependency{d, uint32(d.Sense) << senseShift & senseMask}
		if d.Pre {
			list[i].flags |= flagScriptPre
		}
	}
	return list
}

func addDependencies(h *headerBuilder, tags dependencyTags, deps []wireDependency) {
	names, versions := make([]string, len(deps)), make([]string, len(deps))
	flags := make([]uint32, len(deps))
	for i, d := range deps {
		if d.Name == "" && h.err == nil {
			h.err = fmt.Errorf("dependency number %d has no name (header tag %d)", i, tags.name)
		}
		names[i], flags[i] = d.Name, d.flags
		if d.Sense != 0 {
			versions[i] = d.EVR.String()
		}
	}
	h.array(tags.name, names)
	h.int32s(tags.flags, flags...)
	h.array(tags.version, versions)
}

// isaNames are the arches in the marks of provides like "bash(x86-64)".
var isaNames = map[string]string{
	"x86_64": "x86-64", "i686": "x86-32", "i586": "x86-32", "i486": "x86-32", "i386": "x86-32", "athlon": "x86-32",
	"aarch64": "aarch-64", "armv7hl": "armv7hl-32", "armv7hnl": "armv7hnl-32", "armv6hl": "armv6hl-32",
	"ppc64le": "ppc-64", "ppc64": "ppc-64", "ppc": "ppc-32", "s390x": "s390-64", "s390": "s390-32",
	"riscv64": "riscv-64", "loongarch64": "loongarch-64", "ia64": "ia-64",
	"sparc64": "sparc-64", "sparc64v": "sparc-64", "sparcv9": "sparc-32",
}

// allProvides is what the Spec says, and the package itself.
func (s *Spec) allProvides() []wireDependency {
	own := []Dependency{{Name: s.Name, Sense: Equal, EVR: s.EVR}}
	if isa, ok := isaNames[s.Arch]; ok {
		own = append(own, Dependency{Name: s.Name + "(" + isa + ")", Sense: Equal, EVR: s.EVR})
	}
	deps := slices.Clone(s.Provides)
	for _, d := range own {
		if !slices.Contains(deps, d) {
			deps = append(deps, d)
		}
	}
	return wire(deps)
}

// allRequires is what the Spec says, the shell, and what rpm must be able to do.
func (s *Spec) allRequires(c compression) []wireDependency {
	deps := wire(s.Requires)
	if len(s.Scriptlets) > 0 {
		sh := wireDependency{Dependency{Name: shell}, flagInterp}
		for _, k := range scriptlets {
			if _, ok := s.Scriptlets[k.name]; ok {
				sh.flags |= k.flag
			}
		}
		deps = append(deps, sh)
	}
	for _, feature := range s.features(c) {
		deps = append(deps, wireDependency{feature, uint32(feature.Sense)<<senseShift | flagRPMLib})
	}
	return deps
}

// features lists the abilities of rpm that the package makes use of.
func (s *Spec) features(c compression) []Dependency {
	list := []Dependency{
		rpmlib("CompressedFileNames", "3.0.4-1"),
		rpmlib("FileDigests", "4.6.0-1"),
	}
	if !s.IsSource() {
		list = append(list, rpmlib("PayloadFilesHavePrefix", "4.0-1"))
	}
	if c.rpmlib.Name != "" {
		list = append(list, c.rpmlib)
	}
	if s.anyVersionHas('~') {
		list = append(list, rpmlib("TildeInVersions", "4.10.0-1"))
	}
	if s.anyVersionHas('^') {
		list = append(list, rpmlib("CaretInVersions", "4.15.0-1"))
	}
	for _, deps := range s.dependencyLists() {
		if slices.ContainsFunc(*deps, Dependency.IsRich) {
			return append(list, rpmlib("RichDependencies", "4.12.0-1"))
		}
	}
	return list
}

// rpmlib is the requirement of a feature that rpm has since the given version.
func rpmlib(feature, since string) Dependency {
	version, release, _ := strings.Cut(since, "-")
	return Dependency{Name: "rpmlib(" + feature + ")", Sense: Less | Equal, EVR: EVR{Version: version, Release: release}}
}

func (s *Spec) anyVersionHas(mark byte) bool {
	has := func(v EVR) bool {
		return strings.IndexByte(v.Version, mark) >= 0 || strings.IndexByte(v.Release, mark) >= 0
	}
	for _, deps := range s.dependencyLists() {
		if slices.ContainsFunc(*deps, func(d Dependency) bool { return has(d.EVR) }) {
			return true
		}
	}
	return has(s.EVR)
}

// addFiles adds the file list: one array for each property of a file.
func addFiles(h *headerBuilder, files []Content) {
	n := len(files)
	var size uint32
	sizes, mtimes, flags := make([]uint32, n), make([]int64, n), make([]uint32, n)
	modes, digests, links := make([]uint16, n), make([]string, n), make([]string, n)
	users, groups := make([]string, n), make([]string, n)
	for i := range files {
		f := &files[i]
		sizes[i], mtimes[i], flags[i] = uint32(len(f.body())), f.ModTime, f.flags()
		modes[i], links[i] = uint16(f.Mode), f.Link
		users[i], groups[i] = cmp.Or(f.User, "root"), cmp.Or(f.Group, "root")
		if f.Mode&modeType == modeRegular && !f.Ghost {
			sum := sha256.Sum256(f.Data)
			digests[i] = hex.EncodeToString(sum[:])
		}
		size += sizes[i]
	}
	h.int32s(tagSize, size)
	h.int32s(tagFileSizes, sizes...)
	h.int16s(tagFileModes, modes...)
	h.time(tagFileMtimes, mtimes...)
	h.array(tagFileDigests, digests)
	h.array(tagFileLinkTos, links)
	h.int32s(tagFileFlags, flags...)
	h.array(tagFileUserName, users)
	h.array(tagFileGroupName, groups)
	addFileNumbers(h, n)
	addPaths(h, files)
}

// addFileNumbers adds what is the same in all packages of n files.
func addFileNumbers(h *headerBuilder, n int) {
	if n == 0 {
		return
	}
	inodes := make([]uint32, n)
	for i := range inodes {
		inodes[i] = uint32(i + 1) // as in the archive
	}
	h.int32s(tagFileInodes, inodes...)
	h.int32s(tagFileDevices, slices.Repeat([]uint32{1}, n)...)
	h.int16s(tagFileRdevs, make([]uint16, n)...)
	h.array(tagFileLangs, make([]string, n))
	h.int32s(tagFileVerifyFlags, slices.Repeat([]uint32{math.MaxUint32}, n)...) // verify everything
	h.int32s(tagFileDigestAlgo, digestSHA256)
}

// addPaths adds the paths, each directory once.
func addPaths(h *headerBuilder, files []Content) {
	var dirs []string
	number := map[string]uint32{}
	names, indexes := make([]string, len(files)), make([]uint32, len(files))
	for i, f := range files {
		dir, name := path.Split(f.Path)
		k, ok := number[dir]
		if !ok {
			k = uint32(len(dirs))
			number[dir] = k
			dirs = append(dirs, dir)
		}
		names[i], indexes[i] = name, k
	}
	h.array(tagBaseNames, names)
	h.array(tagDirNames, dirs)
	h.int32s(tagDirIndexes, indexes...)
}

func (c *Content) flags() uint32 {
	var flags uint32
	if c.Config {
		flags |= fileConfig
	}
	if c.Doc {
		flags |= fileDoc
	}
	if c.Ghost {
		flags |= fileGhost
	}
	return flags
}

func addPayload(h *headerBuilder, p *payload, c compression) {
	h.text(tagPayloadFormat, "cpio")
	h.text(tagPayloadCompressor, c.name)
	h.text(tagPayloadFlags, c.flags)
	h.int32s(tagPayloadDigestAlgo, digestSHA256)
	h.array(tagPayloadDigest, []string{hex.EncodeToString(p.digest[:])})
	h.array(tagPayloadDigestAlt, []string{hex.EncodeToString(p.digest0[:])})
}
