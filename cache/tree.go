package cache

// Kind is the kind of a Node.
type Kind uint8

// The kinds of nodes.
const (
	FileKind Kind = iota + 1
	DirKind
	SymlinkKind
)

// Node is one entry of a Directory, and, standing alone, a file or a whole tree.
type Node struct {
	Name string
	Kind Kind
	// Digest of a file's content, or of a directory's Directory message.
	Digest Digest
	// Executable files are materialized with mode 0555, others with 0444.
	Executable bool
	// ModTime in seconds since 1970; 0 leaves it open. Only of files.
	ModTime int64
	// Target of a symbolic link, relative.
	Target string
}

// Directory is one level of a tree: nodes sorted by name, names unique.
//
// Its stored form is the Directory message of the Remote Execution API, in the
// canonical encoding (fields in order of their numbers, nodes sorted), with
// ModTime as NodeProperties.mtime. The empty directory is the empty blob.
type Directory []Node
