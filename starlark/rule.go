package starlark

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// rule is what rule() returns. Calling it declares a target.
type rule struct {
	name           string // of the global it was assigned to
	doc            string
	implementation *starlark.Function
	per            string
	// trees, types and empty choose the cells a target has by default; nil trees
	// and types are all.
	trees, types []string
	empty        bool
	attrs        *attributes // with the common ones
	own          []string    // names of attributes that are not common
	provides     []*provider
	toolchains   []*toolchain
	test         bool
}

// The grains.
const (
	perCompose     = "compose"
	perArch        = "arch"
	perVariant     = "variant"
	perVariantArch = "variant.arch"
	perTree        = "tree"
)

var grains = []string{perCompose, perArch, perVariant, perVariantArch, perTree}

func hasVariant(per string) bool { return per == perVariant || per == perVariantArch || per == perTree }
func hasArch(per string) bool    { return per == perArch || per == perVariantArch || per == perTree }
func hasTree(per string) bool    { return per == perTree }

func validTarget(s string) error {
	if l, err := rules.ParseLabel(":"+s, ""); err != nil || l.Name != s {
		return fmt.Errorf("%q is not a name, want letters, digits and any of _-+.~", s)
	}
	return nil
}

func validTimeout(s string) error {
	_, err := timeoutOf(s)
	return err
}

// strictness is the attribute that test rules have besides the common ones.
const strictness = "strictness"

// commonAttributes are those of every rule.
func commonAttributes(test bool) *attributes {
	as := new(attributes)
	as.add("name", needed(text("Name of the target. With its folder it is the label, //folder:name.", validTarget)))
	as.add("variants", unset(texts("Uids of the variants the target has instances in, instead of those the rule takes.")))
	as.add("arches", unset(texts("Arches the target has instances for, instead of all. Source trees are not touched.")))
	trees := unset(texts("Trees the target has instances for, instead of those the rule takes."))
	trees.values = allTrees
	as.add("trees", trees)
	optional := flag("Whether the compose may do without what fails or cannot run here. Who asks for exactly such an instance is optional too.")
	optional.fixed = false
	as.add("optional", optional)
	as.add("timeout", &attribute{kind: stringKind, doc: "How long each action may run, e.g. \"90m\" or \"2h30m\"; no limit if empty.", valid: validTimeout, def: starlark.String("")})
	as.add("resources", &attribute{kind: intDictKind, doc: "What each action occupies while it runs: cpu in cores, memory in MiB.", least: 1, most: math.MaxInt32, def: (&attribute{kind: intDictKind}).zero()})
	exec := oneOf("Where actions run: on any machine, or on one of the instance's arch.", "any", "any", "arch")
	exec.fixed = false
	as.add("exec", exec)
	as.add("tags", texts("Words for queries and patterns; they change nothing."))
	if test {
		s := oneOf("What a failed test means: nothing, a report, or a doomed compose.", string(rules.Lenient), string(rules.Off), string(rules.Lenient), string(rules.Fatal))
		s.fixed = false
		as.add(strictness, s)
	}
	return as
}

var _ starlark.Callable = (*rule)(nil)

func makeRule(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := atLoad(thread, b)
	if err != nil {
		return nil, err
	}
	var (
		r                                  = new(rule)
		trees, types, provides, toolchains *starlark.List
		attrs                              *starlark.Dict
	)
	if len(args) > 0 {
		return nil, fmt.Errorf("rule: got a positional argument, want name = value")
	}
	err = unpack(b, args, kwargs, &r.implementation, &r.per, &attrs, &provides,
		&trees, &types, &r.empty, &toolchains, &r.test, &r.doc)
	if err != nil {
		return nil, err
	}
	if err := r.setCells(trees, types); err != nil {
		return nil, fmt.Errorf("rule: %w", err)
	}
	if r.provides, err = providersOf(provides); err != nil {
		return nil, fmt.Errorf("rule: provides: %w", err)
	}
	if r.toolchains, err = toolchainsOf(toolchains); err != nil {
		return nil, fmt.Errorf("rule: toolchains: %w", err)
	}
	if err := r.setAttrs(attrs); err != nil {
		return nil, fmt.Errorf("rule: %w", err)
	}
	if r.doc == "" && strings.HasPrefix(s.file, phasePrefix) {
		return nil, fmt.Errorf("rule: doc is missing")
	}
	r.name = ruleName(s.nameOfCall(thread))
	return r, nil
}

// ruleName is how people know the rule of a global: a private rule is that of the
// macro in front of it, _tree_metadata of tree_metadata.
func ruleName(global string) string { return strings.TrimLeft(global, "_") }

// setCells checks per, and which cells targets have by default.
func (r *rule) setCells(trees, types *starlark.List) (err error) {
	if !slices.Contains(grains, r.per) {
		return fmt.Errorf("per %q is not known, want %s%s", r.per, quoted(grains), spell.DidYouMean(r.per, grains))
	}
	if r.trees, err = treesOf(trees); err != nil {
		return err
	}
	if r.trees != nil && !hasTree(r.per) {
		return fmt.Errorf("trees wants per = %q", perTree)
	}
	if r.types, err = stringsOf(types); err != nil {
		return fmt.Errorf("types: %w", err)
	}
	for _, t := range r.types {
		if !slices.Contains(variantTypes, t) {
			return fmt.Errorf("variant type %q is not known, want %s%s", t, quoted(variantTypes), spell.DidYouMean(t, variantTypes))
		}
	}
	if (r.types != nil || r.empty) && !hasVariant(r.per) {
		return fmt.Errorf("types and empty want a grain with variants, got per = %q", r.per)
	}
	return nil
}

func toolchainsOf(l *starlark.List) ([]*toolchain, error) {
	if l == nil {
		return nil, nil
	}
	var out []*toolchain
	for v := range l.Elements() {
		t, ok := v.(*toolchain)
		if !ok {
			return nil, got(v, "toolchain")
		}
		out = append(out, t)
	}
	return out, nil
}

func (r *rule) setAttrs(attrs *starlark.Dict) error {
	r.attrs = commonAttributes(r.test)
	if attrs == nil {
		return nil
	}
	for key, value := range attrs.Entries() {
		name, ok := starlark.AsString(key)
		a, ok2 := value.(*attribute)
		if !ok || !ok2 {
			return fmt.Errorf("attrs: got %s: %s, want name: attr", key.Type(), value.Type())
		}
		if !identifier.MatchString(name) {
			return fmt.Errorf("attrs: %q is not an identifier", name)
		}
		if r.attrs.byName[name] != nil {
			return fmt.Errorf("attribute %q is one that every rule has", name)
		}
		if a.trees != nil && !hasTree(r.per) {
			return fmt.Errorf("attribute %q: trees wants per = %q", name, perTree)
		}
		r.attrs.add(name, a)
		r.own = append(r.own, name)
	}
	return nil
}

var identifier = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

func (r *rule) Name() string          { return r.name }
func (r *rule) String() string        { return "rule " + r.name }
func (r *rule) Type() string          { return "rule" }
func (r *rule) Freeze()               { r.implementation.Freeze() }
func (r *rule) Truth() starlark.Bool  { return true }
func (r *rule) Hash() (uint32, error) { return starlark.String(r.name).Hash() }

// target is a declared target on its way to instances.
type target struct {
	*rules.Target
	rule     *rule
	site     *site
	settings map[string]*setting
	// cells of the whole matrix, and the instances in those that are not
	// restricted away, in the same order.
	cells     []rules.Cell
	instances []*instance
}

// CallInternal declares a target.
func (r *rule) CallInternal(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := inPackage(thread, r.name)
	if err != nil {
		return nil, err
	}
	at := s.site(thread.CallStack())
	settings, err := r.attrs.bind(r.name, at, args, kwargs)
	if err != nil {
		return nil, err
	}
	label := rules.Label{Package: s.pkg, Name: textOf(settings["name"].plain)}
	if old := s.declared.byLabel[label]; old != nil {
		return nil, at.mistake("", "name", wrong("", "%s is declared twice, first at %s", label, old.site.pos))
	}
	t := &target{rule: r, site: at, settings: settings, Target: &rules.Target{
		Label: label,
		Rule:  r.name,
		Per:   r.per,
		Test:  r.test,
		Pos:   at.outermost(),
	}}
	if tags := settings["tags"]; tags != nil {
		t.Tags = textsOf(tags.plain)
	}
	s.declared.targets = append(s.declared.targets, t)
	s.declared.byLabel[label] = t
	return starlark.None, nil
}

// mistake places an error about an attribute of the target.
func (t *target) mistake(who, attr string, err error) *rules.Error {
	subject := who
	if attr != "" {
		subject += fmt.Sprintf(": attribute %q", attr)
	}
	return t.site.mistake(subject, attr, err)
}

// timeoutOf reads the attribute timeout; 0 is none.
func timeoutOf(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a time, want one like \"90m\" or \"2h30m\"", s)
	}
	return d, nil
}

// resourcesOf reads the attribute resources.
func resourcesOf(d *starlark.Dict) (rules.Resources, error) {
	var r rules.Resources
	places := map[string]*int{"cpu": &r.CPU, "memory": &r.Memory}
	for k, v := range d.Entries() {
		name := textOf(k)
		place := places[name]
		if place == nil {
			return r, wrong(name, "%q is not known, want \"cpu\" or \"memory\"%s", name, spell.DidYouMean(name, []string{"cpu", "memory"}))
		}
		n, err := starlark.AsInt32(v)
		if err != nil {
			return r, err
		}
		*place = n
	}
	return r, nil
}
