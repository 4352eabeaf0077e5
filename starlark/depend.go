package starlark

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// reference is a label with an optional cell: ":repo", ":repo@Everything",
// "@parent", "//lib:x@siblings.*".
type reference struct {
	label rules.Label
	self  bool   // no label: the very target that asks
	where string // after the "@", "" if there is none
}

func parseReference(s, pkg string) (reference, error) {
	var r reference
	label, where, has := strings.Cut(s, "@")
	if has && where == "" {
		return r, fmt.Errorf("%q is not a label: nothing after the \"@\"", s)
	}
	r.where = where
	if label == "" && has {
		r.self = true
		return r, nil
	}
	var err error
	r.label, err = rules.ParseLabel(label, pkg)
	return r, err
}

// question is a reference as an instance asks it: which instances of which
// target agree with it.
type question struct {
	target *target
	// variants the answer may be in; nil for any, empty for none.
	variants []string
	// cell holds arch and tree, "" for any.
	cell rules.Cell
	// fixed: the pattern names or the asker has both variant and arch, so that
	// only the tree can be left open.
	fixed bool
}

// ask makes a question of a reference.
func (a *analysis) ask(asker *instance, text string) (*question, error) {
	ref, err := parseReference(text, asker.Label.Package)
	if err != nil {
		return nil, err
	}
	q := a.project(asker)
	if !ref.self {
		if q.target = a.byLabel[ref.label]; q.target == nil {
			return nil, wrong(text, "target %s is not declared%s", ref.label, a.similarTarget(ref.label))
		}
	}
	if ref.where != "" {
		if err := a.place(q, asker, ref.where); err != nil {
			return nil, wrong(text, "%q: %v", text, err)
		}
	}
	q.fixed = len(q.variants) == 1 && q.cell.Arch != ""
	return q, nil
}

// project returns the question for what agrees with the asker's own cell.
func (a *analysis) project(asker *instance) *question {
	q := &question{target: asker.target, cell: rules.Cell{Arch: asker.Cell.Arch, Tree: asker.Cell.Tree}}
	if asker.Cell.Variant != "" {
		q.variants = []string{asker.Cell.Variant}
	}
	return q
}

// place applies what stands after the "@" to a question.
func (a *analysis) place(q *question, asker *instance, where string) error {
	first, rest, more := strings.Cut(where, ".")
	if slices.Contains(relations, first) {
		for _, t := range []*target{asker.target, q.target} {
			if !hasVariant(t.rule.per) {
				return fmt.Errorf("@%s is about variants, which %s per %q does not have", first, t.Label, t.rule.per)
			}
		}
		q.variants = a.relatives(asker.Cell.Variant, first)
		if !more {
			return nil
		}
		where = "*." + rest
	}
	p, err := a.parsePattern(where, q.target.rule.per)
	if err != nil {
		return err
	}
	switch {
	case p.Variant != "":
		q.variants = []string{p.Variant}
	case p.openVariant && !slices.Contains(relations, first):
		q.variants = nil
	}
	if p.Arch != "" || p.openArch {
		q.cell.Arch = p.Arch
	}
	if p.Tree != "" || p.openTree {
		q.cell.Tree = p.Tree
	}
	return nil
}

// relatives returns the uids of the kept variants that are to uid what relation
// says, in order of declaration; never nil.
func (a *analysis) relatives(uid, relation string) []string {
	self := a.compose.Variant(uid)
	found := []string{}
	for _, v := range a.kept.Variants {
		var is bool
		switch relation {
		case "parent":
			is = v.UID == self.Parent
		case "children":
			is = v.Parent == uid
		case "addons":
			is = v.Parent == uid && v.Type == "addon"
		case "siblings":
			// Types are in the order in which packages may move: what is in an addon
			// is not repeated in a layered product, and so on.
			is = self.Parent != "" && v.Parent == self.Parent &&
				slices.Index(variantTypes, v.Type) < slices.Index(variantTypes, self.Type)
		}
		if is {
			found = append(found, v.UID)
		}
	}
	return found
}

// similarTarget proposes a label for one that is not declared.
func (a *analysis) similarTarget(l rules.Label) string {
	labels := make([]string, len(a.targets))
	for i, t := range a.targets {
		labels[i] = t.Label.String()
	}
	return spell.DidYouMean(l.String(), labels)
}

// agrees reports whether a cell has no coordinate that the question has
// otherwise.
func (q *question) agrees(c rules.Cell) bool {
	return (q.variants == nil || c.Variant == "" || slices.Contains(q.variants, c.Variant)) &&
		(q.cell.Arch == "" || c.Arch == "" || c.Arch == q.cell.Arch) &&
		(q.cell.Tree == "" || c.Tree == "" || c.Tree == q.cell.Tree)
}

// answers returns the instances that agree, in the order of cells.
func (q *question) answers() []*instance {
	var found []*instance
	for _, i := range q.target.instances {
		if q.agrees(i.Cell) {
			found = append(found, i)
		}
	}
	return found
}

// wanted names what was looked for: "//:repo@Client.x86_64", "//:repo@*.debug".
func (q *question) wanted() string {
	var words []string
	per := q.target.rule.per
	if hasVariant(per) {
		words = append(words, strings.Join(q.variants, "|"))
	}
	if hasArch(per) && q.cell.Tree != rules.Src {
		words = append(words, q.cell.Arch)
	}
	if hasTree(per) && q.cell.Tree != "" && q.cell.Tree != rules.OS {
		words = append(words, q.cell.Tree)
	}
	for i, w := range words {
		if w == "" {
			words[i] = "*"
		}
	}
	if len(words) == 0 {
		return q.target.Label.String()
	}
	return q.target.Label.String() + "@" + strings.Join(words, ".")
}

// find returns the instances that a label means to an attribute; none if there
// is no relative to look in.
func (a *analysis) find(asker *instance, attr *attribute, text string) ([]*instance, error) {
	if attr.trees != nil && !slices.Contains(attr.trees, asker.Cell.Tree) {
		return nil, nil
	}
	q, err := a.ask(asker, text)
	if err != nil {
		return nil, err
	}
	for _, p := range attr.providers {
		if r := q.target.rule; !slices.Contains(r.provides, p) {
			return nil, wrong(text, "%s does not provide %s, but %s", q.target.Label, p.name, providerNames(r.provides))
		}
	}
	if q.variants != nil && len(q.variants) == 0 {
		return nil, nil
	}
	single := !attr.expand && attr.kind != labelsKind
	if single && q.fixed && q.cell.Tree == "" && hasTree(q.target.rule.per) {
		q.cell.Tree = rules.OS
	}
	found := q.answers()
	switch {
	case len(found) == 0 && attr.mandatory:
		return nil, noneFound(q, text)
	case len(found) > 1 && single:
		return nil, tooMany(q, text, found)
	}
	return found, nil
}

// findSome returns the instances that several labels mean. If the attribute is
// mandatory there is one at least, and one for each label if it wants every one.
func (a *analysis) findSome(asker *instance, attr *attribute, texts []string) ([]*instance, error) {
	each := *attr
	each.kind, each.mandatory = labelsKind, attr.every // else one may find nothing where another does
	var all []*instance
	for _, text := range texts {
		found, err := a.find(asker, &each, text)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) > 0 || !attr.mandatory {
		return all, nil
	}
	if len(texts) == 0 {
		return nil, wrong("", "the list is empty")
	}
	each.mandatory = true
	return a.find(asker, &each, texts[0])
}

// tooMany tells which instances there are where one is wanted.
func tooMany(q *question, text string, found []*instance) error {
	cells := make([]rules.Cell, len(found))
	for n, i := range found {
		cells[n] = i.Cell
	}
	m := wrong(text, "%s has %d instances here, want one: %s", q.target.Label, len(cells), cellList(cells))
	m.hint = fmt.Sprintf("name one by %q", text+"@…")
	return m
}

func providerNames(providers []*provider) string {
	if len(providers) == 0 {
		return "nothing"
	}
	names := make([]string, len(providers))
	for i, p := range providers {
		names[i] = p.name
	}
	return strings.Join(names, ", ")
}

// noneFound tells which instance was missed, and which there are.
func noneFound(q *question, text string) error {
	m := wrong(text, "asks for %s, which does not exist", q.wanted())
	if slices.ContainsFunc(q.target.cells, q.agrees) {
		m.hint = "--variant or --arch leaves it out"
	} else {
		m.hint = fmt.Sprintf("%s has %s", q.target.Label, cellList(q.target.cells))
	}
	return m
}

// collected returns the instances of every rule that declares the provider, as
// far as they agree with the asker's cell; without the asker.
func (a *analysis) collected(asker *instance, p *provider) []*instance {
	var found []*instance
	q := a.project(asker)
	for _, t := range a.targets {
		if !slices.Contains(t.rule.provides, p) {
			continue
		}
		q.target = t
		for _, i := range q.answers() {
			if i != asker {
				found = append(found, i)
			}
		}
	}
	return found
}
