package starlark

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// matrix is the variants, arches and trees of a compose.
type matrix struct {
	compose *rules.Compose // whole
	kept    *rules.Compose // without what Options.Variants and Arches leave out

	composeRecord  *record
	variantRecords map[string]*record
	cellRecords    map[rules.Cell]*record
}

// newMatrix checks what compose() and variant() said, as a whole.
func newMatrix(d *declared, options Options) (*matrix, error) {
	if d.compose == nil {
		return nil, &rules.Error{Pos: rules.Position{File: definitionFile}, Msg: "compose() is not called"}
	}
	c, err := d.composed(options)
	if err != nil {
		return nil, err
	}
	m := &matrix{compose: c, variantRecords: map[string]*record{}, cellRecords: map[rules.Cell]*record{}}
	if err := m.restrict(options); err != nil {
		return nil, err
	}
	records := make([]starlark.Value, len(m.kept.Variants))
	for i, v := range m.kept.Variants {
		r := variantRecord(v)
		m.variantRecords[v.UID], records[i] = r, r
	}
	m.composeRecord = composeRecord(m.kept, records)
	return m, nil
}

// composed returns the compose with its variants.
func (d *declared) composed(options Options) (*rules.Compose, error) {
	p := d.compose
	c := &rules.Compose{
		Release:     rules.Release{Name: p.text("name"), Short: p.text("short"), Version: p.text("version"), Type: p.text("release_type")},
		Type:        p.text("type"),
		Label:       p.text("label"),
		Internal:    p.flag("internal"),
		BaseProduct: p.baseProduct(),
		Arches:      p.list("arches"),
		Checksums:   p.list("checksums"),
	}
	for _, o := range []struct {
		name, value string
		place       *string
	}{{"type", options.Type, &c.Type}, {"label", options.Label, &c.Label}} {
		if o.value == "" {
			continue
		}
		if _, err := productAttributes.byName[o.name].check(starlark.String(o.value)); err != nil {
			return nil, &rules.Error{Msg: "--" + o.name + ": " + err.Error()}
		}
		*o.place = o.value
	}
	c.Final = p.flag("final") || supported(c.Label)
	if err := checkArches(p, c.Arches); err != nil {
		return nil, err
	}
	if len(c.Checksums) == 0 {
		return nil, p.site.mistake("compose", "checksums", wrong("", "no checksums, and what metadata lists wants one"))
	}
	for i, kind := range c.Checksums {
		if slices.Contains(c.Checksums[:i], kind) {
			return nil, p.site.mistake("compose", "checksums", wrong("", "%q is listed twice", kind))
		}
	}
	for _, v := range d.variants {
		variant, err := newVariant(v, c)
		if err != nil {
			return nil, err
		}
		c.Variants = append(c.Variants, variant)
	}
	for i, v := range d.variants {
		for _, check := range []func(*declaration, *rules.Variant, *rules.Compose) error{checkFamily, checkStranger} {
			if err := check(v, c.Variants[i], c); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// supported reports whether composes of a milestone are supported.
func supported(label string) bool {
	l, err := productmd.ParseLabel(label)
	return err == nil && l.Supported()
}

func checkArches(p *declaration, arches []string) error {
	if len(arches) == 0 {
		return p.site.mistake("compose", "arches", wrong("", "no arches"))
	}
	for i, a := range arches {
		if slices.Contains(arches[:i], a) {
			return p.site.mistake("compose", "arches", wrong("", "arch %q is listed twice", a))
		}
	}
	return nil
}

// relations are the words for variants relative to the asker's.
var relations = []string{"parent", "children", "addons", "siblings"}

// reserved words name neither arches nor variants.
var reserved = slices.Concat(allTrees, relations, []string{"source"})

func newVariant(d *declaration, c *rules.Compose) (*rules.Variant, error) {
	v := &rules.Variant{
		ID:                d.text("name"),
		UID:               d.text("name"),
		Parent:            d.text("parent"),
		Type:              d.text("type"),
		Title:             d.text("title"),
		Arches:            c.Arches,
		Empty:             d.flag("is_empty"),
		Release:           d.release(),
		CompsGroups:       d.groups(),
		CompsEnvironments: d.environments(),
		Modules:           d.list("modules"),
	}
	if v.Parent != "" {
		v.UID = v.Parent + "-" + v.ID
	}
	if v.Title == "" {
		v.Title = v.UID
	}
	if slices.Contains(reserved, v.UID) || slices.Contains(c.Arches, v.UID) {
		return nil, d.mistake(v, "name", wrong("", "the word is taken"))
	}
	if c.Variant(v.UID) != nil {
		return nil, d.mistake(v, "name", wrong("", "declared twice"))
	}
	if d.given("arches") {
		v.Arches = d.list("arches")
	}
	for i, a := range v.Arches {
		if !slices.Contains(c.Arches, a) {
			return nil, d.mistake(v, "arches", wrong(a, "arch %q is not known%s", a, spell.DidYouMean(a, c.Arches)))
		}
		if slices.Contains(v.Arches[:i], a) {
			return nil, d.mistake(v, "arches", wrong("", "arch %q is listed twice", a))
		}
	}
	if len(v.Arches) == 0 {
		return nil, d.mistake(v, "arches", wrong("", "no arches"))
	}
	switch isLayered := v.Type == "layered-product"; {
	case isLayered && v.Release == nil:
		return nil, d.mistake(v, "type", wrong("", "type \"layered-product\" wants attribute \"release\", the product in it"))
	case !isLayered && v.Release != nil:
		return nil, d.mistake(v, "release", wrong("", "type %q, and attribute \"release\" is for type \"layered-product\"", v.Type))
	}
	return v, nil
}

func (d *declaration) mistake(v *rules.Variant, attr string, err error) error {
	return d.site.mistake(fmt.Sprintf("variant %q", v.UID), attr, err)
}

// checkFamily checks what a variant and its parent have to agree in, and gives
// it its parent's arches.
func checkFamily(d *declaration, v *rules.Variant, c *rules.Compose) error {
	if v.Parent == "" {
		if v.Type != "variant" {
			return d.mistake(v, "type", wrong(v.Type, "type %q wants a parent", v.Type))
		}
		return nil
	}
	parent := c.Variant(v.Parent)
	switch {
	case parent == nil:
		others := slices.DeleteFunc(uids(c), func(uid string) bool { return uid == v.UID })
		return d.mistake(v, "parent", wrong("", "parent %q is not known%s", v.Parent, spell.DidYouMean(v.Parent, others)))
	case parent.Type != "variant":
		return d.mistake(v, "parent", wrong("", "parent %q is of type %q, want \"variant\"", v.Parent, parent.Type))
	case v.Type == "variant":
		return d.mistake(v, "type", wrong("", "a variant with a parent has type %s", quoted(variantTypes[1:])))
	case strings.Contains(v.ID, "-"): // the uid of productmd has one dash for each level
		return d.mistake(v, "name", wrong("", "%q has a dash, which the name of a variant with a parent has not", v.ID))
	case v.ID == parent.ID:
		return d.mistake(v, "name", wrong("", "the name is its parent's"))
	case !d.given("arches"):
		v.Arches = parent.Arches
	}
	for _, a := range v.Arches {
		if !slices.Contains(parent.Arches, a) {
			return d.mistake(v, "arches", wrong(a, "arch %q is not one of its parent's, %s", a, quoted(parent.Arches)))
		}
	}
	return nil
}

// checkStranger checks that who reads composeinfo.json can tell a variant without parent
// from the others: ids have no dashes there, and a uid that begins with another and a dash
// is taken for that of a child.
func checkStranger(d *declaration, v *rules.Variant, c *rules.Compose) error {
	if v.Parent != "" {
		return nil
	}
	earlier := true
	for _, other := range c.Variants {
		switch {
		case other == v:
			earlier = false
		case other.Parent != "":
		case strings.HasPrefix(v.UID, other.UID+"-"):
			return d.mistake(v, "name", wrong("", "the name is read as that of a child of %q; want a parent, or another name", other.UID))
		case earlier && strings.ReplaceAll(v.UID, "-", "") == strings.ReplaceAll(other.UID, "-", ""):
			return d.mistake(v, "name", wrong("", "the name differs from %q in dashes only, which ids in composeinfo.json lack", other.UID))
		}
	}
	return nil
}

func uids(c *rules.Compose) []string {
	out := make([]string, len(c.Variants))
	for i, v := range c.Variants {
		out[i] = v.UID
	}
	return out
}

// restrict makes the compose without the variants and arches left out.
func (m *matrix) restrict(options Options) error {
	kept := *m.compose
	m.kept = &kept
	for _, o := range []struct {
		flag         string
		wanted, have []string
	}{{"variant", options.Variants, uids(m.compose)}, {"arch", options.Arches, m.compose.Arches}} {
		for _, w := range o.wanted {
			if !slices.Contains(o.have, w) {
				return &rules.Error{Msg: fmt.Sprintf("--%s %s: the compose has %s%s", o.flag, w, quoted(o.have), spell.DidYouMean(w, o.have))}
			}
		}
	}
	if len(options.Variants) == 0 && len(options.Arches) == 0 {
		return nil
	}
	keep := func(arches []string) []string {
		return slices.DeleteFunc(slices.Clone(arches), func(a string) bool {
			return len(options.Arches) > 0 && !slices.Contains(options.Arches, a)
		})
	}
	kept.Arches, kept.Variants = keep(kept.Arches), nil
	for _, v := range m.compose.Variants {
		k := *v
		k.Arches = keep(v.Arches)
		if len(k.Arches) > 0 && (len(options.Variants) == 0 || slices.Contains(options.Variants, k.UID)) {
			kept.Variants = append(kept.Variants, &k)
		}
	}
	return nil
}

// leftOut lists the relatives of variants that restrict has kept, of those that it has not.
func (m *matrix) leftOut() []string {
	families := map[string]bool{}
	for _, v := range m.kept.Variants {
		families[cmp.Or(v.Parent, v.UID)] = true
	}
	var uids []string
	for _, v := range m.compose.Variants {
		if families[cmp.Or(v.Parent, v.UID)] && m.kept.Variant(v.UID) == nil {
			uids = append(uids, v.UID)
		}
	}
	return uids
}

// keeps reports whether a cell is left by restrict.
func (m *matrix) keeps(c rules.Cell) bool {
	if c.Variant == "" {
		return c.Arch == "" || slices.Contains(m.kept.Arches, c.Arch)
	}
	v := m.kept.Variant(c.Variant)
	return v != nil && (c.Arch == "" || slices.Contains(v.Arches, c.Arch))
}

// coverage chooses cells: by variant, arch and tree, nil being all.
type coverage struct {
	variants, arches, trees []string
	types                   []string // of variants, where variants is nil
	empty                   bool     // empty variants too
}

func (c coverage) variant(v *rules.Variant) bool {
	if v.Empty && !c.empty {
		return false
	}
	if c.variants != nil {
		return slices.Contains(c.variants, v.UID)
	}
	return c.types == nil || slices.Contains(c.types, v.Type)
}

func (c coverage) arch(a string) bool { return c.arches == nil || slices.Contains(c.arches, a) }
func (c coverage) tree(t string) bool { return c.trees == nil || slices.Contains(c.trees, t) }

// cells returns the cells of a grain in the order of the compose: by variant, by
// arch, os before debug, and the source tree last.
func (m *matrix) cells(per string, c coverage) []rules.Cell {
	var cells []rules.Cell
	switch per {
	case perCompose:
		return []rules.Cell{{}}
	case perArch:
		for _, a := range m.compose.Arches {
			if c.arch(a) {
				cells = append(cells, rules.Cell{Arch: a})
			}
		}
		return cells
	}
	for _, v := range m.compose.Variants {
		if !c.variant(v) {
			continue
		}
		if per == perVariant {
			cells = append(cells, rules.Cell{Variant: v.UID})
			continue
		}
		for _, a := range v.Arches {
			switch {
			case !c.arch(a):
			case per == perVariantArch:
				cells = append(cells, rules.Cell{Variant: v.UID, Arch: a})
			default:
				for _, t := range []string{rules.OS, rules.Debug} {
					if c.tree(t) {
						cells = append(cells, rules.Cell{Variant: v.UID, Arch: a, Tree: t})
					}
				}
			}
		}
		if per == perTree && c.tree(rules.Src) {
			cells = append(cells, rules.Cell{Variant: v.UID, Tree: rules.Src})
		}
	}
	return cells
}

// cellName is how messages call a cell.
func cellName(c rules.Cell) string {
	if s := c.String(); s != "" {
		return s
	}
	return "the compose"
}

// cellList names the first few of some cells.
func cellList(cells []rules.Cell) string {
	const few = 6
	names := make([]string, 0, few)
	for _, c := range cells {
		if len(names) == few {
			return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), len(cells)-few)
		}
		names = append(names, cellName(c))
	}
	return strings.Join(names, ", ")
}

// cellRecord is ctx.cell and dep.cell.
func (m *matrix) cellRecord(c rules.Cell) *record {
	if r := m.cellRecords[c]; r != nil {
		return r
	}
	r := newRecord("cell", c.String(), starlark.StringDict{
		"variant": m.variantRecord(c.Variant),
		"arch":    textOrNone(c.Arch),
		"tree":    textOrNone(c.Tree),
	})
	m.cellRecords[c] = r
	return r
}

func (m *matrix) variantRecord(uid string) starlark.Value {
	if r := m.variantRecords[uid]; r != nil {
		return r
	}
	return starlark.None
}

// pattern names some coordinates of cells. Written, it is up to three words
// with dots between them: "Server", "Server.x86_64", "*.src", "x86_64.debug".
type pattern struct {
	rules.Cell // "" where nothing is named
	// Open coordinates were written as "*".
	openVariant, openArch, openTree bool
}

// named counts the coordinates that the pattern names.
func (p pattern) named() int {
	n := 0
	for _, s := range []string{p.Variant, p.Arch, p.Tree} {
		if s != "" {
			n++
		}
	}
	return n
}

// covers reports whether a cell agrees with everything the pattern names. "*" in
// the place of the arch wants some arch, so it does not cover source trees.
func (p pattern) covers(c rules.Cell) bool {
	return (p.Variant == "" || p.Variant == c.Variant) &&
		(p.Arch == "" || p.Arch == c.Arch) &&
		(p.Tree == "" || p.Tree == c.Tree) &&
		(!p.openArch || c.Arch != "")
}

// parsePattern reads a pattern for cells of a grain.
func (m *matrix) parsePattern(text, per string) (pattern, error) {
	var p pattern
	next := 0 // the place of the next word: 0 variant, 1 arch, 2 tree
	for _, word := range strings.Split(text, ".") {
		place, err := m.placeOf(word, next)
		if err != nil {
			return p, &mistake{msg: fmt.Sprintf("pattern %q: %v", text, err), literal: text}
		}
		next = place + 1
		p.put(word, place)
	}
	for place, has := range []bool{hasVariant(per), hasArch(per), hasTree(per)} {
		if word := []string{p.Variant, p.Arch, p.Tree}[place]; word != "" && !has {
			return p, wrong(text, "pattern %q names the %s %q, which cells of a rule per %q do not have", text, places[place], word, per)
		}
	}
	return p, nil
}

// places are the coordinates in order.
var places = []string{"variant", "arch", "tree"}

// put sets the coordinate of a place to a word.
func (p *pattern) put(word string, place int) {
	value := []*string{&p.Variant, &p.Arch, &p.Tree}[place]
	open := []*bool{&p.openVariant, &p.openArch, &p.openTree}[place]
	if word == "*" {
		*open = true
	} else {
		*value = word
	}
}

// placeOf returns the coordinate that a word is of, which is the next one or a
// later one.
func (m *matrix) placeOf(word string, next int) (int, error) {
	known := [][]string{uids(m.compose), m.compose.Arches, allTrees}
	if word == "*" && next < len(known) {
		return next, nil
	}
	var candidates []string
	for place := next; place < len(known); place++ {
		if slices.Contains(known[place], word) {
			return place, nil
		}
		candidates = append(candidates, known[place]...)
	}
	if next >= len(known) {
		return 0, fmt.Errorf("%q is one word too many", word)
	}
	return 0, fmt.Errorf("%q is no %s%s", word, joined(places[next:]), spell.DidYouMean(word, candidates))
}
