// Package rpm reads and writes RPM package files and compares their versions.
//
// A package file is a lead, a signature header, a header and a payload:
//
//	+------+------------------+---------------------+-------------------------+
//	| lead | signature header | header              | payload                 |
//	| 96 B | padded to 8 B    | index, then data    | cpio, compressed        |
//	+------+------------------+---------------------+-------------------------+
//
// Everything a repository or a solver wants to know stands in the header, so
// Read stops in front of the payload. The package knows nothing of pungo: it
// takes readers and yields values. The format is described at
// https://rpm-software-management.github.io/rpm/manual/format_v4.html.
package rpm

// Package is what the header of one package says.
//
// The fields fall into three groups of different size and use, and records
// (see AppendMeta) keep them apart: what a solver reads for every package, the
// list of files, and the prose that only repodata repeats.
type Package struct {
	NEVRA
	// SourceRPM is the file name of the source package; "" in source packages.
	SourceRPM string
	Provides, Requires, Conflicts, Obsoletes,
	Recommends, Suggests, Supplements, Enhances []Dependency
	// ExclusiveArch and ExcludeArch are what the spec file said, in its order.
	ExclusiveArch, ExcludeArch []string
	BuildTime                  int64  // seconds since 1970
	SigKey                     string // id of the signing key, 16 lowercase hex digits; "" if unsigned
	InstalledSize              int64  // bytes of all files
	ArchiveSize                int64  // bytes of the unpacked payload
	HeaderStart, HeaderEnd     int64  // the main header's place in the file, in bytes

	Files []File

	Text Text
}

// Text is the prose of a package. It need not be UTF-8 if it was read.
type Text struct {
	Summary, Description, License, URL, Group,
	Vendor, Packager, BuildHost string
	Changelog []Change // newest first, as in the header
}

// Change is one entry of a changelog.
type Change struct {
	Author string // "Name <mail> - version", as written
	Time   int64  // seconds since 1970
	Text   string
}

// File is one entry of a package's file list.
type File struct {
	Path  string // absolute, cleaned; a bare name in source packages
	Dir   bool
	Ghost bool // owned, but not in the payload
}

// NEVRA is the identity of a package: name, epoch, version, release, arch.
type NEVRA struct {
	Name string
	EVR
	Arch string // "src" or "nosrc" for source packages
}

// EVR is an epoch, a version and a release. No epoch is epoch 0. In a
// dependency an empty Release matches every release.
type EVR struct {
	Epoch   uint32
	Version string
	Release string
}

// Sense says how a dependency compares: a set of the three bits, or 0 for a
// dependency on a name alone.
type Sense uint8

// The bits of a Sense.
const (
	Less Sense = 1 << iota
	Greater
	Equal
)

// Dependency is one capability that is provided, required and so on.
type Dependency struct {
	// Name is a capability, a path, or a whole rich dependency in parentheses.
	Name string
	// Sense compares with EVR; 0 for an unversioned dependency.
	Sense Sense
	EVR   EVR
	// Pre marks what scriptlets need (Requires(pre), Requires(post)).
	Pre bool
}

// Spec describes a package file to write: the header's facts, and content.
// Files, InstalledSize, ArchiveSize, HeaderStart and HeaderEnd of the Package
// are computed from Contents.
type Spec struct {
	Package
	Contents []Content
	// Scriptlets by name: "prein", "postin", "preun", "postun"; run by /bin/sh.
	Scriptlets map[string]string
	// Compression of the payload: "zstd" (the default), "gzip", "xz", "none".
	Compression string
}

// Content is one file of a package to write.
type Content struct {
	Path    string // absolute, cleaned; a bare name in source packages
	Mode    uint32 // unix mode with its type bits, e.g. 0100644, 040755, 0120777
	Data    []byte // of a regular file
	Link    string // target of a symbolic link
	ModTime int64  // seconds since 1970
	User    string // "root" if empty
	Group   string
	Config  bool
	Doc     bool
	Ghost   bool
}
