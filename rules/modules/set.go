package modules

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/modulemd"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
)

type filesParams struct {
	Srcs   [][2]string `arg:"src"` // path, name
	Dirs   [][2]string `arg:"dir"`
	Output string      `arg:"output,required"`
}

// readFiles reads files of the workspace, and writes what they say together.
func readFiles(ctx context.Context, j *rules.Job) error {
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
	var all []*modulemd.Index
	var wrong []error
	for _, src := range srcs {
		x, err := parseFile(ctx, j, src[0], src[1])
		all, wrong = append(all, x), append(wrong, err)
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	merged, err := modulemd.Merge(all...)
	if err != nil {
		return err
	}
	for _, skipped := range merged.Skipped {
		j.Warnf("%s", skipped)
	}
	return write(ctx, j, p.Output, merged)
}

func parseFile(ctx context.Context, j *rules.Job, path, name string) (*modulemd.Index, error) {
	text, err := j.Read(ctx, path)
	if err != nil {
		return nil, err
	}
	return modulemd.Parse(name, bytes.NewReader(text))
}

func write(ctx context.Context, j *rules.Job, output string, x *modulemd.Index) error {
	var b bytes.Buffer
	if err := modulemd.Write(&b, x); err != nil {
		return err
	}
	return j.Write(ctx, output, b.Bytes())
}

type setParams struct {
	Arch    string      `arg:"arch,required"`
	Sources [][3]string `arg:"source"` // path, label, priority
	Output  string      `arg:"output,required"`
}

// mergeSet merges sources, as far as they are for an arch.
func mergeSet(ctx context.Context, j *rules.Job) error {
	var p setParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	byPriority := map[int][]*modulemd.Index{}
	for _, s := range p.Sources {
		priority, err := strconv.Atoi(s[2])
		if err != nil {
			return fmt.Errorf("priority %q is not a number", s[2])
		}
		x, err := parseFile(ctx, j, s[0], s[1])
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
func forArch(x *modulemd.Index, treeArch string) *modulemd.Index {
	arches := rpm.ValidArches(treeArch, false)
	fitting := *x
	fitting.Streams = slices.DeleteFunc(slices.Clone(x.Streams), func(s *modulemd.Stream) bool {
		return s.Arch != "" && !slices.Contains(arches, s.Arch)
	})
	return &fitting
}

// layer merges what has one priority, and puts the lesser numbers above the greater ones.
func layer(byPriority map[int][]*modulemd.Index) (*modulemd.Index, error) {
	merged := &modulemd.Index{}
	for _, priority := range sortedDown(byPriority) {
		one, err := modulemd.Merge(byPriority[priority]...)
		if err != nil {
			return nil, fmt.Errorf("%w\n  hint: of sources with different priorities the one with the least number counts; these have %d", err, priority)
		}
		merged = modulemd.Override(merged, one)
	}
	return merged, nil
}

func sortedDown(byPriority map[int][]*modulemd.Index) []int {
	var priorities []int
	for p := range byPriority {
		priorities = append(priorities, p)
	}
	slices.SortFunc(priorities, func(a, b int) int { return cmp.Compare(b, a) })
	return priorities
}

// checkUnique refuses streams that only their arch tells apart: a tree can have one.
func checkUnique(sorted []*modulemd.Stream, treeArch string) error {
	for i := 1; i < len(sorted); i++ {
		if a, b := sorted[i-1], sorted[i]; a.NSVC() == b.NSVC() {
			return fmt.Errorf("module %s is there for %s and for %s, of which a tree of %s can have one",
				a.NSVC(), cmp.Or(a.Arch, "any arch"), cmp.Or(b.Arch, "any arch"), treeArch)
		}
	}
	return nil
}
