package productmd

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
)

// ExtraFiles is the content of compose/metadata/extra_files.json: every file
// that lies beside the packages of a tree.
type ExtraFiles struct {
	Compose Compose
	Files   []ExtraFile // in any order
}

// ExtraFile is one such file. Variant and Arch are of no meaning in the file of
// a single tree.
type ExtraFile struct {
	Variant   string            // uid
	Arch      string            // of the tree, "src" for the tree of sources
	Path      string            // relative to compose/, or to the tree
	Size      int64             // bytes
	Checksums map[string]string // algorithm to lower-case hex, at least one
}

func (f *ExtraFile) validate() error {
	if err := validatePath(f.Path); err != nil {
		return fmt.Errorf("extra file: %w", err)
	}
	if f.Size < 0 {
		return fmt.Errorf("extra file %q: size %d, wanted 0 or more", f.Path, f.Size)
	}
	if err := validateChecksums(f.Checksums); err != nil {
		return fmt.Errorf("extra file %q: %w", f.Path, err)
	}
	return nil
}

// Encode writes the file for the whole compose.
func (x *ExtraFiles) Encode(w io.Writer) error {
	if err := x.Compose.Validate(); err != nil {
		return err
	}
	for i := range x.Files {
		f := &x.Files[i]
		if err := f.validate(); err != nil {
			return err
		}
		if f.Variant == "" {
			return fmt.Errorf("extra file %q without a variant", f.Path)
		}
		if f.Arch == "src" {
			continue
		}
		if err := ValidateArch(f.Arch); err != nil {
			return fmt.Errorf("extra file %q: %w", f.Path, err)
		}
	}
	sorted := slices.SortedFunc(slices.Values(x.Files), compareExtraFiles)
	return writeDocument(w, "extra_files", func(e *encoder) {
		x.Compose.encode(e, false)
		e.key("extra_files")
		encodeNested(e, sorted, extraFileLevels, encodeExtraFiles)
	})
}

// EncodeTreeExtraFiles writes the extra_files.json at the top of a tree:
//
//	{"data": [{"checksums": {…}, "file": …, "size": …}], "header": {"version": "1.0"}}
func EncodeTreeExtraFiles(w io.Writer, files []ExtraFile) error {
	for i := range files {
		if err := files[i].validate(); err != nil {
			return err
		}
	}
	e := &encoder{w: bufio.NewWriter(w)}
	e.object(func() {
		e.key("data")
		encodeExtraFiles(e, slices.SortedFunc(slices.Values(files), compareExtraFiles))
		e.key("header")
		e.object(func() { e.stringField("version", "1.0") })
	})
	return e.w.Flush()
}

func compareExtraFiles(a, b ExtraFile) int {
	return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Path, b.Path))
}

// extraFileLevels are the keys on the way to a list of files.
var extraFileLevels = []func(*ExtraFile) string{
	func(f *ExtraFile) string { return f.Variant },
	func(f *ExtraFile) string { return f.Arch },
}

func encodeExtraFiles(e *encoder, files []ExtraFile) {
	e.list(func() {
		for _, f := range files {
			e.item()
			e.object(func() {
				e.mapField("checksums", f.Checksums)
				e.stringField("file", f.Path)
				e.intField("size", f.Size)
			})
		}
	})
}
