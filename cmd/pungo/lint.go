package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bazelbuild/buildtools/build"
	"github.com/bazelbuild/buildtools/warn"

	"github.com/pungo-build/pungo/rules"
)

// lintCmd reports what is questionable in definitions, though it works: what does
// not is an error of every command.
type lintCmd struct {
	Files []string `arg:"" optional:"" help:"Files or folders; by default every .star file of the workspace, and its targets."`
	Fix   bool     `help:"Correct what can be corrected, and report the rest."`
}

// Help lists the checks.
func (*lintCmd) Help() string {
	return `These checks are those of buildifier, Bazel's linter;
https://github.com/bazel-contrib/buildtools/blob/main/WARNINGS.md tells what they
look for: ` + strings.Join(sharedChecks, ", ") + `.

Two more are pungo's:

	rule-doc     a rule, or an attribute of one, has no doc
	undelivered  a compose does without the target; the tag "manual" says that
	             this is meant

A comment in the line or above it switches checks off:

	# buildifier: disable=rule-doc`
}

// finding is something questionable, and the check that found it.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"column"`
	Check   string `json:"check"`
	Message string `json:"message"` // what is found in a line, then advice in others
	Fixable bool   `json:"fixable"`
}

func (f finding) String() string {
	found, _, _ := strings.Cut(f.Message, "\n")
	return fmt.Sprintf("%s:%d:%d: %s (%s)", f.File, f.Line, f.Col, found, f.Check)
}

// Run prints a line for each finding to standard output; exit code 1 if there is
// any. If a file does not parse, or the definition cannot be evaluated, it ends
// with that error, exit code 2, after all findings.
func (c *lintCmd) Run(ctx context.Context, p process, g *Globals) error {
	files, err := definitionFiles(g.Dir, c.Files)
	if err != nil {
		return err
	}
	findings := []finding{}
	err = eachFile(files, func(path string) error {
		found, err := c.file(path)
		findings = append(findings, found...)
		return err
	})
	if err == nil && len(c.Files) == 0 {
		var found []finding
		found, err = lintGraph(ctx, p, g)
		findings = append(findings, found...)
	}
	if err := errors.Join(err, printFindings(p, g, findings)); err != nil {
		return err
	}
	if len(findings) > 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

func printFindings(p process, g *Globals, findings []finding) error {
	if g.JSON {
		return printJSON(p.stdout, findings)
	}
	for _, f := range findings {
		if _, err := fmt.Fprintln(p.stdout, f); err != nil {
			return err
		}
	}
	return nil
}

// file returns the findings in a file. With --fix it first corrects those that
// can be, and returns the rest.
func (c *lintCmd) file(path string) ([]finding, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, environmentf("definition: %v", err)
	}
	found, err := lintSource(path, source)
	if err != nil || !c.Fix || !slices.ContainsFunc(found, func(f finding) bool { return f.Fixable }) {
		return found, err
	}
	fixed, err := fixSource(path, source)
	if err != nil {
		return nil, err
	}
	if err := replace(path, fixed); err != nil {
		return nil, err
	}
	return lintSource(path, fixed)
}

// lintGraph evaluates the definition and returns what only its graph shows.
func lintGraph(ctx context.Context, p process, g *Globals) ([]finding, error) {
	w, err := evaluate(ctx, p, g, matrixFlags{}, identityFlags{})
	if err != nil {
		return nil, err
	}
	var findings []finding
	parsed := map[string]*build.File{}
	for _, t := range unneeded(w.graph) {
		path := shownPath(filepath.Join(w.root, t.Pos.File))
		if parsed[path] == nil {
			source, err := os.ReadFile(path)
			if err != nil {
				return nil, environmentf("definition: %v", err)
			}
			if parsed[path], err = parseForLint(path, source); err != nil {
				return nil, err
			}
		}
		if !warn.DisabledWarning(parsed[path], t.Pos.Line, undelivered) {
			findings = append(findings, finding{
				File: path, Line: t.Pos.Line, Col: t.Pos.Col, Check: undelivered,
				Message: fmt.Sprintf("Nothing of target %s is delivered, and nothing uses it.", t.Label),
			})
		}
	}
	return findings, nil
}

// unneeded lists the targets that do not matter for a compose: they deliver
// nothing, test nothing, and no other target uses them. The tag "manual" says that
// this is meant.
func unneeded(g *rules.Graph) []*rules.Target {
	needed := map[rules.Label]bool{}
	for _, d := range g.Deliveries {
		needed[d.Owner.Label] = true
	}
	for _, t := range g.Targets {
		if t.Test || slices.Contains(t.Tags, "manual") {
			needed[t.Label] = true
		}
		for _, a := range t.Instances {
			for _, d := range a.Deps {
				if d.Label != t.Label {
					needed[d.Label] = true
				}
			}
		}
	}
	var list []*rules.Target
	for _, t := range g.Targets {
		if !needed[t.Label] {
			list = append(list, t)
		}
	}
	return list
}
