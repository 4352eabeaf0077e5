// Package modulemd brings together what is known of modules: modulemd reads the files
// of the workspace, and module_set merges them with what repositories have, for an arch.
package modulemd

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/pungo-build/pungo/cache"
	format "github.com/pungo-build/pungo/internal/modulemd"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed modulemd.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "modulemd", Version: 1, Params: filesParams{}, Run: files},
		{Name: "module_set", Version: 1, Params: setParams{}, Run: set},
	}
}

type filesParams struct {
	Srcs   [][2]string `arg:"src"` // path, name
	Dirs   [][2]string `arg:"dir"`
	Output string      `arg:"output,required"`
}

// files reads files of the workspace, and writes what they say together.
func files(ctx context.Context, j *rules.Job) error {
	var p filesParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	srcs := p.Srcs
	for _, dir := range p.Dirs {
		n, err := j.Input(ctx, dir[0])
		if err != nil {
			return err
		}
		err = j.Trees.Walk(ctx, n.Digest, func(name string, n cache.Node) error {
			if n.Kind == cache.FileKind {
				srcs = append(srcs, [2]string{path.Join(dir[0], name), path.Join(dir[1], name)})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	var all []*format.Index
	var wrong []error
	for _, src := range srcs {
		x, err := parse(ctx, j, src[0], src[1])
		all, wrong = append(all, x), append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	merged, err := format.Merge(all...)
	if err != nil {
		return err
	}
	for _, skipped := range merged.Skipped {
		j.Warnf("%s", skipped)
	}
	return write(ctx, j, p.Output, merged)
}

func parse(ctx context.Context, j *rules.Job, path, name string) (*format.Index, error) {
	text, err := j.Read(ctx, path)
	if err != nil {
		return nil, err
	}
	return format.Parse(name, bytes.NewReader(text))
}

func write(ctx context.Context, j *rules.Job, output string, x *format.Index) error {
	var b bytes.Buffer
	if err := format.Write(&b, x); err != nil {
		return err
	}
	return j.Write(ctx, output, b.Bytes())
}

type setParams struct {
	Arch    string      `arg:"arch,required"`
	Sources [][3]string `arg:"source"` // path, label, priority
	Output  string      `arg:"output,required"`
}

// set merges sources, as far as they are for an arch.
func set(ctx context.Context, j *rules.Job) error {
	var p setParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	byPriority := map[int][]*format.Index{}
	for _, s := range p.Sources {
		priority, err := strconv.Atoi(s[2])
		if err != nil {
			return fmt.Errorf("priority %q is not a number", s[2])
		}
		x, err := parse(ctx, j, s[0], s[1])
		if err != nil {
			return err
		}
		byPriority[priority] = append(byPriority[priority], forArch(x, p.Arch))
	}
	merged, err := layer(byPriority)
	if err != nil {
		return err
	}
	if err := checkUnique(merged.Streams, p.Arch); err != nil {
		return err
	}
	return write(ctx, j, p.Output, merged)
}

// forArch returns an index without the streams that machines of a tree arch cannot run.
func forArch(x *format.Index, treeArch string) *format.Index {
	arches := rpm.ValidArches(treeArch, false)
	fitting := *x
	fitting.Streams = slices.DeleteFunc(slices.Clone(x.Streams), func(s *format.Stream) bool {
		return s.Arch != "" && !slices.Contains(arches, s.Arch)
	})
	return &fitting
}

// layer merges what has one priority, and puts the lesser numbers above the greater ones.
func layer(byPriority map[int][]*format.Index) (*format.Index, error) {
	merged := &format.Index{}
	for _, priority := range sortedDown(byPriority) {
		one, err := format.Merge(byPriority[priority]...)
		if err != nil {
			return nil, fmt.Errorf("%w\n  hint: of sources with different priorities the one with the least number counts; these have %d", err, priority)
		}
		merged = format.Override(merged, one)
	}
	return merged, nil
}

func sortedDown(byPriority map[int][]*format.Index) []int {
	var priorities []int
	for p := range byPriority {
		priorities = append(priorities, p)
	}
	slices.SortFunc(priorities, func(a, b int) int { return cmp.Compare(b, a) })
	return priorities
}

// checkUnique refuses streams that only their arch tells apart: a tree can have one.
func checkUnique(sorted []*format.Stream, treeArch string) error {
	for i := 1; i < len(sorted); i++ {
		if a, b := sorted[i-1], sorted[i]; a.NSVC() == b.NSVC() {
			return fmt.Errorf("module %s is there for %s and for %s, of which a tree of %s can have one",
				a.NSVC(), cmp.Or(a.Arch, "any arch"), cmp.Or(b.Arch, "any arch"), treeArch)
		}
	}
	return nil
}
