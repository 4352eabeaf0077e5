package productmd

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// ExtraFiles is the content of extra_files.json: the files of trees that are
// neither packages nor metadata.
type ExtraFiles struct {
	Compose Compose
	Files   []ExtraFile // in any order
}

// ExtraFile is one file in the tree of a variant and architecture.
type ExtraFile struct {
	Variant string // uid
	Arch    string // of the tree; of sources "src", other than in rpms.json
	TreeFile
}

// TreeFile is a file in a tree.
type TreeFile struct {
	File      string // path; in an ExtraFile below compose/, elsewhere in the tree
	Size      int64  // bytes
	Checksums Checksums
}

// Validate reports what productmd would not accept.
func (f *ExtraFile) Validate() error {
	if f.Variant == "" {
		return fmt.Errorf("file %q without a variant", f.File)
	}
	if f.Arch != "src" {
		if err := ValidateArch(f.Arch); err != nil {
			return fmt.Errorf("file %q: %w", f.File, err)
		}
	}
	return f.TreeFile.Validate()
}

// Validate reports what productmd would not accept.
func (f *TreeFile) Validate() error {
	if err := validatePath(f.File); err != nil {
		return err
	}
	if f.Size < 0 {
		return fmt.Errorf("file %q: size %d, want bytes", f.File, f.Size)
	}
	if err := f.Checksums.Validate(); err != nil {
		return fmt.Errorf("file %q: %w", f.File, err)
	}
	return nil
}

func compareExtraFiles(a, b ExtraFile) int {
	return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.File, b.File))
}

// extraFileLevels are the keys on the way to a list of files.
var extraFileLevels = []func(*ExtraFile) string{
	func(f *ExtraFile) string { return f.Variant },
	func(f *ExtraFile) string { return f.Arch },
}

// Validate reports what productmd would not accept, of each file and of all.
func (x *ExtraFiles) Validate() error {
	if err := x.Compose.Validate(); err != nil {
		return err
	}
	seen := map[[3]string]bool{}
	for i := range x.Files {
		f := &x.Files[i]
		if err := f.Validate(); err != nil {
			return err
		}
		at := [3]string{f.Variant, f.Arch, f.File}
		if seen[at] {
			return fmt.Errorf("file %q is listed twice in %s.%s", f.File, f.Variant, f.Arch)
		}
		seen[at] = true
	}
	return nil
}

// Encode writes extra_files.json of a compose:
//
//	variant to arch to [{"checksums": {…}, "file": "Server/x86_64/os/GPL", "size": 18092}]
func (x *ExtraFiles) Encode(w io.Writer) error {
	if err := x.Validate(); err != nil {
		return err
	}
	sorted := slices.SortedFunc(slices.Values(x.Files), compareExtraFiles)
	return writeDocument(w, "extra_files", func(e *encoder) {
		x.Compose.encode(e, false)
		e.key("extra_files")
		encodeNested(e, sorted, extraFileLevels, func(e *encoder, files []ExtraFile) {
			e.list(func() {
				for i := range files {
					e.item()
					files[i].encode(e)
				}
			})
		})
	})
}

func (f *TreeFile) encode(e *encoder) {
	e.object(func() {
		e.mapField("checksums", f.Checksums)
		e.stringField("file", f.File)
		e.intField("size", f.Size)
	})
}

// treeFilesVersion is that of extra_files.json in a tree, which is no document
// of productmd and has a form of its own.
const treeFilesVersion = "1.0"

// EncodeTreeFiles writes extra_files.json of one tree or medium:
//
//	{"data": [{"checksums": {…}, "file": "GPL", "size": 18092}], "header": {"version": "1.0"}}
func EncodeTreeFiles(w io.Writer, files []TreeFile) error {
	if err := validateTreeFiles(files); err != nil {
		return err
	}
	sorted := slices.SortedFunc(slices.Values(files), func(a, b TreeFile) int { return cmp.Compare(a.File, b.File) })
	e := &encoder{w: bufio.NewWriter(w)}
	e.object(func() {
		e.key("data")
		e.list(func() {
			for i := range sorted {
				e.item()
				sorted[i].encode(e)
			}
		})
		e.key("header")
		e.object(func() { e.stringField("version", treeFilesVersion) })
	})
	return e.w.Flush()
}

func validateTreeFiles(files []TreeFile) error {
	seen := map[string]bool{}
	for i := range files {
		if err := files[i].Validate(); err != nil {
			return err
		}
		if seen[files[i].File] {
			return fmt.Errorf("file %q is listed twice", files[i].File)
		}
		seen[files[i].File] = true
	}
	return nil
}

// treeFileJSON is a file in a document that is read.
type treeFileJSON struct {
	File      string    `json:"file"`
	Size      int64     `json:"size"`
	Checksums Checksums `json:"checksums"`
}

// ParseTreeFiles reads extra_files.json of one tree, in the order of the file.
func ParseTreeFiles(r io.Reader) ([]TreeFile, error) {
	var document struct {
		Header struct {
			Version string `json:"version"`
		} `json:"header"`
		Data []treeFileJSON `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(r, maxDocument)).Decode(&document); err != nil {
		return nil, inWords(err)
	}
	if err := validateOneOf("header version", document.Header.Version, []string{treeFilesVersion}); err != nil {
		return nil, err
	}
	var files []TreeFile
	for _, f := range document.Data {
		files = append(files, TreeFile(f))
	}
	return files, validateTreeFiles(files)
}

// ParseExtraFiles reads extra_files.json of a compose. The files come sorted by
// variant and arch, and then as in the document.
func ParseExtraFiles(r io.Reader) (*ExtraFiles, error) {
	var payload struct {
		Compose composeJSON                          `json:"compose"`
		Files   map[string]map[string][]treeFileJSON `json:"extra_files"`
	}
	if err := readDocument(r, "extra_files", &payload); err != nil {
		return nil, err
	}
	x := &ExtraFiles{Compose: Compose(payload.Compose)}
	for _, variant := range slices.Sorted(maps.Keys(payload.Files)) {
		for _, arch := range slices.Sorted(maps.Keys(payload.Files[variant])) {
			for _, f := range payload.Files[variant][arch] {
				x.Files = append(x.Files, ExtraFile{Variant: variant, Arch: arch, TreeFile: TreeFile(f)})
			}
		}
	}
	return x, x.Validate()
}
