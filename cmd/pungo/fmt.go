package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bazelbuild/buildtools/build"
	"github.com/google/renameio/v2"
	"github.com/rogpeppe/go-internal/diff"
	"go.starlark.net/syntax"

	"github.com/pungo-build/pungo/cmd/pungo/output"
	"github.com/pungo-build/pungo/rules"
)

// fmtCmd formats definitions as buildifier does Starlark files: order is kept, but
// for loads, which go to the top.
type fmtCmd struct {
	Files []string `arg:"" optional:"" help:"Files, folders, or - for standard input; by default every .star file of the workspace."`
	Check bool     `help:"Change nothing, list what would change; exit code 1 if anything would."`
	Diff  bool     `help:"Change nothing, show what would change; exit code 1 if anything would."`
}

// Run formats. The names of the files that were changed, or would be, go to
// standard output. A syntax error ends with exit code 2 once the other files are
// done.
func (c *fmtCmd) Run(_ context.Context, p process, g *Globals) error {
	if slices.Equal(c.Files, []string{"-"}) {
		return c.stdin(p)
	}
	files, err := definitionFiles(g.Dir, c.Files)
	if err != nil {
		return err
	}
	changed := []string{}
	err = eachFile(files, func(path string) error {
		different, err := c.file(p, path)
		if different {
			changed = append(changed, path)
		}
		return err
	})
	if err := errors.Join(err, c.tell(p, g, changed)); err != nil {
		return err
	}
	if len(changed) > 0 && (c.Check || c.Diff) {
		return &exit{code: exitFailed}
	}
	return nil
}

func (c *fmtCmd) tell(p process, g *Globals, changed []string) error {
	switch {
	case g.JSON:
		return printJSON(p.stdout, changed)
	case c.Diff:
		return nil // the differences have the names
	}
	for _, path := range changed {
		fmt.Fprintln(p.stdout, path)
	}
	return nil
}

// file formats one file, and reports whether it was not formatted before.
func (c *fmtCmd) file(p process, path string) (changed bool, err error) {
	old, err := os.ReadFile(path)
	if err != nil {
		return false, environmentf("definition: %v", err)
	}
	formatted, err := format(path, old)
	if err != nil || bytes.Equal(old, formatted) {
		return false, err
	}
	if c.Diff {
		p.stdout.Write(diff.Diff(path, old, path+" (formatted)", formatted))
	}
	if c.Check || c.Diff {
		return true, nil
	}
	return true, replace(path, formatted)
}

// stdin formats standard input to standard output.
func (c *fmtCmd) stdin(p process) error {
	const name = "<stdin>"
	old, err := io.ReadAll(p.stdin)
	if err != nil {
		return environmentf("standard input: %v", err)
	}
	formatted, err := format(name, old)
	if err != nil {
		return err
	}
	changed := !bytes.Equal(old, formatted)
	switch {
	case c.Diff:
		_, err = p.stdout.Write(diff.Diff(name, old, name+" (formatted)", formatted))
	case c.Check && changed:
		_, err = fmt.Fprintln(p.stdout, name)
	case !c.Check:
		_, err = p.stdout.Write(formatted)
	}
	if err == nil && changed && (c.Check || c.Diff) {
		return &exit{code: exitFailed}
	}
	return err
}

// parseForEdit parses a file into the syntax tree that can be changed and
// written. A syntax error is a *rules.Error.
func parseForEdit(path string, source []byte) (*build.File, error) {
	// Not build.Parse: it knows files by Bazel's names, and sorts what is in them.
	f, err := build.ParseDefault(path, source)
	var mistake build.ParseError
	if !errors.As(err, &mistake) {
		return f, err
	}
	// The parser that evaluates says it better, and as every other command does.
	if _, err := parseStar(path, source); err != nil {
		return nil, err
	}
	return nil, &rules.Error{
		Pos: rules.Position{File: path, Line: mistake.Pos.Line, Col: mistake.Pos.LineRune},
		Msg: mistake.Message,
	}
}

// parseStar parses a file as evaluation does. A syntax error is a *rules.Error.
func parseStar(path string, source []byte) (*syntax.File, error) {
	f, err := (&syntax.FileOptions{}).Parse(path, source, 0)
	var mistake syntax.Error
	if errors.As(err, &mistake) {
		return nil, &rules.Error{Pos: rules.Position{File: path, Line: int(mistake.Pos.Line), Col: int(mistake.Pos.Col)}, Msg: mistake.Msg}
	}
	return f, err
}

func format(path string, source []byte) ([]byte, error) {
	f, err := parseForEdit(path, source)
	if err != nil {
		return nil, err
	}
	return build.Format(f), nil
}

// replace gives a file new content at once. Its mode stays, and so does a
// symbolic link that leads to it.
func replace(path string, data []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return environmentf("definition: %v", err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return environmentf("definition: %v", err)
	}
	if err := renameio.WriteFile(target, data, 0, renameio.WithStaticPermissions(info.Mode())); err != nil {
		return environmentf("definition %s: %v", path, err)
	}
	return nil
}

// definitionFiles lists the files to work on, as paths that can be opened from
// where the command runs: those named, with the .star files of folders that are
// named, or else of the whole workspace.
func definitionFiles(dir string, named []string) ([]string, error) {
	if len(named) == 0 {
		root, _, err := findRoot(dir)
		if err != nil {
			return nil, err
		}
		named = []string{shownPath(root)}
	}
	var files []string
	for _, path := range named {
		info, err := os.Stat(path)
		if err != nil {
			return nil, usagef("%q: there is no such file", path)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		below, err := starFiles(path)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	return files, nil
}

// eachFile works on files one by one. A mistake in one, a *rules.Error, does not
// keep it from the others; it returns all mistakes.
func eachFile(files []string, work func(path string) error) error {
	var mistakes []error
	for _, path := range files {
		err := work(path)
		if mistake := (*rules.Error)(nil); err != nil && !errors.As(err, &mistake) {
			return err
		}
		mistakes = append(mistakes, err)
	}
	return errors.Join(mistakes...)
}

// starFiles lists the .star files below a folder in the order of their paths,
// without hidden folders and output folders.
func starFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return environmentf("definition: %v", err)
		}
		if e.IsDir() && path != dir && (strings.HasPrefix(e.Name(), ".") || isOutput(path)) {
			return filepath.SkipDir
		}
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".star") {
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// isOutput reports whether a folder is an output folder.
func isOutput(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, output.StateDir))
	return err == nil
}

// shownPath is a path as a person would type it: relative to where the command
// runs, if it is there or below.
func shownPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
