package difference

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/pungo-build/pungo/internal/comps"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/spell"
)

// Options say what is compared. The zero value compares everything but changelogs.
type Options struct {
	// Changelog is how many entries of a changelog are told, -1 for all that are new.
	Changelog int
	Variants  []string // uids; empty for all
	Arches    []string
}

// growths is how many of the source packages that grew are told.
const growths = 10

// Compare compares two sides, neither of which is a lock.
func Compare(ctx context.Context, before, after *Side, o Options) (*Report, error) {
	lock, other := before, after
	if after.Type == Lock {
		lock, other = after, before
	}
	if lock.Type == Lock {
		return nil, inputf("%s is a lock and %s a %s, want two of a kind", lock.Path, other.Path, other.Type)
	}
	for _, s := range []*Side{before, after} {
		if err := s.read(ctx); err != nil {
			return nil, err
		}
	}
	c := &comparison{before: before, after: after, o: o, report: newReport(before.Subject, after.Subject)}
	if err := c.checkFilter(); err != nil {
		return nil, err
	}
	first := o
	if c.areComposes() {
		first.Variants = nil // what leaves one variant may be in another
	}
	c.filter(first)
	if err := describe(ctx, before, after); err != nil {
		return nil, err
	}
	if c.areComposes() {
		return c.report, c.composes(ctx)
	}
	return c.report, c.packagesOnly(ctx)
}

// comparison is what a report is made with.
type comparison struct {
	before, after *Side
	o             Options
	report        *Report
}

func (c *comparison) areComposes() bool { return c.before.compose != nil && c.after.compose != nil }

func (c *comparison) note(format string, args ...any) {
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, args...))
}

// checkFilter refuses variants and arches that no side has.
func (c *comparison) checkFilter() error {
	var variants, arches []string
	for _, s := range []*Side{c.before, c.after} {
		for cell := range s.cells {
			variants, arches = append(variants, cell.Variant), append(arches, cell.Arch)
		}
		if s.compose != nil && s.compose.info != nil {
			for _, v := range s.compose.info.Variants {
				variants, arches = append(variants, v.UID), append(arches, v.Arches...)
			}
		}
	}
	for _, uid := range c.o.Variants {
		if !slices.Contains(variants, uid) {
			return inputf("--variant %s: no such variant%s", uid, spell.DidYouMean(uid, variants))
		}
	}
	for _, arch := range c.o.Arches {
		if !slices.Contains(arches, arch) {
			return inputf("--arch %s: no such arch%s", arch, spell.DidYouMean(arch, arches))
		}
	}
	return nil
}

func (o *Options) wants(variant, arch string) bool {
	return (len(o.Variants) == 0 || slices.Contains(o.Variants, variant)) &&
		(len(o.Arches) == 0 || slices.Contains(o.Arches, arch) || arch == "")
}

// filter drops what nobody wants of composes.
func (c *comparison) filter(o Options) {
	for _, s := range []*Side{c.before, c.after} {
		if s.compose == nil {
			continue
		}
		maps.DeleteFunc(s.cells, func(cell Cell, _ []Package) bool { return !o.wants(cell.Variant, cell.Arch) })
		s.compose.modules = slices.DeleteFunc(s.compose.modules, func(m productmd.Module) bool { return !o.wants(m.Variant, m.Arch) })
		s.compose.images = slices.DeleteFunc(s.compose.images, func(i productmd.ListedImage) bool { return !o.wants(i.Variant, i.Under) })
		if info := s.compose.info; info != nil {
			info.Variants = slices.DeleteFunc(info.Variants, func(v productmd.Variant) bool { return !o.wants(v.UID, "") })
			for _, v := range info.Variants {
				for _, byArch := range v.Paths {
					maps.DeleteFunc(byArch, func(arch, _ string) bool { return !o.wants(v.UID, arch) })
				}
			}
		}
	}
}

// packagesOnly compares what both sides have: packages; and groups of two repositories.
func (c *comparison) packagesOnly(ctx context.Context) error {
	for _, s := range []*Side{c.before, c.after} {
		if s.compose != nil {
			s.flatten()
		}
	}
	if c.before.Type != c.after.Type {
		c.note("only packages are compared: %s is a %s, %s a %s", c.before.Path, c.before.Type, c.after.Path, c.after.Type)
	}
	cells, err := c.packages(ctx)
	if err != nil {
		return err
	}
	if c.before.Type == Repository && c.after.Type == Repository {
		if cells[0].Groups, err = compareGroupsOf(c.before.repo, c.after.repo); err != nil {
			return err
		}
	}
	c.report.keep(cells)
	return nil
}

// composes compares two composes.
func (c *comparison) composes(ctx context.Context) error {
	old, new := c.before.compose, c.after.compose
	c.missing()
	if old.status != "" && new.status != "" {
		c.report.Fields = differing(map[string]string{"status": old.status}, map[string]string{"status": new.status})
	}
	cells, err := c.packages(ctx)
	if err != nil {
		return err
	}
	for _, cell := range cells {
		cell.Modules = compareModules(modulesOf(old.modules, cell.Cell), modulesOf(new.modules, cell.Cell))
		cell.Images = compareImages(imagesOf(old.images, cell.Cell), imagesOf(new.images, cell.Cell))
		cell.Size.Images = Size{imageSize(old.images, cell.Cell), imageSize(new.images, cell.Cell)}
		c.report.Size.Images.add(cell.Size.Images)
	}
	if old.info != nil && new.info != nil {
		c.report.Fields = append(differing(composeFields(old.info), composeFields(new.info)), c.report.Fields...)
		c.report.Variants = compareVariants(old.info, new.info)
		err = errors.Join(c.groups(cells), c.trees())
	}
	c.report.keep(cells)
	return err
}

// missing notes what metadata composes lack.
func (c *comparison) missing() {
	for _, s := range []*Side{c.before, c.after} {
		if s.compose.info == nil {
			c.note("%s has no composeinfo.json: its variants, groups, trees and repositories are not known", s.Path)
		}
		if !s.compose.hasRPMs {
			c.note("%s has no rpms.json: its packages are not known", s.Path)
		}
	}
}

func modulesOf(all []productmd.Module, cell Cell) []productmd.Module {
	return slices.DeleteFunc(slices.Clone(all), func(m productmd.Module) bool { return Cell{m.Variant, m.Arch} != cell })
}

func imagesOf(all []productmd.ListedImage, cell Cell) []productmd.ListedImage {
	return slices.DeleteFunc(slices.Clone(all), func(i productmd.ListedImage) bool { return Cell{i.Variant, i.Under} != cell })
}

func imageSize(all []productmd.ListedImage, cell Cell) (sum int64) {
	for _, i := range imagesOf(all, cell) {
		sum += i.Size
	}
	return sum
}

// allCells are those of both sides, sorted.
func (c *comparison) allCells() []Cell {
	cells := union(c.before.cells, c.after.cells)
	for _, s := range []*Side{c.before, c.after} {
		if s.compose == nil {
			continue
		}
		for _, m := range s.compose.modules {
			cells[Cell{m.Variant, m.Arch}] = true
		}
		for _, i := range s.compose.images {
			cells[Cell{i.Variant, i.Under}] = true
		}
		for cell := range s.repositoriesOf("repository") {
			cells[cell] = true
		}
	}
	if !c.areComposes() {
		return []Cell{{}}
	}
	return slices.SortedFunc(maps.Keys(cells), compareCells)
}

// packages compares those of all cells, and tells what they have to do with one another:
// moves, sizes, changelogs.
func (c *comparison) packages(ctx context.Context) ([]*CellChange, error) {
	for _, s := range []*Side{c.before, c.after} {
		if n := s.measure(); n > 0 {
			c.note("the size of %d packages of %s is not known: no repository lists them, and they are not there", n, s.Path)
		}
	}
	cells, groups := c.report.packages(c.allCells(), c.before.cells, c.after.cells)
	if c.areComposes() {
		c.filter(c.o)
		cells = slices.DeleteFunc(cells, func(cell *CellChange) bool { return !c.o.wants(cell.Variant, cell.Arch) })
		maps.DeleteFunc(groups, func(cell Cell, _ []*sourceGroup) bool { return !c.o.wants(cell.Variant, cell.Arch) })
		c.report.Moved = slices.DeleteFunc(c.report.Moved, func(m Move) bool { return !c.o.wants(m.From, m.Arch) && !c.o.wants(m.To, m.Arch) })
	}
	old, known := sizesBySource(c.before.cells)
	new, alsoKnown := sizesBySource(c.after.cells)
	if known && alsoKnown {
		c.report.Size.Packages, c.report.Growth = totalOf(old, new), growthOf(old, new)
	}
	var err error
	c.report.Changelogs, err = c.tellChangelogs(ctx, updatesOf(groups))
	return cells, err
}

// packages compares those of cells, and tells which moved. The groups are those of all
// that changed, moved or not.
func (r *Report) packages(in []Cell, before, after map[Cell][]Package) (cells []*CellChange, groups map[Cell][]*sourceGroup) {
	var places []*place
	for _, cell := range in {
		places = append(places, &place{cell, before[cell], after[cell], Pairs(before[cell], after[cell])})
	}
	r.Moved, groups = moved(places)
	for _, p := range places {
		here := bySource(p.pairs, sourcesOf(p.before), sourcesOf(p.after))
		groups[p.cell] = append(groups[p.cell], here...)
		cells = append(cells, p.change(here))
	}
	return cells, groups
}

// change describes what changed in a place but for what moved.
func (p *place) change(groups []*sourceGroup) *CellChange {
	c := &CellChange{
		Cell: p.cell, Size: Sizes{Packages: sizeOf(p.before, p.after)}, Sources: []SourceChange{},
		Groups: compareComps(nil, nil), Modules: []ModuleChange{}, Images: []ImageChange{},
	}
	for _, g := range groups {
		change := g.change()
		c.Sources = append(c.Sources, change)
		for _, pkg := range change.Packages {
			c.Counts.add(pkg.Change)
		}
	}
	return c
}

// Locks returns the report of two locks: of what they pin, and of the packages that these
// make, of which nothing but the names is known; nil if not even that.
func Locks(before, after Subject, repositories []RepositoryChange, old, new map[Cell][]Package, notes ...string) *Report {
	r := newReport(before, after)
	r.Repositories, r.Notes = append(r.Repositories, repositories...), append(r.Notes, notes...)
	cells, _ := r.packages(slices.SortedFunc(maps.Keys(union(old, new)), compareCells), old, new)
	r.keep(cells)
	return r
}

// sourcesOf tells which source packages a cell has anything of.
func sourcesOf(list []Package) func(rpm.NEVRA) bool {
	var has map[rpm.NEVRA]bool
	return func(n rpm.NEVRA) bool {
		if has == nil {
			has = map[rpm.NEVRA]bool{}
			for i := range list {
				has[list[i].Source] = true
			}
		}
		return has[n]
	}
}

// sizeOf is how large packages are; nothing if that is not known of all.
func sizeOf(before, after []Package) (size Size) {
	for i := range before {
		if size.Before += before[i].Size; before[i].Size == 0 {
			return Size{}
		}
	}
	for i := range after {
		if size.After += after[i].Size; after[i].Size == 0 {
			return Size{}
		}
	}
	return size
}

// sizesBySource sums up files by source package. One that is in several cells counts
// once.
func sizesBySource(cells map[Cell][]Package) (sums map[string]int64, known bool) {
	sums, known = map[string]int64{}, true
	seen := map[string]bool{}
	for _, list := range cells {
		for i := range list {
			if p := &list[i]; !seen[p.Path] {
				seen[p.Path] = true
				sums[p.Source.Name] += p.Size
				known = known && p.Size != 0
			}
		}
	}
	return sums, known
}

func totalOf(before, after map[string]int64) (size Size) {
	for _, n := range before {
		size.Before += n
	}
	for _, n := range after {
		size.After += n
	}
	return size
}

// growthOf lists the source packages that grew most.
func growthOf(before, after map[string]int64) []Growth {
	list := []Growth{}
	for name, size := range after {
		if size > before[name] {
			list = append(list, Growth{name, Size{before[name], size}})
		}
	}
	slices.SortFunc(list, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.Size.delta(), a.Size.delta()), cmp.Compare(a.Source, b.Source))
	})
	return list[:min(growths, len(list))]
}

// groups compares the comps of each cell. Where a compose lacks a repository that it
// names, as who has just its metadata does, nothing is known: not that groups came or went.
func (c *comparison) groups(cells []*CellChange) error {
	old, new := c.before.repositoriesOf("repository"), c.after.repositoriesOf("repository")
	lacking := map[*Side]int{}
	for _, cell := range cells {
		before, err := c.before.repositoryIn(old[cell.Cell], lacking)
		if err != nil {
			return err
		}
		after, err := c.after.repositoryIn(new[cell.Cell], lacking)
		if err != nil {
			return err
		}
		if before == nil && old[cell.Cell] != "" || after == nil && new[cell.Cell] != "" {
			continue
		}
		if cell.Groups, err = compareGroupsOf(before, after); err != nil {
			return err
		}
	}
	c.noteLacking(lacking, "%s lacks %d of its repositories: groups are not compared there")
	c.report.MovedGroups = movedGroups(cells)
	return nil
}

// repositoryIn opens a repository, if the compose names one. Those that it names and that
// are not there it counts.
func (s *Side) repositoryIn(dir string, lacking map[*Side]int) (*repository, error) {
	if dir == "" {
		return nil, nil
	}
	repo, err := openRepository(s.in, dir)
	if repo == nil && err == nil {
		lacking[s]++
	}
	return repo, err
}

// noteLacking notes how much a side lacks.
func (c *comparison) noteLacking(lacking map[*Side]int, format string) {
	for _, s := range []*Side{c.before, c.after} {
		if n := lacking[s]; n > 0 {
			c.note(format, s.Path, n)
		}
	}
}

// compareGroupsOf compares the comps of two repositories; nil is none. Those of one
// checksum are not read.
func compareGroupsOf(before, after *repository) (GroupChanges, error) {
	var docs [2]*comps.Comps
	if before != nil && after != nil {
		a, ok1 := before.record("group")
		b, ok2 := after.record("group")
		if ok1 && ok2 && a.Checksum == b.Checksum {
			return compareComps(nil, nil), nil
		}
	}
	for i, r := range []*repository{before, after} {
		if r == nil {
			continue
		}
		var err error
		if docs[i], err = r.groups(); err != nil {
			return GroupChanges{}, err
		}
	}
	return compareComps(docs[0], docs[1]), nil
}

// trees compares the .treeinfo of every tree that has one. Of a tree that a compose names
// and lacks nothing is known.
func (c *comparison) trees() error {
	named := map[string]bool{}
	sides := []*Side{c.before, c.after}
	var by [2]map[string]bool
	for i, s := range sides {
		by[i] = s.treeDirs()
		maps.Copy(named, by[i])
	}
	lacking := map[*Side]int{}
	for _, dir := range slices.Sorted(maps.Keys(named)) {
		var fields [2]map[string]string
		known := true
		for i, s := range sides {
			if by[i][dir] && !s.in.has(dir) {
				lacking[s]++
				known = false
				continue
			}
			t, err := parsed(s.in, path.Join(dir, ".treeinfo"), productmd.ParseTreeInfo)
			if err != nil {
				return err
			}
			if t != nil {
				fields[i] = treeFields(*t)
			}
		}
		if changed := differingTrees(fields[0], fields[1]); known && len(changed) > 0 {
			c.report.Trees = append(c.report.Trees, TreeChange{dir, changed})
		}
	}
	c.noteLacking(lacking, "%s lacks %d of its trees: .treeinfo is not compared there")
	return nil
}

// treeDirs are the folders of the trees that have a .treeinfo.
func (s *Side) treeDirs() map[string]bool {
	dirs := map[string]bool{}
	for _, field := range []string{"os_tree", "source_tree"} {
		for _, dir := range s.repositoriesOf(field) {
			dirs[dir] = true
		}
	}
	return dirs
}

// differingTrees are the fields that differ; of a .treeinfo that came or went just that.
func differingTrees(before, after map[string]string) []Field {
	fields := differing(before, after)
	if before != nil && after != nil {
		return fields
	}
	return slices.DeleteFunc(fields, func(f Field) bool { return f.Name != ".treeinfo" })
}

// keep takes those cells into the report in which something changed.
func (r *Report) keep(cells []*CellChange) {
	for _, cell := range cells {
		if len(cell.Sources)+len(cell.Modules)+len(cell.Images) > 0 || !cell.Groups.isEmpty() || cell.Size.Packages.delta() != 0 {
			r.Cells = append(r.Cells, *cell)
		}
	}
}
