package starlark

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// analysis turns targets into instances and these into actions.
type analysis struct {
	*loader
	*matrix
	targets []*target
	byLabel map[rules.Label]*target
	files   map[rules.Source]*file // of the workspace
	ordered []*instance            // dependencies before those who ask for them
	graph   *rules.Graph
}

func newAnalysis(l *loader, m *matrix) *analysis {
	return &analysis{
		loader:  l,
		matrix:  m,
		targets: l.declared.targets,
		byLabel: l.declared.byLabel,
		files:   map[rules.Source]*file{},
		graph:   &rules.Graph{Compose: m.kept, LeftOut: m.leftOut()},
	}
}

// instance is a target in a cell.
type instance struct {
	*rules.Analysed
	target     *target
	cellRecord *record
	// values of attributes; labels and paths are still text.
	values map[string]starlark.Value
	// deps by attribute, in the order in which the attribute names them.
	deps map[string][]*instance
	// byText are the dependencies of file attributes, by label.
	byText map[string][]*instance
	// edges are all dependencies, each once, with the attribute that asks first.
	edges []edge
	known map[*instance]bool // that have an edge
	state visit

	// What the implementation made.
	declared []*file
	images   []starlark.Value
	// delivered are its deliveries below compose/.
	delivered []starlark.Value
	provided  map[*provider]*provided

	action actionSettings
}

// edge is a dependency. Exact ones come from an attribute that wants just this
// one instance.
type edge struct {
	to    *instance
	attr  string
	exact bool
}

// visit is how far the search for cycles has come with an instance.
type visit int

const (
	unseen visit = iota
	open
	done
)

// expand gives every target its cells and instances.
func (a *analysis) expand() error {
	for _, t := range a.targets {
		if err := a.expandTarget(t); err != nil {
			return err
		}
		a.graph.Targets = append(a.graph.Targets, t.Target)
	}
	return nil
}

func (a *analysis) expandTarget(t *target) error {
	covered, err := a.coverage(t)
	if err != nil {
		return err
	}
	t.cells = a.cells(t.rule.per, covered)
	if len(t.cells) == 0 {
		return t.mistake(t.Label.String(), "", fmt.Errorf("no cell of the compose is left for a rule per %q%s", t.rule.per, covered.limits()))
	}
	for _, name := range t.rule.attrs.names {
		if s := t.settings[name]; s != nil {
			if err := s.bind(a.matrix, t.rule.per, t.cells); err != nil {
				return t.mistake(t.Label.String(), name, err)
			}
		}
	}
	for _, c := range t.cells {
		if !a.keeps(c) {
			continue
		}
		i := &instance{
			Analysed:   &rules.Analysed{Instance: rules.Instance{Label: t.Label, Cell: c}, Target: t.Target},
			target:     t,
			cellRecord: a.matrix.cellRecord(c),
			deps:       map[string][]*instance{},
			byText:     map[string][]*instance{},
			known:      map[*instance]bool{},
			provided:   map[*provider]*provided{},
		}
		t.instances = append(t.instances, i)
		t.Instances = append(t.Instances, i.Analysed)
	}
	return nil
}

// limits says in words which cells a target leaves out.
func (c coverage) limits() string {
	var limits []string
	for _, l := range []struct {
		name   string
		values []string
	}{{"variants", c.variants}, {"variant types", c.types}, {"arches", c.arches}, {"trees", c.trees}} {
		if l.values != nil {
			limits = append(limits, fmt.Sprintf("%s %q", l.name, l.values))
		}
	}
	if len(limits) == 0 {
		return ""
	}
	return " with " + strings.Join(limits, " and ")
}

// coverage returns the rule's default cells as the target overrides them.
func (a *analysis) coverage(t *target) (coverage, error) {
	c := coverage{types: t.rule.types, trees: t.rule.trees, empty: t.rule.empty}
	for _, o := range []struct {
		attr, word string
		has        bool
		known      []string
		place      *[]string
	}{
		{"variants", "variant", hasVariant(t.rule.per), uids(a.compose), &c.variants},
		{"arches", "arch", hasArch(t.rule.per), a.compose.Arches, &c.arches},
		{"trees", "tree", hasTree(t.rule.per), allTrees, &c.trees},
	} {
		s := t.settings[o.attr]
		if s == nil {
			continue
		}
		if !o.has {
			return c, t.mistake(t.Label.String(), o.attr, fmt.Errorf("a rule per %q has none", t.rule.per))
		}
		names := textsOf(s.plain)
		for _, n := range names {
			if !slices.Contains(o.known, n) {
				return c, t.mistake(t.Label.String(), o.attr, wrong(n, "%s %q is not known%s", o.word, n, spell.DidYouMean(n, o.known)))
			}
		}
		*o.place = names
	}
	if c.variants != nil {
		c.types = nil
	}
	return c, nil
}

// resolve finds the value of every attribute, and the dependencies, per cell.
func (a *analysis) resolve() error {
	for _, t := range a.targets {
		for _, i := range t.instances {
			if err := a.ctx.Err(); err != nil {
				return err
			}
			i.values = make(map[string]starlark.Value, len(t.rule.attrs.names))
			for _, name := range t.rule.attrs.names {
				if err := a.resolveAttr(i, name); err != nil {
					return t.mistake(i.Instance.String(), name, err)
				}
			}
			if err := i.resolveAction(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *analysis) resolveAttr(i *instance, name string) error {
	attr := i.target.rule.attrs.byName[name]
	v := attr.def
	if s := i.target.settings[name]; s != nil {
		chosen, err := s.at(i.Cell)
		if err != nil {
			return err
		}
		if chosen != nil {
			v = chosen
		} else if attr.mandatory {
			return wrong("", "no key matches %s, and there is no default", cellName(i.Cell))
		}
	}
	i.values[name] = v
	switch attr.kind {
	case labelKind:
		return a.resolveLabel(i, name, attr, v)
	case labelsKind:
		return a.resolveLabels(i, name, attr, v)
	case collectKind:
		for _, to := range a.collected(i, attr.providers[0]) {
			i.depend(name, to, false)
		}
	case fileKind, filesKind, fileDictKind:
		return a.resolveFiles(i, name, attr, v)
	}
	return nil
}

// depend notes that an attribute of the instance asks for another instance.
func (i *instance) depend(attr string, to *instance, exact bool) {
	if !slices.Contains(i.deps[attr], to) {
		i.deps[attr] = append(i.deps[attr], to)
	}
	if exact || !i.known[to] {
		i.edges = append(i.edges, edge{to, attr, exact})
	}
	if !i.known[to] {
		i.known[to] = true
		i.Deps = append(i.Deps, to.Analysed)
	}
}

func (a *analysis) resolveLabel(i *instance, name string, attr *attribute, v starlark.Value) error {
	text, ok := starlark.AsString(v)
	if !ok {
		return nil
	}
	found, err := a.find(i, attr, text)
	for _, to := range found {
		i.depend(name, to, !attr.expand)
	}
	return err
}

func (a *analysis) resolveLabels(i *instance, name string, attr *attribute, v starlark.Value) error {
	found, err := a.findSome(i, attr, textsOf(v))
	for _, to := range found {
		i.depend(name, to, false)
	}
	return err
}

// resolveFiles looks up paths, and the targets of labels. In a list a label
// means all instances that agree, as in attr.labels.
func (a *analysis) resolveFiles(i *instance, name string, attr *attribute, v starlark.Value) error {
	several := attr.kind == filesKind
	one := attribute{kind: labelKind, expand: several, mandatory: attr.mandatory && !several}
	var labels []string
	for _, named := range filesNamed(v) {
		text := named.text
		if !isLabel(text) {
			if _, _, err := a.workspaceFiles(i, text, attr.entry(named.key)); err != nil {
				return err
			}
			several = false // there is a file, whatever the labels mean
			continue
		}
		labels = append(labels, text)
		found, err := a.find(i, &one, text)
		if err != nil {
			return err
		}
		i.byText[text] = found
		for _, to := range found {
			i.depend(name, to, !one.expand)
		}
	}
	if !several {
		return nil
	}
	_, err := a.findSome(i, &attribute{mandatory: attr.mandatory}, labels)
	return err
}

// fileNamed is a path or a label, in a dict with its key.
type fileNamed struct{ key, text string }

// filesNamed returns the paths and labels of a file attribute of any kind.
func filesNamed(v starlark.Value) []fileNamed {
	var named []fileNamed
	switch v := v.(type) {
	case starlark.String:
		return []fileNamed{{text: string(v)}}
	case *starlark.List:
		for _, text := range textsOf(v) {
			named = append(named, fileNamed{text: text})
		}
	case *starlark.Dict:
		for key, value := range v.Entries() {
			named = append(named, fileNamed{textOf(key), textOf(value)})
		}
	}
	return named
}

// order sorts the instances so that dependencies come first, or reports a cycle.
func (a *analysis) order() error {
	for _, t := range a.targets {
		for _, i := range t.instances {
			if err := a.visit(i, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// step is an instance on the way from the first one visited, and the attribute
// by which it asks for the next.
type step struct {
	instance *instance
	attr     string
}

func (a *analysis) visit(i *instance, way []step) error {
	switch i.state {
	case done:
		return nil
	case open:
		return cycle(i, way)
	}
	i.state = open
	for _, e := range i.edges {
		if err := a.visit(e.to, append(way, step{i, e.attr})); err != nil {
			return err
		}
	}
	i.state = done
	a.ordered = append(a.ordered, i)
	return nil
}

// cycle prints the way from i back to i.
func cycle(i *instance, way []step) error {
	start := slices.IndexFunc(way, func(s step) bool { return s.instance == i })
	var b strings.Builder
	b.WriteString("cycle of dependencies:")
	for _, s := range way[start:] {
		fmt.Fprintf(&b, "\n    %s, by attribute %q:", s.instance.Instance, s.attr)
	}
	fmt.Fprintf(&b, "\n    %s", i.Instance)
	return i.target.mistake(i.Label.String(), "", errors.New(b.String()))
}

// run runs the implementation of every instance.
func (a *analysis) run() error {
	for _, i := range a.ordered {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		for _, e := range i.edges {
			if e.exact && e.to.Optional {
				i.Optional = true
			}
		}
		if err := a.implement(i); err != nil {
			return err
		}
	}
	return nil
}

// implement calls the implementation of an instance's rule.
func (a *analysis) implement(i *instance) error {
	ctx, err := a.context(i)
	if err != nil {
		return err
	}
	thread, stop := a.thread(&scope{loader: a.loader, file: i.Instance.String(), instance: i})
	defer stop()
	result, err := starlark.Call(thread, i.target.rule.implementation, starlark.Tuple{ctx}, nil)
	if err == nil {
		err = i.provide(result, a.image)
	}
	if err == nil {
		err = i.checkMade()
	}
	if err != nil {
		return a.inImplementation(i, err)
	}
	for _, f := range i.declared {
		i.Outputs = append(i.Outputs, f.Artifact)
	}
	a.graph.Actions = append(a.graph.Actions, i.Actions...)
	return nil
}

// inImplementation places an error of an implementation: in it if it is part of
// the definition, else where the target is declared.
func (a *analysis) inImplementation(i *instance, err error) error {
	e := a.asError(err)
	at := i.target.site
	if e.Pos.File == "" || strings.HasPrefix(e.Pos.File, phasePrefix) {
		e.Pos, e.Stack = at.pos, at.stack
	} else {
		e.Stack = slices.Concat(at.stack, []rules.Position{at.pos}, e.Stack)
	}
	e.Msg = i.Instance.String() + ": " + e.Msg
	return e
}

// provide takes what an implementation returned: a list of provider instances,
// or None.
func (i *instance) provide(result starlark.Value, image *provider) error {
	if len(i.images) > 0 {
		if err := i.provideImages(image); err != nil {
			return err
		}
	}
	elements, err := optionalSequence(result)
	if err != nil {
		return fmt.Errorf("the implementation of %s returned %s, want a list of providers", i.target.rule.name, result.Type())
	}
	for _, e := range elements {
		v, ok := e.(*provided)
		if !ok {
			return fmt.Errorf("the implementation of %s returned a list with %s, want providers", i.target.rule.name, e.Type())
		}
		if err := i.provideOne(v); err != nil {
			return err
		}
	}
	slices.Sort(i.Providers)
	return nil
}

func (i *instance) provideOne(v *provided) error {
	if !slices.Contains(i.target.rule.provides, v.provider) {
		return fmt.Errorf("the implementation returned %s, which rule %s does not list in provides", v.provider.name, i.target.rule.name)
	}
	if i.provided[v.provider] != nil {
		return fmt.Errorf("the implementation returned %s twice", v.provider.name)
	}
	v.Freeze()
	i.provided[v.provider] = v
	i.Providers = append(i.Providers, v.provider.name)
	return nil
}

// checkMade makes sure that everything that was declared is made by an action.
func (i *instance) checkMade() error {
	for _, f := range i.declared {
		if f.Producer == nil {
			return fmt.Errorf("%s is declared, and no action makes it", f.Name)
		}
	}
	return nil
}

// actionSettings are the common attributes that every action of an instance
// shares.
type actionSettings struct {
	timeout    time.Duration
	resources  rules.Resources
	arch       string
	product    *rules.Release
	strictness rules.Strictness
}

// resolveAction reads the common attributes of an instance.
func (i *instance) resolveAction() (err error) {
	t := i.target
	i.Optional = i.values["optional"] == starlark.True
	if i.action.timeout, err = timeoutOf(textOf(i.values["timeout"])); err != nil {
		return t.mistake(i.Instance.String(), "timeout", err)
	}
	if i.action.resources, err = resourcesOf(i.values["resources"].(*starlark.Dict)); err != nil {
		return t.mistake(i.Instance.String(), "resources", err)
	}
	if textOf(i.values["exec"]) == "arch" {
		if !hasArch(t.rule.per) {
			return t.mistake(i.Instance.String(), "exec", wrong("arch", "a rule per %q has no arch", t.rule.per))
		}
		i.action.arch = i.Cell.Arch
	}
	i.action.strictness = rules.Strictness(textOf(i.values[strictness]))
	return nil
}
