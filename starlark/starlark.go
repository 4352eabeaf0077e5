// Package starlark reads definitions: it evaluates compose.star and what it
// loads, expands every target over the matrix of variants, arches and trees,
// runs the implementation of each rule once per instance, and yields a
// rules.Graph.
//
// Evaluation is hermetic. A definition sees the files of its workspace by their
// names only, and no clock, network, environment or randomness; a loop that does
// not end meets a limit of steps. Equal files and equal --define values yield
// equal graphs.
//
// The stages are files of this package: modules.go loads, declare.go and rule.go
// take declarations, matrix.go knows the cells, select.go and depend.go resolve
// attributes per cell, analyse.go runs implementations with the API of
// context.go, layout.go puts deliveries together. The phases that ship with
// pungo are Starlark too and use this API, and no other.
package starlark

import (
	"context"
	"fmt"
	"io/fs"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Options say how to evaluate. The zero value works.
type Options struct {
	// Function makes the digest of the definition; BLAKE3 if 0.
	Function cache.Function
	// Defines are the values of define(), by name.
	Defines map[string]string
	// Phases are the .star files that ship with pungo. Their public names are
	// predeclared in definitions.
	Phases []Phase
	// Variants (uids) and Arches restrict the matrix; none leave it whole. What is
	// left out has no cells, so nothing depends on it: a source tree is then the
	// union over the arches that are left.
	Variants, Arches []string
	// Type and Label take the place of compose(type, label) if not "".
	Type, Label string
	// Print takes what print() is given and where it was called; nil drops it.
	Print func(at rules.Position, text string)
	// MaxSteps bounds the evaluation of one file and of one implementation; 0
	// means 50 million, a few seconds.
	MaxSteps uint64
}

// Phase is a .star file that ships with pungo. Phases load one another by name:
// load(":gather.star", "Packages").
type Phase struct {
	Name   string // "gather"
	Source []byte
}

const defaultMaxSteps = 50_000_000

// Evaluate evaluates the definition whose root is the folder workspace, and
// returns its graph. Workspace is read only through the file system given,
// which is to confine symbolic links (os.Root does).
//
// The root's compose.star is evaluated first, then those of the folders below
// it, in the order of their paths; folders whose names begin with "."
// are left out, and those that hold the output of builds (rules.StateDir). Nothing
// but the name is asked of entries that are neither folders nor compose.star. A
// mistake in the definition is a *rules.Error, a mistake of this package a *Bug,
// and ctx.Err() is returned if ctx ends.
func Evaluate(ctx context.Context, workspace fs.FS, options Options) (graph *rules.Graph, err error) {
	defer func() {
		if r := recover(); r != nil {
			graph, err = nil, &Bug{Value: r, Stack: debug.Stack()}
		}
	}()
	graph, err = evaluate(ctx, workspace, options)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return graph, err
}

func evaluate(ctx context.Context, workspace fs.FS, options Options) (*rules.Graph, error) {
	l := newLoader(ctx, workspace, options)
	if err := l.loadPhases(); err != nil {
		return nil, err
	}
	if err := l.loadDefinition(); err != nil {
		return nil, err
	}
	m, err := newMatrix(l.declared, options)
	if err != nil {
		return nil, err
	}
	a := newAnalysis(l, m)
	for _, stage := range []func() error{a.expand, a.resolve, a.order, a.run, a.layOut} {
		if err := stage(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(a.graph.Repositories, func(a, b *rules.Repository) int { return strings.Compare(a.Name, b.Name) })
	a.graph.Digest, a.graph.Files = l.digest()
	return a.graph, nil
}

// Bug is a mistake of pungo, not of the definition: a panic that was caught.
type Bug struct {
	Value any
	Stack []byte // for a log
}

func (b *Bug) Error() string { return fmt.Sprintf("a bug of pungo in evaluation: %v", b.Value) }

// Unwrap returns the error that was thrown, if it was one.
func (b *Bug) Unwrap() error {
	err, _ := b.Value.(error)
	return err
}
