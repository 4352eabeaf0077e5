// Package repoclosure tests that a tree is closed: that each requirement of its
// packages is satisfied in the tree, or in a tree that its users have too.
//
// What it finds is what `dnf repoclosure` finds in the finished repository, see
// solve.Closure. It reads package sets, and so needs no package file and no
// repodata: it can tell before anything is downloaded.
package repoclosure

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/rules/universe"
)

// Star is the rule's source.
//
//go:embed repoclosure.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{{Name: "repoclosure", Version: 1, Params: params{}, Run: run}}
}

type params struct {
	Tree       string   `arg:"tree,required"` // what people call it
	Arch       string   `arg:"arch"`          // of a tree of sources there is none
	Packages   []string `arg:"packages,required"`
	Lookasides []string `arg:"lookaside"`
	Log        string   `arg:"log,required"`
	JSON       string   `arg:"json,required"`
}

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	r, err := p.check(ctx, j)
	if err != nil {
		return err
	}
	document, err := r.document()
	if err != nil {
		return err
	}
	if err := j.Write(ctx, p.JSON, document); err != nil {
		return err
	}
	if err := j.Write(ctx, p.Log, r.text()); err != nil {
		return err
	}
	if len(r.Findings) > 0 {
		r.warn(j)
		j.Fail()
	}
	return nil
}

// check finds what is missing. As for dnf on a machine of the arch, packages of all
// arches that run there satisfy requirements, with multilib or without.
func (p *params) check(ctx context.Context, j *rules.Job) (*report, error) {
	var arches []string
	if p.Arch != "" {
		arches = format.ValidArches(p.Arch, true)
	}
	u, err := universe.Trees(ctx, j, p.Packages, p.Lookasides, arches)
	if err != nil {
		return nil, err
	}
	r := &report{Tree: p.Tree, Packages: u.Pool.Checked(), Findings: []finding{}}
	for _, f := range u.Pool.Closure() {
		e := u.Entries[f.Index]
		r.Findings = append(r.Findings, finding{e.NEVRA.String(), e.SourceRPM, f.Requirements})
	}
	return r, nil
}

// report is the JSON document.
type report struct {
	Tree     string    `json:"tree"`
	Packages int       `json:"packages"` // how many were checked
	Findings []finding `json:"findings"` // sorted by package
}

type finding struct {
	Package    string   `json:"package"`
	Source     string   `json:"source,omitempty"`
	Unresolved []string `json:"unresolved"`
}

func (r *report) document() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // versions are compared with < and >
	enc.SetIndent("", "  ")
	err := enc.Encode(r)
	return b.Bytes(), err
}

// text has the lines that scripts around dnf look for, and a last one with sums.
func (r *report) text() []byte {
	var b bytes.Buffer
	unresolved := 0
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "package: %s from %s\n", packages.ShortName(f.Package), r.Tree)
		fmt.Fprintf(&b, "  unresolved deps (%d):\n", len(f.Unresolved))
		for _, requirement := range f.Unresolved {
			fmt.Fprintf(&b, "    %s\n", requirement)
		}
		unresolved += len(f.Unresolved)
	}
	fmt.Fprintf(&b, "%s: %d packages, %d of them with unresolved dependencies, %d in all\n", r.Tree, r.Packages, len(r.Findings), unresolved)
	return b.Bytes()
}

// warn shows the first findings: most often there are a few, and no file to open
// then.
func (r *report) warn(j *rules.Job) {
	const most = 5
	for i, f := range r.Findings {
		if i == most {
			j.Warnf("and %d more packages", len(r.Findings)-most)
			return
		}
		j.Warnf("nothing provides %s, needed by %s", strings.Join(f.Unresolved, ", "), packages.ShortName(f.Package))
	}
}
